"""DynamoDB Streams: enabled, disabled, listed, of a deleted table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.change_reading import (
    all_records,
    changes,
    iterator,
    stream_arn,
    stream_shards,
)
from harness.conformance.expect import (
    expect,
    expect_equal,
    expect_error,
    expect_keys,
)
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

STREAMS = DYNAMODB_GUIDE + "Streams.html"
LIST = DYNAMODB_API + "API_streams_ListStreams.html"
BOTH = "NEW_AND_OLD_IMAGES"
ENABLED = {"StreamEnabled": True, "StreamViewType": BOTH}


def _shard_with_records(lab: Lab, arn: str) -> str:
    """The first shard that has records."""
    for shard in stream_shards(lab, arn):
        token = iterator(lab, arn, shard["ShardId"])
        if lab.streams.get_records(ShardIterator=token)["Records"]:
            return str(shard["ShardId"])
    expect(False, "a shard with records")
    return ""


def _table_with(lab: Lab, count: int) -> tuple[str, str, str]:
    """A table with so many changes of one item: its name, stream and the shard that has them."""
    table = lab.table(view=BOTH)
    for number in range(count):
        lab.put(table, pk="a", v=number)
    arn = stream_arn(lab, table)
    lab.wait(lambda: len(all_records(lab, arn)) == count, "all records")
    return table, arn, _shard_with_records(lab, arn)


def _values(answer: Any) -> list[str]:
    return [one["dynamodb"]["NewImage"]["v"]["N"] for one in answer["Records"]]


def _disable(lab: Lab, table: str) -> None:
    lab.dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    lab.wait_for_table(table)


@case("streams.disabled.stays-readable", STREAMS)
def disabled_stays_readable(lab: Lab) -> None:
    """A disabled stream is closed and still read; its last page has no NextShardIterator."""
    table, arn, shard = _table_with(lab, 2)
    _disable(lab, table)

    def disabled() -> bool:
        described = lab.streams.describe_stream(StreamArn=arn)["StreamDescription"]
        return bool(described["StreamStatus"] == "DISABLED")

    lab.wait(disabled, "the stream DISABLED")
    for one in stream_shards(lab, arn):
        expect("EndingSequenceNumber" in one["SequenceNumberRange"], "every shard to be closed")
    answer = lab.streams.get_records(ShardIterator=iterator(lab, arn, shard))
    expect_equal(_values(answer), ["0", "1"], "records of the disabled stream")
    expect("NextShardIterator" not in answer, "no NextShardIterator at the end")


@case("streams.disabled.records-nothing", STREAMS)
def disabled_records_nothing(lab: Lab) -> None:
    """Writes after the stream was disabled are not in it, nor in the one enabled later."""
    table, arn, _ = _table_with(lab, 1)
    _disable(lab, table)
    lab.put(table, pk="a", v=10)
    lab.dynamodb.update_table(TableName=table, StreamSpecification=ENABLED)
    lab.wait_for_table(table)
    lab.put(table, pk="a", v=11)
    expect(stream_arn(lab, table) != arn, "another ARN for the new stream")
    found = [one["dynamodb"]["NewImage"]["v"]["N"] for one in changes(lab, table)]
    expect_equal(found, ["11"], "records of the new stream")
    old = [one["dynamodb"]["NewImage"]["v"]["N"] for one in all_records(lab, arn)]
    expect_equal(old, ["0"], "records of the old stream")


@case("streams.enable.twice", DYNAMODB_API + "API_UpdateTable.html")
def enable_twice(lab: Lab) -> None:
    """Enabling a stream that is enabled, or changing its view, is a ValidationException."""
    table = lab.table(view=BOTH)
    for view in (BOTH, "KEYS_ONLY"):
        expect_error(
            lambda v=view: lab.dynamodb.update_table(  # type: ignore[misc]
                TableName=table,
                StreamSpecification={"StreamEnabled": True, "StreamViewType": v},
            ),
            "ValidationException",
            containing="already",
        )


@case("streams.disable.where-none-is", DYNAMODB_API + "API_UpdateTable.html")
def disable_where_none(lab: Lab) -> None:
    """Disabling where no stream is enabled is a ValidationException."""
    table = lab.table()
    expect_error(
        lambda: lab.dynamodb.update_table(
            TableName=table, StreamSpecification={"StreamEnabled": False}
        ),
        "ValidationException",
        containing="stream",
    )


@case("streams.list.of-a-table", LIST)
def list_of_a_table(lab: Lab) -> None:
    """ListStreams of a table gives its streams, none for a table without; Limit is 1 to 100."""
    table, bare = lab.table(view=BOTH), lab.table()
    listed = lab.streams.list_streams(TableName=table)["Streams"]
    expect_equal([one["StreamArn"] for one in listed], [stream_arn(lab, table)], "streams")
    expect_keys(listed[0], {"StreamArn", "StreamLabel", "TableName"}, "an entry")
    expect_equal(lab.streams.list_streams(TableName=bare)["Streams"], [], "streams of the other")
    for bad in (0, 101):
        expect_error(lambda n=bad: lab.streams.list_streams(Limit=n), "ValidationException")  # type: ignore[misc]


@case("streams.list.pages", LIST)
def list_pages(lab: Lab) -> None:
    """LastEvaluatedStreamArn is the last ARN returned, and the next page starts behind it."""
    table = lab.table(view=BOTH)
    first = stream_arn(lab, table)
    _disable(lab, table)
    lab.dynamodb.update_table(TableName=table, StreamSpecification=ENABLED)
    lab.wait_for_table(table)
    page = lab.streams.list_streams(TableName=table, Limit=1)
    expect_equal(page["LastEvaluatedStreamArn"], page["Streams"][0]["StreamArn"], "the last ARN")
    rest = lab.streams.list_streams(
        TableName=table, ExclusiveStartStreamArn=page["LastEvaluatedStreamArn"]
    )["Streams"]
    found = {one["StreamArn"] for one in (*page["Streams"], *rest)}
    expect_equal(found, {first, stream_arn(lab, table)}, "streams of both pages")


@case("streams.deleted-table.stays-readable", STREAMS)
def deleted_table(lab: Lab) -> None:
    """The stream of a deleted table is still read."""
    table, arn, _ = _table_with(lab, 1)
    lab.dynamodb.delete_table(TableName=table)
    found = [one["dynamodb"].get("NewImage") for one in all_records(lab, arn)]
    expect(item(pk="a", v=0) in found, "the record of the put")
