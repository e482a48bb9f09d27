"""Keys as bytes that sort as DynamoDB sorts: hash token first, then the range key's own order.

One item's position is `token(hash value) + ordered(range value)`. Tokens are MD5 digests, so a
scan walks partitions in a fixed pseudo-random order and a segment of a parallel scan is a range of
tokens. Strings order by their UTF-8 bytes, binary by unsigned bytes, numbers by value.

Source: DynamoDB Developer Guide, "Core components" and "Query": results are sorted by range key,
numbers numerically, the rest in order of bytes. The hash is the one dynalite found on AWS.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Item

TOKEN_BYTES = 16
HASH_BYTES_MAX = 2048
RANGE_BYTES_MAX = 1024
SALT = b"Outliers"
"""What DynamoDB puts before a key when it hashes it; found by dynalite's author in scan orders."""


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Names and types (`S`, `N` or `B`) of a table's or an index's key attributes.

    Attributes:
        hash_name: the partition key.
        hash_type: its type.
        range_name: the sort key, or None.
        range_type: its type, or None.
        more_hash: names and types of further partition key attributes; global indexes only.
        more_range: those of further sort key attributes; global indexes only.
    """

    hash_name: str
    hash_type: str
    range_name: str | None = None
    range_type: str | None = None
    more_hash: tuple[tuple[str, str], ...] = ()
    more_range: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Hash name, then range name where there is one (all of them for several)."""
        if self.more_hash or self.more_range:
            return tuple(name for name, _ in self.hash_keys + self.range_keys)
        return (self.hash_name,) if self.range_name is None else (self.hash_name, self.range_name)

    @property
    def hash_keys(self) -> tuple[tuple[str, str], ...]:
        """Name and type of the partition key."""
        return ((self.hash_name, self.hash_type), *self.more_hash)

    @property
    def range_keys(self) -> tuple[tuple[str, str], ...]:
        """Name and type of the sort key, where there is one."""
        if self.range_name is None or self.range_type is None:
            return ()
        return ((self.range_name, self.range_type), *self.more_range)

    def of(self, item: Item) -> Item:
        """The key attributes of `item`, which must have them."""
        if self.range_name is None:
            return {self.hash_name: item[self.hash_name]}
        return {self.hash_name: item[self.hash_name], self.range_name: item[self.range_name]}

    def position(self, item: Item) -> bytes:
        """Where `item` (or a bare key) stands in scan order; unique per key."""
        if self.more_hash or self.more_range:
            return self._position_of_many(item)
        value = item[self.hash_name][self.hash_type]
        if self.hash_type != "S":
            return token(self.hash_type, value) + self._range_part(item)
        raw_value = value.encode("utf-8", "surrogatepass")
        digest = md5(SALT + raw_value, usedforsecurity=False).digest()
        return digest if self.range_name is None else digest + self._range_part(item)

    def _position_of_many(self, item: Item) -> bytes:
        hashed = tokens([(kind, item[name][kind]) for name, kind in self.hash_keys])
        return hashed + b"".join(ordered(kind, item[name][kind]) for name, kind in self.range_keys)

    def _range_part(self, item: Item) -> bytes:
        if self.range_name is None or self.range_type is None:
            return b""
        return ordered(self.range_type, item[self.range_name][self.range_type])

    def tie(self, item: Item) -> bytes:
        """What orders the items of an index whose index keys are equal."""
        both = raw(self.hash_type, item[self.hash_name][self.hash_type])
        if self.range_name is not None and self.range_type is not None:
            both += raw(self.range_type, item[self.range_name][self.range_type])
        return md5(SALT + both, usedforsecurity=False).digest()

    def position_or_none(self, item: Item) -> bytes | None:
        """The position, or None when a key attribute is missing, of another type, empty or too long.

        An index does not hold such items. Those with an empty or too long value were there before
        the index; a write of one is refused.
        """
        if self.more_hash or self.more_range:
            ranges = self.range_keys
            return (
                self.position(item)
                if all(_fits(item, *key, HASH_BYTES_MAX) for key in self.hash_keys)
                and all(_fits(item, *key, RANGE_BYTES_MAX) for key in ranges)
                else None
            )
        if not _fits(item, self.hash_name, self.hash_type, HASH_BYTES_MAX):
            return None
        if self.range_name is not None and not _fits(
            item, self.range_name, self.range_type, RANGE_BYTES_MAX
        ):
            return None
        return self.position(item)


def _fits(item: Item, name: str, kind: str | None, bytes_max: int) -> bool:
    """Whether `item` has an attribute of this name and type that can be a key."""
    value = item.get(name)
    if value is None or kind not in value:
        return False
    if kind == "N":
        return True
    text = value[kind]
    if not text:
        return False
    return len(text) * 4 <= bytes_max or len(raw(kind, text)) <= bytes_max


def token(kind: str, value: str) -> bytes:
    """The hash of a partition key value: where its partition stands in scan order."""
    return md5(SALT + raw(kind, value), usedforsecurity=False).digest()


def tokens(values: list[tuple[str, str]]) -> bytes:
    """The hash of several partition key values; of one, what `token` gives."""
    if len(values) == 1:
        return token(*values[0])
    joined = b"".join(ordered(kind, value) for kind, value in values)
    return md5(SALT + joined, usedforsecurity=False).digest()


def raw(kind: str, value: str) -> bytes:
    """The bytes of a key value: UTF-8, the binary itself, or the number as it is hashed."""
    if kind == "S":
        return value.encode("utf-8", "surrogatepass")
    if kind == "B":
        return binascii.a2b_base64(value)
    return number_bytes(value)


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
    number = number_bytes(text)
    return number if text[0] == "-" else number + b"\x00"


def number_bytes(text: str) -> bytes:
    """A normalised number as DynamoDB hashes it: an exponent, then pairs of digits.

    The first byte is the exponent of 100, offset by 192; each pair of digits follows plus one. A
    negative number has the complement of its exponent, each pair taken from 101, and 102 at its
    end. Zero is one byte, 128.
    """
    negative = text[0] == "-"
    whole, _, fraction = (text[1:] if negative else text).partition(".")
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
    if exponent % 2:
        digits = "0" + digits
        exponent += 1
    if len(digits) % 2:
        digits += "0"
    pairs = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    first = exponent // 2 - 64
    if negative:
        return bytes((~first & 0xFF, *(101 - pair for pair in pairs), 102))
    return bytes((first & 0xFF, *(pair + 1 for pair in pairs)))
