"""The statements that load a data file: rows, counts and errors of one and the same reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.item_sql import ItemSql
from harness.pipelines.reference.sql_cells import VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.versions import VersionLayout
    from harness.pipelines.reference.wire_types import Tags

FULL = "Item String"
INCREMENTAL = f"Metadata {VALUE}, Keys String, NewImage String"
EMPTY_OBJECT_LENGTH = 2

ROWS_FORMAT = "JSONEachRow"
LINES_FORMAT, LINES = "LineAsString", "line String"
"""A line is parsed for its item anyway: what finds the item's text before costs a third more."""


class SnapshotSql:
    """Statements for one export.

    Args:
        config: the pipe.
        layout: of the version column.
        version_us: stamp of all rows of a full export.
        is_incremental: each line has its own stamp, and may be a delete.
        tags: of each column, those that the statements are made for; None for all.
        always: of each column, whether they may take it that there always is a value; then they
            can only insert.
    """

    def __init__(
        self,
        config: PipeConfig,
        layout: VersionLayout,
        *,
        version_us: int,
        is_incremental: bool,
        tags: Sequence[Tags] | None = None,
        always: Sequence[bool] | None = None,
    ) -> None:
        self._made_of = (config, layout)
        self._options = {"version_us": version_us, "is_incremental": is_incremental}
        self._config = config
        self._is_incremental = is_incremental
        self.structure = INCREMENTAL if is_incremental else FULL
        self._version = layout.sql(version_us)
        self._ticks_per_ms = layout.ticks_per_us * 1000
        self._items = ItemSql(
            config,
            may_be_gone=is_incremental,
            tags=tags,
            always=None if is_incremental else always,
        )

    def made_for(self, tags: Sequence[Tags], always: Sequence[bool] | None = None) -> Self:
        """The same for these tags alone: it stores less, and takes less time."""
        return type(self)(*self._made_of, **self._options, tags=tags, always=always)  # type: ignore[arg-type] # by name

    @property
    def tags(self) -> Sequence[Tags]:
        """Of each column, those that the statements are made for."""
        return self._items.tags

    @property
    def is_typed(self) -> bool:
        """Some attributes are taken to be always there."""
        return self._items.is_typed

    def tags_of(self, table: str) -> str:
        """Of each column, those that occur, as one array of arrays."""
        found = ", ".join(f"groupUniqArray(g{n})" for n in range(len(self._items.cells)))
        return f"SELECT [{found}] FROM ({self._items.tagged(self._read(table))})"

    @property
    def known(self) -> str:
        """True for a line without a tag that the statements are not made for."""
        return self._items.known

    @property
    def storable(self) -> str:
        """True for a line that every column can hold."""
        return self._items.storable

    @property
    def reads_lines(self) -> bool:
        """`insert_rows` can read a file line by line, each as one text, which is quicker.

        It then leaves out a line that is no JSON, as any that it is not made for; whoever counts
        what was written hears of it.
        """
        return self._items.is_typed and not self._is_incremental and not self._items.needs_text

    def lines(self, table: str) -> str:
        """The subqueries that read lines; see ItemSql for their columns."""
        return self._items.lines(self._read(table))

    def _read(self, table: str, *, as_text: bool = False) -> str:
        if as_text:
            kind = f"Tuple(Item {self._items.image_type})"
            image = f"tupleElement(JSONExtract(line, {literal(kind)}), 'Item') AS image"
            read = f"SELECT 0 AS gone, 0 AS stamp_ms, {image} FROM {table}"
            maps = self._items.maps(lambda _, place: f"tupleElement(image, {place})")
            return f"SELECT gone, stamp_ms, {maps} FROM ({read})"
        if self._is_incremental:
            # The stamp is {"N": "…"} in real exports; a bare string or number is taken as well.
            stamp = "toUInt64OrZero(extract(Metadata['WriteTimestampMicros'], '[0-9]+'))"
            gone = f"length(NewImage) <= {EMPTY_OBJECT_LENGTH}"
            head = f"if({gone}, Keys, NewImage) AS item, {gone} AS gone"
            head += f", intDiv({stamp}, 1000) AS stamp_ms"
        else:
            head = "Item AS item, 0 AS gone, 0 AS stamp_ms"
        image = f"JSONExtract(item, {literal(self._items.image_type)}) AS image"
        read = f"SELECT *, {image} FROM (SELECT {head} FROM {table})"
        maps = self._items.maps(lambda _, place: f"tupleElement(image, {place})")
        # The item's text is held no longer than it is needed: blocks stay small.
        kept = "item, gone, stamp_ms"
        return f"SELECT {kept}, {maps} FROM ({read})"

    def insert_rows(self, table: str, *, unless: str = "0", as_text: bool = False) -> str:
        """Everything storable into the target.

        Args:
            table: reads lines.
            unless: another condition of a line; where it is true nothing is stored.
            as_text: `table` has the columns `LINES`; only where it `reads_lines`.
        """
        lines = self._items.lines(self._read(table, as_text=as_text))
        target = f"{quote(self._config.database)}.{quote(self._config.table)}"
        names = [column.name for column in self._config.columns]
        names += [self._config.version_column, self._config.deleted_column]
        values = [cell.value for _, cell in self._items.cells]
        values += [self._version_value(), "gone"]
        where = self.storable if unless == "0" else f"{self.storable} AND NOT ({unless})"
        return (
            f"INSERT INTO {target} ({', '.join(quote(name) for name in names)}) "
            f"SELECT {', '.join(values)} FROM ({lines}) WHERE {where}"
        )

    def count(self, table: str) -> str:
        """Lines, and storable lines."""
        return f"SELECT count(), countIf({self.storable}) FROM ({self.lines(table)})"

    def insert_errors(self, table: str, errors: str, unit: str, now_ms: int, export_us: int) -> str:
        """Everything else into the error table, each with the first column that refuses it."""
        reasons = []
        for index, (column, cell) in enumerate(self._items.cells):
            refused = literal(f"column {column.name}: does not fit {column.type.text}: ")
            reasons += [
                f"NOT {cell.storable}",
                f"concat({refused}, substring({self._items.raw(index)}, 1, 60))",
            ]
        raw = "concat('{\"Item\":', item, '}')"
        return (
            f"INSERT INTO {errors} (error_timestamp, error_type, error_msg, record_value, "
            "record_timestamp, record_partition, record_offset) "
            f"SELECT fromUnixTimestamp64Milli({now_ms}, 'UTC'), 'snapshot', "
            f"multiIf({', '.join(reasons)}, 'a key attribute is missing'), {raw}, "
            f"fromUnixTimestamp64Milli({export_us // 1000}, 'UTC'), {literal(unit)}, toString(line) "
            f"FROM (SELECT *, rowNumberInAllBlocks() AS line FROM ({self.lines(table)})) "
            f"WHERE NOT ({self.storable})"
        )

    def _version_value(self) -> str:
        if not self._is_incremental:
            return self._version
        ticks = f"stamp_ms * {self._ticks_per_ms}"
        if self._version.startswith("toDateTime64"):
            kind = self._config.version_type
            return f"reinterpret(toInt64({ticks}), {literal(kind)})"
        return ticks
