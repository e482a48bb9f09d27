"""Cases on Kinesis, through boto3: records of 200 bytes."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from harness.bench.dynamodb_cases import all_of, by_page, fresh_name
from harness.bench.endpoint import UnsupportedError
from harness.bench.load import Load
from harness.bench.measure import REFUSALS
from harness.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Amounts

DATA = b"z" * 200
PUT_RECORDS = 500
SHARDS = 4
PAGE = 10_000
ACTIVE_SECONDS_MAX = 30.0
_clock = WallClock()


@contextmanager
def stream(endpoint: Endpoint, shards: int = SHARDS) -> Iterator[str]:
    """A stream of its own, gone afterwards."""
    name = fresh_name()
    client = endpoint.kinesis
    client.create_stream(StreamName=name, ShardCount=shards)

    def active() -> bool:
        answer = client.describe_stream_summary(StreamName=name)
        return bool(answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

    try:
        _clock.wait_until(
            active, timeout_seconds=ACTIVE_SECONDS_MAX, what=f"a stream of {endpoint.name}"
        )
        yield name
    finally:
        with suppress(*REFUSALS):
            client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def put(endpoint: Endpoint, name: str, keys: list[str]) -> int:
    """Put a record for each key; returns how many were taken."""
    taken = 0
    for start in range(0, len(keys), PUT_RECORDS):
        records = [{"Data": DATA, "PartitionKey": key} for key in keys[start : start + PUT_RECORDS]]
        answer = endpoint.kinesis.put_records(StreamName=name, Records=records)
        taken += len(records) - answer.get("FailedRecordCount", 0)
    return taken


@contextmanager
def filled(endpoint: Endpoint, records: int, shards: int = SHARDS) -> Iterator[str]:
    """The name of a stream that holds so many records."""
    with stream(endpoint, shards) as name:
        keys = count()
        held = 0
        while held < records:
            took = put(endpoint, name, [str(next(keys)) for _ in range(PUT_RECORDS)])
            if not took:
                raise UnsupportedError("PutRecords takes nothing any more")
            held += took
        yield name


def iterators(endpoint: Endpoint, name: str) -> list[str]:
    """TRIM_HORIZON of each shard."""
    shards: list[dict[str, Any]] = []
    more: dict[str, Any] = {"StreamName": name}
    while more:
        answer = endpoint.kinesis.list_shards(**more)
        shards += answer["Shards"]
        more = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
    return [
        endpoint.kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for shard in shards
    ]


@contextmanager
def kinesis_put_records(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """500 records a request over 4 shards."""
    numbers = count()
    with stream(endpoint) as name:
        yield Load(
            lambda: put(endpoint, name, [str(next(numbers)) for _ in range(PUT_RECORDS)]),
        )


@contextmanager
def kinesis_get_records(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A stream of 4 shards from its start to its end."""
    with filled(endpoint, amounts.kinesis_records) as name:

        def walk() -> Iterator[int]:
            for first in iterators(endpoint, name):
                iterator: str | None = first
                while iterator:
                    answer = endpoint.kinesis.get_records(ShardIterator=iterator, Limit=PAGE)
                    if answer["Records"]:
                        yield len(answer["Records"])
                    go_on = answer.get("MillisBehindLatest", 0) or len(answer["Records"]) == PAGE
                    iterator = answer.get("NextShardIterator") if go_on else None

        yield Load(by_page(walk, amounts.kinesis_records))


@contextmanager
def kinesis_list_and_get(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """ListShards, then an iterator and one page of each shard: a consumer's first look around."""
    with filled(endpoint, amounts.shards * 20, amounts.shards) as name:

        def step() -> int:
            found = iterators(endpoint, name)
            for iterator in found:
                endpoint.kinesis.get_records(ShardIterator=iterator, Limit=PAGE)
            return all_of(len(found), amounts.shards)

        yield Load(step)


@contextmanager
def subscribe_to_shard(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """One shard by enhanced fan-out, from its start until all records have come."""
    records = amounts.kinesis_records // 4
    with filled(endpoint, records, 1) as name:
        summary = endpoint.kinesis.describe_stream_summary(StreamName=name)
        arn = summary["StreamDescriptionSummary"]["StreamARN"]
        shard_id = endpoint.kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
        answer = endpoint.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="bench")
        consumer = answer["Consumer"]["ConsumerARN"]

        def active() -> bool:
            known = endpoint.kinesis.describe_stream_consumer(ConsumerARN=consumer)
            return bool(known["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE")

        _clock.wait_until(
            active, timeout_seconds=ACTIVE_SECONDS_MAX, what=f"a consumer of {endpoint.name}"
        )

        def step() -> int:
            subscription = endpoint.kinesis.subscribe_to_shard(
                ConsumerARN=consumer,
                ShardId=shard_id,
                StartingPosition={"Type": "TRIM_HORIZON"},
            )["EventStream"]
            found = 0
            try:
                for event in subscription:
                    found += len(event.get("SubscribeToShardEvent", {}).get("Records", ()))
                    if found >= records:
                        return found
            finally:
                subscription.close()
            raise UnsupportedError(f"the subscription ended after {found} of {records} records")

        yield Load(step)
