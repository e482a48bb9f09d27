"""The ordered log of a table's effective writes: the one source of every stream.

DynamoDB Streams, the Kinesis relay, point-in-time exports and the run's history are views of it.
A write that changes nothing is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

Attribute = dict[str, Any]
Item = dict[str, Attribute]
"""Attribute name to AttributeValue in wire form, e.g. `{"id": {"S": "u1"}}`; never mutated."""

EventName = Literal["INSERT", "MODIFY", "REMOVE"]

TRIM_EVERY = 1024
SECOND_US = 1_000_000


class Change:
    """One effective write of one item.

    The images are held as JSON bytes, which a reader can splice into its answer; `old` and `new`
    decode them anew at each access, so keep the result when it is needed twice.

    Attributes:
        number: position in the table's log, from 0, without gaps.
        time_us: commit time on the clock, epoch µs; never decreases within a log.
        event: INSERT has no `old`, REMOVE has no `new`.
        keys: the primary key.
        old_json: the item before, as JSON bytes, or None.
        new_json: the item after, as JSON bytes, or None.
        old_size: DynamoDB's size of the old item in bytes; None when the writer did not say.
        new_size: the same for the new item.
        by_service: True for a deletion by time to live.
    """

    __slots__ = (
        "by_service",
        "event",
        "keys",
        "new_json",
        "new_size",
        "number",
        "old_json",
        "old_size",
        "time_us",
    )

    def __init__(
        self,
        number: int,
        time_us: int,
        event: EventName,
        keys: Item,
        old: Item | bytes | None,
        new: Item | bytes | None,
        by_service: bool = False,  # noqa: FBT001, FBT002 - the last field of a record
        *,
        old_size: int | None = None,
        new_size: int | None = None,
    ) -> None:
        self.number = number
        self.time_us = time_us
        self.event: EventName = event
        self.keys = keys
        self.old_json = old if old is None or isinstance(old, bytes) else orjson.dumps(old)
        self.new_json = new if new is None or isinstance(new, bytes) else orjson.dumps(new)
        self.by_service = by_service
        self.old_size = old_size
        self.new_size = new_size

    @property
    def old(self) -> Item | None:
        """The item before; None for INSERT."""
        return None if self.old_json is None else orjson.loads(self.old_json)

    @property
    def new(self) -> Item | None:
        """The item after; None for REMOVE."""
        return None if self.new_json is None else orjson.loads(self.new_json)

    def __repr__(self) -> str:
        return f"Change({self.number}, {self.time_us}, {self.event!r}, {self.keys!r})"


class ChangeLog:
    """Appended by the item engine, read by position; the oldest part can be trimmed.

    Appending calls every subscriber at once, in the order of subscription, so that a reader which
    returns from a write has its records on their way.

    Args:
        keep_all: hold every change until `trim` (the default of a bare log). The log of a table
            is made with False: it holds only what some reader registered by `keep` still needs.
    """

    def __init__(self, *, keep_all: bool = True) -> None:
        self._changes: list[Change] = []
        self._first = 0
        self._subscribers: list[Callable[[Change], None]] = []
        self._keep_all = keep_all
        self._keepers: dict[str, int] = {}
        self._window_us = 0
        self._countdown = TRIM_EVERY

    @property
    def first(self) -> int:
        """Number of the oldest change still held (equals `end` when there is none)."""
        return self._first

    @property
    def end(self) -> int:
        """Number that the next change will get."""
        return self._first + len(self._changes)

    @property
    def needed(self) -> bool:
        """True when a change appended now would be stored or told to anybody."""
        return self._keep_all or bool(self._keepers) or bool(self._subscribers)

    def keep(self, reader: str, seconds: float) -> None:
        """Hold changes for at least `seconds` of the clock's time because `reader` needs them.

        Streams ask for 24 hours, point-in-time recovery for 35 days; asking again replaces.
        """
        self._keepers[reader] = round(seconds * SECOND_US)
        self._window_us = max(self._keepers.values())

    def release(self, reader: str) -> None:
        """`reader` needs no changes any more; harmless when it never did."""
        self._keepers.pop(reader, None)
        self._window_us = max(self._keepers.values(), default=0)
        if not self._keepers and not self._keep_all:
            self.trim(self.end)

    def append(
        self,
        time_us: int,
        event: EventName,
        keys: Item,
        old: Item | bytes | None,
        new: Item | bytes | None,
        *,
        by_service: bool = False,
        old_size: int | None = None,
        new_size: int | None = None,
    ) -> Change:
        """Add one effective write and tell the subscribers."""
        if self._changes and time_us < self._changes[-1].time_us:
            time_us = self._changes[-1].time_us
        change = Change(
            self.end, time_us, event, keys, old, new, by_service,
            old_size=old_size, new_size=new_size,
        )  # fmt: skip
        if self._keep_all or self._keepers:
            self._changes.append(change)
            self._countdown -= 1
            if self._countdown <= 0:
                self._countdown = TRIM_EVERY
                self._trim_expired(time_us)
        else:
            self._first += 1
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

    def _trim_expired(self, now_us: int) -> None:
        """Drop what no keeper needs, once it is a quarter of the log (amortised O(1))."""
        if self._keep_all:
            return
        horizon = now_us - self._window_us
        changes = self._changes
        if changes[len(changes) // 4].time_us >= horizon:
            return
        low, high = len(changes) // 4, len(changes)
        while low < high:
            middle = (low + high) // 2
            if changes[middle].time_us < horizon:
                low = middle + 1
            else:
                high = middle
        self.trim(self._first + low)
