"""DynamoDB Streams: descriptions, shards, iterators, trim and errors."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
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
    expect_matches,
)

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

STREAMS = DYNAMODB_GUIDE + "Streams.html"
DESCRIBE = DYNAMODB_API + "API_streams_DescribeStream.html"
GET_ITERATOR = DYNAMODB_API + "API_streams_GetShardIterator.html"
GET_RECORDS = DYNAMODB_API + "API_streams_GetRecords.html"
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


@case("streams.describe.arn-and-label", STREAMS)
def arn_and_label(lab: Lab) -> None:
    """CreateTable answers the stream's ARN at once: the table's, and a label of milliseconds."""
    name = lab.name("table")
    created = lab.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification=ENABLED,
    )["TableDescription"]
    lab.forget_table(name)
    label = created["LatestStreamLabel"]
    expect_matches(label, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", "LatestStreamLabel")
    expect_equal(created["LatestStreamArn"], f"{created['TableArn']}/stream/{label}", "stream ARN")
    expect_equal(created["StreamSpecification"], ENABLED, "StreamSpecification")
    lab.wait_for_table(name)


@case("streams.describe.members", DESCRIBE)
def describe_members(lab: Lab) -> None:
    """DescribeStream tells table, keys, label, status and view, and no more on the last page."""
    table = lab.table(view=BOTH)
    described = lab.streams.describe_stream(StreamArn=stream_arn(lab, table))["StreamDescription"]
    expect_keys(
        described,
        {
            *("CreationRequestDateTime", "KeySchema", "Shards", "StreamArn", "StreamLabel"),
            *("StreamStatus", "StreamViewType", "TableName"),
        },
        "StreamDescription",
    )
    expect_equal(described["StreamStatus"], "ENABLED", "StreamStatus")
    expect_equal(described["TableName"], table, "TableName")


@case("streams.describe.open-shard", DESCRIBE)
def open_shard(lab: Lab) -> None:
    """A first shard that is open shows its id and starting sequence number, and nothing else."""
    shard = stream_shards(lab, stream_arn(lab, lab.table(view=BOTH)))[0]
    expect_keys(shard, {"ShardId", "SequenceNumberRange"}, "a shard")
    expect_keys(shard["SequenceNumberRange"], {"StartingSequenceNumber"}, "its range")
    expect_matches(shard["ShardId"], r"shardId-\d{20}-[0-9a-f]{8,}", "ShardId")
    expect(28 <= len(shard["ShardId"]) <= 65, "a shard id of 28 to 65 characters")


@case("streams.describe.exclusive-start", DESCRIBE)
def exclusive_start(lab: Lab) -> None:
    """ExclusiveStartShardId leaves that shard out; one that does not exist gives an empty list."""
    arn = stream_arn(lab, lab.table(view=BOTH))
    last = stream_shards(lab, arn)[-1]["ShardId"]
    for start in (last, "shardId-99999999999999999999-ffffffff"):
        described = lab.streams.describe_stream(StreamArn=arn, ExclusiveStartShardId=start)
        expect_equal(described["StreamDescription"]["Shards"], [], f"shards after {start}")


@case("streams.describe.unknown-stream", DESCRIBE)
def unknown_stream(lab: Lab) -> None:
    """A well-formed ARN that does not exist is a ResourceNotFoundException that names it."""
    arn = stream_arn(lab, lab.table(view=BOTH)).rpartition("/")[0] + "/2020-01-01T00:00:00.000"
    expect_error(
        lambda: lab.streams.describe_stream(StreamArn=arn),
        "ResourceNotFoundException",
        f"Requested resource not found: Stream: {arn} not found",
        status=400,
    )


@case("streams.describe.malformed-arn", DESCRIBE)
def malformed_arn(lab: Lab) -> None:
    """An ARN that is none is a ValidationException."""
    expect_error(
        lambda: lab.streams.describe_stream(StreamArn="n" * 40), "ValidationException", status=400
    )


@case("streams.shard-filter.child-shards", DYNAMODB_API + "API_streams_ShardFilter.html")
def child_shards(lab: Lab) -> None:
    """ShardFilter CHILD_SHARDS of a leaf gives no shards, and needs a ShardId."""
    arn = stream_arn(lab, lab.table(view=BOTH))
    leaf = stream_shards(lab, arn)[0]["ShardId"]
    found = lab.streams.describe_stream(
        StreamArn=arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": leaf}
    )["StreamDescription"]["Shards"]
    expect_equal(found, [], "children of a leaf")
    expect_error(
        lambda: lab.streams.describe_stream(StreamArn=arn, ShardFilter={"Type": "CHILD_SHARDS"}),
        "ValidationException",
    )


@case("streams.iterator.format", GET_ITERATOR)
def iterator_format(lab: Lab) -> None:
    """An iterator is the stream's ARN, a digit and something opaque, joined by bars."""
    arn = stream_arn(lab, lab.table(view=BOTH))
    token = iterator(lab, arn, stream_shards(lab, arn)[0]["ShardId"])
    stream, digit, opaque = [*token.split("|"), "", ""][:3]
    expect_equal(stream, arn, "what stands before the first bar")
    expect_matches(digit, r"\d", "what stands between the bars")
    expect(opaque, "something after the second bar")
    following = lab.streams.get_records(ShardIterator=token)["NextShardIterator"]
    expect(following.startswith(f"{arn}|"), "the next iterator to look alike")


