"""The mapping as SQL: for each column an expression of its cell, and one that says it is storable.

The counterpart of cells.py for exports, which ClickHouse reads by itself. Both follow
docs/mapping.md; a property test holds them to the same rows. An AttributeValue is always a pair of
expressions: its type tag, empty where there is none, and what it holds under it as text: an S, N or
B as it is, a BOOL as a word, anything nested as JSON text. Nested values are extracted as maps with
that one entry. Where it is known which tags occur, no SQL is made for the others: analysing it
costs more than running it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal
from harness.pipelines.reference.column_types import INTEGER_RANGES
from harness.pipelines.reference.moments import DAY_RANGE, WIDE_DAY_RANGE
from harness.pipelines.reference.sql_json import plain_json
from harness.pipelines.reference.sql_moments import moment
from harness.pipelines.reference.variants import first_member
from harness.pipelines.reference.wire_types import ANY, NESTED, Tags, taken_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.reference.column_types import ColumnType

CONTAINERS = ("Array", "Map", "Tuple")
VALUE = "Map(String, String)"
"""The type to extract an attribute value as: its tag and what it holds."""

UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
IPV4_PATTERN = "^(0|[1-9][0-9]{0,2})([.](0|[1-9][0-9]{0,2})){3}$"
NONE = "IN ('', 'NULL')"
_NULL_TEXT = "CAST(NULL, 'Nullable(String)')"
_NOTHING = {
    "text": _NULL_TEXT,
    "number": _NULL_TEXT,
    "boolean": "CAST(NULL, 'Nullable(Bool)')",
    "binary": _NULL_TEXT,
}


@dataclass(frozen=True, slots=True)
class SqlCell:
    """Two expressions.

    Attributes:
        value: the cell; its type is that of the column or casts to it without loss.
        storable: true when the column can hold the attribute; empty when it always can.
    """

    value: str
    storable: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What one attribute value holds, as expressions: of columns of a subquery, or written out.

    Attributes:
        tag: its type tag.
        text, number, boolean, binary: what it holds under S, N, BOOL, B, else NULL.
        plain: its plain JSON text where it is a map, list or set; asked for only there.
        tags: those that occur.
    """

    tag: str
    text: str
    number: str
    boolean: str
    binary: str
    plain: str
    tags: Tags = ANY


def parts_of(tag: str, body: str, tags: Tags, *, binary_layers: int) -> dict[str, str]:
    """What a value holds under S, N, BOOL and B, by field of `Parts`; nothing under other tags.

    Args:
        tag: expression of its tag.
        body: expression of what it holds.
        tags: those that occur.
        binary_layers: how often binary is base64-encoded.
    """
    decoded = body
    for _ in range(binary_layers):
        is_base64 = f"match({decoded}, '^[A-Za-z0-9+/]*={{0,2}}$')"
        decoded = f"if({is_base64}, tryBase64Decode({decoded}), NULL)"
    held = {
        "text": ("S", body),
        "number": ("N", body),
        "boolean": ("BOOL", f"{body} = 'true'"),
        "binary": ("B", decoded),
    }
    return {
        name: _under(wanted, tag, value) if wanted in tags else _NOTHING[name]
        for name, (wanted, value) in held.items()
    }


def _under(wanted: str, tag: str, held: str) -> str:
    """What is held under a tag, else NULL; a tag that is known needs no question."""
    if tag == literal(wanted):
        return f"toNullable({held})"
    return f"if({tag} = '{wanted}', {held}, NULL)"


def written_out(tag: str, body: str, tags: Tags, *, exact: bool) -> Parts:
    """The parts of a value, as expressions of its pair."""
    plain = plain_json(whole(tag, body), exact=exact) if tags & NESTED else "NULL"
    return Parts(tag, **parts_of(tag, body, tags, binary_layers=1), plain=plain, tags=tags)


