"""The recipe of ClickHouse's published guide, statement by statement, and nothing wiser."""
