"""What an operation costs: ConsumedCapacity and ItemCollectionMetrics.

A write costs a unit for each begun kilobyte of the larger of the item before and after; a read one
for each begun 4 KB, half of it when eventually consistent; a transaction twice as much.

Source: developer guide, "Read and write operations"; API reference, ConsumedCapacity.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from harness.dynamodb.store import write_units

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.engine import Written
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

READ_UNIT_BYTES = 4096


def read_units(size: int, *, consistent: bool) -> float:
    """Read units of `size` bytes."""
    units = max(1, -(-size // READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


class Bill:
    """Adds up what a request costs, table by table.

    Args:
        level: ReturnConsumedCapacity: `NONE`, `TOTAL` or `INDEXES`.
        factor: 2 for transactions.
        sides: tell read and write units apart, as transactions do.
    """

    def __init__(self, level: str | None, *, factor: int = 1, sides: bool = False) -> None:
        self.wanted = level in {"TOTAL", "INDEXES"}
        self._indexes = level == "INDEXES"
        self._factor = factor
        self._sides = sides
        self._tables: dict[str, Table] = {}
        self._names: dict[str, str] = {}
        self._units: dict[str, float] = defaultdict(float)
        self._reads: dict[str, float] = defaultdict(float)
        self._writes: dict[str, float] = defaultdict(float)
        self._index_units: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def add_read(
        self, table: Table, units: float, index: str | None = None, *, named: str = ""
    ) -> None:
        """Charge a read of the table, or of an index."""
        units *= self._factor
        self._add(table, units, index, named)
        self._reads[table.name] += units

    def add_write(self, table: Table, written: Written, *, named: str = "") -> None:
        """Charge one write of the table and of the indexes that it changed."""
        units = write_units(max(written.old_size, written.new_size)) * self._factor
        self._add(table, units, None, named)
        self._writes[table.name] += units
        for name, index_units in written.index_units.items():
            self._add(table, index_units * self._factor, name, named)
            self._writes[table.name] += index_units * self._factor

    def _add(self, table: Table, units: float, index: str | None, named: str) -> None:
        self._tables[table.name] = table
        self._names.setdefault(table.name, named or table.name)
        if index is None:
            self._units[table.name] += units
        else:
            self._index_units[table.name][index] += units

    def one(self) -> Json:
        """ConsumedCapacity of a request on one table."""
        return self.all()[0]

    def all(self) -> list[Json]:
        """ConsumedCapacity of each table."""
        return [self._of(name) for name in self._tables]

    def _of(self, name: str) -> Json:
        indexes = self._index_units.get(name, {})
        total = self._units[name] + sum(indexes.values())
        answer: Json = {"CapacityUnits": float(total), "TableName": self._names[name]}
        if self._sides:
            answer |= _sides(self._reads[name], self._writes[name])
        if not self._indexes:
            return answer
        own: Json = {"CapacityUnits": float(self._units[name])}
        answer["Table"] = own
        if self._sides:
            own |= _sides(
                self._units[name] if self._reads[name] else 0,
                self._units[name] if self._writes[name] else 0,
            )
        for index, units in indexes.items():
            kind = "Global" if self._tables[name].items.indexes[index].is_global else "Local"
            answer.setdefault(f"{kind}SecondaryIndexes", {})[index] = {
                "CapacityUnits": float(units)
            }
        return answer


def _sides(reads: float, writes: float) -> Json:
    sides: Json = {}
    if reads:
        sides["ReadCapacityUnits"] = float(reads)
    if writes:
        sides["WriteCapacityUnits"] = float(writes)
    return sides


def collection_metrics(table: Table, key: Item) -> Json | None:
    """ItemCollectionMetrics of the partition that `key` is in; None without local indexes."""
    if not table.local_indexes:
        return None
    name = table.schema.hash_name
    return {"ItemCollectionKey": {name: key[name]}, "SizeEstimateRangeGB": [0.0, 1.0]}
