from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.kinesis.sequence import parse
from harness.kinesis.settings import Settings
from tests.kinesis.app import MIDDLE, WHOLE, iterator, next_of, put, read, refused, shard_ids, texts

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from harness.clock import VirtualClock
    from harness.kinesis.api import Kinesis

PARENT = "shardId-000000000000"


def open_ranges(client: KinesisClient) -> list[tuple[int, int]]:
    shards = client.list_shards(StreamName="s", ShardFilter={"Type": "AT_LATEST"})["Shards"]
    return sorted(
        (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]))
        for s in shards
    )


def test_split_keeps_unread_records_in_the_parent(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    numbers = put(client, "a", "b")
    place = iterator(client)

    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    put(client, "left", hash_key=0)
    put(client, "right", hash_key=WHOLE - 1)

    page = client.get_records(ShardIterator=place)
    assert [record["SequenceNumber"] for record in page["Records"]] == numbers
    assert read(client, 1) == ["left"]
    assert read(client, 2) == ["right"]


def test_a_drained_parent_answers_null_and_its_children(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "a")
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)

    page = client.get_records(ShardIterator=iterator(client))
    end = client.get_records(ShardIterator=page["NextShardIterator"])

    assert texts(page) == ["a"]
    assert next_of(page) is not None
    assert end["Records"] == []
    assert next_of(end) is None
    assert end["ChildShards"] == [
        {
            "ShardId": "shardId-000000000001",
            "ParentShards": [PARENT],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)},
        },
        {
            "ShardId": "shardId-000000000002",
            "ParentShards": [PARENT],
            "HashKeyRange": {"StartingHashKey": MIDDLE, "EndingHashKey": str(WHOLE - 1)},
        },
    ]


def test_the_end_may_come_with_the_last_records(client: KinesisClient, kinesis: Kinesis) -> None:
    kinesis.settings = Settings(create_seconds=0, update_seconds=0, shard_end_with_records=True)
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "a", "b")
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)

    first = client.get_records(ShardIterator=iterator(client), Limit=1)
    last = client.get_records(ShardIterator=first["NextShardIterator"], Limit=1)

    assert texts(last) == ["b"]
    assert next_of(last) is None
    assert len(last["ChildShards"]) == 2


def test_latest_on_a_closed_shard_is_its_end(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "a")
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)

    end = client.get_records(ShardIterator=iterator(client, kind="LATEST"))

    assert next_of(end) is None
    assert end["MillisBehindLatest"] == 0


def test_both_parents_of_a_merge_report_the_same_child(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=2)
    put(client, "left", hash_key=0)
    put(client, "right", hash_key=WHOLE - 1)

    client.merge_shards(
        StreamName="s", ShardToMerge=PARENT, AdjacentShardToMerge="shardId-000000000001"
    )

    child = {
        "ShardId": "shardId-000000000002",
        "ParentShards": [PARENT, "shardId-000000000001"],
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(WHOLE - 1)},
    }
    for parent, text in ((0, "left"), (1, "right")):
        page = client.get_records(ShardIterator=iterator(client, parent))
        end = client.get_records(ShardIterator=page["NextShardIterator"])
        assert texts(page) == [text]
        assert end["ChildShards"] == [child]
    listed = client.list_shards(StreamName="s")["Shards"][2]
    assert listed["ParentShardId"] == PARENT
    assert listed["AdjacentParentShardId"] == "shardId-000000000001"


def test_records_go_to_the_parent_until_the_split_is_done(
    client: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    kinesis.settings = Settings(update_seconds=30)

    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    during = client.put_record(StreamName="s", Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    status = client.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]
    busy = refused(
        lambda: client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    )
    clock.advance(30)
    after = client.put_record(StreamName="s", Data=b"x", PartitionKey="k", ExplicitHashKey="0")

    assert status["StreamStatus"] == "UPDATING"
    assert during["ShardId"] == PARENT
    assert busy == (
        "ResourceInUseException",
        "Stream s under account 000000000000 not ACTIVE, instead in state UPDATING",
    )
    assert after["ShardId"] == "shardId-000000000001"


def test_sequence_numbers_grow_from_parent_to_child(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    [before] = put(client, "a", hash_key=0)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    [after] = put(client, "b", hash_key=0)

    parent, child, _ = client.list_shards(StreamName="s")["Shards"]
    ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])

    assert int(parent["SequenceNumberRange"]["StartingSequenceNumber"]) < int(before) < ending
    assert ending < int(child["SequenceNumberRange"]["StartingSequenceNumber"]) < int(after)
    assert f"{ending:x}"[11:27] == "7fffffffffffffff"


