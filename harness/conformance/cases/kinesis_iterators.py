"""Kinesis: the five iterator types, their errors and their life of five minutes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.conformance.case import KINESIS_API, KINESIS_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error, expect_matches
from harness.conformance.kinesis_reading import FIRST, iterator, put, read, records, shards

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

GET_ITERATOR = KINESIS_API + "API_GetShardIterator.html"
GET_RECORDS = KINESIS_API + "API_GetRecords.html"


def _getting(lab: Lab, stream: str, kind: str, **more: Any) -> Callable[[], Any]:
    return lambda: lab.kinesis.get_shard_iterator(
        StreamName=stream, ShardId=FIRST, ShardIteratorType=kind, **more
    )


@case("kinesis.iterator.trim-horizon", GET_ITERATOR)
def trim_horizon(lab: Lab) -> None:
    """TRIM_HORIZON starts at the oldest record."""
    name = lab.stream()
    for data in ("a", "b", "c"):
        put(lab, name, data)
    expect_equal(read(lab, name)[0], ["a", "b", "c"], "records from TRIM_HORIZON")


@case("kinesis.iterator.latest", GET_ITERATOR)
def latest(lab: Lab) -> None:
    """LATEST starts after what was put before it, and sees what is put later."""
    name = lab.stream()
    put(lab, name, "before")
    token = iterator(lab, name, kind="LATEST")
    put(lab, name, "after")
    found = lab.kinesis.get_records(ShardIterator=token)["Records"]
    expect_equal([one["Data"] for one in found], [b"after"], "records from LATEST")


@case("kinesis.iterator.at-sequence-number", GET_ITERATOR)
def at_sequence_number(lab: Lab) -> None:
    """AT_SEQUENCE_NUMBER starts with the record of that number."""
    name = lab.stream()
    numbers = [put(lab, name, data)["SequenceNumber"] for data in ("a", "b", "c")]
    found = read(lab, name, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])[0]
    expect_equal(found, ["b", "c"], "records AT_SEQUENCE_NUMBER of the second")


@case("kinesis.iterator.after-sequence-number", GET_ITERATOR)
def after_sequence_number(lab: Lab) -> None:
    """AFTER_SEQUENCE_NUMBER starts right after the record of that number."""
    name = lab.stream()
    numbers = [put(lab, name, data)["SequenceNumber"] for data in ("a", "b", "c")]
    found = read(lab, name, kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])[0]
    expect_equal(found, ["c"], "records AFTER_SEQUENCE_NUMBER of the second")


@case("kinesis.iterator.at-starting-number-of-shard", GET_ITERATOR)
def at_starting_number(lab: Lab) -> None:
    """AT_SEQUENCE_NUMBER with the shard's StartingSequenceNumber reads the shard from its start."""
    name = lab.stream()
    put(lab, name, "a")
    start = shards(lab, name)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    found = read(lab, name, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=start)[0]
    expect_equal(found, ["a"], "records from the shard's starting number")


@case("kinesis.iterator.at-timestamp-of-a-record", GET_ITERATOR)
def at_timestamp_of_a_record(lab: Lab) -> None:
    """AT_TIMESTAMP of a record's arrival starts with that record."""
    name = lab.stream()
    put(lab, name, "a")
    first = records(lab, name)[0]["ApproximateArrivalTimestamp"]
    lab.wait(lambda: lab.now() * 1000 >= int(first.timestamp() * 1000) + 3, "the next millisecond")
    put(lab, name, "b")
    arrived = records(lab, name)[1]["ApproximateArrivalTimestamp"]
    expect(arrived > first, "a later arrival in milliseconds")
    expect_equal(read(lab, name, kind="AT_TIMESTAMP", Timestamp=arrived)[0], ["b"], "records")


@case("kinesis.iterator.at-timestamp-before-horizon", GET_ITERATOR)
def at_timestamp_before_horizon(lab: Lab) -> None:
    """AT_TIMESTAMP before the oldest record starts at the trim horizon."""
    name = lab.stream()
    put(lab, name, "a")
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    expect_equal(read(lab, name, kind="AT_TIMESTAMP", Timestamp=long_ago)[0], ["a"], "records")


