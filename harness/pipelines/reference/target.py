"""The target table of a pipe that manages it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote

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


def shows_the_last(clickhouse: ClickHouse, config: PipeConfig) -> bool:
    """True for a ReplacingMergeTree without the version column: the row inserted last wins.

    Then snapshot and stream must come one after the other. A target that cannot be seen, or of
    another engine, is taken to go by versions.
    """
    found = clickhouse.rows(
        f"SELECT engine, engine_full FROM system.tables WHERE database = {literal(config.database)}"
        f" AND name = {literal(config.table)}"
    )
    if not found or not found[0][0].endswith("ReplacingMergeTree"):
        return False
    # `SharedReplacingMergeTree('/path', '{replica}', version, is_deleted) PARTITION BY … ORDER BY …`
    engine = re.split(" (?:PARTITION|PRIMARY|ORDER) ", found[0][1])[0]
    return config.version_column not in re.findall(r"[^\s(),`]+", engine)[1:]


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
