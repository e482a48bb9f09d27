"""The `harness` command: one module a group of commands."""
