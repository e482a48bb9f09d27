"""Sequence numbers: 56 decimal digits, increasing within a shard, meaningless across shards.

In hexadecimal, from the left:

    2 | second the shard was created (9) | shard index, last digit (1) | counter (16) | 00
      | second of the record (9) | shard index (8) | 2

The counter is the stream's own, so it grows with gaps within a shard, as on AWS. A position in a
shard is such a counter: "the records from this counter on".

Source: kinesalite's codec, checked against numbers that AWS gave.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LAST_COUNTER = 0x7FFF_FFFF_FFFF_FFFF
"""The counter in a closed shard's EndingSequenceNumber."""

_VERSION = 2
_DIGITS = 47
_LATEST_SECOND = 16_025_175_000
_TEXT = re.compile(r"0|[1-9]\d{0,128}")


@dataclass(frozen=True, slots=True)
class Sequence:
    """The parts of a sequence number; times are whole seconds since the epoch."""

    shard_created_s: int
    shard_index: int
    counter: int
    second: int


class BadSequence(ValueError):  # noqa: N818 - names what was found
    """A number that no shard could have given."""


def prefix(shard_created_s: int, shard_index: int) -> int:
    """What all sequence numbers of one shard share: everything but counter and second."""
    head = (_VERSION << 40) | (shard_created_s << 4) | (shard_index & 0xF)
    return (head << 144) | (shard_index << 4) | _VERSION


def number(shard_prefix: int, counter: int, second: int) -> int:
    """The sequence number of one record, given its shard's `prefix`."""
    return shard_prefix | (counter << 80) | (second << 36)


def parse(text: str) -> Sequence:
    """Take a sequence number apart.

    Raises:
        BadSequence: not of the layout above.
    """
    if not _TEXT.fullmatch(text):
        raise BadSequence(text)
    digits = f"{int(text):x}"
    if len(digits) != _DIGITS or digits[0] != "2" or digits[-1] != "2":
        raise BadSequence(text)
    sequence = Sequence(
        shard_created_s=int(digits[1:10], 16),
        shard_index=int(digits[38:46], 16),
        counter=int(digits[11:27], 16),
        second=int(digits[29:38], 16),
    )
    if sequence.counter > LAST_COUNTER or sequence.shard_created_s >= _LATEST_SECOND:
        raise BadSequence(text)
    return sequence
