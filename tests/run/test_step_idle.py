"""A held poll is known to find nothing, or something, before it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.faults.gate import Gate, Passage
from harness.run.step_idle import Idleness
from harness.run.step_world import Bench, StepWorld
from harness.scenario.load import load_scenario
from harness.web.message import Request

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


class Stream:
    """The stream of an example, and who asks it through a gate."""

    def __init__(self, bench: Bench) -> None:
        self.world = StepWorld(bench, load_scenario("hot-key", overrides=["stream.shard_count=1"]))
        self.gate = Gate()
        self.versions = 0
        self.idleness = Idleness(self.world.aws.app, lambda: self.versions)

    def put(self) -> None:
        self.world.kinesis(
            "PutRecord", StreamName=self.world.stream_name, Data="eA==", PartitionKey="k"
        )
        self.versions += 1

    def held(self, operation: str, **payload: Any) -> Passage:
        headers = {
            "x-amz-target": f"Kinesis_20131202.{operation}",
            "x-amz-date": "20250101T000000Z",
            "content-type": "application/x-amz-json-1.1",
            "authorization": "AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/kinesis/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        request = Request("POST", "/", "", headers, orjson.dumps(payload))
        return self.gate.open(request, "aws")

    def answered(self, passage: Passage) -> dict[str, Any]:
        answer = self.gate.through(passage, self.world.aws.app, lambda _: None)
        self.idleness.told(passage, answer)
        assert isinstance(answer.body, bytes)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = orjson.loads(answer.body)
        return found

    def poll(self) -> Passage:
        asked = self.held(
            "GetShardIterator",
            StreamName=self.world.stream_name,
            ShardId="shardId-000000000000",
            ShardIteratorType="TRIM_HORIZON",
        )
        return self.held("GetRecords", ShardIterator=self.answered(asked)["ShardIterator"])


def test_a_poll_is_idle_until_a_record_has_come(bench: Bench) -> None:
    stream = Stream(bench)
    poll = stream.poll()
    assert stream.idleness.is_idle(poll)
    stream.put()
    assert not stream.idleness.is_idle(poll)
    assert len(stream.answered(poll)["Records"]) == 1


def test_the_end_of_a_closed_shard_is_news(bench: Bench) -> None:
    stream = Stream(bench)
    poll = stream.poll()
    assert stream.idleness.is_idle(poll)
    stream.world.kinesis(
        "SplitShard",
        StreamName=stream.world.stream_name,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**127),
    )
    stream.versions += 1
    assert not stream.idleness.is_idle(poll)


def test_a_list_is_idle_while_it_would_be_the_same_and_never_for_a_new_life(bench: Bench) -> None:
    stream = Stream(bench)
    first = stream.held("ListShards", StreamName=stream.world.stream_name)
    assert not stream.idleness.is_idle(first)
    assert len(stream.answered(first)["Shards"]) == 1
    again = stream.held("ListShards", StreamName=stream.world.stream_name)
    assert stream.idleness.is_idle(again)
    stream.idleness.begin()
    assert not stream.idleness.is_idle(again)