class SqlCells:
    """Makes the cells of containers; each instance numbers its lambda variables."""

    def __init__(self) -> None:
        self._variables = 0

    def element(self, kind: ColumnType, tag: str, body: str, tags: Tags = ANY) -> SqlCell:
        """The cell of an element inside a container."""
        if kind.family in CONTAINERS:
            return self.container(kind, tag, body, tags)
        if kind.bare == "String" and tag == "'S'":
            return SqlCell(body, "")
        parsed = scalar(kind, written_out(tag, body, tags, exact=kind.family == "JSON"))
        value = parsed if kind.nullable else f"ifNull({parsed}, {default(kind)})"
        if tag.startswith("'"):
            return SqlCell(value, f"isNotNull({parsed})")
        return SqlCell(value, f"(isNotNull({parsed}) OR {tag} {NONE})")

    def container(
        self,
        kind: ColumnType,
        tag: str,
        body: str,
        tags: Tags = ANY,
        bind: Callable[[str], str] = str,
    ) -> SqlCell:
        """The cell of an Array, Map or Tuple.

        Args:
            bind: gives an expression a name, where that is possible.
        """
        match kind.family:
            case "Array":
                return self._array(kind, tag, body, tags & {"L", "SS", "NS", "BS"})
            case "Map":
                return self._map(kind, tag, body, tags & {"M"})
            case _:
                return self._tuple(kind, tag, body, tags & {"L", "M"}, bind)

    def _array(self, kind: ColumnType, tag: str, body: str, tags: Tags) -> SqlCell:
        if not tags:
            return SqlCell(default(kind), f"({tag} {NONE})")
        x, y = self._variable(), self._variable()
        cells: list[SqlCell] = []
        sets = sorted(tags - {"L"})
        if "L" in tags:
            element = self.element(kind.inner[0], f"mapKeys({x})[1]", f"mapValues({x})[1]")
            held = f"if({tag} = 'L', JSONExtract({body}, 'Array({VALUE})'), [])"
            cells.append(
                SqlCell(
                    f"arrayMap({x} -> {element.value}, {held})",
                    f"arrayAll({x} -> {element.storable}, {held})",
                )
            )
        if sets:
            one = literal(sets[0][0]) if len(sets) == 1 else f"substring({tag}, 1, 1)"
            element = self.element(kind.inner[0], one, y, frozenset(member[0] for member in sets))
            held = f"if({tag} IN ({_listed(sets)}), JSONExtract({body}, 'Array(String)'), [])"
            if tag.startswith("'"):
                held = body  # it was extracted as what it is
            cells.append(
                SqlCell(
                    held if element.value == y else f"arrayMap({y} -> {element.value}, {held})",
                    f"arrayAll({y} -> {element.storable}, {held})" if element.storable else "",
                )
            )
        value = cells[0].value
        if len(cells) > 1:
            value = f"if({tag} = 'L', {cells[0].value}, {cells[1].value})"
        fits = f"{tag} IN ('', 'NULL', {_listed(sorted(tags))})"
        return SqlCell(
            value, f"({' AND '.join([fits, *(c.storable for c in cells if c.storable)])})"
        )

    def _map(self, kind: ColumnType, tag: str, body: str, tags: Tags) -> SqlCell:
        if not tags:
            return SqlCell(default(kind), f"({tag} {NONE})")
        x = self._variable()
        element = self.element(kind.inner[1], f"mapKeys({x}.2)[1]", f"mapValues({x}.2)[1]")
        members = f"if({tag} = 'M', JSONExtractKeysAndValues({body}, '{VALUE}'), [])"
        value = (
            f"mapFromArrays(arrayMap({x} -> {x}.1, {members}), "
            f"arrayMap({x} -> {element.value}, {members}))"
        )
        storable = (
            f"({tag} IN ('', 'NULL', 'M')) AND arrayAll({x} -> {element.storable}, {members})"
        )
        return SqlCell(value, f"({storable})")

    def _tuple(
        self, kind: ColumnType, tag: str, body: str, tags: Tags, bind: Callable[[str], str]
    ) -> SqlCell:
        if not kind.names:
            tags &= {"L"}
        if not tags:
            return SqlCell(default(kind), f"({tag} {NONE})")
        cells = []
        for index, inner in enumerate(kind.inner, start=1):
            by_place = f"JSONExtract({body}, {index}, '{VALUE}')"
            part = f"if({tag} = 'L', {by_place}, map())" if "M" not in tags else by_place
            if "M" in tags:
                member = f"JSONExtract({body}, {literal(kind.names[index - 1])}, '{VALUE}')"
                part = f"if({tag} = 'M', {member}, {by_place if 'L' in tags else 'map()'})"
            part = bind(part)
            cells.append(self.element(inner, f"mapKeys({part})[1]", f"mapValues({part})[1]"))
        fits = [f"{tag} {NONE}"]
        if "L" in tags:
            fits.append(f"({tag} = 'L' AND JSONLength({body}) = {len(cells)})")
        if "M" in tags:
            names = ", ".join(literal(name) for name in kind.names)
            fits.append(f"({tag} = 'M' AND hasAll([{names}], JSONExtractKeys({body})))")
        storable = " AND ".join([f"({' OR '.join(fits)})", *(c.storable for c in cells)])
        value = f"tuple({', '.join(c.value for c in cells)})"
        return SqlCell(f"CAST({value}, {literal(kind.text)})", f"({storable})")

    def _variable(self) -> str:
        self._variables += 1
        return f"x{self._variables}"


def whole(tag: str, body: str) -> str:
    """The JSON text of a map, list or set; empty for anything else."""
    return (
        f"if({tag} IN ({_listed(sorted(NESTED))}), concat('{{\"', {tag}, '\":', {body}, '}}'), '')"
    )


def _listed(tags: list[str]) -> str:
    return ", ".join(f"'{one}'" for one in tags)


