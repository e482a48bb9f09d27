"""The Kinesis streaming destination through boto3: life cycle, words of errors, what flows when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.dynamodb.destination import AWS
from tests.dynamodb.capture_world import REGION, CaptureWorld, refusal

INVALID_STATE = "Table is not in a valid state to enable Kinesis Streaming Destination: "
BOGUS_ARN = f"arn:aws:kinesis:{REGION}:000000000000:stream/none"


@pytest.fixture
def world() -> Iterator[CaptureWorld]:
    world = CaptureWorld()
    yield world
    world.close()


def enable(world: CaptureWorld, stream_arn: str, precision: str = "") -> Any:
    more: dict[str, Any] = {}
    if precision:
        more = {
            "EnableKinesisStreamingConfiguration": {
                "ApproximateCreationDateTimePrecision": precision
            }
        }
    return world.dynamodb.enable_kinesis_streaming_destination(
        TableName="users", StreamArn=stream_arn, **more
    )


def disable(world: CaptureWorld, stream_arn: str) -> Any:
    return world.dynamodb.disable_kinesis_streaming_destination(
        TableName="users", StreamArn=stream_arn
    )


def update(world: CaptureWorld, stream_arn: str, configuration: Any) -> Any:
    return world.dynamodb.update_kinesis_streaming_destination(
        TableName="users",
        StreamArn=stream_arn,
        UpdateKinesisStreamingConfiguration=configuration,
    )


def destinations(world: CaptureWorld) -> Any:
    return world.dynamodb.describe_kinesis_streaming_destination(TableName="users")[
        "KinesisDataStreamDestinations"
    ]


def members(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_life_cycle_answers(world: CaptureWorld) -> None:
    arn = world.create_stream()
    assert destinations(world) == []

    assert members(enable(world, arn)) == {
        "TableName": "users",
        "StreamArn": arn,
        "DestinationStatus": "ENABLING",
        "EnableKinesisStreamingConfiguration": {},
    }
    assert destinations(world) == [{"StreamArn": arn, "DestinationStatus": "ENABLING"}]
    world.clock.advance(1)
    assert destinations(world) == [{"StreamArn": arn, "DestinationStatus": "ACTIVE"}]

    micro = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    assert members(update(world, arn, micro)) == {
        "TableName": "users",
        "StreamArn": arn,
        "DestinationStatus": "UPDATING",
        "UpdateKinesisStreamingConfiguration": micro,
    }
    assert destinations(world) == [{"StreamArn": arn, "DestinationStatus": "UPDATING", **micro}]
    world.clock.advance(1)

    assert members(disable(world, arn)) == {
        "TableName": "users",
        "StreamArn": arn,
        "DestinationStatus": "DISABLING",
    }
    assert disable(world, arn)["DestinationStatus"] == "DISABLING"
    world.clock.advance(1)
    assert destinations(world) == [{"StreamArn": arn, "DestinationStatus": "DISABLED", **micro}]

    enable(world, arn)
    world.clock.advance(1)
    # The same entry again, and its precision is reset.
    assert destinations(world) == [{"StreamArn": arn, "DestinationStatus": "ACTIVE"}]


def test_timings_of_aws(world: CaptureWorld) -> None:
    world.region.destinations.timings = AWS
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(3.9)
    assert destinations(world)[0]["DestinationStatus"] == "ENABLING"
    world.clock.advance(0.1)
    assert destinations(world)[0]["DestinationStatus"] == "ACTIVE"

    # Writes right after ACTIVE may not reach the stream.
    world.put("too early")
    world.clock.advance(1)
    world.put("seen")

    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in world.records()] == ["seen"]


def test_only_changes_while_enabled_flow(world: CaptureWorld) -> None:
    arn = world.create_stream()
    world.put("before")
    enable(world, arn)
    world.put("while enabling")
    world.clock.advance(1)
    world.put("first")
    world.put("first")  # changes nothing
    world.delete("first")
    disable(world, arn)
    world.put("after")
    world.clock.advance(1)
    enable(world, arn)
    world.clock.advance(1)
    world.put("again")

    assert [(r["eventName"], r["dynamodb"]["Keys"]["id"]["S"]) for r in world.records()] == [
        ("INSERT", "first"),
        ("REMOVE", "first"),
        ("INSERT", "again"),
    ]


def test_precision_changes_mid_stream(world: CaptureWorld) -> None:
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    world.put("ms")
    update(world, arn, {"ApproximateCreationDateTimePrecision": "MICROSECOND"})
    world.clock.advance(1)
    world.put("us")

    ms, us = (record["dynamodb"] for record in world.records())
    start_s = 1_731_400_000
    assert start_s * 1000 < ms["ApproximateCreationDateTime"] < (start_s + 1000) * 1000
    assert "ApproximateCreationDateTimePrecision" not in ms
    assert start_s * 1_000_000 < us["ApproximateCreationDateTime"] < (start_s + 1000) * 1_000_000
    assert us["ApproximateCreationDateTimePrecision"] == "MICROSECOND"


def test_partition_key_is_the_same_for_one_item(world: CaptureWorld) -> None:
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    for identity in ("a", "b", "a"):
        world.put(identity, n={"N": str(len(world.records()))})
    (shard,) = world.kinesis.list_shards(StreamName="changes")["Shards"]
    iterator = world.kinesis.get_shard_iterator(
        StreamName="changes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    keys = [
        record["PartitionKey"]
        for record in world.kinesis.get_records(ShardIterator=iterator)["Records"]
    ]

    assert keys[0] == keys[2] != keys[1]


def test_binary_keys_and_values_arrive_encoded_twice(world: CaptureWorld) -> None:
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    world.put("a", raw={"B": b"\x90"})

    (record,) = world.records()
    assert record["dynamodb"]["NewImage"]["raw"] == {"B": "a0E9PQ=="}


def test_nonexistent_stream_fails_to_enable(world: CaptureWorld) -> None:
    enable(world, BOGUS_ARN)
    enable_other = f"{BOGUS_ARN}2"
    world.clock.advance(1)
    enable(world, enable_other)
    world.clock.advance(1)

    failed = {
        "DestinationStatus": "ENABLE_FAILED",
        "DestinationStatusDescription": "User does not have a permission to use kinesis stream",
    }
    assert destinations(world) == [
        {"StreamArn": enable_other, **failed},
        {"StreamArn": BOGUS_ARN, **failed},
    ]


def test_stream_deleted_under_it_leaves_the_destination_active(world: CaptureWorld) -> None:
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    world.kinesis.delete_stream(StreamName="changes")
    world.clock.advance(60)
    world.put("lost")

    assert destinations(world)[0]["DestinationStatus"] == "ACTIVE"
    relay = world.region.destinations.relay("users")
    assert relay is not None
    assert relay.lost_count == 1
    update(world, arn, {"ApproximateCreationDateTimePrecision": "MICROSECOND"})


def test_oversized_record_is_skipped_and_the_flow_goes_on(world: CaptureWorld) -> None:
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    # 160,000 booleans are 320 KB for DynamoDB and some 2 MB as JSON.
    world.put("big", flags={"L": [{"BOOL": True}] * 160_000})
    world.put("small")

    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in world.records()] == ["small"]
    relay = world.region.destinations.relay("users")
    assert relay is not None
    assert relay.oversized_count == 1


def test_table_deleted_and_made_again_has_no_destination(world: CaptureWorld) -> None:
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    world.dynamodb.delete_table(TableName="users")
    world.clock.advance(1)
    world.create_table("users")
    world.put("a")

    assert destinations(world) == []
    assert world.records() == []


def test_words_of_the_errors(world: CaptureWorld) -> None:
    arn = world.create_stream()
    table_id = world.dynamodb.describe_table(TableName="users")["Table"]["TableId"]
    micro = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    not_disabled = (
        "ValidationException",
        INVALID_STATE + "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to "
        "perform ENABLE operation.",
    )
    not_active = (
        "ValidationException",
        INVALID_STATE + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.",
    )
    not_updatable = (
        "ValidationException",
        INVALID_STATE + "Kinesis streaming is not in ACTIVE state. Updates are only allowed in "
        f"ACTIVE state. TableName: users, kdsArn: {arn}",
    )

    def refused(call: Any, *arguments: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as error:
            call(world, *arguments)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return refusal(error.value)

    assert refused(disable, BOGUS_ARN) == not_active
    assert refused(update, arn, micro) == (
        "ValidationException",
        f"{INVALID_STATE}No streaming destination with streamArn: {arn} found for table with "
        "tableName: users",
    )
    enable(world, arn)
    assert refused(enable, arn) == not_disabled
    assert refused(enable, BOGUS_ARN) == not_disabled
    assert refused(disable, arn) == not_active
    assert refused(update, arn, micro) == not_updatable
    world.clock.advance(1)
    assert refused(enable, arn) == not_disabled
    assert refused(update, arn, {"ApproximateCreationDateTimePrecision": "MILLISECOND"}) == (
        "ValidationException",
        "Invalid Request: Precision is already set to the desired value of MILLISECOND for "
        f"tableId: {table_id}, kdsArn: {arn}",
    )
    assert refused(update, arn, {}) == (
        "ValidationException",
        "Streaming destination cannot be updated with given parameters: "
        "UpdateKinesisStreamingConfiguration cannot be null or contain only null values",
    )
    assert refused(update, arn, {"ApproximateCreationDateTimePrecision": "SECOND"}) == (
        "ValidationException",
        "1 validation error detected: Value 'SECOND' at "
        "'updateKinesisStreamingConfiguration.approximateCreationDateTimePrecision' failed to "
        "satisfy constraint: Member must satisfy enum value set: [MILLISECOND, MICROSECOND]",
    )
    update(world, arn, micro)
    assert refused(update, arn, micro) == not_updatable
    assert refused(disable, arn) == not_active
    world.clock.advance(1)
    disable(world, arn)
    assert refused(enable, arn) == not_disabled
    world.clock.advance(1)
    assert refused(disable, arn) == not_active


@pytest.mark.parametrize("operation", ["enable", "disable", "describe"])
def test_unknown_table(world: CaptureWorld, operation: str) -> None:
    more = {} if operation == "describe" else {"StreamArn": BOGUS_ARN}
    call = getattr(world.dynamodb, f"{operation}_kinesis_streaming_destination")

    with pytest.raises(ClientError) as error:
        call(TableName="missing", **more)

    assert refusal(error.value) == (
        "ResourceNotFoundException",
        "Requested resource not found: Table: missing not found",
    )


def test_relay_behaviour_of_the_settings_reaches_the_stream(world: CaptureWorld) -> None:
    destinations_of_region = world.region.destinations
    destinations_of_region.behaviour = replace(
        destinations_of_region.behaviour, duplicate_probability=1.0
    )
    arn = world.create_stream()
    enable(world, arn)
    world.clock.advance(1)
    world.put("a")

    first, second = world.records()
    assert first == second


def test_what_a_replaced_destination_still_holds_is_not_out_of_reach(world: CaptureWorld) -> None:
    world.region.destinations.stepped = True
    arn = world.create_stream()
    for identity in ("a", "b"):
        enable(world, arn)
        world.clock.advance(1)
        world.put(identity)
        disable(world, arn)
        world.clock.advance(1)
    world.dynamodb.delete_table(TableName="users")

    relays = world.region.destinations.relays()
    assert [len(relay.pending()) for relay in relays] == [1, 1]
    for relay in relays:
        relay.flush()

    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in world.records()] == ["a", "b"]
    assert world.region.destinations.relays() == []
