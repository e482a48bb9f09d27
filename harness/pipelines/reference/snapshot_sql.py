"""The statements that load a data file: rows, counts and errors of one and the same reading.

A line is read as maps from attribute name to the DynamoDB JSON text of its value, in one pass over
the file; each column then parses only its own attribute's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.sql_cells import (
    CONTAINERS,
    Parts,
    SqlCell,
    SqlCells,
    binary,
    boolean,
    default,
    number,
    scalar,
    tag,
    text,
)
from harness.pipelines.reference.sql_json import plain_json

if TYPE_CHECKING:
    from harness.pipelines.reference.config import Column, PipeConfig
    from harness.pipelines.reference.versions import VersionLayout

FULL = "Item Map(String, String)"
INCREMENTAL = (
    "Metadata Map(String, String), Keys Map(String, String), "
    "NewImage Map(String, String), OldImage Map(String, String)"
)
ITEM = "item"


class _Shared:
    """One conversion to plain JSON for all columns that may need it: its SQL is long."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.raws: list[str] = []

    def use(self, raw: str) -> str:
        """The plain JSON text of one more column."""
        self.raws.append(raw)
        return f"{self.name}[{len(self.raws)}]"

    def column(self, *, exact: bool) -> str:
        """The array of all their texts; empty for what is no map, list or set."""
        needs = "match(w, '^\\\\s*[{]\\\\s*\"(M|L|SS|NS|BS)\"')"
        plain = plain_json("w", exact=exact)
        return f"arrayMap(w -> if({needs}, {plain}, ''), [{', '.join(self.raws)}]) AS {self.name}"


