"""The target table of a pipe that manages it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import quote

if TYPE_CHECKING:
    from harness.pipelines.reference.clickhouse import ClickHouse
    from harness.pipelines.reference.config import PipeConfig

DEDUPLICATION_WINDOW = 1000


def create_target(clickhouse: ClickHouse, config: PipeConfig) -> None:
    """Create the table, or add the columns that it lacks."""
    clickhouse.run(target_statement(config))
    table = f"{quote(config.database)}.{quote(config.table)}"
    added = [f"ADD COLUMN IF NOT EXISTS {quote(c.name)} {c.type.text}" for c in config.columns]
    clickhouse.run(f"ALTER TABLE {table} {', '.join(added)}")


def target_statement(config: PipeConfig) -> str:
    """ReplacingMergeTree with version and deleted columns, sorted by the whole primary key.

    The deduplication window makes a repeated insert of one batch or data file count once even
    before merges; tables that are replicated have one anyway.
    """
    columns = [f"{quote(c.name)} {c.type.text}" for c in config.columns]
    columns.append(f"{quote(config.version_column)} {config.version_type}")
    columns.append(f"{quote(config.deleted_column)} UInt8")
    version, deleted = quote(config.version_column), quote(config.deleted_column)
    return "\n".join(
        [
            f"CREATE TABLE IF NOT EXISTS {quote(config.database)}.{quote(config.table)} (",
            ",\n".join(f"    {column}" for column in columns),
            f") ENGINE = ReplacingMergeTree({version}, {deleted})",
            *([f"PARTITION BY {config.partition_by}"] if config.partition_by else []),
            f"ORDER BY ({', '.join(quote(name) for name in config.sorting_key)})",
            f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}",
        ]
    )
