"""Shards of one stream: hash-key ranges, lineage, split and merge.

The open shards always tile 0 … 2^128-1. A split or merge closes its parents and opens its children at
one moment; what the parents hold stays in the parents until retention takes it.

Source: Kinesis developer guide, "Resharding a stream" and "After resharding"; API reference,
SplitShard, MergeShards, UpdateShardCount; kinesalite's split and merge tests.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING, Any

from harness.kinesis import sequence
from harness.kinesis.limits import ShardUse
from harness.kinesis.records import ShardLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HASH_KEYS = 1 << 128
LARGEST_INDEX = 2_147_483_647
_NUMBER = re.compile(r"\d+")


@dataclass(slots=True, eq=False)
class Shard:
    """One shard.

    Attributes:
        index: the number in its id; never used twice in a stream.
        first_hash: start of its range, inclusive.
        last_hash: end of its range, inclusive.
        opened_ms: when it began to take records.
        created_s: the second in its sequence numbers; a child's lies after its parents' end.
        parents: ids of those it came from: none, one (split) or two (merge).
        born: the stream's count of reshards when it was opened.
        died: that count when it was closed; None while open.
        closed_ms: when it stopped taking records; None while open.
        children: those it went into.
        watchers: called when a record came or the shard closed.
    """

    index: int
    first_hash: int
    last_hash: int
    opened_ms: int
    created_s: int
    parents: tuple[str, ...] = ()
    born: int = 0
    died: int | None = None
    closed_ms: int | None = None
    ended_s: int = 0
    children: list[Shard] = field(default_factory=list)
    log: ShardLog = field(default_factory=ShardLog)
    use: ShardUse = field(default_factory=ShardUse)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    shard_id: str = ""
    prefix: int = 0

    def __post_init__(self) -> None:
        self.shard_id = name_of(self.index)
        self.prefix = sequence.prefix(self.created_s, self.index)

    @property
    def is_open(self) -> bool:
        """True while it takes records."""
        return self.closed_ms is None

    def number(self, counter: int, second: int) -> str:
        """A sequence number of this shard."""
        return str(sequence.number(self.prefix, counter, max(second, self.created_s)))

    def open_from(self, time_ms: int) -> bool:
        """True when it took records at `time_ms` or later."""
        return self.closed_ms is None or self.closed_ms >= time_ms

    def drained(self, position: int) -> bool:
        """True when it is closed and holds nothing from `position` on."""
        return self.closed_ms is not None and not self.log.has_from(position)

    def notify(self) -> None:
        """Tell the watchers that something is new."""
        for watcher in tuple(self.watchers):
            watcher()

    def describe(self) -> dict[str, Any]:
        """The API's Shard."""
        numbers = {"StartingSequenceNumber": self.number(0, self.created_s)}
        if not self.is_open:
            numbers["EndingSequenceNumber"] = self.number(sequence.LAST_COUNTER, self.ended_s)
        described: dict[str, Any] = {"ShardId": self.shard_id}
        names = ("ParentShardId", "AdjacentParentShardId")
        described.update(zip(names, self.parents, strict=False))
        described["HashKeyRange"] = self.hash_key_range()
        described["SequenceNumberRange"] = numbers
        return described

    def hash_key_range(self) -> dict[str, str]:
        """The API's HashKeyRange."""
        return {"StartingHashKey": str(self.first_hash), "EndingHashKey": str(self.last_hash)}

    def child_shards(self) -> list[dict[str, Any]]:
        """The API's ChildShards, as both parents of a merge report them."""
        return [
            {
                "ShardId": child.shard_id,
                "ParentShards": list(child.parents),
                "HashKeyRange": child.hash_key_range(),
            }
            for child in self.children
        ]


