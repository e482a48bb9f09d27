"""The emulator against a model of it: a list of records per shard, and ranges that tile the ring."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.clock import VirtualClock
from harness.kinesis.api import Kinesis
from harness.kinesis.settings import Settings
from tests.kinesis.app import WHOLE

SHARDS_MAX = 12
HASH_KEYS = st.integers(0, WHOLE - 1)


@dataclass
class ModelShard:
    first: int
    last: int
    records: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)


class Consumer:
    """Reads as the guide says: a shard from its start, its children once all parents are drained."""

    def __init__(self, kinesis: Kinesis) -> None:
        self.kinesis = kinesis
        self.iterators: dict[str, str] = {}
        self.drained: set[str] = set()
        self.read: dict[str, list[str]] = {}

    def begin(self, shard_id: str) -> None:
        answer: Any = self.kinesis.handle(
            "GetShardIterator",
            {"StreamName": "s", "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"},
        )
        self.iterators[shard_id] = answer["ShardIterator"]
        self.read[shard_id] = []

    def step(self, shard_id: str, limit: int) -> None:
        body: Any = self.kinesis.handle(
            "GetRecords", {"ShardIterator": self.iterators[shard_id], "Limit": limit}
        )
        page = orjson.loads(body)
        self.read[shard_id] += [record["PartitionKey"] for record in page["Records"]]
        if "NextShardIterator" in page:
            self.iterators[shard_id] = page["NextShardIterator"]
            return
        del self.iterators[shard_id]
        self.drained.add(shard_id)
        for child in page["ChildShards"]:
            if self.drained.issuperset(child["ParentShards"]) and child["ShardId"] not in self.read:
                self.begin(child["ShardId"])


class Resharding(RuleBasedStateMachine):
    """Puts, splits, merges and reads in any order."""

    @initialize(count=st.integers(1, 4), update_seconds=st.sampled_from([0, 10]))
    def create(self, count: int, update_seconds: int) -> None:
        self.clock = VirtualClock()
        self.kinesis = Kinesis(
            self.clock, settings=Settings(create_seconds=0, update_seconds=update_seconds)
        )
        self.kinesis.handle("CreateStream", {"StreamName": "s", "ShardCount": count})
        self.shards: dict[str, ModelShard] = {}
        for shard in self.listed():
            bounds = shard["HashKeyRange"]
            self.shards[shard["ShardId"]] = ModelShard(
                int(bounds["StartingHashKey"]), int(bounds["EndingHashKey"])
            )
        self.consumer = Consumer(self.kinesis)
        for shard_id in self.shards:
            self.consumer.begin(shard_id)
        self.written = 0

    def listed(self) -> list[Any]:
        answer: Any = self.kinesis.handle("ListShards", {"StreamName": "s"})
        shards: list[Any] = answer["Shards"]
        return shards

    def open(self) -> list[str]:
        live = [shard_id for shard_id, shard in self.shards.items() if not shard.children]
        return sorted(live, key=lambda shard_id: self.shards[shard_id].first)

    @rule(hash_keys=st.lists(HASH_KEYS, min_size=1, max_size=5))
    def put(self, hash_keys: list[int]) -> None:
        entries = []
        for hash_key in hash_keys:
            self.written += 1
            text = str(self.written)
            entries.append({"Data": "", "PartitionKey": text, "ExplicitHashKey": str(hash_key)})
            for shard_id in self.open():
                if self.shards[shard_id].first <= hash_key <= self.shards[shard_id].last:
                    self.shards[shard_id].records.append(text)
        self.kinesis.handle("PutRecords", {"StreamName": "s", "Records": entries})

    @precondition(lambda self: len(self.open()) < SHARDS_MAX)
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        parent = data.draw(st.sampled_from(self.open()))
        shard = self.shards[parent]
        if shard.last - shard.first < 4:
            return
        border = data.draw(st.integers(shard.first + 2, shard.last - 1))
        self.kinesis.handle(
            "SplitShard",
            {"StreamName": "s", "ShardToSplit": parent, "NewStartingHashKey": str(border)},
        )
        self.clock.advance(10)
        self.succeed([parent], [(shard.first, border - 1), (border, shard.last)])

    @precondition(lambda self: len(self.open()) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        live = self.open()
        at = data.draw(st.integers(0, len(live) - 2))
        left, right = live[at], live[at + 1]
        self.kinesis.handle(
            "MergeShards",
            {"StreamName": "s", "ShardToMerge": left, "AdjacentShardToMerge": right},
        )
        self.clock.advance(10)
        self.succeed([left, right], [(self.shards[left].first, self.shards[right].last)])

    def succeed(self, parents: list[str], ranges: list[tuple[int, int]]) -> None:
        children = [f"shardId-{len(self.shards) + n:012d}" for n in range(len(ranges))]
        for child, (first, last) in zip(children, ranges, strict=True):
            self.shards[child] = ModelShard(first, last)
        for parent in parents:
            self.shards[parent].children = children

    @rule(data=st.data(), limit=st.integers(1, 3))
    def consume(self, data: st.DataObject, limit: int) -> None:
        self.consumer.step(data.draw(st.sampled_from(sorted(self.consumer.iterators))), limit)

    @invariant()
    def open_shards_tile_the_ring(self) -> None:
        if not hasattr(self, "kinesis"):
            return
        answer: Any = self.kinesis.handle(
            "ListShards", {"StreamName": "s", "ShardFilter": {"Type": "AT_LATEST"}}
        )
        ranges = sorted(
            (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]))
            for s in answer["Shards"]
        )
        assert ranges[0][0] == 0
        assert ranges[-1][1] == WHOLE - 1
        for (_, end), (start, _) in pairwise(ranges):
            assert start == end + 1

    @invariant()
    def what_was_read_is_what_was_put(self) -> None:
        if not hasattr(self, "kinesis"):
            return
        for shard_id, read in self.consumer.read.items():
            assert read == self.shards[shard_id].records[: len(read)]

    def teardown(self) -> None:
        if not hasattr(self, "kinesis"):
            return
        # Each generation costs two pages: its records, then the null iterator.
        for _ in range(2 * len(self.shards) + 1):
            for shard_id in tuple(self.consumer.iterators):
                self.consumer.step(shard_id, 10_000)
        assert {s: shard.records for s, shard in self.shards.items()} == self.consumer.read


TestResharding = Resharding.TestCase
TestResharding.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
