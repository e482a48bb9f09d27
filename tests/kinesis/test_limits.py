from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.kinesis.settings import Settings
from tests.kinesis.app import WHOLE, iterator, put, refused, texts

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from harness.clock import VirtualClock
    from harness.kinesis.api import Kinesis

EXCEEDED = (
    "ProvisionedThroughputExceededException",
    "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.",
)


@pytest.fixture
def throttled(client: KinesisClient, kinesis: Kinesis) -> KinesisClient:
    client.create_stream(StreamName="s", ShardCount=2)
    kinesis.settings = Settings(update_seconds=0, throttled=True)
    return client


def entries(count: int, hash_key: int, data: bytes = b"") -> Any:
    return [
        {"Data": data, "PartitionKey": "k", "ExplicitHashKey": str(hash_key)} for _ in range(count)
    ]


def test_a_throttled_shard_fails_its_own_records_only(
    throttled: KinesisClient, clock: VirtualClock
) -> None:
    for _ in range(2):
        assert (
            throttled.put_records(StreamName="s", Records=entries(499, 0))["FailedRecordCount"] == 0
        )

    mixed = entries(3, 0) + entries(1, WHOLE - 1)
    answer = throttled.put_records(StreamName="s", Records=mixed)

    assert answer["FailedRecordCount"] == 1
    assert [entry.get("ErrorCode") for entry in answer["Records"]] == [
        None,
        None,
        EXCEEDED[0],
        None,
    ]
    assert answer["Records"][2] == {"ErrorCode": EXCEEDED[0], "ErrorMessage": EXCEEDED[1]}
    assert refused(lambda: put(throttled, "x", hash_key=0)) == EXCEEDED
    clock.advance(1)
    put(throttled, "x", hash_key=0)


def test_a_mebibyte_a_second_fills_a_shard(throttled: KinesisClient) -> None:
    half = entries(1, 0, b"x" * 500_000)

    counts = [
        throttled.put_records(StreamName="s", Records=half)["FailedRecordCount"] for _ in range(3)
    ]

    assert counts == [0, 0, 1]


def test_five_reads_a_second_and_no_more(throttled: KinesisClient, clock: VirtualClock) -> None:
    place = iterator(throttled)
    for _ in range(5):
        throttled.get_records(ShardIterator=place)

    assert refused(lambda: throttled.get_records(ShardIterator=place)) == EXCEEDED
    throttled.get_records(ShardIterator=iterator(throttled, 1))
    clock.advance(1)
    throttled.get_records(ShardIterator=place)


def test_ten_mebibytes_read_cost_five_seconds(
    throttled: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    kinesis.settings = Settings()
    for _ in range(10):
        kinesis.append("s", b"x" * (1024 * 1024 - 1), "k", 0)
    kinesis.settings = Settings(throttled=True)

    page = throttled.get_records(ShardIterator=iterator(throttled))

    assert len(texts(page)) == 10
    clock.advance(4.9)
    assert (
        refused(lambda: throttled.get_records(ShardIterator=page["NextShardIterator"])) == EXCEEDED
    )
    clock.advance(0.1)
    throttled.get_records(ShardIterator=page["NextShardIterator"])


def test_nothing_is_throttled_by_default(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)

    failed = [
        client.put_records(StreamName="s", Records=entries(500, 0))["FailedRecordCount"]
        for _ in range(4)
    ]
    for _ in range(20):
        client.get_records(ShardIterator=iterator(client), Limit=1)

    assert failed == [0, 0, 0, 0]


def test_update_shard_count_ten_times_a_day(throttled: KinesisClient, clock: VirtualClock) -> None:
    def rescale(target: int) -> None:
        throttled.update_shard_count(
            StreamName="s", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )

    for number in range(10):
        rescale(2 + number % 2)

    code, _ = refused(lambda: rescale(2))
    assert code == "LimitExceededException"
    clock.advance(86_400)
    rescale(2)


def test_the_account_holds_so_many_shards(client: KinesisClient, kinesis: Kinesis) -> None:
    kinesis.settings = Settings(create_seconds=0, shard_limit=5)
    client.create_stream(StreamName="s", ShardCount=4)

    code, message = refused(lambda: client.create_stream(StreamName="t", ShardCount=2))

    assert code == "LimitExceededException"
    assert message.startswith(
        "This request would exceed the shard limit for the account 000000000000 in us-east-1."
        " Current shard count for the account: 4. Limit: 5. Number of additional shards that would"
        " have resulted from this request: 2."
    )
    limits = client.describe_limits()
    assert (limits["ShardLimit"], limits["OpenShardCount"]) == (5, 4)