@case("kinesis.iterator.at-timestamp-in-the-future", GET_ITERATOR)
def at_timestamp_in_the_future(lab: Lab) -> None:
    """AT_TIMESTAMP of a moment to come is an InvalidArgumentException."""
    expect_error(
        _getting(lab, lab.stream(), "AT_TIMESTAMP", Timestamp=lab.now() + 3600),
        "InvalidArgumentException",
        containing="The timestampInMillis parameter cannot be greater than the"
        " currentTimestampInMillis",
    )


@case("kinesis.iterator.at-timestamp-without-one", GET_ITERATOR)
def at_timestamp_without_one(lab: Lab) -> None:
    """AT_TIMESTAMP without a Timestamp is an InvalidArgumentException."""
    expect_error(_getting(lab, lab.stream(), "AT_TIMESTAMP"), "InvalidArgumentException")


@case("kinesis.iterator.latest-with-number", GET_ITERATOR)
def latest_with_number(lab: Lab) -> None:
    """LATEST together with a StartingSequenceNumber is refused in AWS's sentence."""
    name = lab.stream()
    number = put(lab, name, "a")["SequenceNumber"]
    expect_error(
        _getting(lab, name, "LATEST", StartingSequenceNumber=number),
        "InvalidArgumentException",
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and"
        " StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber."
        " Request specified LATEST and also a StartingSequenceNumber.",
    )


@case("kinesis.iterator.at-without-number", GET_ITERATOR)
def at_without_number(lab: Lab) -> None:
    """AT_SEQUENCE_NUMBER without a StartingSequenceNumber is refused in AWS's sentence."""
    expect_error(
        _getting(lab, lab.stream(), "AT_SEQUENCE_NUMBER"),
        "InvalidArgumentException",
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and"
        " StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber."
        " Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
    )


@case("kinesis.iterator.number-of-another-shard", GET_ITERATOR)
def number_of_another_shard(lab: Lab) -> None:
    """A sequence number knows its shard: used on another one it is refused with both names."""
    name = lab.stream(2)
    number = put(lab, name, "a", at=1 << 127)["SequenceNumber"]
    expect_error(
        _getting(lab, name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number),
        "InvalidArgumentException",
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a"
        " call to a shard with shardId-000000000000",
    )


@case("kinesis.iterator.unknown-type", GET_ITERATOR)
def unknown_type(lab: Lab) -> None:
    """An unknown ShardIteratorType is a ValidationException with the list of known ones."""
    expect_error(
        _getting(lab, lab.stream(), "OLDEST"),
        "ValidationException",
        containing="Value 'OLDEST' at 'shardIteratorType' failed to satisfy constraint: Member must"
        " satisfy enum value set: [",
    )


@case("kinesis.iterator.shard-ids-are-lenient", GET_ITERATOR)
def shard_ids_are_lenient(lab: Lab) -> None:
    """`shard-0` means shardId-000000000000."""
    name = lab.stream()
    put(lab, name, "a")
    expect_equal(read(lab, name, "shard-0")[0], ["a"], "records of shard-0")


@case("kinesis.iterator.expires-after-five-minutes", GET_RECORDS, alone=True)
def expires_after_five_minutes(lab: Lab) -> None:
    """An iterator is good for five minutes and then an ExpiredIteratorException."""
    name = lab.stream()
    token = iterator(lab, name)
    lab.advance(290)
    lab.kinesis.get_records(ShardIterator=token)
    lab.advance(15)
    error = expect_error(
        lambda: lab.kinesis.get_records(ShardIterator=token),
        "ExpiredIteratorException",
        containing="Iterator expired. The iterator was created at time ",
        status=400,
    )
    expect_matches(
        error["Error"]["Message"],
        r".* while right now it is .* which is further in the future than the tolerated delay of"
        r" 300000 milliseconds\.",
        "message",
    )


@case("kinesis.iterator.each-read-renews-it", GET_RECORDS, alone=True)
def each_read_renews_it(lab: Lab) -> None:
    """The NextShardIterator of an empty answer has five minutes of its own."""
    name = lab.stream()
    token = iterator(lab, name)
    for _ in range(3):
        lab.advance(200)
        token = lab.kinesis.get_records(ShardIterator=token)["NextShardIterator"]
    put(lab, name, "a")
    found = lab.kinesis.get_records(ShardIterator=token)["Records"]
    expect_equal([one["Data"] for one in found], [b"a"], "records after ten minutes of polling")


