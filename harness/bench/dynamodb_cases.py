"""Cases on tables, through boto3: items of 1 KB, in tables that have a stream unless only read."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from itertools import count, cycle
from typing import TYPE_CHECKING, Any

from harness.bench.endpoint import UnsupportedError
from harness.bench.load import Load
from harness.bench.measure import REFUSALS
from harness.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Amounts

    Walk = Callable[[], Iterator[int]]

BATCH = 25
TRANSACTION = 10
HOT_ITEMS = 500
PARTITION_ITEMS = 100
STREAM_PAGE = 1_000
ACTIVE_SECONDS_MAX = 30.0
_clock = WallClock()
_names = count()


def fresh_name() -> str:
    """A name that nobody has on any endpoint."""
    return f"bench-{_clock.now_us():x}-{next(_names)}"


def item(key: str) -> dict[str, Any]:
    """An item of about 1 KB with the usual types in it."""
    return {
        "pk": {"S": key},
        "n": {"N": "12345.678"},
        "m": {"M": {"a": {"S": "x" * 100}, "l": {"L": [{"N": "1"}, {"BOOL": True}]}}},
        "pad": {"S": "y" * 800},
    }


@contextmanager
def table(endpoint: Endpoint, *, stream: bool = False, sort_key: bool = False) -> Iterator[str]:
    """A table of its own, gone afterwards."""
    name = fresh_name()
    names = {"pk": "HASH", "sk": "RANGE"} if sort_key else {"pk": "HASH"}
    more: dict[str, Any] = {}
    if stream:
        more["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
    client = endpoint.dynamodb
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
        KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in names.items()],
        **more,
    )
    try:
        _clock.wait_until(
            lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE",
            timeout_seconds=ACTIVE_SECONDS_MAX,
            what=f"a table of {endpoint.name}",
        )
        yield name
    finally:
        with suppress(*REFUSALS):
            client.delete_table(TableName=name)


def fill(endpoint: Endpoint, name: str, items: list[dict[str, Any]]) -> None:
    """Write items in batches, all of them.

    Raises:
        UnsupportedError: some stay unprocessed.
    """
    for start in range(0, len(items), BATCH):
        puts = [{"PutRequest": {"Item": one}} for one in items[start : start + BATCH]]
        answer = endpoint.dynamodb.batch_write_item(RequestItems={name: puts})
        if answer.get("UnprocessedItems"):
            raise UnsupportedError("BatchWriteItem left items unprocessed")


@contextmanager
def put_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """New items, one a request."""
    numbers = count()
    with table(endpoint, stream=True) as name:

        def step() -> int:
            endpoint.dynamodb.put_item(TableName=name, Item=item(f"p{next(numbers)}"))
            return 1

        yield Load(step)


@contextmanager
def update_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """A counter raised in items that exist."""
    keys = [f"u{n}" for n in range(HOT_ITEMS)]
    with table(endpoint, stream=True) as name:
        fill(endpoint, name, [item(key) for key in keys])
        turn = cycle(keys)

        def step() -> int:
            endpoint.dynamodb.update_item(
                TableName=name,
                Key={"pk": {"S": next(turn)}},
                UpdateExpression="SET #n = #n + :one, seen = :yes",
                ExpressionAttributeNames={"#n": "n"},
                ExpressionAttributeValues={":one": {"N": "1"}, ":yes": {"BOOL": True}},
            )
            return 1

        yield Load(step)


@contextmanager
def delete_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """Items that exist, one a request; written again with the watch stopped."""
    numbers = count()
    waiting: list[str] = []
    with table(endpoint, stream=True) as name:

        def refill() -> None:
            if not waiting:
                waiting.extend(f"d{next(numbers)}" for _ in range(8 * BATCH))
                fill(endpoint, name, [item(key) for key in waiting])

        def step() -> int:
            endpoint.dynamodb.delete_item(TableName=name, Key={"pk": {"S": waiting.pop()}})
            return 1

        yield Load(step, refill)


@contextmanager
def batch_write_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """25 new items a request."""
    numbers = count()
    with table(endpoint, stream=True) as name:

        def step() -> int:
            fill(endpoint, name, [item(f"b{next(numbers)}") for _ in range(BATCH)])
            return BATCH

        yield Load(step)


@contextmanager
def transact_write(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """10 new items a transaction."""
    numbers = count()
    with table(endpoint, stream=True) as name:

        def step() -> int:
            endpoint.dynamodb.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": name, "Item": item(f"t{next(numbers)}")}}
                    for _ in range(TRANSACTION)
                ]
            )
            return TRANSACTION

        yield Load(step)


@contextmanager
def get_item(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """Items that exist, one a request."""
    keys = [f"g{n}" for n in range(HOT_ITEMS)]
    with table(endpoint) as name:
        fill(endpoint, name, [item(key) for key in keys])
        turn = cycle(keys)

        def step() -> int:
            answer = endpoint.dynamodb.get_item(TableName=name, Key={"pk": {"S": next(turn)}})
            return len(answer["Item"]["pk"])

        yield Load(step)


@contextmanager
def query(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """All 100 items of one partition a request."""
    rows = [{**item("q"), "sk": {"S": f"{n:06d}"}} for n in range(PARTITION_ITEMS)]
    with table(endpoint, sort_key=True) as name:
        fill(endpoint, name, rows)

        def step() -> int:
            answer = endpoint.dynamodb.query(
                TableName=name,
                KeyConditionExpression="pk = :p",
                ExpressionAttributeValues={":p": {"S": "q"}},
            )
            return all_of(len(answer["Items"]), PARTITION_ITEMS)

        yield Load(step)


@contextmanager
def scan(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A whole table, page by page."""
    with table(endpoint) as name:
        fill(endpoint, name, [item(f"s{n}") for n in range(amounts.items)])

        yield Load(by_page(_scan_pages(endpoint, name), amounts.items))


