"""A sync that makes its target anew, in a form of its own: where the defect is in the DDL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.sync import ClickPipes
from harness.pipelines.reference.target import target_statement

if TYPE_CHECKING:
    from harness.pipelines.reference.clickhouse import ClickHouse


class OwnTable(ClickPipes):
    """Replaces the target by its own table once; a restart keeps it."""

    def prepare_target(self, clickhouse: ClickHouse) -> None:
        """Create the table unless it is this one already."""
        table = f"{quote(self.config.database)}.{quote(self.config.table)}"
        comment = type(self).__name__
        found = clickhouse.rows(
            f"SELECT comment FROM system.tables WHERE database = {literal(self.config.database)} "
            f"AND name = {literal(self.config.table)}"
        )
        if [comment] in found:
            return
        clickhouse.run(f"DROP TABLE IF EXISTS {table} SYNC")
        clickhouse.run(f"{self.table_statement()} COMMENT {literal(comment)}")

    def table_statement(self) -> str:
        """The right table; a mutant changes one clause of it."""
        return target_statement(replace(self.config, managed_table=True))

    def with_engine(self, engine: str) -> str:
        """The right table with another engine."""
        version, deleted = quote(self.config.version_column), quote(self.config.deleted_column)
        right = f"ENGINE = ReplacingMergeTree({version}, {deleted})"
        return OwnTable.table_statement(self).replace(right, f"ENGINE = {engine}")

    def with_sorting_key(self, columns: list[str]) -> str:
        """The right table with another sorting key."""
        right = ", ".join(quote(name) for name in self.config.sorting_key)
        other = ", ".join(quote(name) for name in columns)
        statement = OwnTable.table_statement(self)
        return statement.replace(f"ORDER BY ({right})", f"ORDER BY ({other})")
