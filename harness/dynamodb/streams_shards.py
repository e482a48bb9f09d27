"""One DynamoDB stream: its shards, their lineage, and the records in them as ready JSON.

A record is encoded once, when its change is written; reading joins fragments, so a page costs what
it returns. A shard owns a range of key tokens, so all changes of an item stand in one shard and its
descendants, in order. Shards roll over by age and when an operator says so: the parent is closed and
keeps its records, one or two children go on.

Source: developer guide, "Change data capture for DynamoDB Streams"; API reference of the streams.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clock import SECOND_US
from harness.dynamodb.streams_records import (
    StreamRecords,
    end_sequence,
    sequence_of,
    start_sequence,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.dynamodb.change_log import Change, ChangeLog
    from harness.dynamodb.keys import KeySchema

TOKENS_END = 1 << 32
TOKEN_PART_BYTES = 4
HOUR_US = 3600 * SECOND_US


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What AWS decides by itself and a test may want otherwise.

    Attributes:
        shards: of a new stream. AWS gives an on-demand table 4 and a small provisioned one 1.
        rollover_hours: age at which a shard is closed for a child; None never does it.
        retention_hours: records and ended streams are readable that long.
        iterator_minutes: how long a shard iterator lives.
        transition_seconds: how long ENABLING and DISABLING last.
    """

    shards: int = 1
    rollover_hours: float | None = 4.0
    retention_hours: float = 24.0
    iterator_minutes: float = 15.0
    transition_seconds: float = 0.0


class Shard:
    """A run of records of a range of keys.

    Attributes:
        shard_id: `shardId-`, 20 digits that grow with each shard, `-` and 8 hex digits.
        parent_id: the shard that it continues, or None.
        low: first token of its range.
        high: first token after its range.
        created_us: when it was opened.
        start: number of the first change it could hold.
        end: number of the first change that it could not; None while it is open.
        closed_us: when it was closed; None while it is open.
    """

    def __init__(
        self, shard_id: str, parent_id: str | None, low: int, high: int, created_us: int, start: int
    ) -> None:
        self.shard_id = shard_id
        self.parent_id = parent_id
        self.low = low
        self.high = high
        self.created_us = created_us
        self.start = start
        self.end: int | None = None
        self.closed_us: int | None = None
        self._fragments: list[bytes] = []
        self._numbers = array("q")
        self._times = array("q")
        self._dropped = 0
        self._last_dropped = -1

    @property
    def records_end(self) -> int:
        """Position that the next record will get; positions count from 0."""
        return self._dropped + len(self._fragments)

    def append(self, change: Change, fragment: bytes) -> None:
        """Add a record behind the others."""
        self._fragments.append(fragment)
        self._numbers.append(change.number)
        self._times.append(change.time_us)

    def first_kept(self, horizon_us: int) -> int:
        """Position of the oldest record written at or after `horizon_us`.

        What is older is dropped once it is half of the shard, so that this costs nothing.
        """
        old = bisect_left(self._times, horizon_us)
        if old and old * 2 >= len(self._times):
            self._last_dropped = self._numbers[old - 1]
            del self._fragments[:old], self._numbers[:old], self._times[:old]
            self._dropped += old
            old = 0
        return self._dropped + old

    def position_of_sequence(self, sequence: int, *, after: bool) -> int | None:
        """Position of the first record at (or after) a sequence number; None when it is trimmed."""
        if self._last_dropped >= 0 and sequence <= sequence_of(self._last_dropped):
            return None
        find = bisect_right if after else bisect_left
        return self._dropped + find(self._numbers, sequence, key=sequence_of)

    def position_of_time(self, time_us: int) -> int:
        """Position of the first record written at or after a time."""
        return self._dropped + bisect_left(self._times, time_us)

    def read(self, position: int, limit: int) -> list[bytes]:
        """Up to `limit` records from a position that is kept."""
        index = position - self._dropped
        return self._fragments[index : index + limit]

    @property
    def start_sequence(self) -> str:
        """Its StartingSequenceNumber."""
        return start_sequence(self.start)

    @property
    def end_sequence(self) -> str | None:
        """Its EndingSequenceNumber; None while it is open."""
        return None if self.end is None else end_sequence(self.end)


