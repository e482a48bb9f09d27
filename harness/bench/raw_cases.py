"""Cases without an SDK: the same prepared bodies for every endpoint, over one connection.

Answers are not decoded. What they hold is counted by the bytes that each record has once, and the
place to read on from is cut out of them, so that the client costs little and the same everywhere.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from itertools import count, cycle
from typing import TYPE_CHECKING, Any

from harness.bench import kinesis_cases
from harness.bench.dynamodb_cases import (
    BATCH,
    HOT_ITEMS,
    all_of,
    by_page,
    fill,
    filled_stream,
    item,
    stream_iterators,
    table,
)
from harness.bench.endpoint import UnsupportedError
from harness.bench.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Amounts

DYNAMODB = "DynamoDB_20120810."
STREAMS = "DynamoDBStreams_20120810."
KINESIS = "Kinesis_20131202."
STREAM_PAGE = 1_000
KINESIS_PAGE = 10_000
_NEXT = re.compile(rb'"NextShardIterator"\s*:\s*"([^"]+)"')
_EDGE_BYTES = 2_000


def _body(**members: Any) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


@contextmanager
def put_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """New items, one a request."""
    numbers = count()
    with table(endpoint, stream=True) as name:
        before, after = _body(TableName=name, Item=item("\x00")).split(b"\\u0000")

        def step() -> int:
            body = before + b"r%d" % next(numbers) + after
            endpoint.raw.ask(DYNAMODB + "PutItem", body)
            return 1

        yield Load(step)


@contextmanager
def get_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """Items that exist, one a request."""
    keys = [f"g{n}" for n in range(HOT_ITEMS)]
    with table(endpoint) as name:
        fill(endpoint, name, [item(key) for key in keys])
        bodies = cycle([_body(TableName=name, Key={"pk": {"S": key}}) for key in keys])

        def step() -> int:
            return all_of(endpoint.raw.ask(DYNAMODB + "GetItem", next(bodies)).count(b'"pad"'), 1)

        yield Load(step)


@contextmanager
def scan(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A whole table; the page starts were learnt in a walk before."""
    with table(endpoint) as name:
        fill(endpoint, name, [item(f"s{n}") for n in range(amounts.items)])
        bodies = [_body(TableName=name)]
        while True:
            answer = json.loads(endpoint.raw.ask(DYNAMODB + "Scan", bodies[-1]))
            if "LastEvaluatedKey" not in answer:
                break
            bodies.append(_body(TableName=name, ExclusiveStartKey=answer["LastEvaluatedKey"]))

        def walk() -> Iterator[int]:
            for body in bodies:
                yield endpoint.raw.ask(DYNAMODB + "Scan", body).count(b'"pad"')

        yield Load(by_page(walk, amounts.items))


@contextmanager
def streams_get_records(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A table's stream from its start to its end."""
    with filled_stream(endpoint, amounts) as arn:
        firsts = stream_iterators(endpoint, arn)

        def walk() -> Iterator[int]:
            left = amounts.stream_records
            for first in firsts:
                for found in pages_from(endpoint, STREAMS, first, STREAM_PAGE):
                    yield found
                    left -= found
                    if left <= 0:
                        return

        yield Load(by_page(walk, amounts.stream_records))


@contextmanager
def kinesis_put_records(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """500 records of 200 bytes a request over 4 shards; the same bodies in turn."""
    with kinesis_cases.stream(endpoint) as name:
        bodies = cycle([kinesis_body(name, n * 500, 500, b"z" * 200) for n in range(20)])

        def step() -> int:
            answer = endpoint.raw.ask(KINESIS + "PutRecords", next(bodies))
            return all_of(answer.count(b'"SequenceNumber"'), 500)

        yield Load(step)


@contextmanager
def kinesis_get_records(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A stream of 4 shards from its start to its end."""
    with kinesis_cases.filled(endpoint, amounts.kinesis_records) as name:
        firsts = kinesis_cases.iterators(endpoint, name)

        def walk() -> Iterator[int]:
            for first in firsts:
                yield from pages_from(endpoint, KINESIS, first, KINESIS_PAGE)

        yield Load(by_page(walk, amounts.kinesis_records))


def kinesis_body(stream: str, start: int, records: int, data: bytes) -> bytes:
    """A PutRecords body."""
    from base64 import b64encode

    text = b64encode(data).decode()
    return _body(
        StreamName=stream,
        Records=[{"Data": text, "PartitionKey": str(start + n)} for n in range(records)],
    )


def fill_raw(endpoint: Endpoint, name: str, prefix: str, items: int) -> None:
    """Write so many items of 1 KB.

    Raises:
        UnsupportedError: some stay unprocessed.
    """
    for start in range(0, items, BATCH):
        puts = [
            {"PutRequest": {"Item": item(f"{prefix}{n}")}}
            for n in range(start, min(start + BATCH, items))
        ]
        answer = endpoint.raw.ask(DYNAMODB + "BatchWriteItem", _body(RequestItems={name: puts}))
        if b'"PutRequest"' in answer:
            raise UnsupportedError("BatchWriteItem left items unprocessed")


def pages_from(endpoint: Endpoint, service: str, first: str, page: int) -> Iterator[int]:
    """Read on from an iterator until a page is empty; yields what each page held."""
    iterator = first
    while True:
        answer = endpoint.raw.ask(service + "GetRecords", _body(ShardIterator=iterator, Limit=page))
        found = answer.count(b'"SequenceNumber"')
        if not found:
            return
        yield found
        # It stands before or behind the records.
        match = _NEXT.search(answer, max(0, len(answer) - _EDGE_BYTES)) or _NEXT.search(
            answer, 0, _EDGE_BYTES
        )
        if match is None:
            return
        iterator = match[1].decode()
