"""ClickHouse type names as a small tree, so that a scenario's columns can be judged before a run.

This is the reading of `[target.columns]` only: the checks and the pipelines each read types with
code of their own. Source: ClickHouse docs, "Data types" (families, arguments, what may nest).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from harness.errors import nearest

_TOKEN = re.compile(r"\s*(`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z0-9_.]*|-?\d+|[(),=])")

INTEGERS = {
    f"{sign}Int{bits}": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1)
    for sign in ("", "U")
    for bits in (8, 16, 32, 64, 128, 256)
}
"""Integer type to its least and greatest value."""

DECIMAL_DIGITS = {"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}
PLAIN = frozenset(
    {*INTEGERS, "Float32", "Float64", "BFloat16", "Bool", "String", "UUID", "IPv4", "IPv6"}
    | {"Date", "Date32", "DateTime", "Dynamic", "JSON", "Point", "Ring", "Polygon", "Nothing"}
)
WRAPPERS = frozenset({"Nullable", "LowCardinality"})
FAMILIES = (
    PLAIN
    | WRAPPERS
    | DECIMAL_DIGITS.keys()
    | {"Array", "Map", "Tuple", "Variant", "Nested", "Decimal", "FixedString", "DateTime64"}
    | {"Enum8", "Enum16", "Enum"}
)
SQL_NAMES = {
    "TINYINT": "Int8",
    "SMALLINT": "Int16",
    "INT": "Int32",
    "INTEGER": "Int32",
    "BIGINT": "Int64",
    "FLOAT": "Float32",
    "REAL": "Float32",
    "DOUBLE": "Float64",
    "BOOLEAN": "Bool",
    "TEXT": "String",
    "VARCHAR": "String",
    "CHAR": "String",
    "BLOB": "String",
    "TIMESTAMP": "DateTime",
    "NUMERIC": "Decimal",
}
_NO_NULLABLE = frozenset({"Array", "Map", "Nested", "Nullable", "LowCardinality", "Variant"})
_LOW_CARDINALITY = frozenset(
    {*INTEGERS, "String", "FixedString", "Date", "Date32", "DateTime", "Float32", "Float64"}
    | {"UUID", "IPv4", "IPv6"}
)


@dataclass(frozen=True, slots=True)
class TypeTree:
    """One type and what it is made of.

    Attributes:
        name: the family, e.g. `Nullable`, `Array`, `Int8`; DecimalN is spelled `Decimal`.
        parts: the types inside.
        labels: member names of a named Tuple, labels of an Enum.
        numbers: precision and scale, length, digits of a second, values of an Enum.
        text: as it was written.
    """

    name: str
    parts: tuple[TypeTree, ...] = ()
    labels: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    text: str = ""

    @property
    def inner(self) -> TypeTree:
        """The type without Nullable and LowCardinality around it."""
        return self.parts[0].inner if self.name in WRAPPERS else self

    @property
    def nullable(self) -> bool:
        """True when NULL can be stored."""
        return self.name == "Nullable" or (self.name == "LowCardinality" and self.parts[0].nullable)


class TypeNameError(ValueError):
    """The text is no ClickHouse type; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=1024)
def parse_type(text: str) -> TypeTree:
    """The tree of a ClickHouse type name.

    Raises:
        TypeNameError: unknown family, wrong arguments, or a combination ClickHouse refuses.
    """
    tokens: list[str] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise TypeNameError(f"{text!r} cannot be read from {text[position:].strip()!r} on")
        tokens.append(match.group(1))
        position = match.end()
    reader = _Reader(text, tokens)
    tree = reader.type()
    if reader.position != len(tokens):
        raise TypeNameError(f"{text!r} goes on after its end with {reader.peek()!r}")
    return tree


class _Reader:
    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0

    def peek(self, ahead: int = 0) -> str:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise TypeNameError(
                f"{self.text!r} lacks {wanted or 'a type'!r} before {token or 'its end'!r}"
            )
        self.position += 1
        return token

    def type(self) -> TypeTree:
        start = self.position
        name = self.take()
        if name not in FAMILIES:
            ours = SQL_NAMES.get(name.upper())
            hint = f"write ClickHouse's own name: {ours}" if ours else nearest(name, FAMILIES)
            raise TypeNameError(f"{name!r} is no ClickHouse type", hint)
        parts: list[TypeTree] = []
        labels: list[str] = []
        numbers: list[int] = []
        if self.peek() == "(":
            self.take("(")
            while self.peek() != ")":
                self._argument(name, parts, labels, numbers)
                if self.peek() != ")":
                    self.take(",")
            self.take(")")
        tree = TypeTree(
            name,
            tuple(parts),
            tuple(labels),
            tuple(numbers),
            "".join(self.tokens[start : self.position]),
        )
        return _checked(tree)

    def _argument(
        self, name: str, parts: list[TypeTree], labels: list[str], numbers: list[int]
    ) -> None:
        token = self.peek()
        if name == "JSON":
            # max_dynamic_paths=8, `SKIP a.b`, `a.b Int64`: none changes what the column can take.
            depth = 0
            while self.peek() and not (depth == 0 and self.peek() in ",)"):
                depth += {"(": 1, ")": -1}.get(self.take(), 0)
        elif token.startswith("'"):
            labels.append(self.take()[1:-1].replace("\\'", "'").replace("\\\\", "\\"))
            if self.peek() == "=":
                self.take("=")
                numbers.append(int(self.take()))
            elif name.startswith("Enum"):
                numbers.append(numbers[-1] + 1 if numbers else 1)
        elif token.lstrip("-").isdigit():
            numbers.append(int(self.take()))
        elif name in ("Tuple", "Nested") and self.peek(1) not in ("(", ",", ")"):
            labels.append(self.take().strip("`").replace("``", "`"))
            parts.append(self.type())
        else:
            parts.append(self.type())


