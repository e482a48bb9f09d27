"""Short forms for cases that read the changes of a table: by DynamoDB Streams, or from Kinesis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.conformance.kinesis_reading import shards

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

PAGES_MAX = 40
SENTINEL = "~last"


def stream_arn(lab: Lab, table: str) -> str:
    """The ARN of a table's stream."""
    return str(lab.describe_table(table)["LatestStreamArn"])


def stream_shards(lab: Lab, arn: str) -> list[dict[str, Any]]:
    """DescribeStream's shards, all pages."""
    found: list[dict[str, Any]] = []
    start: dict[str, str] = {}
    for _ in range(PAGES_MAX):
        described = lab.streams.describe_stream(StreamArn=arn, **start)["StreamDescription"]
        found += described["Shards"]
        if not described.get("LastEvaluatedShardId"):
            break
        start = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}
    return found


def iterator(lab: Lab, arn: str, shard: str, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    """GetShardIterator of DynamoDB Streams."""
    answer = lab.streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **more
    )
    return str(answer["ShardIterator"])


def all_records(lab: Lab, arn: str) -> list[dict[str, Any]]:
    """Every record of a stream that is there now, shard by shard."""
    found: list[dict[str, Any]] = []
    for shard in stream_shards(lab, arn):
        token: str | None = iterator(lab, arn, shard["ShardId"])
        for _ in range(PAGES_MAX):
            answer = lab.streams.get_records(ShardIterator=token)
            found += answer["Records"]
            token = answer.get("NextShardIterator")
            if token is None or not answer["Records"]:
                break
    return found


def changes(lab: Lab, table: str) -> list[dict[str, Any]]:
    """The records of all changes made so far.

    A last item is put and waited for, so that a record that is missing is not merely late; it is
    left out of the answer. For a table whose one key is a text.
    """
    described = lab.describe_table(table)
    arn = described["LatestStreamArn"]
    hash_key = described["KeySchema"][0]["AttributeName"]
    last = {hash_key: {"S": lab.name(SENTINEL)}}
    lab.dynamodb.put_item(TableName=table, Item=last)
    found: list[dict[str, Any]] = []

    def complete() -> bool:
        found[:] = all_records(lab, arn)
        return any(record["dynamodb"]["Keys"] == last for record in found)

    lab.wait(complete, "the record of the last item")
    return [one for one in found if not one["dynamodb"]["Keys"][hash_key]["S"].startswith(SENTINEL)]


def enable_destination(lab: Lab, table: str, stream: str, **configuration: str) -> str:
    """Enable the streaming destination and wait until it is ACTIVE; returns the stream's ARN."""
    arn = lab.stream_arn(stream)
    more = {"EnableKinesisStreamingConfiguration": configuration} if configuration else {}
    lab.dynamodb.enable_kinesis_streaming_destination(TableName=table, StreamArn=arn, **more)
    wait_for_destination(lab, table, "ACTIVE")
    return arn


def destination(lab: Lab, table: str) -> dict[str, Any]:
    """The first entry of DescribeKinesisStreamingDestination."""
    answer = lab.dynamodb.describe_kinesis_streaming_destination(TableName=table)
    entry: dict[str, Any] = answer["KinesisDataStreamDestinations"][0]
    return entry


def wait_for_destination(lab: Lab, table: str, status: str) -> None:
    """Until the first destination of the table has that status."""
    lab.wait(
        lambda: destination(lab, table)["DestinationStatus"] == status, f"a destination {status}"
    )


def kinesis_records(lab: Lab, stream: str) -> list[dict[str, Any]]:
    """One page of each shard of a Kinesis stream; `ShardId` is added to each record."""
    found: list[dict[str, Any]] = []
    for shard in shards(lab, stream):
        token = lab.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = lab.kinesis.get_records(ShardIterator=token)["Records"]
        found += [{**record, "ShardId": shard["ShardId"]} for record in records]
    return found


def delivered(lab: Lab, stream: str, count: int) -> list[dict[str, Any]]:
    """The Kinesis records, once there are so many; `Change` is each one's data, decoded."""
    found: list[dict[str, Any]] = []

    def complete() -> bool:
        found[:] = kinesis_records(lab, stream)
        return len(found) >= count

    lab.wait(complete, f"{count} records in the Kinesis stream")
    for record in found:
        record["Change"] = json.loads(record["Data"])
    return found
