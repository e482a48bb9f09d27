"""Keys as bytes that sort as DynamoDB sorts: hash token first, then the range key's own order.

One item's position is `token(hash value) + ordered(range value)`. Tokens are MD5 digests, so a
scan walks partitions in a fixed pseudo-random order and a segment of a parallel scan is a range of
tokens. Strings order by their UTF-8 bytes, binary by unsigned bytes, numbers by value.

Source: DynamoDB Developer Guide, "Core components" and "Query": results are sorted by range key,
numbers numerically, the rest in order of bytes.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Item

TOKEN_BYTES = 16

_COMPLEMENT = bytes(255 - n for n in range(256))
_EXPONENT_BIAS = 512


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Names and types (`S`, `N` or `B`) of a table's or an index's key attributes.

    Attributes:
        hash_name: the partition key.
        hash_type: its type.
        range_name: the sort key, or None.
        range_type: its type, or None.
    """

    hash_name: str
    hash_type: str
    range_name: str | None = None
    range_type: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Hash name, then range name where there is one."""
        return (self.hash_name,) if self.range_name is None else (self.hash_name, self.range_name)

    @property
    def hash_keys(self) -> tuple[tuple[str, str], ...]:
        """Name and type of the partition key."""
        return ((self.hash_name, self.hash_type),)

    @property
    def range_keys(self) -> tuple[tuple[str, str], ...]:
        """Name and type of the sort key, where there is one."""
        if self.range_name is None or self.range_type is None:
            return ()
        return ((self.range_name, self.range_type),)

    def of(self, item: Item) -> Item:
        """The key attributes of `item`, which must have them."""
        if self.range_name is None:
            return {self.hash_name: item[self.hash_name]}
        return {self.hash_name: item[self.hash_name], self.range_name: item[self.range_name]}

    def position(self, item: Item) -> bytes:
        """Where `item` (or a bare key) stands in scan order; unique per key."""
        value = item[self.hash_name][self.hash_type]
        if self.hash_type != "S":
            return token(self.hash_type, value) + self._range_part(item)
        digest = md5(value.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        return digest if self.range_name is None else digest + self._range_part(item)

    def _range_part(self, item: Item) -> bytes:
        if self.range_name is None or self.range_type is None:
            return b""
        return ordered(self.range_type, item[self.range_name][self.range_type])

    def position_or_none(self, item: Item) -> bytes | None:
        """The position, or None when a key attribute is missing or of another type.

        An index does not hold such items.
        """
        if self.hash_type not in item.get(self.hash_name, ()):
            return None
        if self.range_name is not None and self.range_type not in item.get(self.range_name, ()):
            return None
        return self.position(item)


def token(kind: str, value: str) -> bytes:
    """The hash of a partition key value: where its partition stands in scan order."""
    return md5(raw(kind, value), usedforsecurity=False).digest()


def raw(kind: str, value: str) -> bytes:
    """The bytes of a key value: UTF-8, the binary itself, or an ordered form of the number."""
    if kind == "S":
        return value.encode("utf-8", "surrogatepass")
    if kind == "B":
        return binascii.a2b_base64(value)
    return ordered_number(value)


def ordered(kind: str, value: str) -> bytes:
    """Bytes that compare as the values do, and of which none is a prefix of another."""
    if kind == "N":
        return ordered_number(value)
    return prefix(kind, value) + b"\x00\x00"


def prefix(kind: str, value: str) -> bytes:
    """What `ordered` gives for every value beginning with this one (S and B only)."""
    return raw(kind, value).replace(b"\x00", b"\x00\xff")


def ordered_number(text: str) -> bytes:
    """A normalised number (plain notation, no exponent) as bytes that sort by value."""
    negative = text.startswith("-")
    digits = text[1:] if negative else text
    whole, _, fraction = digits.partition(".")
    whole = whole.lstrip("0")
    if whole:
        exponent = len(whole)
        digits = (whole + fraction).rstrip("0")
    else:
        digits = fraction.lstrip("0")
        exponent = len(digits) - len(fraction)
        digits = digits.rstrip("0")
    if not digits:
        return b"\x80"
    body = (exponent + _EXPONENT_BIAS).to_bytes(2, "big") + digits.encode() + b"\x00"
    return b"\x40" + body.translate(_COMPLEMENT) if negative else b"\xc0" + body
