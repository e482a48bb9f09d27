"""What the checks look at: the source's items, the target's rows, and the writes made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.values.paths import parse_path
from harness.values.types import ColumnType, parse_type

Item = dict[str, dict[str, Any]]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """A target column and the attribute that it shows."""

    name: str
    type: str
    attribute: str

    @cached_property
    def kind(self) -> ColumnType:
        """The parsed type."""
        return parse_type(self.type)

    @cached_property
    def path(self) -> tuple[str | int, ...]:
        """The parsed attribute path."""
        return parse_path(self.attribute)


@dataclass(frozen=True, slots=True)
class Write:
    """One write that the workload made or tried.

    Attributes:
        number: its place in the workload.
        key: the item's key in wire form.
        kind: put, update or delete.
        id: the marker that it left in the item; empty without markers.
        counter: how many writes the item had seen with it; 0 for a delete.
        outcome: acked, refused or unknown.
    """

    number: int
    key: Item
    kind: str
    id: str
    counter: int
    outcome: str


@dataclass(frozen=True, slots=True)
class RawRow:
    """One stored row, superseded or not: where it stands in the order of its key.

    Attributes:
        key: values of the key columns, as found.
        version: the version column.
        deleted: it says that the item is gone.
        id: the write marker; empty without markers.
        counter: the write counter; 0 when the row carries none.
    """

    key: tuple[Any, ...]
    version: int
    deleted: bool
    id: str
    counter: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a verdict rests on.

    Attributes:
        columns: the mapped columns, markers included.
        key_attributes: names of the table's hash and range attribute.
        source: the items that DynamoDB holds, from a Scan, in wire form.
        rows: the target's live rows (FINAL, without deleted ones), column to found value.
        writes: every write of the workload, in the order it was made.
        id_column: target column of the write marker; empty without markers.
        counter_column: target column of the write counter; empty without markers.
        raw_rows: every stored row, or None when the target has no version column to order by.
        applied: every row that entered the target, superseded and merged ones too, in the order
            in which they came; None where that was not kept, or not from the first to the last.
        settled: the target had stopped changing before it was read.
        history: gives the run's events from the first, as often as it is called; None: not kept.
        target: the name of the target table.
        barriers: how the target was found each time that writing had stopped and everything was
            delivered: `equal`, `stalled`, `ended`, `timeout` or `stuck`.
        has_export: the pipeline was to begin with an export.
        lag_seconds_max: longest time that a record may wait in the stream; None bounds it not.
        count_errors: rows of the pipeline's error table, asked when needed; None where it has none.
    """

    columns: Sequence[Column]
    key_attributes: tuple[str, ...]
    source: Sequence[Item]
    rows: Sequence[Mapping[str, Any]]
    writes: Sequence[Write]
    id_column: str = ""
    counter_column: str = ""
    raw_rows: Sequence[RawRow] | None = None
    applied: Sequence[RawRow] | None = None
    settled: bool = True
    history: Callable[[], Iterable[Mapping[str, Any]]] | None = None
    target: str = ""
    barriers: Sequence[str] = ()
    has_export: bool = False
    lag_seconds_max: float | None = None
    count_errors: Callable[[], int | None] | None = None
    key_columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = []
        for attribute in self.key_attributes:
            column = next((c for c in self.columns if c.path == (attribute,)), None)
            if column is not None:
                found.append(column)
        object.__setattr__(self, "key_columns", tuple(found))
