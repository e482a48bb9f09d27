"""From an item's DynamoDB JSON to its cells, inside ClickHouse: shared by exports and the stream.

The text of an item is parsed once: `JSONExtract` gives a tuple with a map for each attribute that
a column shows, from its type tag to its value (text as it is, anything nested as JSON text). All
else is taken from those maps. Measured, this costs less than half of one `JSONExtractString` for
each column, because each of those parses the whole text again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.sql_cells import (
    CONTAINERS,
    NONE,
    VALUE,
    Parts,
    SqlCell,
    SqlCells,
    default,
    parts_of,
    scalar,
    whole,
)
from harness.pipelines.reference.sql_json import plain_json
from harness.pipelines.reference.typed_image import TypedImage
from harness.pipelines.reference.wire_types import ANY, NESTED, taken_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.pipelines.reference.column_types import ColumnType
    from harness.pipelines.reference.config import Column, PipeConfig
    from harness.pipelines.reference.wire_types import Tags

IS_NESTED = "IN ({})".format(", ".join(map(literal, sorted(NESTED))))


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
        plain = plain_json("w", exact=exact)
        return f"arrayMap(w -> if(w != '', {plain}, ''), [{', '.join(self.raws)}]) AS {self.name}"


class ItemSql:
    """The layers of subqueries between an item and its cells.

    What they read must have the columns of `maps` (see there), `gone`, and `item`, the item's
    JSON text, where `needs_text`.

    Args:
        config: the pipe.
        may_be_gone: some items are deletes: only their key counts.
        binary_layers: how often binary is base64-encoded; with 2, what holds some inside a map,
            list or set counts as not storable.
        tags: of each column, those that the statement is made for (see wire_types.py); None for
            all. A value with another counts as not storable.
        always: of each column, whether the statement may take it that there always is a value
            (see typed_image.py); None for no such column.

    Attributes:
        names: the attributes that columns show, in the order of `image_type`.
        needs_text: a column shows the whole item.
        tags: of each column, those that the statement is made for.
        cells: each column with its final expressions.
    """

    def __init__(
        self,
        config: PipeConfig,
        *,
        may_be_gone: bool,
        binary_layers: int = 1,
        tags: Sequence[Tags] | None = None,
        always: Sequence[bool] | None = None,
    ) -> None:
        self.names = list(dict.fromkeys(str(c.path[0]) for c in config.columns if c.path))
        self.needs_text = any(not c.path for c in config.columns)
        self.cells: list[tuple[Column, SqlCell]] = []
        self._may_be_gone = may_be_gone
        self.tags: Sequence[Tags] = tags or [ANY] * len(config.columns)
        self._typed = TypedImage(config, self.tags, always or [False] * len(config.columns))
        self._keys = config.key_columns
        self._is_mapped: list[bool] = []
        self._binary_layers = binary_layers
        self._maps: list[str] = []
        self._parts: list[str] = []
        self._parsed: list[str] = []
        self._plain = {False: _Shared("plain"), True: _Shared("exact")}
        containers = SqlCells()
        for index, column in enumerate(config.columns):
            self.cells.append((column, self._cell(containers, column, index)))
        keys = set(config.key_columns)
        present = [
            f"g{i} NOT IN ('', 'NULL')"
            for i, (c, _) in enumerate(self.cells)
            if c.name in keys and self._is_mapped[i]
        ]
        single = []
        mapped = [n for n, name in enumerate(self.names) if name not in self._typed.types]
        if mapped:
            lengths = ", ".join(f"length(a{number})" for number in mapped)
            single.append(f"arrayMax([{lengths}]) < 2")
        if binary_layers > 1:
            single += [
                f"NOT (g{i} {IS_NESTED} AND (g{i} = 'BS' OR match(w{i}, '\"BS?\"')))"
                for i in range(len(self.cells))
                if self.tags[i] & NESTED and self._is_mapped[i]
            ]
        claims = [*present, *single, *(c.storable for _, c in self.cells)]
        # Not a chain of AND: the optimizer takes seconds over one of a hundred columns.
        self.storable = f"NOT has([{', '.join(claims)}], 0)"

    @property
    def is_typed(self) -> bool:
        """Some attributes are taken to be always there."""
        return bool(self._typed.types)

    @property
    def typed(self) -> tuple[bool, ...]:
        """Of each column, whether its value is taken to be always there."""
        return tuple(not is_mapped for is_mapped in self._is_mapped)

    @property
    def image_type(self) -> str:
        """The type to extract an item as."""
        return self.type_of(self.names)

    def type_of(self, names: Sequence[str]) -> str:
        """The type to extract some of its attributes as."""
        types = self._typed.types
        held = ", ".join(f"{quote(name)} {types.get(name, VALUE)}" for name in names)
        return f"Tuple({held})"

    def held(self, name: str, extracted: str) -> tuple[str, str]:
        """Of an attribute that is no map or list: an expression to compare, and whether it is there."""
        tag = self._typed.tag_of(name)
        if not tag:
            return extracted, f"notEmpty({extracted})"
        value = f"tupleElement({extracted}, {literal(tag)})"
        return value, f"isNotNull({value})"

    def maps(self, of: Callable[[str, int], str]) -> str:
        """The columns a0, a1, … that `lines` reads.

        Args:
            of: the expression of an attribute's map, from its name and its place in `image_type`,
                counted from 1.
        """
        return ", ".join(f"{of(name, n + 1)} AS a{n}" for n, name in enumerate(self.names))

    @property
    def known(self) -> str:
        """True where every value has a tag that the statement is made for.

        In terms of the tags that a statement reads to which all values are maps.
        """
        claims = []
        for i, tags in enumerate(self.tags):
            listed = [*(("", "NULL") if self._is_mapped[i] else ()), *sorted(tags)]
            claims.append(f"g{i} IN ({', '.join(map(literal, listed))})")
        return f"NOT has([{', '.join(claims)}], 0)"

    def lines(self, read: str) -> str:
        """The subqueries over `read`, layer by layer, so that nothing is written out twice."""
        parts = [*self._parts, *(s.column(exact=e) for e, s in self._plain.items() if s.raws)]
        lines = read
        for layer in (self._maps, parts, self._parsed):
            if layer:
                lines = f"SELECT *, {', '.join(layer)} FROM ({lines})"
        return lines

    def tagged(self, read: str) -> str:
        """The first layer: of column n the tag g<n> and what it holds, w<n>."""
        return f"SELECT *, {', '.join(self._maps)} FROM ({read})"

    def raw(self, index: int) -> str:
        """The JSON text of the value that a column shows; empty where there is none."""
        return (
            f"multiIf(g{index} = '', '', g{index} {IS_NESTED} OR g{index} IN ('BOOL', 'NULL'), "
            f"concat('{{\"', g{index}, '\":', w{index}, '}}'), "
            f"concat('{{\"', g{index}, '\":', toJSONString(w{index}), '}}'))"
        )

    def _cell(self, containers: SqlCells, column: Column, index: int) -> SqlCell:
        kind, tags = column.type, self.tags[index]
        typed = None
        if column.path:
            attribute = f"a{self.names.index(str(column.path[0]))}"
            typed = self._typed.leaf(index, attribute)
        self._is_mapped.append(typed is None)
        if typed is not None:
            return self._typed_cell(containers, column, index, typed)
        tag, body = f"g{index}", f"w{index}"
        self._tag(column, index)
        if kind.family in CONTAINERS:
            return self._container(containers, column, index)
        if not tags & taken_by(kind.family):
            return SqlCell("NULL" if kind.nullable else default(kind), f"({tag} {NONE})")
        plain = "NULL"
        takes_text = kind.family in ("String", "JSON") or kind.has_text_member
        if takes_text and tags & NESTED:
            plain = self._plain[kind.family == "JSON"].use(whole(tag, body))
        names = Parts(
            tag, f"s{index}_", f"n{index}_", f"b{index}_", f"y{index}_", plain=plain, tags=tags
        )
        self._parse(kind, names, tag, body, index)
        value = f"v{index}" if kind.nullable else f"ifNull(v{index}, {default(kind)})"
        if not column.path and self._may_be_gone:
            value = f"if(gone, {default(kind)}, {value})"
        return SqlCell(value, f"(isNotNull(v{index}) OR {tag} {NONE})")

    def _typed_cell(
        self, containers: SqlCells, column: Column, index: int, typed: tuple[str, str]
    ) -> SqlCell:
        """A column whose value is always there, with one tag."""
        kind, (tag, body) = column.type, typed
        # Of a deleted item there is the key.
        unless = "gone OR " if self._may_be_gone and column.name not in self._keys else ""
        if kind.family in CONTAINERS:
            cell = containers.container(kind, literal(tag), f"w{index}", self.tags[index])
            self._maps.append(f"{body} AS w{index}")
            fits = f"notEmpty(w{index}) AND ifNull({cell.storable}, 0)"
            self._parsed += [f"{cell.value} AS v{index}", f"({unless}{fits}) AS k{index}"]
            return SqlCell(f"v{index}", f"k{index}")
        self._maps.append(f"{body} AS w{index}")
        names = Parts(
            literal(tag), f"s{index}_", f"n{index}_", f"b{index}_", f"y{index}_",
            plain="NULL", tags=self.tags[index],
        )  # fmt: skip
        self._parse(kind, names, literal(tag), f"w{index}", index)
        value = f"v{index}" if kind.nullable else f"ifNull(v{index}, {default(kind)})"
        return SqlCell(value, f"({unless}isNotNull(v{index}))")

    def _parse(self, kind: ColumnType, names: Parts, tag: str, body: str, index: int) -> None:
        """Column v: the value as Nullable; what it is made of comes first where it is long."""
        parsed = scalar(kind, names)
        held = parts_of(tag, body, names.tags, binary_layers=self._binary_layers)
        for part, expression in held.items():
            name = getattr(names, part)
            uses = parsed.count(name)
            if uses == 1:
                parsed = parsed.replace(name, expression)
            elif uses:
                self._parts.append(f"{expression} AS {name}")
        self._parsed.append(f"{parsed} AS v{index}")

    def _container(self, containers: SqlCells, column: Column, index: int) -> SqlCell:
        elements: list[str] = []

        def bind(expression: str) -> str:
            name = f"t{index}_{len(elements)}"
            elements.append(name)
            self._parts.append(f"{expression} AS {name}")
            return name

        cell = containers.container(column.type, f"g{index}", f"w{index}", self.tags[index], bind)
        self._parsed += [f"{cell.value} AS v{index}", f"ifNull({cell.storable}, 0) AS k{index}"]
        return SqlCell(f"v{index}", f"k{index}")

    def _tag(self, column: Column, index: int) -> None:
        """Columns g and w: the type tag of the value that a column shows, and the value."""
        if not column.path:
            self._maps += [f"'M' AS g{index}", f"item AS w{index}"]
            return
        held = f"a{self.names.index(str(column.path[0]))}"
        if len(column.path) > 1:
            steps: list[str] = []
            for step in column.path[1:]:
                is_place = isinstance(step, int)
                steps += ["'L'", str(int(step) + 1)] if is_place else ["'M'", literal(str(step))]
            held = f"JSONExtract({held}[{steps[0]}], {', '.join(steps[1:])}, '{VALUE}')"
        self._maps += [f"mapKeys({held})[1] AS g{index}", f"mapValues({held})[1] AS w{index}"]
