"""Kinesis: what is put and read back: routing, shapes, sizes, limits, partial failures."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING

from harness.conformance.case import KINESIS_API, KINESIS_GUIDE, case
from harness.conformance.expect import (
    expect,
    expect_equal,
    expect_error,
    expect_keys,
    expect_matches,
)
from harness.conformance.kinesis_reading import FIRST, HASH_KEYS, iterator, put, read, records

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

PUT_RECORD = KINESIS_API + "API_PutRecord.html"
PUT_RECORDS = KINESIS_API + "API_PutRecords.html"
GET_RECORDS = KINESIS_API + "API_GetRecords.html"
SECOND = "shardId-000000000001"
MIB = 1 << 20


@case("kinesis.put.answer-members", PUT_RECORD)
def put_answer(lab: Lab) -> None:
    """PutRecord answers ShardId and SequenceNumber, and no EncryptionType when unencrypted."""
    answer = put(lab, lab.stream(), "a")
    expect_keys(answer, {"ShardId", "SequenceNumber"}, "PutRecord's answer")
    expect_equal(answer["ShardId"], FIRST, "ShardId")
    expect_matches(answer["SequenceNumber"], r"\d{56}", "SequenceNumber")


@case("kinesis.put.routes-by-md5-of-the-key", PUT_RECORD)
def routes_by_md5(lab: Lab) -> None:
    """A record goes to the shard whose hash range holds the MD5 of its partition key."""
    name = lab.stream(2)
    for number in range(8):
        key = f"key-{number}"
        digest = int.from_bytes(md5(key.encode(), usedforsecurity=False).digest(), "big")
        expected = FIRST if digest < HASH_KEYS // 2 else SECOND
        expect_equal(put(lab, name, "x", key)["ShardId"], expected, f"shard of {key}")


@case("kinesis.put.explicit-hash-key-overrides", PUT_RECORD)
def explicit_hash_key(lab: Lab) -> None:
    """ExplicitHashKey routes a record, whatever its partition key."""
    name = lab.stream(2)
    expect_equal(put(lab, name, "x", at=0)["ShardId"], FIRST, "shard of hash key 0")
    half = HASH_KEYS // 2
    expect_equal(put(lab, name, "x", at=half - 1)["ShardId"], FIRST, "shard of 2^127-1")
    expect_equal(put(lab, name, "x", at=half)["ShardId"], SECOND, "shard of 2^127")
    expect_equal(put(lab, name, "x", at=HASH_KEYS - 1)["ShardId"], SECOND, "shard of 2^128-1")


@case("kinesis.put.explicit-hash-key-out-of-range", PUT_RECORD)
def explicit_hash_key_out_of_range(lab: Lab) -> None:
    """An ExplicitHashKey of 2^128 is refused with the range that is allowed."""
    name = lab.stream()
    expect_error(
        lambda: put(lab, name, "x", at=HASH_KEYS),
        "InvalidArgumentException",
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified"
        f" value was {HASH_KEYS}",
    )


@case("kinesis.put.sequence-numbers-increase", PUT_RECORD)
def sequence_numbers_increase(lab: Lab) -> None:
    """Each record of a shard gets a greater sequence number than the one before."""
    name = lab.stream()
    numbers = [int(put(lab, name, str(at))["SequenceNumber"]) for at in range(5)]
    expect(numbers == sorted(set(numbers)), f"increasing sequence numbers, not {numbers}")


@case("kinesis.put.key-of-257-characters", PUT_RECORD)
def long_key(lab: Lab) -> None:
    """A partition key may have 256 characters, one more is a ValidationException."""
    name = lab.stream()
    put(lab, name, "x", "k" * 256)
    expect_error(
        lambda: put(lab, name, "x", "k" * 257),
        "ValidationException",
        containing="at 'partitionKey' failed to satisfy constraint: Member must have length less"
        " than or equal to 256",
    )


@case("kinesis.put.record-of-one-mebibyte", KINESIS_GUIDE + "service-sizes-and-limits.html")
def large_record(lab: Lab) -> None:
    """A record may have 1 MiB, data and key together; one byte more is refused."""
    name = lab.stream()
    lab.kinesis.put_record(StreamName=name, Data=b"x" * (MIB - 1), PartitionKey="k")
    try:
        lab.kinesis.put_record(StreamName=name, Data=b"x" * (MIB + 1), PartitionKey="k")
    except lab.kinesis.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        expect(
            code in ("ValidationException", "InvalidArgumentException"), f"a refusal, not {code}"
        )
    else:
        expect(False, "a record of 1 MiB and one byte to be refused")


@case("kinesis.put.empty-data", PUT_RECORD)
def empty_data(lab: Lab) -> None:
    """A record may be empty."""
    name = lab.stream()
    put(lab, name, "")
    expect_equal([one["Data"] for one in records(lab, name)], [b""], "data")


@case("kinesis.put.any-bytes", PUT_RECORD)
def any_bytes(lab: Lab) -> None:
    """Data comes back byte by byte as it was put."""
    name = lab.stream()
    data = bytes(range(256)) * 3
    lab.kinesis.put_record(StreamName=name, Data=data, PartitionKey="k")
    expect_equal(records(lab, name)[0]["Data"], data, "data")


@case("kinesis.get-records.record-members", KINESIS_API + "API_Record.html")
def record_members(lab: Lab) -> None:
    """A record has number, arrival, data and key, and no EncryptionType when unencrypted."""
    name = lab.stream()
    before = lab.now()
    number = put(lab, name, "a", "the-key")["SequenceNumber"]
    record = records(lab, name)[0]
    names = {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
    expect_keys(record, names, "a record")
    expect_equal(record["SequenceNumber"], number, "SequenceNumber")
    expect_equal(record["PartitionKey"], "the-key", "PartitionKey")
    arrived = record["ApproximateArrivalTimestamp"].timestamp()
    expect(abs(arrived - before) < 5, f"an arrival within 5 s of {before}, not {arrived}")


@case("kinesis.get-records.arrival-has-milliseconds", KINESIS_API + "API_Record.html")
def arrival_has_milliseconds(lab: Lab) -> None:
    """ApproximateArrivalTimestamp has milliseconds, no less and no more."""
    name = lab.stream()
    for at in range(6):
        put(lab, name, str(at))
        moment = lab.now()
        lab.wait(lambda past=moment + 0.003: lab.now() > past, "some milliseconds")  # type: ignore[misc]
    micros = [one["ApproximateArrivalTimestamp"].microsecond for one in records(lab, name)]
    expect(any(micros), "arrivals within the second")
    expect(all(micro % 1000 < 2 or micro % 1000 > 998 for micro in micros), f"whole ms: {micros}")


@case("kinesis.get-records.answer-members", GET_RECORDS)
def get_records_answer(lab: Lab) -> None:
    """The answer on an open shard: records, next iterator, MillisBehindLatest, and no children."""
    name = lab.stream()
    put(lab, name, "a")
    answer = lab.kinesis.get_records(ShardIterator=iterator(lab, name))
    expect_keys(answer, {"Records", "NextShardIterator", "MillisBehindLatest"}, "the answer")


@case("kinesis.get-records.limit", GET_RECORDS)
def limit(lab: Lab) -> None:
    """Limit bounds the records of an answer, and the next iterator goes on behind them."""
    name = lab.stream()
    for data in ("a", "b", "c"):
        put(lab, name, data)
    answer = lab.kinesis.get_records(ShardIterator=iterator(lab, name), Limit=2)
    expect_equal([one["Data"] for one in answer["Records"]], [b"a", b"b"], "first page")
    answer = lab.kinesis.get_records(ShardIterator=answer["NextShardIterator"], Limit=2)
    expect_equal([one["Data"] for one in answer["Records"]], [b"c"], "second page")


@case("kinesis.get-records.limit-of-10001", GET_RECORDS)
def limit_too_great(lab: Lab) -> None:
    """A Limit above 10,000 is refused."""
    name = lab.stream()
    expect_error(
        lambda: lab.kinesis.get_records(ShardIterator=iterator(lab, name), Limit=10_001),
        "ValidationException",
        containing="Member must have value less than or equal to 10000",
    )


@case("kinesis.get-records.iterator-may-be-used-twice", GET_RECORDS)
def iterator_twice(lab: Lab) -> None:
    """The same iterator gives the same records again."""
    name = lab.stream()
    put(lab, name, "a")
    token = iterator(lab, name)
    pages = [lab.kinesis.get_records(ShardIterator=token)["Records"] for _ in range(2)]
    expect_equal([one["Data"] for one in pages[1]], [b"a"], "records of the second read")
    expect_equal(pages[0][0]["SequenceNumber"], pages[1][0]["SequenceNumber"], "their number")


@case("kinesis.get-records.ten-megabytes", GET_RECORDS)
def ten_megabytes(lab: Lab) -> None:
    """An answer holds at most 10 MiB, and reading on gives the rest."""
    name = lab.stream()
    for _ in range(12):
        lab.kinesis.put_record(StreamName=name, Data=b"x" * (MIB - 64), PartitionKey="k")
        # One shard takes 1 MiB a second on AWS; emulators mostly take what comes.
    answer = lab.kinesis.get_records(ShardIterator=iterator(lab, name))
    size = sum(len(one["Data"]) for one in answer["Records"])
    expect(0 < size <= 10 * MIB, f"at most 10 MiB in one answer, not {size}")
    expect_equal(len(read(lab, name)[0]), 12, "records in all answers together")


@case("kinesis.put-records.parallel-answer", PUT_RECORDS)
def put_records_answer(lab: Lab) -> None:
    """PutRecords answers one entry a record, in the order of the request."""
    name = lab.stream(2)
    hash_keys = [0, HASH_KEYS - 1, 1]
    answer = lab.kinesis.put_records(
        StreamName=name,
        Records=[
            {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(key)} for key in hash_keys
        ],
    )
    expect_equal(answer["FailedRecordCount"], 0, "FailedRecordCount")
    found = [one["ShardId"] for one in answer["Records"]]
    expect_equal(found, [FIRST, SECOND, FIRST], "shards in the order of the request")
    expect_keys(answer["Records"][0], {"ShardId", "SequenceNumber"}, "an entry")


@case("kinesis.put-records.keeps-order-within-a-shard", PUT_RECORDS)
def put_records_order(lab: Lab) -> None:
    """Records of one request and one shard are read in the order of the request."""
    name = lab.stream()
    texts = [f"{at:03d}" for at in range(100)]
    lab.kinesis.put_records(
        StreamName=name,
        Records=[{"Data": text.encode(), "PartitionKey": text} for text in texts],
    )
    expect_equal(read(lab, name)[0], texts, "records")


@case("kinesis.put-records.501-records", PUT_RECORDS)
def too_many_records(lab: Lab) -> None:
    """PutRecords takes 500 records, 501 are a ValidationException."""
    name = lab.stream()
    one = {"Data": b"x", "PartitionKey": "k"}
    lab.kinesis.put_records(StreamName=name, Records=[one] * 500)
    expect_error(
        lambda: lab.kinesis.put_records(StreamName=name, Records=[one] * 501),
        "ValidationException",
        containing="at 'records' failed to satisfy constraint: Member must have length less than or"
        " equal to 500",
    )


@case("kinesis.put-records.throttled-in-part", PUT_RECORDS, alone=True)
def throttled_in_part(lab: Lab) -> None:
    """Over 1,000 records a second some entries fail, the request succeeds, and none else is lost."""
    lab.settings(kinesis={"throttled": True})
    name = lab.stream()
    taken: list[str] = []
    failed = 0
    for round_ in range(8):
        texts = [f"{round_}-{at}" for at in range(500)]
        answer = lab.kinesis.put_records(
            StreamName=name,
            Records=[{"Data": text.encode(), "PartitionKey": "k"} for text in texts],
        )
        refused = [one for one in answer["Records"] if "ErrorCode" in one]
        expect_equal(answer["FailedRecordCount"], len(refused), "FailedRecordCount")
        for text, entry in zip(texts, answer["Records"], strict=True):
            if "ErrorCode" in entry:
                expect_keys(entry, {"ErrorCode", "ErrorMessage"}, "a failed entry")
                code = "ProvisionedThroughputExceededException"
                expect_equal(entry["ErrorCode"], code, "ErrorCode")
            else:
                taken.append(text)
        failed += len(refused)
    expect(failed > 0, "some of 4,000 records sent to one shard at once to be refused")
    lab.settings(kinesis={"throttled": False})
    expect_equal(read(lab, name)[0], taken, "records that were not refused")


@case("kinesis.get-records.five-calls-a-second", GET_RECORDS, alone=True)
def five_calls_a_second(lab: Lab) -> None:
    """More than five GetRecords a second on a shard are throttled."""
    lab.settings(kinesis={"throttled": True})
    name = lab.stream()
    token = iterator(lab, name)

    def calls() -> None:
        for _ in range(30):
            lab.kinesis.get_records(ShardIterator=token)

    expect_error(calls, "ProvisionedThroughputExceededException", containing="Rate exceeded")