@pytest.mark.parametrize(
    ("start", "target", "intermediate"), [(1, 2, 0), (2, 4, 0), (4, 2, 0), (3, 4, 3), (4, 3, 3)]
)
def test_update_shard_count_ends_in_uniform_ranges(
    client: KinesisClient, start: int, target: int, intermediate: int
) -> None:
    client.create_stream(StreamName="s", ShardCount=start)

    answer = client.update_shard_count(
        StreamName="s", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
    )

    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (start, target)
    width = WHOLE // target
    expected = [(n * width, (n + 1) * width - 1) for n in range(target - 1)]
    assert open_ranges(client) == [*expected, ((target - 1) * width, WHOLE - 1)]
    if intermediate == 0:
        assert len(shard_ids(client)) == start + target


def test_update_shard_count_at_most_doubles_or_halves(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=3)

    for target in (7, 1):
        code, message = refused(
            lambda target=target: client.update_shard_count(  # type: ignore[misc]
                StreamName="s", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
        )
        assert code == "LimitExceededException"
        assert message.endswith(f"Current open shard count: 3 Target shard count: {target}")


def test_the_hash_key_of_a_split_must_leave_room_on_both_sides(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)

    for bad in ("1", str(WHOLE - 1)):
        assert refused(
            lambda bad=bad: client.split_shard(  # type: ignore[misc]
                StreamName="s", ShardToSplit="x-0", NewStartingHashKey=bad
            )
        ) == (
            "InvalidArgumentException",
            f"NewStartingHashKey {bad} used in SplitShard() on shard {PARENT} in stream s under"
            " account 000000000000 is not both greater than one plus the shard's StartingHashKey 0"
            f" and less than the shard's EndingHashKey {WHOLE - 1}.",
        )
    client.split_shard(StreamName="s", ShardToSplit="0", NewStartingHashKey="2")
    assert open_ranges(client) == [(0, 1), (2, WHOLE - 1)]


def test_only_neighbours_merge(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=3)

    for one, other in (("0", "2"), ("1", "0")):
        code, message = refused(
            lambda one=one, other=other: client.merge_shards(  # type: ignore[misc]
                StreamName="s", ShardToMerge=one, AdjacentShardToMerge=other
            )
        )
        assert code == "InvalidArgumentException"
        assert message.endswith("are not an adjacent pair of shards eligible for merging")


def test_a_closed_shard_cannot_be_split_again(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)

    code, _ = refused(
        lambda: client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    )

    assert code == "InvalidArgumentException"


def test_an_on_demand_stream_reshards_by_itself_only(
    client: KinesisClient, kinesis: Kinesis
) -> None:
    client.create_stream(StreamName="s")
    put(client, "a", hash_key=0)

    code, _ = refused(
        lambda: client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey="5")
    )
    kinesis.rescale("s", 8)

    assert code == "ValidationException"
    assert len(open_ranges(client)) == 8
    assert read(client, 0) == ["a"]


def test_a_childs_numbers_begin_a_second_after_its_parents_end(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    client.merge_shards(StreamName="s", ShardToMerge="1", AdjacentShardToMerge="2")

    parent, left, right, merged = client.list_shards(StreamName="s")["Shards"]

    def second(number: str) -> int:
        return parse(number).second

    ends = [second(s["SequenceNumberRange"]["EndingSequenceNumber"]) for s in (parent, left)]
    starts = [second(s["SequenceNumberRange"]["StartingSequenceNumber"]) for s in (right, merged)]
    assert [start - end for start, end in zip(starts, ends, strict=True)] == [1, 1]


def test_a_stream_deleted_while_updating_stays_deleted(
    client: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    kinesis.settings = Settings(update_seconds=10, delete_seconds=30)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    client.delete_stream(StreamName="s")

    clock.advance(20)

    assert kinesis.stream("s").status == "DELETING"
    clock.advance(10)
    assert client.list_streams()["StreamNames"] == []
