from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.kinesis.app import ARN, iterator, put, read, refused, texts

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from harness.clock import VirtualClock
    from harness.kinesis.api import Kinesis


def test_records_come_back_in_order_with_what_was_put(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)

    numbers = put(client, "a", "b", "c")

    records = client.get_records(ShardIterator=iterator(client))["Records"]
    assert [record["SequenceNumber"] for record in records] == numbers
    assert sorted(numbers, key=int) == numbers
    assert records[1]["Data"] == b"b"
    assert records[1]["PartitionKey"] == "b"
    assert records[1]["ApproximateArrivalTimestamp"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert "EncryptionType" not in records[1]


def test_a_partition_key_goes_to_the_shard_that_holds_its_md5(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=4)

    # The MD5 of "user-1" is 285573413173782752570879317399258818820: in the last quarter.
    answer = client.put_record(StreamName="s", Data=b"x", PartitionKey="user-1")

    assert answer["ShardId"] == "shardId-000000000003"
    assert read(client, 3) == ["x"]


def test_an_explicit_hash_key_overrides_the_partition_key(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=3)
    borders = [0, 113427455640312821154458202477256070484, 113427455640312821154458202477256070485]

    for border in borders:
        put(client, str(border), hash_key=border)

    assert read(client, 0) == [str(borders[0]), str(borders[1])]
    assert read(client, 1) == [str(borders[2])]
    code, _ = refused(lambda: put(client, "x", hash_key=2**128))
    assert code == "InvalidArgumentException"


def test_put_records_answers_in_the_order_of_the_request(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=2)
    hash_keys = ["0", str(2**128 - 1), "1", str(2**127)]
    entries: Any = [
        {"Data": key.encode(), "PartitionKey": "k", "ExplicitHashKey": key} for key in hash_keys
    ]

    answer = client.put_records(StreamName="s", Records=entries)

    assert answer["FailedRecordCount"] == 0
    assert [entry["ShardId"][-1] for entry in answer["Records"]] == ["0", "1", "0", "1"]
    assert read(client, 0) == ["0", "1"]
    assert read(client, 1) == [str(2**128 - 1), str(2**127)]


def test_the_five_iterator_types_begin_where_they_say(
    client: KinesisClient, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    numbers = put(client, "a", "b")
    clock.advance(1)
    second = clock.now()
    numbers += put(client, "c")
    clock.advance(1)

    assert read(client, kind="TRIM_HORIZON") == ["a", "b", "c"]
    assert read(client, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == ["b", "c"]
    assert read(client, kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == ["c"]
    assert read(client, kind="AT_TIMESTAMP", Timestamp=second) == ["c"]
    assert read(client, kind="AT_TIMESTAMP", Timestamp=second - 0.5) == ["c"]
    assert read(client, kind="AT_TIMESTAMP", Timestamp=0) == ["a", "b", "c"]
    assert read(client, kind="AT_TIMESTAMP", Timestamp=clock.now()) == []
    assert read(client, kind="LATEST") == []


def test_latest_gives_what_comes_after_the_iterator(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "before")
    latest = iterator(client, kind="LATEST")

    put(client, "after")

    assert texts(client.get_records(ShardIterator=latest)) == ["after"]


def test_pages_follow_each_other_without_gap_or_repetition(
    client: KinesisClient, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, *"abcde")
    clock.advance(2)

    first = client.get_records(ShardIterator=iterator(client), Limit=2)
    second = client.get_records(ShardIterator=first["NextShardIterator"], Limit=2)
    third = client.get_records(ShardIterator=second["NextShardIterator"], Limit=2)

    assert [texts(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    behind = [page["MillisBehindLatest"] for page in (first, second, third)]
    assert behind == [2000, 2000, 0]
    put(client, "f")
    assert texts(client.get_records(ShardIterator=third["NextShardIterator"])) == ["f"]


def test_unread_records_mean_behind_even_within_one_millisecond(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "a", "b")

    page = client.get_records(ShardIterator=iterator(client), Limit=1)

    assert page["MillisBehindLatest"] == 1


def test_an_iterator_can_be_used_again(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    put(client, "a")
    place = iterator(client)

    assert texts(client.get_records(ShardIterator=place)) == ["a"]
    assert texts(client.get_records(ShardIterator=f'"{place}"')) == ["a"]


def test_an_answer_holds_at_most_ten_mebibytes(client: KinesisClient, kinesis: Kinesis) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    for _ in range(11):
        kinesis.append("s", b"x" * (1024 * 1024 - 1), "k")

    first = client.get_records(ShardIterator=iterator(client))
    second = client.get_records(ShardIterator=first["NextShardIterator"])

    assert len(first["Records"]) == 10
    assert first["MillisBehindLatest"] > 0
    assert len(second["Records"]) == 1


def test_a_record_larger_than_the_stream_allows_is_refused(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    mebibyte = 1024 * 1024

    code, message = refused(
        lambda: client.put_record(StreamName="s", Data=b"x" * (mebibyte + 1), PartitionKey="k")
    )
    assert code == "ValidationException"
    assert message.endswith("Member must have length less than or equal to 1048576")
    code, _ = refused(
        lambda: client.put_record(StreamName="s", Data=b"x" * mebibyte, PartitionKey="k")
    )
    assert code == "InvalidArgumentException"

    client.update_max_record_size(StreamARN=ARN, MaxRecordSizeInKiB=10240)
    client.put_record(StreamName="s", Data=b"x" * 5 * mebibyte, PartitionKey="k")
    assert [len(text) for text in read(client)] == [5 * mebibyte]


def test_an_iterator_expires_after_five_minutes(client: KinesisClient, clock: VirtualClock) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    place = iterator(client)

    clock.advance(300)
    assert client.get_records(ShardIterator=place)["Records"] == []
    clock.advance(0.001)

    assert refused(lambda: client.get_records(ShardIterator=place)) == (
        "ExpiredIteratorException",
        "Iterator expired. The iterator was created at time Wed Jan 01 00:00:00 UTC 2025 while right"
        " now it is Wed Jan 01 00:05:00 UTC 2025 which is further in the future than the tolerated"
        " delay of 300000 milliseconds.",
    )


def test_an_iterator_does_not_outlive_its_stream(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    place = iterator(client)
    gone = (
        "ResourceNotFoundException",
        "Shard shardId-000000000000 in stream s under account 000000000000 does not exist",
    )

    client.delete_stream(StreamName="s")
    assert refused(lambda: client.get_records(ShardIterator=place)) == gone
    client.create_stream(StreamName="s", ShardCount=1)
    assert refused(lambda: client.get_records(ShardIterator=place)) == gone


def test_a_forged_iterator_is_refused(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    place = iterator(client)
    swapped = place[:40] + ("A" if place[40] != "A" else "B") + place[41:]

    for bad in (swapped, "garbage", place[:-4], place + "AAAA"):
        assert refused(lambda bad=bad: client.get_records(ShardIterator=bad)) == (  # type: ignore[misc]
            "InvalidArgumentException",
            "Invalid ShardIterator.",
        )


def test_numbers_of_another_shard_or_stream_are_refused(
    client: KinesisClient, clock: VirtualClock
) -> None:
    client.create_stream(StreamName="s", ShardCount=2)
    [number] = put(client, "x", hash_key=2**128 - 1)

    assert refused(
        lambda: iterator(client, 0, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    ) == (
        "InvalidArgumentException",
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a"
        " call to a shard with shardId-000000000000",
    )
    client.delete_stream(StreamName="s")
    clock.advance(5)
    client.create_stream(StreamName="s", ShardCount=2)
    _, message = refused(
        lambda: iterator(client, 1, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    )
    assert message.endswith("is invalid because it did not come from this stream.")


def test_the_stream_may_be_named_by_arn(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    client.put_record(StreamARN=ARN, Data=b"x", PartitionKey="k")

    place = client.get_shard_iterator(
        StreamARN=ARN, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]

    assert texts(client.get_records(ShardIterator=place, StreamARN=ARN)) == ["x"]
    foreign = "arn:aws:kinesis:us-east-1:111111111111:stream/s"
    assert refused(lambda: client.describe_stream_summary(StreamARN=foreign)) == (
        "ResourceNotFoundException",
        "Stream s under account 111111111111 not found.",
    )


def test_append_without_the_wire_is_a_put(client: KinesisClient, kinesis: Kinesis) -> None:
    client.create_stream(StreamName="s", ShardCount=2)

    shard_id, number = kinesis.append(ARN, b"\x00\xff", "k", 2**128 - 1)

    records = client.get_records(ShardIterator=iterator(client, 1))["Records"]
    assert shard_id == "shardId-000000000001"
    assert [(record["Data"], record["SequenceNumber"]) for record in records] == [
        (b"\x00\xff", number)
    ]


def test_partition_keys_of_any_unicode_survive(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    keys = ['"quoted"\\', "ключ", "\u0000\n", "𝄞"]
    for key in keys:
        client.put_record(StreamName="s", Data=b"", PartitionKey=key)

    records = client.get_records(ShardIterator=iterator(client))["Records"]

    assert [record["PartitionKey"] for record in records] == keys


def test_a_dry_run_puts_nothing(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)

    code, _ = refused(
        lambda: client.put_record(StreamName="s", Data=b"x", PartitionKey="k", DryRun=True)
    )

    assert code == "DryRunOperationException"
    assert read(client) == []