@case("streams.iterator.trim-horizon-and-latest", GET_ITERATOR)
def horizon_and_latest(lab: Lab) -> None:
    """TRIM_HORIZON starts at the oldest record, LATEST after the newest."""
    table, arn, shard = _table_with(lab, 2)
    found = lab.streams.get_records(ShardIterator=iterator(lab, arn, shard))
    expect_equal(_values(found), ["0", "1"], "records from TRIM_HORIZON")
    token = iterator(lab, arn, shard, "LATEST")
    lab.put(table, pk="a", v=2)

    def newest() -> bool:
        values = _values(lab.streams.get_records(ShardIterator=token))
        expect(values in ([], ["2"]), f"the newest record alone, not {values}")
        return values == ["2"]

    lab.wait(newest, "the record written after LATEST")


@case("streams.iterator.at-and-after-sequence-number", GET_ITERATOR)
def at_and_after(lab: Lab) -> None:
    """AT_SEQUENCE_NUMBER includes that record, AFTER_SEQUENCE_NUMBER does not."""
    _, arn, shard = _table_with(lab, 3)
    records = lab.streams.get_records(ShardIterator=iterator(lab, arn, shard))["Records"]
    number = records[1]["dynamodb"]["SequenceNumber"]
    for kind, expected in (("AT", ["1", "2"]), ("AFTER", ["2"])):
        token = iterator(lab, arn, shard, f"{kind}_SEQUENCE_NUMBER", SequenceNumber=number)
        found = _values(lab.streams.get_records(ShardIterator=token))
        expect_equal(found, expected, f"records {kind} the second number")


@case("streams.iterator.wrong-combinations", GET_ITERATOR)
def wrong_combinations(lab: Lab) -> None:
    """AT without a number, LATEST with one and an unknown type are ValidationExceptions."""
    arn = stream_arn(lab, lab.table(view=BOTH))
    shard = stream_shards(lab, arn)[0]["ShardId"]
    number = {"SequenceNumber": "100000000000000000001"}
    wrong: list[tuple[str, dict[str, str]]] = [
        ("AT_SEQUENCE_NUMBER", {}),
        ("LATEST", number),
        ("NEWEST", {}),
    ]
    for kind, more in wrong:
        expect_error(
            partial(iterator, lab, arn, shard, kind, **more), "ValidationException", status=400
        )


@case("streams.iterator.unknown-shard", GET_ITERATOR)
def unknown_shard(lab: Lab) -> None:
    """An unknown shard is a ResourceNotFoundException."""
    arn = stream_arn(lab, lab.table(view=BOTH))
    expect_error(
        lambda: iterator(lab, arn, "shardId-00000001700000000000-aaaaaaaa"),
        "ResourceNotFoundException",
    )


@case("streams.iterator.expires-after-fifteen-minutes", GET_RECORDS, alone=True)
def iterator_expires(lab: Lab) -> None:
    """An iterator is good for 15 minutes and then an ExpiredIteratorException."""
    arn = stream_arn(lab, lab.table(view=BOTH))
    token = iterator(lab, arn, stream_shards(lab, arn)[0]["ShardId"])
    lab.advance(14 * 60)
    lab.streams.get_records(ShardIterator=token)
    lab.advance(2 * 60)
    expect_error(
        lambda: lab.streams.get_records(ShardIterator=token), "ExpiredIteratorException", status=400
    )


@case("streams.get-records.limit", GET_RECORDS)
def limit(lab: Lab) -> None:
    """Limit bounds an answer, reading on gives the rest, and 1,001 is too many."""
    _, arn, shard = _table_with(lab, 3)
    answer = lab.streams.get_records(ShardIterator=iterator(lab, arn, shard), Limit=2)
    expect_equal(_values(answer), ["0", "1"], "first page")
    answer = lab.streams.get_records(ShardIterator=answer["NextShardIterator"], Limit=2)
    expect_equal(_values(answer), ["2"], "second page")
    expect_error(
        lambda: lab.streams.get_records(ShardIterator=iterator(lab, arn, shard), Limit=1001),
        "ValidationException",
        containing="limit",
    )


@case("streams.get-records.bad-iterator", GET_RECORDS)
def bad_iterator(lab: Lab) -> None:
    """An iterator that no AWS made is a ValidationException, not an expired one."""
    expect_error(
        lambda: lab.streams.get_records(ShardIterator="garbage"), "ValidationException", status=400
    )


@case("streams.retention.one-day", STREAMS, alone=True)
def one_day(lab: Lab) -> None:
    """Records are kept for 24 hours, then TRIM_HORIZON starts later."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", v=1)
    expect_equal(len(changes(lab, table)), 1, "records at once")
    lab.advance(25 * 3600)
    lab.put(table, pk="a", v=2)
    values = [one["dynamodb"]["NewImage"].get("v") for one in changes(lab, table)]
    expect_equal(values, [{"N": "2"}], "records after 25 hours")


@case("streams.retention.trimmed-number", GET_ITERATOR, alone=True)
def trimmed_number(lab: Lab) -> None:
    """AT_SEQUENCE_NUMBER of a record that was trimmed is a TrimmedDataAccessException."""
    _, arn, shard = _table_with(lab, 1)
    record = all_records(lab, arn)[0]
    number = record["dynamodb"]["SequenceNumber"]
    lab.advance(25 * 3600)

    def read() -> None:
        token = iterator(lab, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=number)
        lab.streams.get_records(ShardIterator=token)

    with suppress(lab.streams.exceptions.ResourceNotFoundException):
        # The shard itself may have gone with its records.
        expect_error(read, "TrimmedDataAccessException")
        return
    expect(False, "the shard or a TrimmedDataAccessException")
