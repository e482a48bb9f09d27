"""DynamoDB Streams as a consumer meets them: from a real table's writes, by boto3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.dynamodb.capture_world import CaptureWorld, refusal


@pytest.fixture
def world() -> Iterator[CaptureWorld]:
    world = CaptureWorld()
    yield world
    world.close()


def events(records: list[Any]) -> list[tuple[str, str]]:
    return [(r["eventName"], r["dynamodb"]["Keys"]["id"]["S"]) for r in records]


def test_effective_writes_and_no_others_make_records(world: CaptureWorld) -> None:
    arn = world.enable_stream()
    key = {"id": {"S": "a"}}
    world.put("a", v={"N": "1"})
    world.put("a", v={"N": "1.0"})  # the same value
    world.dynamodb.update_item(TableName="users", Key=key, UpdateExpression="REMOVE nothing")
    world.dynamodb.update_item(
        TableName="users",
        Key=key,
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"N": "2"}},
    )
    world.delete("missing")
    world.dynamodb.update_item(TableName="users", Key={"id": {"S": "b"}})
    world.dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": "users", "Item": {"id": {"S": "c"}}}},
            {"Delete": {"TableName": "users", "Key": key}},
            {"Put": {"TableName": "users", "Item": {"id": {"S": "b"}}}},
        ]
    )

    records = world.stream_records(arn)
    assert events(records) == [
        ("INSERT", "a"), ("MODIFY", "a"), ("INSERT", "b"), ("INSERT", "c"), ("REMOVE", "a"),
    ]  # fmt: skip
    modified = records[1]["dynamodb"]
    assert modified["OldImage"]["v"] == {"N": "1"}
    assert modified["NewImage"]["v"] == {"N": "2"}
    assert modified["ApproximateCreationDateTime"].astimezone(UTC).microsecond == 0
    assert records[2]["dynamodb"]["NewImage"] == {"id": {"S": "b"}}
    assert all("userIdentity" not in record for record in records)


def test_binary_comes_back_as_it_was_written(world: CaptureWorld) -> None:
    arn = world.enable_stream()
    world.put("a", raw={"B": b"\x90"})

    (record,) = world.stream_records(arn)
    assert record["dynamodb"]["NewImage"]["raw"] == {"B": b"\x90"}


def test_expiry_is_a_removal_by_the_service(world: CaptureWorld) -> None:
    arn = world.enable_stream()
    world.dynamodb.update_time_to_live(
        TableName="users",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    world.clock.advance(2 * 3600)
    world.put("a", expires={"N": str(world.clock.now_us() // 1_000_000 + 10)})
    world.clock.advance(3 * 3600)

    inserted, removed = world.stream_records(arn)
    assert (inserted["eventName"], removed["eventName"]) == ("INSERT", "REMOVE")
    assert removed["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert removed["dynamodb"]["OldImage"]["id"] == {"S": "a"}
    assert "userIdentity" not in inserted


def test_table_names_its_stream_and_enabling_again_makes_another(world: CaptureWorld) -> None:
    first = world.enable_stream("KEYS_ONLY")
    table = world.dynamodb.describe_table(TableName="users")["Table"]
    assert table["LatestStreamArn"] == first
    assert first == f"{world.table_arn}/stream/{table['LatestStreamLabel']}"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    world.put("a")
    world.dynamodb.update_table(TableName="users", StreamSpecification={"StreamEnabled": False})
    world.clock.advance(1)
    second = world.enable_stream("NEW_IMAGE")
    world.put("b")

    assert second != first
    assert events(world.stream_records(first)) == [("INSERT", "a")]
    assert events(world.stream_records(second)) == [("INSERT", "b")]
    described = world.streams.describe_stream(StreamArn=first)["StreamDescription"]
    assert described["StreamStatus"] == "DISABLED"
    assert described["CreationRequestDateTime"].astimezone(UTC) > datetime(2024, 11, 12, tzinfo=UTC)


def test_stream_and_destination_tell_the_same_story(world: CaptureWorld) -> None:
    arn = world.enable_stream()
    world.dynamodb.enable_kinesis_streaming_destination(
        TableName="users", StreamArn=world.create_stream()
    )
    world.clock.advance(1)
    for n in range(30):
        world.put(str(n % 7), v={"N": str(n)})
        if n % 5 == 0:
            world.delete(str(n % 3))

    def story(record: Any) -> tuple[Any, ...]:
        change = record["dynamodb"]
        names = ("Keys", "OldImage", "NewImage", "SizeBytes")
        return (record["eventName"], *(change.get(name) for name in names))

    streamed = [story(record) for record in world.stream_records(arn)]
    assert streamed == [story(record) for record in world.records()]
    assert len(streamed) > 30


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        (
            "describe_stream",
            {"StreamArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/2024-01-01"},
            (
                "ResourceNotFoundException",
                "Requested resource not found: Stream: arn:aws:dynamodb:eu-west-1:000000000000:"
                "table/t/stream/2024-01-01 not found",
            ),
        ),
        (
            "get_records",
            {"ShardIterator": "rubbish"},
            ("ValidationException", "Invalid ShardIterator"),
        ),
        (
            "get_records",
            {"ShardIterator": "x", "Limit": 0},
            (
                "ValidationException",
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1",
            ),
        ),
    ],
)
def test_errors_reach_the_client(
    world: CaptureWorld, operation: str, arguments: Any, expected: tuple[str, str]
) -> None:
    with pytest.raises(ClientError) as error:
        getattr(world.streams, operation)(**arguments)
    assert refusal(error.value) == expected


def test_deleted_table_leaves_a_closed_stream(world: CaptureWorld) -> None:
    arn = world.enable_stream()
    world.put("a")
    world.dynamodb.delete_table(TableName="users")
    world.clock.advance(1)

    (shard,) = world.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    assert "EndingSequenceNumber" in shard["SequenceNumberRange"]
    iterator = world.streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = world.streams.get_records(ShardIterator=iterator)
    assert events(list(page["Records"])) == [("INSERT", "a")]
    assert "NextShardIterator" not in page