def _checked(tree: TypeTree) -> TypeTree:
    """The tree, when ClickHouse would accept it; DecimalN(s) becomes Decimal(p, s)."""
    complaint = _complaint(tree)
    if complaint:
        raise TypeNameError(f"{tree.text!r}: {complaint}")
    if tree.name in DECIMAL_DIGITS:
        return TypeTree(
            "Decimal", numbers=(DECIMAL_DIGITS[tree.name], *tree.numbers), text=tree.text
        )
    if tree.name == "Decimal":
        return TypeTree("Decimal", numbers=(*(tree.numbers or (10,)), 0)[:2], text=tree.text)
    return tree


def _complaint(tree: TypeTree) -> str:
    wanted_parts = {"Nullable": 1, "LowCardinality": 1, "Array": 1, "Map": 2}.get(tree.name)
    if wanted_parts is not None:
        if len(tree.parts) != wanted_parts:
            return f"{tree.name} takes {wanted_parts} type{'s' * (wanted_parts > 1)}"
        return _nesting(tree)
    if tree.name in ("Tuple", "Variant", "Nested"):
        return "" if tree.parts else f"{tree.name} takes the types of its members"
    if tree.name.startswith("Enum"):
        return _enum(tree)
    if tree.parts:
        return f"{tree.name} takes no type inside"
    return _numbers(tree)


def _nesting(tree: TypeTree) -> str:
    part = tree.parts[0]
    if tree.name == "Nullable" and part.name in _NO_NULLABLE | {"Tuple"}:
        return f"{part.name} cannot be inside Nullable"
    if tree.name == "LowCardinality":
        bare = part.parts[0] if part.name == "Nullable" else part
        if bare.name not in _LOW_CARDINALITY:
            return f"{bare.name} cannot be inside LowCardinality"
    if tree.name == "Map" and part.inner.name in ("Float32", "Float64", "Map", "JSON", "Array"):
        return f"{part.name} cannot be the key of a Map"
    if tree.name == "Map" and part.nullable:
        return "the key of a Map cannot be Nullable"
    return ""


def _enum(tree: TypeTree) -> str:
    if not tree.labels or len(tree.labels) != len(tree.numbers):
        return "an Enum lists its labels: Enum8('new' = 1, 'paid' = 2)"
    least, greatest = INTEGERS["Int8" if tree.name == "Enum8" else "Int16"]
    if any(not least <= value <= greatest for value in tree.numbers):
        return f"its values go from {least} to {greatest}"
    if len(set(tree.labels)) < len(tree.labels) or len(set(tree.numbers)) < len(tree.numbers):
        return "a label or value stands there twice"
    return ""


def _numbers(tree: TypeTree) -> str:
    match tree.name, tree.numbers:
        case ("FixedString", (length,)) if length >= 1:
            return ""
        case ("FixedString", _):
            return "FixedString takes its length in bytes: FixedString(16)"
        case ("DateTime64", (digits,)) if 0 <= digits <= 9:
            return ""
        case ("DateTime64", _):
            return "DateTime64 takes the digits of a second, 0 to 9: DateTime64(3)"
        case ("Decimal", ()):
            return ""
        case ("Decimal", (precision, *rest)) if len(rest) <= 1:
            scale = rest[0] if rest else 0
            return "" if 1 <= precision <= 76 and 0 <= scale <= precision else _DECIMAL
        case ("Decimal", _):
            return _DECIMAL
        case (name, numbers) if name in DECIMAL_DIGITS:
            fits = len(numbers) == 1 and 0 <= numbers[0] <= DECIMAL_DIGITS[name]
            return "" if fits else f"{name} takes its scale, 0 to {DECIMAL_DIGITS[name]}"
        case (name, numbers) if numbers and name != "String":
            return f"{name} takes no number"
        case _:
            return ""


_DECIMAL = "Decimal takes precision 1 to 76 and a scale up to it: Decimal(38, 10)"