@case("kinesis.iterator.garbage", GET_RECORDS)
def garbage(lab: Lab) -> None:
    """An iterator that no AWS made is an InvalidArgumentException."""
    expect_error(
        lambda: lab.kinesis.get_records(ShardIterator="AAAAAAAAAAFgarbage"),
        "InvalidArgumentException",
        "Invalid ShardIterator.",
    )


@case("kinesis.iterator.in-double-quotes", GET_RECORDS)
def in_double_quotes(lab: Lab) -> None:
    """GetRecords takes an iterator in double quotes, as some clients send it."""
    name = lab.stream()
    put(lab, name, "a")
    found = lab.kinesis.get_records(ShardIterator=f'"{iterator(lab, name)}"')["Records"]
    expect_equal([one["Data"] for one in found], [b"a"], "records by a quoted iterator")


@case("kinesis.iterator.of-a-deleted-stream", GET_RECORDS)
def of_a_deleted_stream(lab: Lab) -> None:
    """An iterator of a stream that was deleted is a ResourceNotFoundException."""
    name = lab.stream()
    token = iterator(lab, name)
    lab.kinesis.delete_stream(StreamName=name)

    def gone() -> bool:
        try:
            lab.describe_stream(name)
        except lab.kinesis.exceptions.ResourceNotFoundException:
            return True
        return False

    lab.wait(gone, f"stream {name} to go")
    expect_error(lambda: lab.kinesis.get_records(ShardIterator=token), "ResourceNotFoundException")


@case(
    "kinesis.retention.old-records-are-trimmed",
    KINESIS_GUIDE + "kinesis-extended-retention.html",
    alone=True,
)
def old_records_are_trimmed(lab: Lab) -> None:
    """After 24 hours a record is gone: TRIM_HORIZON starts later, without an error."""
    name = lab.stream()
    put(lab, name, "old")
    lab.advance(20 * 3600)
    put(lab, name, "young")
    expect_equal(read(lab, name)[0], ["old", "young"], "records after 20 hours")
    lab.advance(5 * 3600)
    expect_equal(read(lab, name)[0], ["young"], "records after 25 hours")


@case(
    "kinesis.retention.longer-keeps-longer",
    KINESIS_API + "API_IncreaseStreamRetentionPeriod.html",
    alone=True,
)
def longer_keeps_longer(lab: Lab) -> None:
    """With a retention of 48 hours a record of 47 hours ago is read, and after 49 it is gone."""
    name = lab.stream()
    lab.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    lab.wait_for_stream(name)
    put(lab, name, "old")
    lab.advance(47 * 3600)
    expect_equal(read(lab, name)[0], ["old"], "records after 47 hours")
    lab.advance(2 * 3600)
    expect_equal(read(lab, name)[0], [], "records after 49 hours")


@case("kinesis.retention.number-of-a-trimmed-record", GET_ITERATOR, alone=True)
def number_of_a_trimmed_record(lab: Lab) -> None:
    """AT_SEQUENCE_NUMBER of a record that was trimmed reads on from the oldest that is left."""
    name = lab.stream()
    number = put(lab, name, "old")["SequenceNumber"]
    lab.advance(25 * 3600)
    put(lab, name, "young")
    found = read(lab, name, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)[0]
    expect_equal(found, ["young"], "records from a trimmed number on")


@case("kinesis.retention.millis-behind-latest", GET_RECORDS, alone=True)
def millis_behind_latest(lab: Lab) -> None:
    """MillisBehindLatest is how old the unread records are, and 0 at the tip."""
    name = lab.stream()
    put(lab, name, "a")
    put(lab, name, "b")
    lab.advance(60)
    answer = lab.kinesis.get_records(ShardIterator=iterator(lab, name), Limit=1)
    behind = answer["MillisBehindLatest"]
    expect(60_000 <= behind < 90_000, f"MillisBehindLatest of about 60,000 and not {behind}")
    answer = lab.kinesis.get_records(ShardIterator=answer["NextShardIterator"])
    expect_equal(answer["MillisBehindLatest"], 0, "MillisBehindLatest at the tip")
