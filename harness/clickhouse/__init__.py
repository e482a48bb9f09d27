"""Where rows land: ClickHouse's HTTP interface over ClickHouse's engine in process."""
