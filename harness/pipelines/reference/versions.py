"""Versions: which of two rows of one key is the later one.

**Layout.** version = ApproximateCreationDateTime in µs × 1,024 + rank. A stamp in ms or s is
scaled to µs first, so a stream that changes its precision half-way stays comparable. 1,024 leaves
an Int64 room until the year 2255. In a DateTime64(6) or (9) column the ticks are µs or ns and the
rank uses what is finer than the stamp. The value depends on the record, never on when it is read:
a redelivered or replayed record gets no higher version than before.

**Rank** orders changes of one key with equal stamps. A record on Kinesis carries no order of its
own, only both images. Changes of one item form a chain: each OldImage is the NewImage of the one
before. With all members of a tie in sight their order is the path through these links (an Eulerian
path: images are nodes, changes are edges, so that a value that comes back, 1 → 2 → 1 → 3, is
ordered too); the rank is the position on it. With some members missing, a rank counts only the
known predecessors, so it is never too high; when a missing one arrives, the ranks of its
successors rise and their rows are written again ("reissued") with the higher version.

**Guaranteed**: after the records of a tie were all seen within one window (`tie_window_records`;
at a restart within `resume_lookback_ms`, in one shard), the last change has the strictly highest
version, whatever the order and number of deliveries. A delete and a re-insert in one stamp are such
a tie.

**Not guaranteed**, because nobody can: (a) a tie whose images return to where they began (1 → 2
→ 1) when the image before it is not in the window: each rotation fits. Absence is then taken as
the beginning (insert, delete), else the order of arrival decides; (b) ties whose members are further apart than the window; (c) a stream without OldImage
(a DynamoDB Streams view of new images): the order of arrival decides, which for Streams is the
true one; (d) stamps that contradict the order of writes (clock skew between storage nodes).
Unique write markers inside the items exclude (a).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.pipelines.reference.chains import chain_order
from harness.pipelines.reference.column_types import parse_type
from harness.pipelines.reference.records import Poison
from harness.pipelines.reference.shards import decoded

if TYPE_CHECKING:
    from harness.pipelines.reference.records import Change, Decoder

TICKS_PER_US = 1024
ENTRIES_PER_KEY_MAX = 64
GENERATION_BYTES = 16_000_000
DATETIME64_MIN_PRECISION = 6

STAMP, RANK, EVENT_ID, DATA, SOURCE = range(5)
Entry = list[Any]
"""[stamp_us, rank, event id, raw record, where it came from]; a list because one is made per record."""


class VersionLayout:
    """How a version is written into its column.

    Args:
        column_type: of the version column.

    Raises:
        UsageError: the column cannot hold a microsecond stamp.
    """

    def __init__(self, column_type: str) -> None:
        kind = parse_type(column_type)
        self._precision = 0
        if kind.family in ("UInt64", "Int64", "UInt128", "Int128"):
            self.ticks_per_us = TICKS_PER_US
        elif kind.family == "DateTime64" and kind.precision >= DATETIME64_MIN_PRECISION:
            self.ticks_per_us = 10 ** (kind.precision - DATETIME64_MIN_PRECISION)
            self._precision = kind.precision
        else:
            raise UsageError(
                f"version column of type {column_type} cannot hold microseconds",
                hint="use UInt64, Int64 or DateTime64(6) to DateTime64(9)",
            )

    def version(self, stamp_us: int, rank: int = 0, unit_us: int = 1) -> Any:
        """The cell for a stamp and its rank among equals."""
        ticks = self.ticks(stamp_us, rank, unit_us)
        return self.written(ticks)

    def written(self, ticks: int) -> Any:
        """The cell for a number that the column holds inside."""
        return self._text(ticks) if self._precision else ticks

    def ticks(self, stamp_us: int, rank: int = 0, unit_us: int = 1) -> int:
        """The same as the number that the column holds inside."""
        room = unit_us * self.ticks_per_us
        return stamp_us * self.ticks_per_us + (rank if rank < room else room - 1)

    def sql(self, stamp_us: int) -> str:
        """The same as a SQL literal, rank 0."""
        cell = self.version(stamp_us)
        if not self._precision:
            return str(cell)
        return f"toDateTime64('{cell}', {self._precision}, 'UTC')"

    def _text(self, ticks: int) -> str:
        second = 10**self._precision
        return f"{ticks // second}.{ticks % second:0{self._precision}d}"


class Versioner:
    """Gives each change its version, and says which earlier rows must be written again.

    Args:
        decoder: reads a remembered record again when its rank rises.
        layout: of the version column.
        window_records: how many records are remembered, at least half of it at any time, unless
            they are so large that they would fill the memory.
    """

    def __init__(self, decoder: Decoder, layout: VersionLayout, *, window_records: int) -> None:
        self.layout = layout
        self._ticks_per_us = layout.ticks_per_us
        self._decoder = decoder
        self._generation_records = max(1, window_records // 2)
        self._recent: dict[Any, list[Entry]] = {}
        self._earlier: dict[Any, list[Entry]] = {}
        self._seen = 0
        self._seen_bytes = 0
        self.reissues: list[tuple[Change, Any, Any]] = []

    def version(self, change: Change, data: bytes, source: Any = None) -> Any:
        """The version of a change; `reissues` then lists (change, version, source) to repeat."""
        entry = [change.stamp_us, 0, change.event_id, data, source]
        return self.layout.written(self._place(change.key, entry, change.unit_us))

    def ticks(self, key: Any, stamp_us: int, unit_us: int, data: bytes | str, source: Any) -> int:
        """The same for a record of which only key and stamp were read."""
        return self._place(key, [stamp_us, 0, None, data, source], unit_us)

    def _place(self, key: Any, entry: Entry, unit_us: int) -> int:
        entries = self._recent.get(key)
        if entries is None:
            entries = self._recent[key] = self._earlier.pop(key, [])
        self._seen += 1
        self._seen_bytes += len(entry[DATA])
        if self._seen >= self._generation_records or self._seen_bytes >= GENERATION_BYTES:
            self._seen = self._seen_bytes = 0
            self._earlier, self._recent = self._recent, {key: entries}
        stamp: int = entry[STAMP]
        if not entries or entries[-1][STAMP] < stamp:
            entries.append(entry)
            if len(entries) > ENTRIES_PER_KEY_MAX:
                del entries[0]
            return stamp * self._ticks_per_us
        return self._tied(entries, entry, unit_us)

    def _tied(self, entries: list[Entry], entry: Entry, unit_us: int) -> int:
        """The change is not the newest of its key: find its place."""
        stamp, layout = entry[STAMP], self.layout
        group = [e for e in entries if e[STAMP] == stamp]
        if group and not self._name([*group, entry]):
            return layout.ticks(stamp)
        for known in group:
            if (known[EVENT_ID] and known[EVENT_ID] == entry[EVENT_ID]) or known[DATA] == entry[
                DATA
            ]:
                return layout.ticks(stamp, known[RANK], unit_us)
        place = sum(e[STAMP] <= stamp for e in entries)
        before = entries[place - len(group) - 1] if place > len(group) else None
        entries.insert(place, entry)
        if len(entries) > 4 * ENTRIES_PER_KEY_MAX:
            del entries[0]
        if group:
            self._rank([*group, entry], entry, before)
        return layout.ticks(stamp, entry[RANK], unit_us)

    def _name(self, group: list[Entry]) -> bool:
        """Read the event ids that were not needed before; False when one is no change at all."""
        for entry in group:
            if entry[EVENT_ID] is None:
                try:
                    entry[EVENT_ID] = self._again(entry).event_id
                except Poison:
                    return False
        return True

    def _rank(self, group: list[Entry], newest: Entry, before: Entry | None) -> None:
        changes = [self._again(e) for e in group]
        prior = None
        if before is not None:
            prior = image_identity(self._again(before).new)
        links = [self._link(change) for change in changes]
        for part in chain_order(links, prior):
            rank = -1
            for index in part:
                entry = group[index]
                rank = max(rank + 1, entry[RANK])
                if rank == entry[RANK]:
                    continue
                entry[RANK] = rank
                if entry is not newest:
                    change = changes[index]
                    version = self.layout.version(change.stamp_us, rank, change.unit_us)
                    self.reissues.append((change, version, entry))

    def _again(self, entry: Entry) -> Change:
        return self._decoder.read(decoded(entry[DATA]))

    def _link(self, change: Change) -> tuple[bytes, bytes] | None:
        if change.event != "INSERT" and change.old is None:
            return None
        return image_identity(change.old), image_identity(change.new)


def image_identity(image: dict[str, Any] | None) -> bytes:
    """Equal for equal items, however their attributes and sets are ordered; empty for none."""
    if image is None:
        return b""
    return orjson.dumps(_canonical({"M": image}), option=orjson.OPT_SORT_KEYS)


def _canonical(value: dict[str, Any]) -> dict[str, Any]:
    ((tag, held),) = value.items()
    if tag in ("SS", "NS", "BS"):
        return {tag: sorted(held)}
    if tag == "M":
        return {tag: {name: _canonical(member) for name, member in held.items()}}
    if tag == "L":
        return {tag: [_canonical(element) for element in held]}
    return value
