from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.kinesis.settings import Settings
from tests.kinesis.app import ARN, MIDDLE, put, refused, shard_ids

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from harness.clock import VirtualClock
    from harness.kinesis.api import Kinesis

HOUR = 3600
PARENT = "shardId-000000000000"


@pytest.fixture
def history(client: KinesisClient, clock: VirtualClock) -> list[float]:
    """One shard, split after an hour, its right child split after another; when each happened."""
    created = clock.now()
    client.create_stream(StreamName="s", ShardCount=1)
    clock.advance(HOUR)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    clock.advance(HOUR)
    client.split_shard(StreamName="s", ShardToSplit="2", NewStartingHashKey=str(3 * 2**126))
    clock.advance(HOUR)
    return [created, created + HOUR, created + 2 * HOUR]


@pytest.mark.parametrize(
    ("kind", "offset", "expected"),
    [
        ("AT_LATEST", None, [1, 3, 4]),
        ("AT_TRIM_HORIZON", None, [0]),
        ("FROM_TRIM_HORIZON", None, [0, 1, 2, 3, 4]),
        ("AT_TIMESTAMP", 0, [0]),
        ("AT_TIMESTAMP", HOUR - 1, [0]),
        ("AT_TIMESTAMP", HOUR, [0]),
        ("AT_TIMESTAMP", HOUR + 0.001, [1, 2]),
        ("AT_TIMESTAMP", 2 * HOUR + 1, [1, 3, 4]),
        ("AT_TIMESTAMP", -HOUR, [0]),
        ("FROM_TIMESTAMP", -HOUR, [0, 1, 2, 3, 4]),
        ("FROM_TIMESTAMP", HOUR + 1, [1, 2, 3, 4]),
        ("FROM_TIMESTAMP", 2 * HOUR + 1, [1, 3, 4]),
    ],
)
def test_each_shard_filter_lists_what_it_names(
    client: KinesisClient,
    history: list[float],
    kind: Any,
    offset: float | None,
    expected: list[int],
) -> None:
    chosen: Any = {"Type": kind}
    if offset is not None:
        chosen["Timestamp"] = history[0] + offset

    assert shard_ids(client, ShardFilter=chosen) == expected


def test_shards_after_an_id(client: KinesisClient, history: list[float]) -> None:
    assert history
    after = "shardId-000000000002"

    assert shard_ids(client, ExclusiveStartShardId=after) == [3, 4]
    assert shard_ids(client, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": after}) == [3, 4]
    assert shard_ids(client) == [0, 1, 2, 3, 4]


def test_a_stream_resharded_at_once_has_its_roots_at_the_trim_horizon(
    client: KinesisClient,
) -> None:
    client.create_stream(StreamName="s", ShardCount=2)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey="5")
    client.split_shard(StreamName="s", ShardToSplit="3", NewStartingHashKey=str(2**126))

    # All within one millisecond: shards 0 and 3 were open in it only.
    assert shard_ids(client, ShardFilter={"Type": "AT_TRIM_HORIZON"}) == [0, 1]
    assert shard_ids(client, ShardFilter={"Type": "AT_LATEST"}) == [1, 2, 4, 5]


def test_closed_shards_vanish_after_retention(
    client: KinesisClient, clock: VirtualClock, history: list[float]
) -> None:
    assert history
    clock.advance(22 * HOUR)  # 25 hours since creation: the first split lies 24 hours back
    assert shard_ids(client) == [0, 1, 2, 3, 4]
    assert shard_ids(client, ShardFilter={"Type": "AT_TRIM_HORIZON"}) == [0]
    clock.advance(0.001)
    assert shard_ids(client) == [1, 2, 3, 4]
    assert shard_ids(client, ShardFilter={"Type": "AT_TRIM_HORIZON"}) == [1, 2]
    clock.advance(HOUR)
    assert shard_ids(client) == [1, 3, 4]
    assert shard_ids(client, ShardFilter={"Type": "AT_TRIM_HORIZON"}) == [1, 3, 4]

    code, message = refused(
        lambda: client.get_shard_iterator(
            StreamName="s", ShardId=PARENT, ShardIteratorType="TRIM_HORIZON"
        )
    )
    assert code == "ResourceNotFoundException"
    assert message.endswith("does not exist")
    children = client.list_shards(StreamName="s")["Shards"]
    assert children[0]["ParentShardId"] == PARENT


