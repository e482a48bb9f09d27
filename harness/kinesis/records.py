"""The records of one shard: appended, read by position, trimmed from the old end.

Each record is kept as the JSON text that GetRecords answers, made once when it arrives, so that a
page is a join of slices: reading costs what is read, however long the log is.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

_COMPACT_AT = 4096


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order, and where the next page begins.

    Attributes:
        fragments: each record as JSON text.
        next_position: counter from which the next page reads.
        size_bytes: data and partition keys of these records.
        behind_ms: age of the page's end against the newest record; 0 when nothing is left unread.
        last_counter: counter of the last record of the page; -1 when it is empty.
    """

    fragments: list[bytes]
    next_position: int
    size_bytes: int
    behind_ms: int
    last_counter: int


class ShardLog:
    """Records in order of arrival, found by counter, by time or by size without a scan."""

    __slots__ = ("_arrivals_ms", "_counters", "_ends", "_fragments", "_head", "_trimmed_bytes")

    def __init__(self) -> None:
        self._fragments: list[bytes] = []
        self._counters = array("Q")
        self._arrivals_ms = array("q")
        self._ends = array("Q")  # bytes appended up to and with this record
        self._head = 0  # records before it are trimmed but not yet given back
        self._trimmed_bytes = 0

    def __len__(self) -> int:
        return len(self._fragments) - self._head

    def append(self, counter: int, arrival_ms: int, size_bytes: int, fragment: bytes) -> None:
        """Add a record; counters only grow. An arrival before the last one counts as the last."""
        ends = self._ends
        ends.append((ends[-1] if ends else self._trimmed_bytes) + size_bytes)
        self._fragments.append(fragment)
        self._counters.append(counter)
        # A clock that was set back must not hide the order: records are found by time, too.
        arrivals = self._arrivals_ms
        arrivals.append(max(arrival_ms, arrivals[-1]) if arrivals else arrival_ms)

    def read(self, position: int, *, limit: int, size_bytes_max: int, now_ms: int) -> Page:
        """Up to `limit` records from counter `position` on, at least one if there is any.

        Args:
            position: counter; what was trimmed before it is skipped in silence, as AWS does.
            limit: records.
            size_bytes_max: the page ends before it would grow past this, save for its first record.
            now_ms: the clock.
        """
        start = self._index(position)
        count = len(self._fragments)
        if start >= count:
            return Page([], position, 0, 0, -1)
        before = self._ends[start - 1] if start else self._trimmed_bytes
        by_size = bisect_right(self._ends, before + size_bytes_max, start, count)
        stop = min(start + limit, max(by_size, start + 1))
        last = self._counters[stop - 1]
        # Never 0 while records are unread, though they may have come within this millisecond.
        behind_ms = max(1, now_ms - self._arrivals_ms[stop - 1]) if stop < count else 0
        size_bytes = self._ends[stop - 1] - before
        return Page(self._fragments[start:stop], last + 1, size_bytes, behind_ms, last)

    def has_from(self, position: int) -> bool:
        """True when a record at or after `position` is held."""
        return bool(self._counters) and self._counters[-1] >= position and len(self) > 0

    def position_at(self, time_ms: int) -> int | None:
        """Position of the first record that arrived at `time_ms` or later; None when there is none."""
        index = bisect_left(self._arrivals_ms, time_ms, self._head)
        return self._counters[index] if index < len(self._counters) else None

    def trim(self, before_ms: int) -> None:
        """Forget the records that arrived before `before_ms`."""
        arrivals = self._arrivals_ms
        head = self._head
        if head >= len(arrivals) or arrivals[head] >= before_ms:
            return
        self._head = bisect_left(arrivals, before_ms, head)
        # Giving memory back moves the rest, so it waits until as much is gone as stays.
        if self._head >= max(_COMPACT_AT, len(arrivals) // 2) or self._head == len(arrivals):
            self._compact()

    def _index(self, position: int) -> int:
        return bisect_left(self._counters, position, self._head)

    def _compact(self) -> None:
        self._trimmed_bytes = self._ends[self._head - 1]
        del self._fragments[: self._head]
        del self._counters[: self._head]
        del self._arrivals_ms[: self._head]
        del self._ends[: self._head]
        self._head = 0
