"""ClickHouse type names as a small tree: `Nullable(Decimal(18, 2))`, `Map(String, Array(Int8))`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from harness.errors import HarnessError

_TOKEN = re.compile(r"\s*(`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z0-9_]*|-?\d+|[(),=.])")


@dataclass(frozen=True, slots=True)
class ColumnType:
    """One parsed type.

    Attributes:
        name: `Int64`, `Array`, `Tuple`, ... without its arguments, never Nullable/LowCardinality.
        nullable: it was wrapped in Nullable.
        arguments: element types of Array, Map, Tuple, Variant.
        names: member names of a named Tuple, labels of an Enum; empty otherwise.
        numbers: numeric arguments: (precision, scale) of Decimal, (n,) of FixedString, (p,) of
            DateTime64, the values of an Enum.
        timezone: of DateTime and DateTime64; empty means the server's.
    """

    name: str
    nullable: bool = False
    arguments: tuple[ColumnType, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    timezone: str = ""
    text: str = field(default="", compare=False)


@lru_cache(maxsize=1024)
def parse_type(text: str) -> ColumnType:
    """The tree of a type name as ClickHouse spells it.

    Raises:
        HarnessError: the text is no type name.
    """
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise HarnessError(f"cannot read ClickHouse type {text!r} at {text[position:]!r}")
        tokens.append(match.group(1))
        position = match.end()
    parser = _Parser(tokens, text)
    result = parser.type()
    if parser.position != len(tokens):
        raise HarnessError(f"cannot read ClickHouse type {text!r}: text after its end")
    return result


class _Parser:
    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.position = 0

    def peek(self, ahead: int = 0) -> str:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise HarnessError(
                f"cannot read ClickHouse type {self.text!r}: expected "
                f"{expected or 'a name'}, found {token or 'the end'}"
            )
        self.position += 1
        return token

    def type(self) -> ColumnType:
        name = self.take()
        if name in ("Nullable", "LowCardinality"):
            self.take("(")
            inner = self.type()
            self.take(")")
            return ColumnType(
                inner.name,
                inner.nullable or name == "Nullable",
                inner.arguments,
                inner.names,
                inner.numbers,
                inner.timezone,
                self.text,
            )
        if self.peek() != "(":
            return _named(ColumnType(name, text=self.text))
        self.take("(")
        arguments: list[ColumnType] = []
        names: list[str] = []
        numbers: list[int] = []
        timezone = ""
        while self.peek() != ")":
            token = self.peek()
            if token.startswith("'"):
                label = _unquote(self.take())
                if self.peek() == "=":
                    self.take("=")
                    names.append(label)
                    numbers.append(int(self.take()))
                elif name.startswith("Enum"):
                    names.append(label)
                    numbers.append(len(numbers) + 1)
                else:
                    timezone = label
            elif token.lstrip("-").isdigit():
                numbers.append(int(self.take()))
            elif name == "JSON":
                # Options of a JSON column (max_dynamic_paths=8, SKIP a, path Type) do not change
                # what its text looks like.
                self._skip_argument()
            elif name == "Tuple" and self.peek(1) not in ("(", ",", ")"):
                names.append(self.take().strip("`"))
                arguments.append(self.type())
            else:
                arguments.append(self.type())
            if self.peek() == ",":
                self.take(",")
        self.take(")")
        return _named(
            ColumnType(
                name, False, tuple(arguments), tuple(names), tuple(numbers), timezone, self.text
            )
        )

    def _skip_argument(self) -> None:
        depth = 0
        while self.peek() and not (depth == 0 and self.peek() in (",", ")")):
            depth += {"(": 1, ")": -1}.get(self.take(), 0)


def _unquote(token: str) -> str:
    return token[1:-1].replace("\\'", "'").replace("\\\\", "\\")


_DECIMAL_DIGITS = {"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}


def _named(kind: ColumnType) -> ColumnType:
    """Decimal64(2) is Decimal(18, 2): one spelling for each type."""
    if kind.name in _DECIMAL_DIGITS:
        scale = kind.numbers[0] if kind.numbers else 0
        return ColumnType("Decimal", numbers=(_DECIMAL_DIGITS[kind.name], scale), text=kind.text)
    if kind.name == "Decimal":
        precision = kind.numbers[0] if kind.numbers else 10
        scale = kind.numbers[1] if len(kind.numbers) > 1 else 0
        return ColumnType("Decimal", numbers=(precision, scale), text=kind.text)
    return kind