def scalar(kind: ColumnType, parts: Parts) -> str:
    """The value as Nullable, NULL where there is none or it does not fit.

    Numbers are the normalised digits that DynamoDB writes: an exponent does not fit into text.
    """
    digits, family = parts.number, kind.family
    if not parts.tags & taken_by(family):
        return f"CAST(NULL, {literal(f'Nullable({kind.bare})')})"
    if family in INTEGER_RANGES:
        return _integer(family, parts)
    match family:
        case "String":
            nested = f"{parts.tag} IN ({_listed(sorted(parts.tags & NESTED))}), {parts.plain}"
            return _words(parts, [nested] if parts.tags & NESTED else [])
        case "FixedString":
            value = _words(parts, [])
            return f"if(length({value}) <= {kind.precision}, {value}, NULL)"
        case "Decimal":
            target = literal(f"Decimal({kind.precision}, {kind.scale})")
            parsed = f"accurateCastOrNull({digits}, {target})"
            fits = f"{_whole_digits(kind, digits)} AND toString({parsed}) = {digits}"
            return f"if({fits}, {parsed}, NULL)"
        case "Float32" | "Float64":
            return f"to{family}OrNull({digits})"
        case "Bool":
            if "N" not in parts.tags:
                return parts.boolean
            return (
                f"multiIf(isNotNull({parts.boolean}), {parts.boolean}, {digits} = '1', true, "
                f"{digits} = '0', false, NULL)"
            )
        case "JSON":
            held = f"if({parts.tag} = 'M', {parts.plain}, NULL)"
            return f"accurateCastOrNull({held}, {literal(kind.bare)})"
        case "DateTime" | "DateTime64":
            return moment(kind, parts)
        case "Variant":
            return first_member(kind, [scalar(member, parts) for member in kind.inner])
        case _:
            return _denoted(kind, parts.text)


def default(kind: ColumnType) -> str:
    """The cell of a column that is not Nullable where the item holds nothing."""
    match kind.family:
        case "String" | "FixedString":
            return "''"
        case "UUID" | "IPv4" | "IPv6" | "Bool" | "JSON":
            return f"defaultValueOfTypeName({literal(kind.bare)})"
        case "Array" | "Map" | "Tuple":
            return f"defaultValueOfTypeName({literal(kind.text)})"
        case "Enum":
            return literal(kind.names[0])
        case "Date" | "Date32":
            return "toDate32('1970-01-01')"
        case "DateTime" | "DateTime64":
            return "toDateTime64(0, 0, 'UTC')"
        case "Decimal":
            return f"toDecimal256(0, {kind.scale})"
        case _:
            return f"to{kind.family}(0)"


def _words(parts: Parts, branches: list[str]) -> str:
    """S, N, BOOL and B as text or bytes, and what more branches of a multiIf give."""
    held = []
    if "S" in parts.tags:
        held.append(f"{parts.tag} = 'S', {parts.text}")
    if "N" in parts.tags:
        is_plain = f"positionCaseInsensitive({parts.number}, 'e') = 0"
        held.append(f"{parts.tag} = 'N', if({is_plain}, {parts.number}, NULL)")
    if "BOOL" in parts.tags:
        held.append(f"{parts.tag} = 'BOOL', if({parts.boolean}, 'true', 'false')")
    if "B" in parts.tags:
        held.append(f"{parts.tag} = 'B', {parts.binary}")
    held += branches
    if held == [f"{parts.tag} = 'S', {parts.text}"]:
        return parts.text
    return f"multiIf({', '.join(held)}, NULL)"


def _whole_digits(kind: ColumnType, digits: str) -> str:
    """True where no more digits stand before the point than a Decimal has room for."""
    room = kind.precision - kind.scale
    if not room:
        return f"match({digits}, '^-?0([.]|$)')"
    point = f"position({digits}, '.')"
    # `length` has no sign and `- 1` gives one: older servers find no type that holds both.
    before = f"if({point} = 0, toInt64(length({digits})), {point} - 1)"
    return f"{before} - startsWith({digits}, '-') <= {room}"


def _integer(family: str, parts: Parts) -> str:
    digits = parts.number
    parsed = f"to{family}OrNull({digits})"
    if family.endswith(("128", "256")):
        # The wide parsers wrap around instead of refusing.
        parsed = f"if(toString({parsed}) = {digits}, {parsed}, NULL)"
    if family == "UInt8" and "BOOL" in parts.tags:
        return f"ifNull({parsed}, toUInt8({parts.boolean}))"
    return parsed


def _denoted(kind: ColumnType, words: str) -> str:
    """Types that only text denotes."""
    match kind.family:
        case "UUID":
            return f"if(match({words}, {literal(UUID_PATTERN)}), toUUIDOrNull({words}), NULL)"
        case "IPv4":
            return f"if(match({words}, {literal(IPV4_PATTERN)}), toIPv4OrNull({words}), NULL)"
        case "IPv6":
            is_plain = f"position({words}, ':') > 0 OR match({words}, {literal(IPV4_PATTERN)})"
            return f"if({is_plain}, toIPv6OrNull({words}), NULL)"
        case "Enum":
            names = ", ".join(literal(name) for name in kind.names)
            return f"if({words} IN ({names}), {words}, NULL)"
        case _:
            least, most = WIDE_DAY_RANGE if kind.family == "Date32" else DAY_RANGE
            day = f"toDate32OrNull({words})"
            fits = f"toString({day}) = {words} AND {words} >= '{least}' AND {words} <= '{most}'"
            return f"if({fits}, {day}, NULL)"
