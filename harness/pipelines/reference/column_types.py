"""ClickHouse type names as a tree, read by the reference sync for itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from harness.errors import UsageError

INTEGER_RANGES = {
    **{f"Int{b}": (-(1 << (b - 1)), (1 << (b - 1)) - 1) for b in (8, 16, 32, 64, 128, 256)},
    **{f"UInt{b}": (0, (1 << b) - 1) for b in (8, 16, 32, 64, 128, 256)},
}
DECIMAL_PRECISIONS = {"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}
PLAIN = {
    *INTEGER_RANGES,
    *("Float32", "Float64", "Bool", "String", "UUID", "IPv4", "IPv6", "Date", "Date32", "JSON"),
}
_TOKEN = re.compile(r"""\s*('(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"[^"]*"|-?\w+|[(),=.])""")


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type without its wrappers.

    Attributes:
        text: as written, wrappers included.
        family: `Int8`, `Decimal`, `DateTime64`, `Array`, `Tuple`, …
        nullable: inside Nullable.
        low_cardinality: inside LowCardinality.
        precision: digits of a Decimal, bytes of a FixedString, fraction digits of DateTime64.
        scale: fraction digits of a Decimal.
        names: members of a named Tuple (empty when unnamed), labels of an Enum, default first.
        inner: element types of Array, Map (key, value) and Tuple, members of a Variant.
        zone: time zone of DateTime and DateTime64; empty when not given.
    """

    text: str
    family: str
    nullable: bool = False
    low_cardinality: bool = False
    precision: int = 0
    scale: int = 0
    names: tuple[str, ...] = ()
    inner: tuple[ColumnType, ...] = ()
    zone: str = ""

    @property
    def has_text_member(self) -> bool:
        """A Variant that takes any text."""
        return self.family == "Variant" and any(m.family == "String" for m in self.inner)

    @property
    def bare(self) -> str:
        """The type's text without Nullable and LowCardinality."""
        text = self.text
        while text.startswith(("Nullable(", "LowCardinality(")):
            text = text[text.index("(") + 1 : -1].strip()
        return text


def parse_type(text: str) -> ColumnType:
    """Read a type name.

    Raises:
        UsageError: it is malformed, or no attribute can be stored in it.
    """
    tokens = _TOKEN.findall(text)
    if _TOKEN.sub("", text).strip() or not tokens:
        raise UsageError(f"cannot read the column type {text!r}")
    reader = _Reader(text.strip(), tokens)
    found = reader.read()
    if reader.left:
        raise UsageError(f"cannot read the column type {text!r} after {found.family}")
    return replace(found, text=text.strip())


class _Reader:
    """Recursive descent over the tokens of one type."""

    def __init__(self, whole: str, tokens: list[str]) -> None:
        self.whole = whole
        self.left = tokens[::-1]

    def take(self, expected: str = "") -> str:
        token = self.left.pop() if self.left else ""
        if not token or (expected and token != expected):
            raise UsageError(
                f"cannot read the column type {self.whole!r}: expected {expected or 'more'}"
            )
        return token

    def peek(self, ahead: int = 1) -> str:
        return self.left[-ahead] if len(self.left) >= ahead else ""

    def arguments(self) -> list[list[str]]:
        """The raw tokens of each argument in the parentheses that follow."""
        parts: list[list[str]] = [[]]
        self.take("(")
        depth = 0
        while depth or self.peek() != ")":
            token = self.take()
            depth += {"(": 1, ")": -1}.get(token, 0)
            if token == "," and depth == 0:
                parts.append([])
            else:
                parts[-1].append(token)
        self.take(")")
        return [part for part in parts if part]

    def read(self) -> ColumnType:
        family = self.take()
        parts = self.arguments() if self.peek() == "(" else []
        if family in ("Nullable", "LowCardinality") and len(parts) == 1:
            inner = _nested(self.whole, parts[0])
            return replace(
                inner,
                text=f"{family}({inner.text})",
                nullable=inner.nullable or family == "Nullable",
                low_cardinality=inner.low_cardinality or family == "LowCardinality",
            )
        return _build(self.whole, family, parts)


def _nested(whole: str, tokens: list[str]) -> ColumnType:
    reader = _Reader(whole, tokens)
    found = reader.read()
    if reader.left:
        raise UsageError(f"cannot read the column type {whole!r} near {reader.left[-1]!r}")
    return found


def _check_variant(whole: str, members: tuple[ColumnType, ...]) -> None:
    """Raises UsageError for members that ClickPipes does not take, or that hold members themselves."""
    families = [member.family for member in members]
    for member in members:
        if member.inner or member.nullable or member.low_cardinality or member.family == "JSON":
            raise UsageError(f"{whole}: {member.text} cannot be a member, plain types can")
        if member.family.startswith("DateTime") and member.zone != "UTC":
            raise UsageError(f"{whole}: {member.text} needs its zone, 'UTC'")
    if sum(f in INTEGER_RANGES for f in families) > 1 or sum("Date" in f for f in families) > 1:
        raise UsageError(
            f"{whole}: one integer and one date or time type at most, as in ClickPipes"
        )


def _build(whole: str, family: str, parts: list[list[str]]) -> ColumnType:
    text = family + (f"({', '.join(_join(p) for p in parts)})" if parts else "")
    if family in PLAIN and (not parts or family == "JSON"):
        return ColumnType(text, family)
    if family in DECIMAL_PRECISIONS and len(parts) == 1:
        scale = int(parts[0][0])
        return ColumnType(text, "Decimal", precision=DECIMAL_PRECISIONS[family], scale=scale)
    if family == "Decimal":
        numbers = [int(part[0]) for part in parts] or [10]
        return ColumnType(
            text, "Decimal", precision=numbers[0], scale=numbers[1] if len(numbers) > 1 else 0
        )
    if family == "FixedString" and len(parts) == 1:
        return ColumnType(text, family, precision=int(parts[0][0]))
    if family == "DateTime":
        return ColumnType(text, family, zone=_unquote(parts[0][0]) if parts else "")
    if family == "DateTime64":
        precision = int(parts[0][0]) if parts else 3
        zone = _unquote(parts[1][0]) if len(parts) > 1 else ""
        return ColumnType(text, family, precision=precision, zone=zone)
    if family == "Variant" and parts:
        members = tuple(_nested(whole, part) for part in parts)
        _check_variant(whole, members)
        # Absence is a state of every Variant.
        return ColumnType(text, family, nullable=True, inner=members)
    if family in ("Enum8", "Enum16", "Enum") and parts:
        return ColumnType(text, "Enum", names=_enum_names(parts))
    if family in ("Array", "Map") and len(parts) == (1 if family == "Array" else 2):
        inner = tuple(_nested(whole, part) for part in parts)
        if family == "Map" and inner[0].family != "String":
            raise UsageError(f"column type {whole!r}: the keys of a DynamoDB map are String")
        return ColumnType(text, family, inner=inner)
    if family == "Tuple" and parts:
        named = all(len(p) > 1 and p[1] != "(" for p in parts)
        return ColumnType(
            text,
            family,
            names=tuple(_unquote(p[0]) for p in parts) if named else (),
            inner=tuple(_nested(whole, p[1:] if named else p) for p in parts),
        )
    raise UsageError(f"column type {whole!r}: {family} is not supported by the reference sync")


def _enum_names(parts: list[list[str]]) -> tuple[str, ...]:
    """The labels, the default first: it is the one numbered 0, or else the least."""
    numbered = [
        (int(part[2]) if len(part) > 2 else index, _unquote(part[0]))
        for index, part in enumerate(parts, start=1)
    ]
    return tuple(name for _, name in sorted(numbered, key=lambda n: (n[0] != 0, n[0])))


def _join(tokens: list[str]) -> str:
    """Tokens of one argument as ClickHouse reads them back."""
    text = ""
    for token in tokens:
        is_word = token[-1].isalnum() or token[-1] in "`'_\""
        follows_word = bool(text) and (text[-1].isalnum() or text[-1] in "`'_\"")
        text += (" " if is_word and follows_word else "") + token
        if token == ",":
            text += " "
    return text


def _unquote(token: str) -> str:
    if token[0] in "'`\"":
        return re.sub(r"\\(.)", r"\1", token[1:-1]).replace("''", "'")
    return token