def test_pages_of_shards_join_to_the_whole(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=5)

    first = client.list_shards(StreamName="s", MaxResults=2)
    second = client.list_shards(NextToken=first["NextToken"], MaxResults=2)
    third = client.list_shards(NextToken=second["NextToken"], MaxResults=2)

    pages = [[shard["ShardId"][-1] for shard in p["Shards"]] for p in (first, second, third)]
    assert pages == [["0", "1"], ["2", "3"], ["4"]]
    assert "NextToken" not in third


def test_a_page_token_keeps_the_filter_and_expires(
    client: KinesisClient, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=3)
    clock.advance(1)
    page = client.list_shards(StreamName="s", MaxResults=1, ShardFilter={"Type": "AT_LATEST"})
    clock.advance(1)
    client.split_shard(StreamName="s", ShardToSplit="1", NewStartingHashKey=MIDDLE)

    rest = client.list_shards(NextToken=page["NextToken"])["Shards"]
    clock.advance(300)
    code, _ = refused(lambda: client.list_shards(NextToken=page["NextToken"]))

    assert [shard["ShardId"][-1] for shard in rest] == ["1", "2"]
    assert code == "ExpiredNextTokenException"


def test_a_page_token_stands_alone(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=3)
    token = client.list_shards(StreamName="s", MaxResults=1)["NextToken"]

    assert refused(lambda: client.list_shards(StreamName="s", NextToken=token)) == (
        "InvalidArgumentException",
        "NextToken and StreamName cannot be provided together.",
    )
    assert refused(lambda: client.list_shards()) == (
        "InvalidArgumentException",
        "Either NextToken or StreamName should be provided.",
    )
    code, _ = refused(lambda: client.list_shards(NextToken="garbage"))
    assert code == "InvalidArgumentException"


def test_describe_pages_at_a_hundred_shards(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=150)

    first = client.describe_stream(StreamName="s")["StreamDescription"]
    rest = client.describe_stream(
        StreamName="s", ExclusiveStartShardId=first["Shards"][-1]["ShardId"]
    )["StreamDescription"]

    assert (len(first["Shards"]), first["HasMoreShards"]) == (100, True)
    assert (len(rest["Shards"]), rest["HasMoreShards"]) == (50, False)


def test_streams_are_listed_by_name_in_pages(client: KinesisClient) -> None:
    for name in ("b", "a", "c"):
        client.create_stream(StreamName=name, ShardCount=1)

    first = client.list_streams(Limit=2)
    second = client.list_streams(Limit=2, NextToken=first["NextToken"])
    after = client.list_streams(ExclusiveStartStreamName="a")

    assert (first["StreamNames"], first["HasMoreStreams"]) == (["a", "b"], True)
    assert (second["StreamNames"], second["HasMoreStreams"]) == (["c"], False)
    assert after["StreamNames"] == ["b", "c"]
    assert first["StreamSummaries"][0]["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}


def test_retention_trims_and_never_brings_back(client: KinesisClient, clock: VirtualClock) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    [number] = put(client, "old")
    clock.advance(23 * HOUR)
    put(client, "new")

    def horizon(**more: Any) -> list[str]:
        start: Any = {"ShardIteratorType": "TRIM_HORIZON", **more}
        place = client.get_shard_iterator(StreamName="s", ShardId="0", **start)
        page = client.get_records(ShardIterator=place["ShardIterator"])
        return [record["PartitionKey"] for record in page["Records"]]

    clock.advance(HOUR)
    assert horizon() == ["old", "new"]
    clock.advance(0.001)
    client.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=48)
    assert horizon() == ["new"]
    # A number that is trimmed away stands for the first record after it.
    trimmed = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
    assert horizon(**trimmed) == ["new"]
    clock.advance(30 * HOUR)
    assert horizon() == ["new"]
    client.decrease_stream_retention_period(StreamName="s", RetentionPeriodHours=24)
    assert horizon() == []