def _scan_pages(endpoint: Endpoint, name: str) -> Walk:
    def walk() -> Iterator[int]:
        more: dict[str, Any] = {}
        while True:
            answer = endpoint.dynamodb.scan(TableName=name, **more)
            yield len(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    return walk


@contextmanager
def filled_stream(endpoint: Endpoint, amounts: Amounts) -> Iterator[str]:
    """The ARN of a table's stream that holds `stream_records` records."""
    with table(endpoint, stream=True) as name:
        fill(endpoint, name, [item(f"c{n}") for n in range(amounts.stream_records)])
        yield endpoint.dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]


def stream_iterators(endpoint: Endpoint, arn: str) -> list[str]:
    """TRIM_HORIZON of each shard."""
    shards = endpoint.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    return [
        endpoint.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for shard in shards
    ]


@contextmanager
def streams_get_records(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A stream from its start to where nothing comes any more."""
    with filled_stream(endpoint, amounts) as arn:

        def walk() -> Iterator[int]:
            left = amounts.stream_records
            for first in stream_iterators(endpoint, arn):
                iterator: str | None = first
                while iterator and left > 0:
                    answer = endpoint.streams.get_records(ShardIterator=iterator, Limit=STREAM_PAGE)
                    found = len(answer["Records"])
                    if not found:
                        break
                    left -= found
                    yield found
                    iterator = answer.get("NextShardIterator")

        yield Load(by_page(walk, amounts.stream_records))


def by_page(walk: Walk, expected: int) -> Callable[[], int]:
    """Steps of one page each, through walk after walk, so that a slow walk can be cut short.

    Args:
        walk: from the start to the end; yields what each page held.
        expected: what all pages of one walk hold.

    Raises:
        UnsupportedError: at a walk's end, when it was another number.
    """

    def pages() -> Iterator[int]:
        while True:
            found = 0
            for held in walk():
                found += held
                yield held
            all_of(found, expected)

    endless = pages()
    return lambda: next(endless)


def all_of(found: int, expected: int) -> int:
    """`found`, when that is everything.

    Raises:
        UnsupportedError: the endpoint answered less, or more: its figure would mean nothing.
    """
    if found != expected:
        raise UnsupportedError(f"answered {found} of {expected}")
    return found