class Shards:
    """All shards of a stream, those closed included until they expire.

    Args:
        count: how many to begin with.
        created_ms: when.
    """

    def __init__(self, count: int, created_ms: int) -> None:
        self._created_ms = created_ms
        self._by_index: dict[int, Shard] = {}
        self._closed: deque[Shard] = deque()
        self._open: list[Shard] = []
        self._starts: list[int] = []
        self._next_index = 0
        self.reshards = 0
        width = HASH_KEYS // count
        for number in range(count):
            last = HASH_KEYS - 1 if number == count - 1 else (number + 1) * width - 1
            self._open.append(self._add(number * width, last, created_ms, created_ms // 1000, ()))
        self._index_open()

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._by_index.values())

    @property
    def open(self) -> list[Shard]:
        """Those that take records, by hash range."""
        return self._open

    def find(self, index: int) -> Shard | None:
        """The shard of that index; None when there never was one, or it has expired."""
        return self._by_index.get(index)

    def route(self, hash_key: int) -> Shard:
        """The open shard whose range holds `hash_key`."""
        if len(self._open) == 1:
            return self._open[0]
        return self._open[bisect_right(self._starts, hash_key) - 1]

    def split(self, shard: Shard, second_start: int, now_ms: int) -> list[Shard]:
        """Close `shard`; two children take its range, the second from `second_start` on."""
        self.reshards += 1
        created_s = self._close(shard, now_ms) + 1
        parents = (shard.shard_id,)
        children = [
            self._add(shard.first_hash, second_start - 1, now_ms, created_s, parents),
            self._add(second_start, shard.last_hash, now_ms, created_s, parents),
        ]
        self._succeed([shard], children)
        return children

    def merge(self, left: Shard, right: Shard, now_ms: int) -> Shard:
        """Close two neighbours; one child takes both ranges."""
        self.reshards += 1
        created_s = max(self._close(left, now_ms), self._close(right, now_ms)) + 1
        parents = (left.shard_id, right.shard_id)
        child = self._add(left.first_hash, right.last_hash, now_ms, created_s, parents)
        self._succeed([left, right], [child])
        return child

    def scale(self, count: int, now_ms: int) -> None:
        """Become `count` shards of equal width by splits and merges, as UpdateShardCount does.

        Where old and new borders do not meet, shards come and go that never hold a record; the API
        reference announces these.
        """
        width = HASH_KEYS // count
        starts = [number * width for number in range(count)]
        for shard in tuple(self._open):
            self._cut(shard, [s for s in starts if shard.first_hash < s <= shard.last_hash], now_ms)
        for number, start in enumerate(starts):
            last = HASH_KEYS - 1 if number == count - 1 else starts[number + 1] - 1
            left = self.route(start)
            while left.last_hash != last:
                left = self.merge(left, self.route(left.last_hash + 1), now_ms)

    def expire(self, horizon_ms: int) -> None:
        """Forget the shards that closed before `horizon_ms`: all they held is past retention."""
        while self._closed:
            oldest = self._closed[0]
            if oldest.closed_ms is None or oldest.closed_ms >= horizon_ms:
                return
            self._closed.popleft()
            del self._by_index[oldest.index]

    def _cut(self, shard: Shard, borders: list[int], now_ms: int) -> None:
        """Split at all `borders`, the middle one first, so that lineage stays shallow."""
        if borders:
            middle = len(borders) // 2
            left, right = self.split(shard, borders[middle], now_ms)
            self._cut(left, borders[:middle], now_ms)
            self._cut(right, borders[middle + 1 :], now_ms)

    def _add(
        self, first: int, last: int, now_ms: int, created_s: int, parents: tuple[str, ...]
    ) -> Shard:
        shard = Shard(self._next_index, first, last, now_ms, created_s, parents, self.reshards)
        self._by_index[shard.index] = shard
        self._next_index += 1
        return shard

    def _close(self, shard: Shard, now_ms: int) -> int:
        shard.closed_ms = now_ms
        shard.died = self.reshards
        shard.ended_s = max(now_ms // 1000, shard.created_s)
        self._closed.append(shard)
        return shard.ended_s

    def _succeed(self, parents: list[Shard], children: list[Shard]) -> None:
        at = self._open.index(parents[0])
        self._open[at : at + len(parents)] = children
        self._index_open()
        for parent in parents:
            parent.children.extend(children)
        for parent in parents:
            parent.notify()

    def _index_open(self) -> None:
        self._starts = [shard.first_hash for shard in self._open]


def name_of(index: int) -> str:
    """The id of the shard of that index; AWS shows one above 2^31-1 as a negative number."""
    if index > LARGEST_INDEX:
        return f"shardId--{2**32 - index:011d}"
    return f"shardId-{index:012d}"


def index_in(shard_id: str) -> int | None:
    """The index that an id means; AWS reads `shardId-000000000001`, `x-1` and `1` alike.

    None when it means none: no number, or one above 2^31-1.
    """
    parts = shard_id.split("-")
    digits = (parts[1] if len(parts) > 1 else "") or shard_id
    if not _NUMBER.fullmatch(digits) or not digits.isascii() or int(digits) > LARGEST_INDEX:
        return None
    return int(digits)


def hash_key_of(partition_key: str) -> int:
    """Where a partition key lies among the hash keys: MD5 of its UTF-8, as a number."""
    return int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest(), "big")
