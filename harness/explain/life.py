"""The life of a key: write, stream record, deliveries, rows, FINAL, and what fell in between.

A pure model: `harness explain` prints it, the report draws it. Everything in it was recorded; where
the history cannot tell (which INSERT carried a record), it says "at the earliest", and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.explain.material import End, KeyText, label

Lane = Literal["write", "stream", "pipeline", "rows", "final"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a key, or that fell into its life.

    Attributes:
        at_us: epoch µs.
        lane: which part of the path it belongs to.
        kind: write, refused, delivered, oversized, read, insert, fault, life, operator, row, entered,
            sample, final.
        text: what happened, in a few words.
        detail: what else is known of it.
        write: the markers of the writes that it is about, a space between; empty for none.
        shard: where the stream's records lie.
        tag: what is odd about it: again, overtakes, late-again, tie, unread, undelivered, outranked,
            wrong; empty when nothing is.
    """

    at_us: int
    lane: Lane
    kind: str
    text: str
    detail: str = ""
    write: str = ""
    shard: str = ""
    tag: str = ""


@dataclass(slots=True)
class Change:
    """One effective write of a key, and what became of it on its way.

    Attributes:
        number: its place in the table's change log; -1 when the stream never carried it.
        write: marker of the write; `change-17` where the workload did not make it.
        is_delete: it removed the item.
        time_us: its stamp.
        phase: before, during or after the snapshot; empty when nothing tells.
        deliveries: when, where and under which sequence number it reached the stream.
        readings: how often the pipeline was handed it.
        is_oversized: AWS leaves such a change out.
    """

    number: int
    write: str
    is_delete: bool
    time_us: int
    phase: str = ""
    deliveries: list[tuple[int, str, int]] = field(default_factory=list)
    readings: int = 0
    is_oversized: bool = False


@dataclass(slots=True)
class Life:
    """All that is known of one key."""

    key: KeyText
    names: list[str]
    moments: list[Moment] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    end: End | None = None

    @property
    def label(self) -> str:
        """The key for the eye."""
        return label(self.key)
