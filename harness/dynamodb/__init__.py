"""DynamoDB: tables and items, the change log of every table, and what reads that log."""
