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

VERSION = 2
_OLDEST = 1 << 124
_DIGITS = 47
_LATEST_SECOND = 16_025_175_000
_TEXT = re.compile(r"0|[1-9]\d{0,128}")


EXACT_SECONDS_MAX = 10**12


@dataclass(frozen=True, slots=True)
class Sequence:
    """The parts of a sequence number; times are whole seconds since the epoch."""

    shard_created_s: int
    shard_index: int
    counter: int
    second: int
    version: int


class BadSequence(ValueError):  # noqa: N818 - names what was found
    """A number that no shard could have given."""


def prefix(shard_created_s: int, shard_index: int) -> int:
    """What all sequence numbers of one shard share: everything but counter and second."""
    head = (VERSION << 40) | (shard_created_s << 4) | (shard_index & 0xF)
    return (head << 144) | (shard_index << 4) | VERSION


def number(shard_prefix: int, counter: int, second: int) -> int:
    """The sequence number of one record, given its shard's `prefix`."""
    return shard_prefix | (counter << 80) | (second << 36)


def parse(text: str) -> Sequence:
    """Take a sequence number apart, of today's layout or of the two that came before.

    Raises:
        BadSequence: of none of them.
    """
    if not _TEXT.fullmatch(text):
        raise BadSequence(text)
    value = int(text)
    if value < _OLDEST:
        value += _OLDEST  # AWS reads a small number as one of the oldest layout, created in 1970
    digits = f"{value:x}"
    if value < 2 * _OLDEST:
        created_s, index, counter, second = digits[1:10], digits[28:32], "0", "0"
    elif len(digits) != _DIGITS or digits[0] != "2":
        raise BadSequence(text)
    elif digits[-1] == "2":
        created_s, index, counter, second = (
            digits[1:10],
            digits[38:46],
            digits[11:27],
            digits[29:38],
        )
    elif digits[-1] == "1":
        created_s, index, counter, second = (
            digits[1:10],
            digits[38:46],
            digits[36:38],
            digits[13:22],
        )
    else:
        raise BadSequence(text)
    version = 0 if value < 2 * _OLDEST else int(digits[-1])
    parts = Sequence(int(created_s, 16), int(index, 16), int(counter, 16), int(second, 16), version)
    if parts.counter > LAST_COUNTER or parts.shard_created_s >= _LATEST_SECOND:
        raise BadSequence(text)
    return parts


def milliseconds(seconds: float) -> int:
    """Epoch seconds as whole milliseconds, however many a CBOR double may name."""
    return round(seconds) * 1000 if abs(seconds) > EXACT_SECONDS_MAX else round(seconds * 1000)
