"""The ordered log of a table's effective writes: the one source of every stream.

DynamoDB Streams, the Kinesis relay, point-in-time exports and the run's history are views of it.
A write that changes nothing is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Attribute = dict[str, Any]
Item = dict[str, Attribute]
"""Attribute name to AttributeValue in wire form, e.g. `{"id": {"S": "u1"}}`; never mutated."""

EventName = Literal["INSERT", "MODIFY", "REMOVE"]


@dataclass(frozen=True, slots=True)
class Change:
    """One effective write of one item.

    Attributes:
        number: position in the table's log, from 0, without gaps.
        time_us: commit time on the clock, epoch µs; never decreases within a log.
        event: INSERT has no `old`, REMOVE has no `new`.
        keys: the primary key.
        old: the item before.
        new: the item after.
        by_service: True for a deletion by time to live.
    """

    number: int
    time_us: int
    event: EventName
    keys: Item
    old: Item | None
    new: Item | None
    by_service: bool = False


class ChangeLog:
    """Appended by the item engine, read by position; the oldest part can be trimmed.

    Appending calls every subscriber at once, in the order of subscription, so that a reader which
    returns from a write has its records on their way.
    """

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._first = 0
        self._subscribers: list[Callable[[Change], None]] = []

    @property
    def first(self) -> int:
        """Number of the oldest change still held (equals `end` when there is none)."""
        return self._first

    @property
    def end(self) -> int:
        """Number that the next change will get."""
        return self._first + len(self._changes)

    def append(
        self,
        time_us: int,
        event: EventName,
        keys: Item,
        old: Item | None,
        new: Item | None,
        *,
        by_service: bool = False,
    ) -> Change:
        """Add one effective write and tell the subscribers."""
        if self._changes and time_us < self._changes[-1].time_us:
            time_us = self._changes[-1].time_us
        change = Change(self.end, time_us, event, keys, old, new, by_service)
        self._changes.append(change)
        for notify in self._subscribers:
            notify(change)
        return change

    def read(self, start: int, limit: int) -> list[Change]:
        """Up to `limit` changes from number `start`; those trimmed away are left out."""
        index = max(0, start - self._first)
        return self._changes[index : index + limit]

    def trim(self, before: int) -> None:
        """Forget the changes numbered below `before`."""
        drop = min(max(0, before - self._first), len(self._changes))
        if drop:
            del self._changes[:drop]
            self._first += drop

    def subscribe(self, notify: Callable[[Change], None]) -> Callable[[], None]:
        """Call `notify` for each new change; returns the call that ends it."""
        self._subscribers.append(notify)
        return lambda: self._subscribers.remove(notify)
