"""A proven scenario as Terraform: AWS's resources, ClickPipes, and the ClickHouse side as SQL."""