def test_an_iterator_taken_before_the_trim_goes_on_behind_it(
    client: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    for number in range(10):
        kinesis.append("s", b"", str(number))
        clock.advance(60)
    clock.advance(24 * HOUR - 300)
    place = client.get_shard_iterator(
        StreamName="s", ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    clock.advance(120)

    page = client.get_records(ShardIterator=place)

    # At 10 x 60 - 300 + 120 s past the horizon of the first record, those of 0 to 6 minutes are gone.
    assert [record["PartitionKey"] for record in page["Records"]] == ["7", "8", "9"]


def test_retention_bounds(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)

    assert refused(
        lambda: client.decrease_stream_retention_period(StreamName="s", RetentionPeriodHours=23)
    ) == (
        "InvalidArgumentException",
        "Minimum allowed retention period is 24 hours."
        " Requested retention period (23 hours) is too short.",
    )
    client.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=24)
    code, _ = refused(
        lambda: client.decrease_stream_retention_period(StreamName="s", RetentionPeriodHours=25)
    )
    assert code == "InvalidArgumentException"
    code, _ = refused(
        lambda: client.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=8761)
    )
    assert code == "ValidationException"


def test_the_life_of_a_stream_follows_the_clock(
    client: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    kinesis.settings = Settings(create_seconds=10, delete_seconds=10)

    def status() -> str:
        return client.describe_stream_summary(StreamARN=ARN)["StreamDescriptionSummary"][
            "StreamStatus"
        ]

    client.create_stream(StreamName="s", ShardCount=1)
    assert status() == "CREATING"
    assert refused(lambda: put(client, "a")) == (
        "ResourceNotFoundException",
        "Stream s under account 000000000000 not found.",
    )
    clock.advance(10)
    assert status() == "ACTIVE"
    put(client, "a")
    client.delete_stream(StreamName="s")
    assert status() == "DELETING"
    clock.advance(10)
    code, _ = refused(status)
    assert code == "ResourceNotFoundException"


def test_a_stream_deleted_while_created_never_becomes_active(
    client: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    kinesis.settings = Settings(create_seconds=10, delete_seconds=20)
    client.create_stream(StreamName="s", ShardCount=1)
    client.delete_stream(StreamName="s")

    clock.advance(15)

    assert kinesis.stream("s").status == "DELETING"


def test_without_a_shard_count_a_stream_is_on_demand_with_four(client: KinesisClient) -> None:
    client.create_stream(StreamName="s")

    summary = client.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]

    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["OpenShardCount"] == 4


def test_encryption_marks_the_records_put_meanwhile(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "a")
    client.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId="alias/k")
    put(client, "b")
    client.stop_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId="alias/k")
    put(client, "c")

    place = client.get_shard_iterator(
        StreamName="s", ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = client.get_records(ShardIterator=place)["Records"]

    assert [record.get("EncryptionType") for record in records] == [None, "KMS", None]


def test_tags_and_policies_are_kept(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1, Tags={"a": "1"})
    client.add_tags_to_stream(StreamName="s", Tags={"b": "2"})
    client.tag_resource(ResourceARN=ARN, Tags={"c": "3"})
    client.remove_tags_from_stream(StreamName="s", TagKeys=["a"])

    listed = client.list_tags_for_stream(StreamName="s", Limit=1)
    assert listed["Tags"] == [{"Key": "b", "Value": "2"}]
    assert listed["HasMoreTags"]
    policy = '{"Version": "2012-10-17", "Statement": []}'
    assert client.get_resource_policy(ResourceARN=ARN)["Policy"] == "{}"
    client.put_resource_policy(ResourceARN=ARN, Policy=policy)
    assert client.get_resource_policy(ResourceARN=ARN)["Policy"] == policy
    client.delete_resource_policy(ResourceARN=ARN)
    assert client.get_resource_policy(ResourceARN=ARN)["Policy"] == "{}"


def test_a_summary_tells_no_id_that_would_lead_sdks_away_from_their_endpoint(
    client: KinesisClient,
) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    summary = client.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]
    assert "StreamId" not in summary
