"""S3, as far as objects go: what exports are written to and ClickHouse reads from."""
