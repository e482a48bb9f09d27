"""What may go wrong on the way between a pipeline and AWS or ClickHouse, and where it is put in."""
