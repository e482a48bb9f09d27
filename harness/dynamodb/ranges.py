"""Stretches of ordered rows: what a key condition, a segment or a start key selects.

Source: API reference, Query (KeyConditionExpression) and Scan (Segment, TotalSegments).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.dynamodb.keys import TOKEN_BYTES, ordered, prefix, token, tokens
from harness.dynamodb.store import PAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.dynamodb.change_log import Attribute
    from harness.dynamodb.expressions import KeyRange
    from harness.dynamodb.keys import KeySchema
    from harness.dynamodb.store import OrderedRows

PARTS = 4096
"""Into how many parts the tokens are cut; a segment of a parallel scan is a run of them."""
PART_TOKENS = (1 << (8 * TOKEN_BYTES)) // PARTS


@dataclass(frozen=True, slots=True)
class Stretch:
    """Positions from `low` (included) to `high` (excluded)."""

    low: bytes
    high: bytes

    def positions(
        self, rows: OrderedRows, *, backward: bool, after: bytes | None
    ) -> Iterator[bytes]:
        """The positions in order, those past `after` only."""
        if after is None:
            return rows.between(self.low, self.high, backward=backward)
        if backward:
            return rows.between(self.low, min(after, self.high), backward=True)
        if after < self.low:
            return rows.between(self.low, self.high)
        return rows.between(after, self.high, low_open=True)


EVERYTHING = Stretch(b"", PAST)


def segment(number: int, total: int) -> Stretch:
    """One of `total` equal parts of the token space."""
    if total == 1:
        return EVERYTHING
    low = -(-PARTS * number // total)
    high = -(-PARTS * (number + 1) // total)
    return Stretch(_start_of(low), PAST if high == PARTS else _start_of(high))


def _start_of(part: int) -> bytes:
    return (part * PART_TOKENS).to_bytes(TOKEN_BYTES, "big")


def partition(schema: KeySchema, hash_value: Attribute) -> Stretch:
    """All positions with this partition key."""
    low = token(schema.hash_type, hash_value[schema.hash_type])
    return Stretch(low, successor(low))


def stretch_of(schema: KeySchema, key_range: KeyRange) -> Stretch:
    """What a query's key conditions select."""
    kinds = [kind for _, kind in schema.hash_keys]
    values = [value[kind] for value, kind in zip(key_range.hash_values, kinds, strict=True)]
    low = tokens(list(zip(kinds, values, strict=True)))
    ranges = [kind for _, kind in schema.range_keys]
    for value, kind in zip(key_range.equal_values, ranges, strict=False):
        low += ordered(kind, value[kind])
    whole = Stretch(low, successor(low))
    if key_range.operator is None:
        return whole
    kind = ranges[len(key_range.equal_values)]
    return _narrowed(kind, whole, key_range.operator, key_range.bounds)


def narrowed(
    schema: KeySchema, whole: Stretch, operator: str, values: Sequence[Attribute]
) -> Stretch:
    """The part of a partition whose range keys satisfy a condition.

    Args:
        schema: the table's or index's key, with a range key.
        whole: the partition.
        operator: `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` or `begins_with`.
        values: one value, or the two bounds of BETWEEN.
    """
    return _narrowed(schema.range_type or "", whole, operator, values)


def _narrowed(kind: str, whole: Stretch, operator: str, values: Sequence[Attribute]) -> Stretch:
    start = whole.low
    if operator == "begins_with":
        low = start + prefix(kind, values[0][kind])
        return Stretch(low, successor(low))
    first = start + ordered(kind, values[0][kind])
    match operator:
        case "=":
            return Stretch(first, successor(first))
        case "<":
            return Stretch(start, first)
        case "<=":
            return Stretch(start, successor(first))
        case ">":
            return Stretch(successor(first), whole.high)
        case ">=":
            return Stretch(first, whole.high)
        case _:
            return Stretch(first, successor(start + ordered(kind, values[1][kind])))


def successor(position: bytes) -> bytes:
    """The least position after all those that begin with `position`."""
    kept = position.rstrip(b"\xff")
    if not kept:
        return PAST
    return kept[:-1] + bytes((kept[-1] + 1,))
