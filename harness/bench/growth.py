"""Does a record cost the same however many there are already: 1,000 to 1,000,000 in a stream.

From each size on, windows of 500 records are put and read again, by an iterator taken before them;
the oldest records are read too, because a log may be quick at one end and slow at the other.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from harness.bench import kinesis_cases
from harness.bench.contenders import resident_bytes
from harness.bench.dynamodb_cases import BATCH, all_of, table
from harness.bench.raw_cases import DYNAMODB, KINESIS, STREAMS, kinesis_body, pages_from
from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.bench.endpoint import Endpoint

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000, 50_000)
WINDOW = 500
WINDOWS = 7
FILL = 10_000
GIGABYTE = 1_000_000_000
MICROSECONDS = 1_000_000
FLAT_BAR = 0.7
"""The first size's cost against the last's: less would be growth and not the machine's noise."""


@dataclass(frozen=True, slots=True)
class Point:
    """Costs in microseconds a record, when the stream holds so many.

    Attributes:
        records: held, before 3,500 more are measured.
        kinesis_put: PutRecords, 500 a request.
        kinesis_get: GetRecords, the newest.
        kinesis_get_oldest: GetRecords, the oldest.
        table_put: BatchWriteItem, 25 a request, into a table with a stream.
        streams_get: GetRecords of DynamoDB Streams, the newest.
        streams_get_oldest: the same, the oldest.
        memory_gb: resident, after both.
    """

    records: int
    kinesis_put: float
    kinesis_get: float
    kinesis_get_oldest: float
    table_put: float
    streams_get: float
    streams_get_oldest: float
    memory_gb: float

    def as_json(self) -> dict[str, float]:
        """By field."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


COSTS = tuple(name for name in Point.__slots__ if name not in ("records", "memory_gb"))


def points(endpoint: Endpoint, sizes: Sequence[int] = SIZES) -> list[Point]:
    """Fill a Kinesis stream and a table's stream, and look at their costs at each size."""
    found = []
    with kinesis_cases.stream(endpoint, 1) as stream, table(endpoint, stream=True) as name:
        kinesis = _Kinesis(endpoint, stream)
        streams = _TableStream(endpoint, name)
        for size in sizes:
            in_kinesis = kinesis.measure(size)
            in_streams = streams.measure(size)
            held = resident_bytes(endpoint.pid) / GIGABYTE if endpoint.pid else 0.0
            found.append(Point(size, *in_kinesis, *in_streams, held))
    return found


def as_rows(found: Sequence[Point]) -> list[Measured]:
    """A row for each cost: at the largest size, against that at the smallest."""
    first, last = found[0], found[-1]
    rows = []
    for name in COSTS:
        row = Row(
            f"growth_{name}",
            "µs/record",
            "raw",
            bar=FLAT_BAR,
            lower_is_better=True,
            budget=getattr(first, name),
        )
        rows.append(Measured(row, getattr(last, name), {}))
    return rows


class _Log:
    """Something that records are written to and read from in order."""

    service = ""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.written = 0

    def write(self, records: int) -> None:
        """Append so many."""
        raise NotImplementedError

    def iterator(self, kind: str) -> str:
        """A shard iterator of the only shard."""
        raise NotImplementedError

    def measure(self, size: int) -> tuple[float, float, float]:
        """Grow to `size` and on; cost of a put, of reading the newest, of reading the oldest."""
        while self.written < size:
            self.write(min(FILL, size - self.written))
        puts, newest, oldest = [], [], []
        for _ in range(WINDOWS):
            latest = self.iterator("LATEST")
            puts.append(_cost(lambda: self.write(WINDOW), WINDOW))
            newest.append(self._read(latest))
            oldest.append(self._read(self.iterator("TRIM_HORIZON")))
        return median(puts), median(newest), median(oldest)

    def _read(self, iterator: str) -> float:
        found = 0

        def read() -> None:
            nonlocal found
            found = next(pages_from(self.endpoint, self.service, iterator, WINDOW), 0)

        cost = _cost(read, WINDOW)
        all_of(found, WINDOW)
        return cost


class _Kinesis(_Log):
    service = KINESIS

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        super().__init__(endpoint)
        self._name = name
        self._shard = endpoint.kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]

    def write(self, records: int) -> None:
        for start in range(0, records, kinesis_cases.PUT_RECORDS):
            count = min(kinesis_cases.PUT_RECORDS, records - start)
            body = kinesis_body(self._name, self.written, count, kinesis_cases.DATA)
            self.endpoint.raw.ask(KINESIS + "PutRecords", body)
            self.written += count

    def iterator(self, kind: str) -> str:
        answer: dict[str, Any] = self.endpoint.kinesis.get_shard_iterator(
            StreamName=self._name, ShardId=self._shard, ShardIteratorType=kind
        )
        return str(answer["ShardIterator"])


class _TableStream(_Log):
    service = STREAMS

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        super().__init__(endpoint)
        self._name = name
        told = endpoint.dynamodb.describe_table(TableName=name)["Table"]
        self._arn = told["LatestStreamArn"]
        described = endpoint.streams.describe_stream(StreamArn=self._arn)
        self._shard = described["StreamDescription"]["Shards"][0]["ShardId"]

    def write(self, records: int) -> None:
        for start in range(0, records, BATCH):
            count = min(BATCH, records - start)
            puts = [{"PutRequest": {"Item": _small_item(self.written + n)}} for n in range(count)]
            body = json.dumps({"RequestItems": {self._name: puts}}).encode()
            self.endpoint.raw.ask(DYNAMODB + "BatchWriteItem", body)
            self.written += count

    def iterator(self, kind: str) -> str:
        answer: dict[str, Any] = self.endpoint.streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=self._shard, ShardIteratorType=kind
        )
        return str(answer["ShardIterator"])


def _small_item(number: int) -> dict[str, Any]:
    return {"pk": {"S": f"k{number}"}, "n": {"N": str(number)}, "text": {"S": "t" * 100}}


def _cost(action: Callable[[], None], records: int) -> float:
    """Microseconds a record."""
    elapsed = stopwatch()
    action()
    return elapsed() / records * MICROSECONDS
