"""Defects in the target's DDL: tables in which FINAL is not one row for each item."""

from __future__ import annotations

from harness.pipelines.mutants.own_table import OwnTable
from harness.pipelines.reference.clickhouse import quote


class PlainTable(OwnTable):
    """A MergeTree: every change leaves a row, and nothing ever replaces one."""

    def table_statement(self) -> str:
        """Without the replacing engine."""
        return self.with_engine("MergeTree")


class SortsByVersion(OwnTable):
    """The version is a part of the sorting key, so every version of an item is a row of its own."""

    def table_statement(self) -> str:
        """With the version behind the key."""
        return self.with_sorting_key([*self.config.sorting_key, self.config.version_column])


class SortsByPartitionKey(OwnTable):
    """Items that share a partition key are one row."""

    def table_statement(self) -> str:
        """Without the sort key."""
        return self.with_sorting_key(list(self.config.key_columns[:1]))


class SortsByJoinedKey(OwnTable):
    """Both parts of the key are joined with a separator that may be in them."""

    def table_statement(self) -> str:
        """By one text."""
        joined = ", '|', ".join(f"toString({quote(name)})" for name in self.config.key_columns)
        right = ", ".join(quote(name) for name in self.config.sorting_key)
        return (
            super().table_statement().replace(f"ORDER BY ({right})", f"ORDER BY concat({joined})")
        )


class SortsByAnAttribute(OwnTable):
    """An attribute that updates change is a part of the sorting key."""

    def table_statement(self) -> str:
        """With the last column that is not of the key."""
        return self.with_sorting_key([*self.config.sorting_key, self.changing_column()])

    def changing_column(self) -> str:
        """A column that is not of the key."""
        others = [c.name for c in self.config.columns if c.name not in self.config.key_columns]
        return others[0]


class PartitionsByAnAttribute(SortsByAnAttribute):
    """An attribute that updates change decides the partition."""

    def table_statement(self) -> str:
        """With a partition for each of its values."""
        right = OwnTable.table_statement(self)
        return right.replace(
            "\nORDER BY", f"\nPARTITION BY {quote(self.changing_column())}\nORDER BY"
        )
