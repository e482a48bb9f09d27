"""The Native format as clients with `client_protocol_version` expect it (clickhouse-go over HTTP).

The embedded engine writes the plain form. Newer revisions put a block info before each block, and
from 54454 on a flag before each column's data. To put the flag in, this module walks the columns; it
knows every type but the self-describing ones, which are refused.

Source: ClickHouse docs, native protocol: block info, and the Native format's column encodings.
"""

from __future__ import annotations

import re
import struct

from harness.clickhouse.errors import EngineError

_WITH_FLAG = 54454
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1 is_overflows = 0, field 2 bucket_num = -1, end."""

_WIDTHS = {
    **dict.fromkeys(["Int8", "UInt8", "Bool", "Enum8", "Nothing"], 1),
    **dict.fromkeys(["Int16", "UInt16", "Date", "Enum16", "BFloat16"], 2),
    **dict.fromkeys(
        ["Int32", "UInt32", "Float32", "DateTime", "Date32", "IPv4", "Decimal32", "Time"], 4
    ),
    **dict.fromkeys(["Int64", "UInt64", "Float64", "DateTime64", "Decimal64", "Time64"], 8),
    **dict.fromkeys(["Int128", "UInt128", "UUID", "IPv6", "Decimal128"], 16),
    **dict.fromkeys(["Int256", "UInt256", "Decimal256"], 32),
}
_DECIMAL_WIDTHS = ((9, 4), (18, 8), (38, 16), (76, 32))
_KEY_WIDTHS = (1, 2, 4, 8)


def convert(data: bytes, revision: int, *, is_one_block: bool) -> bytes:
    """Blocks in the plain form, as a client of `revision` reads them.

    Args:
        data: whole blocks.
        revision: the client's `client_protocol_version`.
        is_one_block: the caller knows that `data` is a single block, so that revisions without
            the flag need no walk.

    Raises:
        EngineError: NOT_IMPLEMENTED for a column of a self-describing type.
    """
    if is_one_block and revision < _WITH_FLAG:
        return _BLOCK_INFO + data if data else data
    reader = _Reader(data)
    parts: list[bytes] = []
    while reader.at < len(data):
        parts.append(_BLOCK_INFO)
        start = reader.at
        columns, rows = reader.varint(), reader.varint()
        parts.append(data[start : reader.at])
        for _ in range(columns):
            start = reader.at
            reader.skip(reader.varint())
            kind = reader.take(reader.varint()).decode()
            parts.append(data[start : reader.at])
            if revision >= _WITH_FLAG:
                parts.append(b"\0")
            start = reader.at
            if rows:
                reader.prefix(kind)
                reader.column(kind, rows)
            parts.append(data[start : reader.at])
    return b"".join(parts)


class _Reader:
    """Walks over the bytes of a Native block."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def varint(self) -> int:
        """An unsigned LEB128."""
        value = shift = 0
        while True:
            byte = self._data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self.at += size
        return self._data[self.at - size : self.at]

    def skip(self, size: int) -> None:
        """Step over bytes."""
        self.at += size

    def prefix(self, kind: str) -> None:
        """Step over what comes once before a column's data."""
        name, inner = _parts(kind)
        if name == "LowCardinality":
            self.skip(8)
        elif name in ("Array", "Nullable", "Tuple", "Map", "Nested"):
            for member in inner:
                self.prefix(_type_of(member))

    def column(self, kind: str, rows: int) -> None:
        """Step over the values of `rows` rows."""
        name, inner = _parts(kind)
        if name in _WIDTHS:
            self.skip(_WIDTHS[name] * rows)
        elif name == "Decimal":
            digits = int(inner[0])
            self.skip(next(width for most, width in _DECIMAL_WIDTHS if digits <= most) * rows)
        elif name == "FixedString":
            self.skip(int(inner[0]) * rows)
        elif name == "String":
            for _ in range(rows):
                self.skip(self.varint())
        elif name == "Nullable":
            self.skip(rows)
            self.column(inner[0], rows)
        elif name == "Tuple":
            for member in inner:
                self.column(_type_of(member), rows)
        elif name in ("Array", "Map"):
            self._array([_type_of(m) for m in inner], rows)
        elif name == "SimpleAggregateFunction":
            self.column(inner[1], rows)
        elif name == "LowCardinality":
            self._dictionary(inner[0])
        else:
            raise EngineError(
                48,
                "NOT_IMPLEMENTED",
                f"not emulated: a column of type {kind} with client_protocol_version",
            )

    def _array(self, members: list[str], rows: int) -> None:
        self.skip(8 * (rows - 1))
        (total,) = struct.unpack("<Q", self.take(8))
        for member in members:
            if total:
                self.column(member, total)

    def _dictionary(self, kind: str) -> None:
        name, inner = _parts(kind)
        (flags,) = struct.unpack("<Q", self.take(8))
        (size,) = struct.unpack("<Q", self.take(8))
        self.column(inner[0] if name == "Nullable" else kind, size)
        (keys,) = struct.unpack("<Q", self.take(8))
        self.skip(_KEY_WIDTHS[flags & 0xFF] * keys)


def _parts(kind: str) -> tuple[str, list[str]]:
    """`Map(String, Array(Int8))` as `Map` and its arguments."""
    name, bracket, rest = kind.partition("(")
    if not bracket:
        return name, []
    arguments, depth, quoted = [""], 0, False
    for letter in rest[:-1]:
        if letter == "'":
            quoted = not quoted
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if letter == "," and depth == 0 and not quoted:
            arguments.append("")
        else:
            arguments[-1] += letter
    return name, [argument.strip() for argument in arguments]


def _type_of(member: str) -> str:
    """The type of a tuple's member, which may have a name before it."""
    named = re.match(r"(?:`(?:[^`\\]|\\.)*`|\w+) +(?=\w)", member)
    return member[named.end() :] if named else member
