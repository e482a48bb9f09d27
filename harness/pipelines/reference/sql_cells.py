"""The mapping as SQL: for each column an expression of its cell, and one that says it is storable.

The counterpart of cells.py for exports, which ClickHouse reads by itself. Both follow
docs/mapping.md; a property test holds them to the same rows. `raw` is always the SQL expression of
one AttributeValue's JSON text, empty where the item has no such attribute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal
from harness.pipelines.reference.column_types import INTEGER_RANGES
from harness.pipelines.reference.moments import (
    DAY_RANGE,
    NANOSECOND_SECONDS,
    NANOSECONDS,
    SECONDS_END,
    WIDE_DAY_RANGE,
    WIDE_SECONDS,
)
from harness.pipelines.reference.sql_json import plain_json

if TYPE_CHECKING:
    from harness.pipelines.reference.column_types import ColumnType

CONTAINERS = ("Array", "Map", "Tuple")
UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
IPV4_PATTERN = "^(0|[1-9][0-9]{0,2})([.](0|[1-9][0-9]{0,2})){3}$"
MOMENT_PATTERN = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
    "([.][0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?$"
)


@dataclass(frozen=True, slots=True)
class SqlCell:
    """Two expressions.

    Attributes:
        value: the cell; its type is that of the column or casts to it without loss.
        storable: true when the column can hold the attribute.
    """

    value: str
    storable: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What one attribute value holds, as expressions: of columns of a subquery, or written out.

    Attributes:
        raw: the value's JSON text, empty where there is none.
        tag: its type tag.
        text, number, boolean, binary: what it holds under S, N, BOOL, B, else NULL.
        plain: its plain JSON text where it is a map, list or set; asked for only there.
    """

    raw: str
    tag: str
    text: str
    number: str
    boolean: str
    binary: str
    plain: str


def written_out(raw: str, *, exact: bool = False) -> Parts:
    """The parts of a value, as expressions of its text."""
    return Parts(
        raw, tag(raw), text(raw), number(raw), boolean(raw), binary(raw),
        plain_json(raw, exact=exact),
    )  # fmt: skip


class SqlCells:
    """Makes cells; each instance numbers its lambda variables."""

    def __init__(self) -> None:
        self._variables = 0

    def element(self, kind: ColumnType, raw: str) -> SqlCell:
        """The cell of an element inside a container."""
        if kind.family in CONTAINERS:
            return self.container(kind, raw)
        parsed = scalar(kind, written_out(raw, exact=kind.family == "JSON"))
        value = parsed if kind.nullable else f"ifNull({parsed}, {default(kind)})"
        return SqlCell(value, f"({raw} = '' OR isNotNull({parsed}) OR {tag(raw)} = 'NULL')")

    def container(self, kind: ColumnType, raw: str) -> SqlCell:
        """The cell of an Array, Map or Tuple."""
        match kind.family:
            case "Array":
                return self._array(kind, raw)
            case "Map":
                return self._map(kind, raw)
            case _:
                return self._tuple(kind, raw)

    def _array(self, kind: ColumnType, raw: str) -> SqlCell:
        x = self._variable()
        element = self.element(kind.inner[0], x)
        members = (
            f"arrayMap(m -> if({tag(raw)} = 'L', m, "
            f"concat('{{\"', substring({tag(raw)}, 1, 1), '\":', m, '}}')), "
            f"JSONExtractArrayRaw({raw}, {tag(raw)}))"
        )
        members = f"if({tag(raw)} IN ('L', 'SS', 'NS', 'BS'), {members}, [])"
        storable = (
            f"({raw} = '' OR {tag(raw)} IN ('L', 'SS', 'NS', 'BS', 'NULL')) "
            f"AND arrayAll({x} -> {element.storable}, {members})"
        )
        return SqlCell(f"arrayMap({x} -> {element.value}, {members})", f"({storable})")

    def _map(self, kind: ColumnType, raw: str) -> SqlCell:
        x = self._variable()
        element = self.element(kind.inner[1], f"{x}.2")
        members = f"JSONExtractKeysAndValuesRaw({raw}, 'M')"
        value = (
            f"mapFromArrays(arrayMap({x} -> {x}.1, {members}), "
            f"arrayMap({x} -> {element.value}, {members}))"
        )
        storable = (
            f"({raw} = '' OR {tag(raw)} IN ('M', 'NULL')) "
            f"AND arrayAll({x} -> {element.storable}, {members})"
        )
        return SqlCell(value, f"({storable})")

    def _tuple(self, kind: ColumnType, raw: str) -> SqlCell:
        cells = []
        for index, inner in enumerate(kind.inner, start=1):
            part = f"JSONExtractRaw({raw}, 'L', {index})"
            if kind.names:
                member = f"JSONExtractRaw({raw}, 'M', {literal(kind.names[index - 1])})"
                part = f"if({tag(raw)} = 'M', {member}, {part})"
            cells.append(self.element(inner, part))
        fits = [
            f"{raw} = ''",
            f"{tag(raw)} = 'NULL'",
            f"({tag(raw)} = 'L' AND JSONLength({raw}, 'L') = {len(cells)})",
        ]
        if kind.names:
            names = ", ".join(literal(name) for name in kind.names)
            fits.append(f"({tag(raw)} = 'M' AND hasAll([{names}], JSONExtractKeys({raw}, 'M')))")
        storable = " AND ".join([f"({' OR '.join(fits)})", *(c.storable for c in cells)])
        value = f"tuple({', '.join(c.value for c in cells)})"
        return SqlCell(f"CAST({value}, {literal(kind.text)})", f"({storable})")

    def _variable(self) -> str:
        self._variables += 1
        return f"x{self._variables}"


