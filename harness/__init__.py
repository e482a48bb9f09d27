"""A local emulation and testing harness for DynamoDB to ClickHouse change data capture."""