class ChangeStream:
    """One enabled (or formerly enabled) stream of one table.

    Args:
        arn: the stream's ARN.
        label: its label.
        table_name: the table it belongs to.
        schema: the table's key.
        view_type: which images its records have.
        region: `awsRegion` of its records.
        log: the table's changes; records are made of those appended from now on.
        now_us: when it was enabled.
        settings: shards and retention.
    """

    def __init__(
        self,
        arn: str,
        label: str,
        *,
        table_name: str,
        schema: KeySchema,
        view_type: str,
        region: str,
        log: ChangeLog,
        now_us: int,
        settings: StreamSettings,
    ) -> None:
        self.arn = arn
        self.label = label
        self.table_name = table_name
        self.schema = schema
        self.view_type = view_type
        self.created_us = now_us
        self.disabled_us: int | None = None
        self.shards: dict[str, Shard] = {}
        self._settings = settings
        self._records = StreamRecords(arn, region, view_type)
        self._log = log
        self._open: list[Shard] = []
        self._last_shard_number = now_us // 1000 - 1
        step = TOKENS_END // settings.shards
        for index in range(settings.shards):
            high = TOKENS_END if index == settings.shards - 1 else (index + 1) * step
            self._open_shard(None, index * step, high, now_us)
        self._unsubscribe: Callable[[], None] | None = log.subscribe(self._accept)

    def status(self, now_us: int) -> str:
        """ENABLING, ENABLED, DISABLING or DISABLED."""
        transition_us = round(self._settings.transition_seconds * SECOND_US)
        if self.disabled_us is not None:
            return "DISABLING" if now_us < self.disabled_us + transition_us else "DISABLED"
        return "ENABLING" if now_us < self.created_us + transition_us else "ENABLED"

    def horizon_us(self, now_us: int) -> int:
        """Records written before this time are trimmed."""
        return now_us - round(self._settings.retention_hours * HOUR_US)

    def is_gone(self, now_us: int) -> bool:
        """True when it was disabled so long ago that nothing of it is left."""
        return self.disabled_us is not None and self.disabled_us < self.horizon_us(now_us)

    def disable(self, now_us: int) -> None:
        """Close every shard; what is in them stays readable until it is trimmed."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self.disabled_us = now_us
            for shard in list(self._open):
                self._close(shard, now_us)

    def roll(self, shard: Shard, now_us: int, *, children: int = 1) -> list[Shard]:
        """Close an open shard; one child takes its whole range, or two take a half each."""
        self._close(shard, now_us)
        if children == 1:
            return [self._open_shard(shard.shard_id, shard.low, shard.high, now_us)]
        middle = (shard.low + shard.high) // 2
        return [
            self._open_shard(shard.shard_id, shard.low, middle, now_us),
            self._open_shard(shard.shard_id, middle, shard.high, now_us),
        ]

    def settle(self, now_us: int) -> None:
        """Let time have its effect: shards roll over by age, empty old ones vanish."""
        if self._settings.rollover_hours is not None:
            old_us = now_us - round(self._settings.rollover_hours * HOUR_US)
            for shard in list(self._open):
                if shard.created_us <= old_us:
                    self.roll(shard, now_us)
        horizon_us = self.horizon_us(now_us)
        for shard in list(self.shards.values()):
            if shard.closed_us is not None and shard.closed_us < horizon_us:
                del self.shards[shard.shard_id]

    def is_open(self, shard: Shard) -> bool:
        """True while records may still come into this shard."""
        return shard.end is None

    def _accept(self, change: Change) -> None:
        if self._settings.rollover_hours is not None:
            age_us = change.time_us - self._open[0].created_us
            if age_us >= self._settings.rollover_hours * HOUR_US:
                # The change that finds its shard too old goes to the child, whose range must
                # therefore begin with it and not behind it.
                self._roll_before(change)
        shard = self._open[0]
        if len(self._open) > 1:
            position = self.schema.position(change.keys)
            token = int.from_bytes(position[:TOKEN_PART_BYTES], "big")
            shard = next(s for s in self._open if s.low <= token < s.high)
        shard.append(change, self._records.encode(change))

    def _roll_before(self, change: Change) -> None:
        old_us = change.time_us - round((self._settings.rollover_hours or 0) * HOUR_US)
        for shard in list(self._open):
            if shard.created_us <= old_us:
                (child,) = self.roll(shard, change.time_us)
                shard.end = child.start = change.number

    def _open_shard(self, parent_id: str | None, low: int, high: int, now_us: int) -> Shard:
        self._last_shard_number = max(self._last_shard_number + 1, now_us // 1000)
        shard_id = self._records.shard_id(self._last_shard_number)
        shard = Shard(shard_id, parent_id, low, high, now_us, self._log.end)
        self.shards[shard_id] = shard
        # The oldest first: `_accept` looks at its age alone.
        self._open.append(shard)
        return shard

    def _close(self, shard: Shard, now_us: int) -> None:
        shard.end = self._log.end
        shard.closed_us = now_us
        self._open.remove(shard)