def tag(raw: str) -> str:
    """The type tag of a value, empty where there is none."""
    return f"JSONExtractKeys({raw})[1]"


def text(raw: str) -> str:
    """What an S holds, else NULL."""
    return f"JSONExtract({raw}, 'S', 'Nullable(String)')"


def number(raw: str) -> str:
    """The digits of an N, else NULL."""
    return f"JSONExtract({raw}, 'N', 'Nullable(String)')"


def boolean(raw: str) -> str:
    """What a BOOL holds, else NULL."""
    return f"JSONExtract({raw}, 'BOOL', 'Nullable(Bool)')"


def binary(raw: str) -> str:
    """The bytes of a B, else NULL."""
    encoded = f"JSONExtract({raw}, 'B', 'Nullable(String)')"
    return f"if(match({encoded}, '^[A-Za-z0-9+/]*={{0,2}}$'), tryBase64Decode({encoded}), NULL)"


def scalar(kind: ColumnType, parts: Parts) -> str:
    """The value as Nullable, NULL where there is none or it does not fit.

    Numbers are the normalised digits that DynamoDB writes; one with an exponent, which it never
    writes, does not fit where its text would matter.
    """
    digits, family = parts.number, kind.family
    if family in INTEGER_RANGES:
        return _integer(family, parts)
    match family:
        case "String":
            return f"multiIf({_words(parts)}, {parts.tag} IN ('M', 'L', 'SS', 'NS', 'BS'), {parts.plain}, NULL)"
        case "FixedString":
            value = f"multiIf({_words(parts)}, NULL)"
            return f"if(length({value}) <= {kind.precision}, {value}, NULL)"
        case "Decimal":
            target = literal(f"Decimal({kind.precision}, {kind.scale})")
            parsed = f"accurateCastOrNull({digits}, {target})"
            whole = f"length(extract({digits}, '^-?0?([0-9]*)'))"
            fits = f"{whole} <= {kind.precision - kind.scale} AND toString({parsed}) = {digits}"
            return f"if({fits}, {parsed}, NULL)"
        case "Float32" | "Float64":
            return f"to{family}OrNull({digits})"
        case "Bool":
            return (
                f"multiIf(isNotNull({parts.boolean}), {parts.boolean}, {digits} = '1', true, "
                f"{digits} = '0', false, NULL)"
            )
        case "JSON":
            held = f"if({parts.tag} = 'M', {parts.plain}, NULL)"
            return f"accurateCastOrNull({held}, {literal(kind.bare)})"
        case "DateTime" | "DateTime64":
            return _moment(kind, parts)
        case _:
            return _denoted(kind, parts.text)


def default(kind: ColumnType) -> str:
    """The cell of a column that is not Nullable where the item holds nothing."""
    match kind.family:
        case "String" | "FixedString":
            return "''"
        case "UUID" | "IPv4" | "IPv6" | "Bool" | "JSON":
            return f"defaultValueOfTypeName({literal(kind.bare)})"
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


def _words(parts: Parts) -> str:
    """Branches of a multiIf: S, N, BOOL and B as text or bytes."""
    digits = f"if(positionCaseInsensitive({parts.number}, 'e') = 0, {parts.number}, NULL)"
    return (
        f"isNotNull({parts.text}), {parts.text}, isNotNull({parts.number}), {digits}, "
        f"isNotNull({parts.boolean}), if({parts.boolean}, 'true', 'false'), "
        f"isNotNull({parts.binary}), {parts.binary}"
    )


def _integer(family: str, parts: Parts) -> str:
    digits = parts.number
    parsed = f"to{family}OrNull({digits})"
    if family.endswith(("128", "256")):
        # The wide parsers wrap around instead of refusing.
        parsed = f"if(toString({parsed}) = {digits}, {parsed}, NULL)"
    if family == "UInt8":
        return f"ifNull({parsed}, toUInt8({parts.boolean}))"
    return parsed


def _moment(kind: ColumnType, parts: Parts) -> str:
    precision = kind.precision if kind.family == "DateTime64" else 0
    words, digits = parts.text, parts.number
    fraction = f"replaceRegexpOne(extract({words}, '[.]([0-9]+)'), '0+$', '')"
    whole = f"replaceRegexpOne({words}, '[.][0-9]+', '')"
    second = f"toUnixTimestamp64Second(parseDateTime64BestEffortOrNull({whole}, 0, 'UTC'))"
    day = f"substring({words}, 1, 10)"
    is_moment = (
        f"match({words}, {literal(MOMENT_PATTERN)}) "
        f"AND toString(toDate32OrNull({day})) = {day} AND length({fraction}) <= {precision}"
    )
    from_text = (
        f"toDecimal128OrNull(toString({second}), {precision}) "
        f"+ toDecimal128OrNull(concat('0.', {fraction}, '0'), {precision})"
    )
    exact = f"toDecimal128OrNull({digits}, {precision})"
    seconds = f"multiIf({is_moment}, {from_text}, toString({exact}) = {digits}, {exact}, NULL)"
    least, end = (0, SECONDS_END)
    if kind.family == "DateTime64":
        least, end = NANOSECOND_SECONDS if precision == NANOSECONDS else WIDE_SECONDS
    fits = f"{seconds} >= {least} AND {seconds} < {end}"
    ticks = f"toInt64OrNull(toString(toInt256({seconds} * toInt64({10**precision}))))"
    target = f"DateTime64({precision}, 'UTC')"
    moment = f"reinterpret(ifNull({ticks}, toInt64(0)), {literal(target)})"
    return f"if({fits}, {moment}, NULL)"


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