class SnapshotSql:
    """Statements for one export.

    Args:
        config: the pipe.
        layout: of the version column.
        version_us: stamp of all rows of a full export.
        is_incremental: each line has its own stamp, and may be a delete.
    """

    def __init__(
        self, config: PipeConfig, layout: VersionLayout, *, version_us: int, is_incremental: bool
    ) -> None:
        self._config = config
        self._is_incremental = is_incremental
        self.structure = INCREMENTAL if is_incremental else FULL
        self._version = layout.sql(version_us)
        self._ticks_per_ms = layout.ticks_per_us * 1000
        self._layout = layout
        cells = SqlCells()
        self._cells: list[tuple[Column, SqlCell]] = []
        self._raws: list[str] = []
        self._parts: list[str] = []
        self._parsed: list[str] = []
        self._plain = {False: _Shared("plain"), True: _Shared("exact")}
        for index, column in enumerate(config.columns):
            self._raws.append(f"{raw_value(column)} AS r{index}")
            cell = self._cell(cells, column, index)
            if not column.path and is_incremental:
                cell = SqlCell(f"if(gone, {default(column.type)}, {cell.value})", cell.storable)
            self._cells.append((column, cell))

    def _cell(self, cells: SqlCells, column: Column, index: int) -> SqlCell:
        """The cell in terms of the columns that the layers of `lines` add."""
        raw, kind = f"r{index}", column.type
        self._parts.append(f"{tag(raw)} AS g{index}")
        if kind.family in CONTAINERS:
            cell = cells.container(kind, raw)
            self._parsed += [f"{cell.value} AS v{index}", f"{cell.storable} AS k{index}"]
            return SqlCell(f"v{index}", f"k{index}")
        plain = "NULL"
        if kind.family in ("String", "JSON"):
            plain = self._plain[kind.family == "JSON"].use(raw)
        parts = Parts(raw, f"g{index}", f"s{index}", f"n{index}", f"b{index}", f"y{index}", plain)
        parsed = scalar(kind, parts)
        for name, expression in (
            (parts.text, text(raw)),
            (parts.number, number(raw)),
            (parts.boolean, boolean(raw)),
            (parts.binary, binary(raw)),
        ):
            if name in parsed:
                self._parts.append(f"{expression} AS {name}")
        self._parsed.append(f"{parsed} AS v{index}")
        value = f"v{index}" if kind.nullable else f"ifNull(v{index}, {default(kind)})"
        return SqlCell(value, f"(isNotNull(v{index}) OR {raw} = '' OR g{index} = 'NULL')")

    @property
    def storable(self) -> str:
        """True for a line that every column can hold."""
        keys = set(self._config.key_columns)
        parts = [cell.storable for _, cell in self._cells]
        for index, (column, _) in enumerate(self._cells):
            if column.name in keys:
                parts.append(f"r{index} != ''")
        return " AND ".join(parts)

    def lines(self, table: str) -> str:
        """The subqueries that read lines, layer by layer, so that nothing is written out twice.

        Columns: `item`, `stamp_ms`, `gone`; for each column its raw text r, type tag g, parts
        s n b y, parsed value v.
        """
        raws = ", ".join(self._raws)
        if self._is_incremental:
            # The stamp is {"N": "…"} in real exports; a bare string or number is taken as well.
            stamp = "toUInt64OrZero(extract(Metadata['WriteTimestampMicros'], '[0-9]+'))"
            head = f"if(empty(NewImage), Keys, NewImage) AS {ITEM}, empty(NewImage) AS gone"
            head += f", intDiv({stamp}, 1000) AS stamp_ms"
        else:
            head = f"Item AS {ITEM}, 0 AS gone, 0 AS stamp_ms"
        read = f"SELECT {head}, {raws} FROM {table}"
        parts = [*self._parts, *(s.column(exact=e) for e, s in self._plain.items() if s.raws)]
        taken = f"SELECT *, {', '.join(parts)} FROM ({read})"
        return f"SELECT *, {', '.join(self._parsed)} FROM ({taken})"

    def insert_rows(self, table: str) -> str:
        """Everything storable into the target."""
        target = f"{quote(self._config.database)}.{quote(self._config.table)}"
        names = [column.name for column in self._config.columns]
        names += [self._config.version_column, self._config.deleted_column]
        values = [cell.value for _, cell in self._cells]
        values += [self._version_value(), "gone"]
        return (
            f"INSERT INTO {target} ({', '.join(quote(name) for name in names)}) "
            f"SELECT {', '.join(values)} FROM ({self.lines(table)}) WHERE {self.storable}"
        )

    def count(self, table: str) -> str:
        """Lines, and storable lines."""
        return f"SELECT count(), countIf({self.storable}) FROM ({self.lines(table)})"

    def insert_errors(self, table: str, errors: str, unit: str, now_ms: int, export_us: int) -> str:
        """Everything else into the error table, each with the first column that refuses it."""
        reasons = []
        for index, (column, cell) in enumerate(self._cells):
            refused = literal(f"column {column.name}: does not fit {column.type.text}: ")
            reasons += [f"NOT {cell.storable}", f"concat({refused}, substring(r{index}, 1, 60))"]
        raw = f"concat('{{\"Item\":', {whole_item(ITEM)}, '}}')"
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


def raw_value(column: Column) -> str:
    """The JSON text of the attribute that a column shows; empty where there is none."""
    if not column.path:
        return f"concat('{{\"M\":', {whole_item(ITEM)}, '}}')"
    raw = f"{ITEM}[{literal(str(column.path[0]))}]"
    for step in column.path[1:]:
        if isinstance(step, int):
            raw = f"JSONExtractRaw({raw}, 'L', {step + 1})"
        else:
            raw = f"JSONExtractRaw({raw}, 'M', {literal(step)})"
    return raw


def whole_item(item: str) -> str:
    """JSON text of a whole item from its map of raw values."""
    members = (
        f"arrayMap((k, v) -> concat(toJSONString(k), ':', v), mapKeys({item}), mapValues({item}))"
    )
    return f"concat('{{', arrayStringConcat({members}, ','), '}}')"
