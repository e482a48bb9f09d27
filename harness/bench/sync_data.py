"""What `harness bench sync` moves: orders as change records and as items, and the plain way for each.

The plain way is the shortest SQL that a person would write and that is quick: records as
JSONEachRow into a Null table, whose view extracts a typed tuple once and takes the cells from it;
data files by one INSERT … SELECT FROM s3() with the same extraction. It knows the data (no type is
wrong, nothing is out of range), keeps no checkpoint, reads no stream and sets nothing aside.
"""

from __future__ import annotations

from base64 import b64encode
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.bench.raw_cases import KINESIS
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.target import target_statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench.endpoint import Endpoint

KEYS = 50_000
PUT_RECORDS = 500
STAMP_US = 1_750_000_000_000_000
TICKS_PER_US = 1024
KEY_SCHEMA = (
    {"attribute_name": "customer_id", "key_type": "HASH"},
    {"attribute_name": "order_id", "key_type": "RANGE"},
)
COLUMNS: tuple[dict[str, str], ...] = (
    {"name": "customer_id", "type": "String"},
    {"name": "order_id", "type": "UInt64"},
    {"name": "status", "type": "LowCardinality(String)"},
    {"name": "total", "type": "Decimal(18, 2)"},
    {"name": "email", "type": "Nullable(String)"},
    {"name": "gift", "type": "Nullable(Bool)"},
    {"name": "city", "type": "String", "attribute": "address.city"},
    {"name": "zip", "type": "String", "attribute": "address.zip"},
    {"name": "tags", "type": "Array(String)"},
    {"name": "note", "type": "String"},
    {"name": "n", "type": "UInt64"},
)
_STATUS = ("new", "paid", "packed", "sent")
_IMAGE = (
    "Tuple(customer_id Tuple(S String), order_id Tuple(N UInt64), status Tuple(S String), "
    "total Tuple(N String), email Tuple(S Nullable(String)), gift Tuple(BOOL Nullable(Bool)), "
    "address Tuple(M Tuple(city Tuple(S String), zip Tuple(S String))), "
    "tags Tuple(SS Array(String)), note Tuple(S String), n Tuple(N UInt64))"
)
_CELLS = (
    "i.status.S AS status, toDecimal64OrZero(i.total.N, 2) AS total, i.email.S AS email, "
    "i.gift.BOOL AS gift, i.address.M.city.S AS city, i.address.M.zip.S AS zip, "
    "i.tags.SS AS tags, i.note.S AS note, i.n.N AS n"
)


def pipe(table: str, **changes: Any) -> dict[str, Any]:
    """A pipe into `table`, flushing as the harness's runs let it."""
    settings = {"streaming_max_insert_wait_ms": 100, "poll_interval_ms": 20}
    options: dict[str, Any] = {"managed_table": True, "settings": settings, **changes}
    return pipe_config(table=table, columns=COLUMNS, key_schema=KEY_SCHEMA, **options)


def create_target(table: str) -> str:
    """The statement of a table like the one that the pipe makes."""
    return target_statement(parse_config(pipe(table)))


def raw_stream(raw: str, target: str) -> list[str]:
    """The Null table and its view."""
    change = (
        "Tuple(ApproximateCreationDateTime UInt64, "
        "Keys Tuple(customer_id Tuple(S String), order_id Tuple(N UInt64)), "
        f"NewImage {_IMAGE})"
    )
    return [
        f"CREATE TABLE {raw} (eventName String, dynamodb String) ENGINE = Null",
        f"CREATE MATERIALIZED VIEW {raw}_view TO {target} AS WITH d.NewImage AS i "
        f"SELECT d.Keys.customer_id.S AS customer_id, d.Keys.order_id.N AS order_id, {_CELLS}, "
        f"d.ApproximateCreationDateTime * {TICKS_PER_US} AS version, "
        "eventName = 'REMOVE' AS is_deleted "
        f"FROM (SELECT eventName, JSONExtract(dynamodb, '{change}') AS d FROM {raw})",
    ]


def raw_snapshot(target: str, files: str, endpoint: Endpoint) -> str:
    """One INSERT … SELECT of all data files of an export."""
    return (
        f"INSERT INTO {target} SELECT i.customer_id.S AS customer_id, i.order_id.N AS order_id, "
        f"{_CELLS}, 0 AS version, 0 AS is_deleted "
        f"FROM (SELECT JSONExtract(Item, '{_IMAGE}') AS i FROM s3('{files}', "
        f"'{endpoint.access_key}', '{endpoint.secret_key}', 'JSONEachRow', 'Item String'))"
    )


def image(key: int, change: int) -> str:
    """The item of a key after so many changes, as DynamoDB JSON."""
    email = "" if key % 3 == 0 else f'"email":{{"S":"customer{key}@example.com"}},'
    return (
        f'{{"customer_id":{{"S":"customer-{key % 5000:05d}"}},"order_id":{{"N":"{key}"}},'
        f'"status":{{"S":"{_STATUS[change % 4]}"}},"total":{{"N":"{key % 997}.{change % 9 + 1}"}},'
        f'{email}"gift":{{"BOOL":{"true" if key % 2 else "false"}}},'
        f'"address":{{"M":{{"city":{{"S":"Berlin"}},"zip":{{"S":"{10000 + key % 80000}"}}}}}},'
        f'"tags":{{"SS":["t{key % 7}","t{key % 11 + 10}"]}},'
        f'"note":{{"S":"leave it with the neighbour at number {change}"}},'
        f'"n":{{"N":"{change}"}}}}'
    )


def records(start: int = 0) -> Iterator[tuple[str, bytes]]:
    """Partition keys and change records, as DynamoDB's streaming destination writes them.

    A tenth of the keys is inserted and removed in turn; the others are inserted, then modified.
    """
    number = start
    while True:
        change, key = divmod(number, KEYS)
        comes_and_goes = key % 10 == 0
        event = "MODIFY"
        if not change or (comes_and_goes and change % 2 == 0):
            event = "INSERT"
        elif comes_and_goes:
            event = "REMOVE"
        new = "" if event == "REMOVE" else f'"NewImage":{image(key, change)},'
        old = "" if event == "INSERT" else f'"OldImage":{image(key, change - 1)},'
        yield (
            str(key),
            (
                f'{{"awsRegion":"us-east-1","eventID":"{number:032x}","eventName":"{event}",'
                '"userIdentity":null,"recordFormat":"application/json","tableName":"orders",'
                f'"dynamodb":{{"ApproximateCreationDateTime":{STAMP_US + number},"Keys":{{'
                f'"customer_id":{{"S":"customer-{key % 5000:05d}"}},"order_id":{{"N":"{key}"}}}},'
                f'{new}{old}"SizeBytes":700,'
                '"ApproximateCreationDateTimePrecision":"MICROSECOND"},'
                '"eventSource":"aws:dynamodb"}'
            ).encode(),
        )
        number += 1


def put(endpoint: Endpoint, stream: str, start: int, end: int) -> None:
    """Put the records from `start` to `end` into a Kinesis stream."""
    source = islice(records(start), end - start)
    while batch := list(islice(source, PUT_RECORDS)):
        members = ",".join(
            f'{{"Data":"{b64encode(data).decode()}","PartitionKey":"{key}"}}' for key, data in batch
        )
        body = f'{{"StreamName":"{stream}","Records":[{members}]}}'
        endpoint.raw.ask(KINESIS + "PutRecords", body.encode())


def items(start: int, end: int) -> bytes:
    """Items as lines of a file that DynamoDB imports."""
    return "".join(f'{{"Item":{image(key, 0)}}}\n' for key in range(start, end)).encode()
