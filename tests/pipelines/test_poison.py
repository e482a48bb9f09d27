"""100,000 records, one in a hundred poisoned in one of seventeen ways: nothing lost, nothing wrong.

One by one they take five times as long as in bulk, so that there are fewer of them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.clock import VirtualClock
from tests.pipelines.conftest import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.pipelines.conftest import Servers

RECORDS = {"in bulk": 100_000, "one by one": 20_000}
RECORDS_FOR_ONE_BAD = 1_700
"""Of a kind; there are seventeen kinds."""

STAMP = 1_700_000_000_000_000
SIZE_MAX = 20_000
ENTRIES_MAX = 500

COLUMNS = {
    "id": "String",
    "age": "Int8",
    "born": "Date",
    "state": "Enum8('new' = 1, 'paid' = 2)",
    "raw": "String",
    "owner": "UUID",
    "total": "Decimal(9, 2)",
    "note": "Nullable(String)",
}


def record(name: str, number: int) -> dict[str, Any]:
    raw = base64.b64encode(base64.b64encode(bytes([number % 256, 255, 0]))).decode()
    image: dict[str, Any] = {
        "id": {"S": name},
        "age": {"N": str(number % 128)},
        "born": {"S": f"20{number % 50:02d}-02-{1 + number % 28:02d}"},
        "state": {"S": ("new", "paid")[number % 2]},
        "raw": {"B": raw},
        "owner": {"S": f"00000000-0000-0000-0000-{number:012d}"},
        "total": {"N": str(number)},
    }
    if number % 3:
        image["note"] = {"S": f'n{number} é " \\'} if number % 3 == 1 else {"NULL": True}
    body = {
        "ApproximateCreationDateTime": STAMP + number,
        "Keys": {"id": {"S": name}},
        "NewImage": image,
        "SizeBytes": 100,
        "ApproximateCreationDateTimePrecision": "MICROSECOND",
    }
    return {"awsRegion": "us-east-1", "eventID": name, "eventName": "INSERT", "dynamodb": body}


def row(name: str, number: int) -> tuple[Any, ...]:
    note = {0: None, 1: f'n{number} é " \\', 2: None}[number % 3]
    return (
        name, number % 128, f"20{number % 50:02d}-02-{1 + number % 28:02d}",
        ("new", "paid")[number % 2], f"{number % 256:02X}FF00",
        f"00000000-0000-0000-0000-{number:012d}", float(number), note,
    )  # fmt: skip


def with_value(name: str, attribute: str, value: Any) -> bytes:
    made = record(name, 1)
    made["dynamodb"]["NewImage"][attribute] = value
    return orjson.dumps(made)


def without(name: str, part: str) -> bytes:
    made = record(name, 1)
    del made["dynamodb"][part]
    return orjson.dumps(made)


def with_other_key(name: str) -> bytes:
    made = record(name, 1)
    del made["dynamodb"]["NewImage"]["id"]
    return orjson.dumps(made)


def with_stamp(name: str, stamp: Any) -> bytes:
    made = record(name, 1)
    made["dynamodb"]["ApproximateCreationDateTime"] = stamp
    return orjson.dumps(made)


KINDS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "not JSON": (lambda n: b'{"eventID":"' + n.encode() + b'","dynamodb":{', "not JSON: "),
    "no object": (lambda n: orjson.dumps([n, 1]), "not a change record: "),
    "no Keys": (lambda n: without(n, "Keys"), "not a change record: KeyError 'Keys'"),
    "no image": (lambda n: without(n, "NewImage"), "not a change record: "),
    "an image without its key": (with_other_key, "not a change record: "),
    "a stamp far too large": (lambda n: with_stamp(n, 10**19), "not a change record: "),
    "a stamp that is no number": (lambda n: with_stamp(n, True), "not a change record: "),
    "another type": (lambda n: with_value(n, "age", {"S": "old"}), "column age: S 'old' "),
    "out of range": (lambda n: with_value(n, "age", {"N": "128"}), "column age: N '128' "),
    "too many digits": (
        lambda n: with_value(n, "total", {"N": "1.234"}),
        "column total: N '1.234' does not fit Decimal(9, 2)",
    ),
    "no base64": (lambda n: with_value(n, "raw", {"B": "%%%"}), "column raw: B '%%%' "),
    "no UTF-8": (
        lambda n: orjson.dumps(record(n, 1)).replace(b'"new"', b'"\xff\xfe"').replace(
            b'"paid"', b'"\xff\xfe"'
        ),
        "not JSON: ",
    ),
    "no date": (
        lambda n: with_value(n, "born", {"S": "2021-02-29"}),
        "column born: S '2021-02-29' does not fit Date",
    ),
    "too large": (
        lambda n: with_value(n, "note", {"S": "x" * SIZE_MAX}),
        "record of ",
    ),
    "unknown label": (lambda n: with_value(n, "state", {"S": "lost"}), "column state: S 'lost' "),
    "two types at once": (
        lambda n: with_value(n, "note", {"S": "x", "N": "1"}),
        "column note: ",
    ),
    "another key in the image": (
        lambda n: with_value(n, "id", {"S": "x"}),
        "not a change record: id differs between key and image",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """What is put into the stream, and what must come of it."""

    records: list[tuple[str, bytes]]
    rows: list[tuple[Any, ...]]
    bad: dict[bytes, str]


def made(count: int) -> Made:
    records: list[tuple[str, bytes]] = []
    bad: dict[bytes, str] = {}
    for kind, (make, _) in KINDS.items():
        for number in range(count // RECORDS_FOR_ONE_BAD + 1):
            name = f"{kind} {number}"
            data = make(name)
            bad[data] = kind
            records.append((name, data))
    good = [(f"u{number:06d}", number) for number in range(count - len(records))]
    records += [(name, orjson.dumps(record(name, number))) for name, number in good]
    VirtualClock(seed=11).random.shuffle(records)
    return Made(records, [row(*pair) for pair in good], bad)


def entries(records: list[tuple[str, bytes]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(records), ENTRIES_MAX):
        part = records[start : start + ENTRIES_MAX]
        yield [{"PartitionKey": key, "Data": data} for key, data in part]


@pytest.mark.parametrize("way", RECORDS)
def test_every_good_row_arrives_and_every_bad_record_is_kept_with_its_reason(
    servers: Servers, way: str
) -> None:
    everything = made(RECORDS[way])
    table = Table(servers, COLUMNS, {"id": "S"}, shards=4)
    stream = f"{table.name}-cdc"
    servers.kinesis.create_stream(StreamName=stream, ShardCount=table.shards)
    servers.kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    for part in entries(everything.records):
        answer = servers.kinesis.put_records(StreamName=stream, Records=part)
        assert answer["FailedRecordCount"] == 0
    settings = {
        "message_max_bytes": SIZE_MAX,
        "bulk_page_records": 500 if way == "in bulk" else 0,
        "streaming_max_insert_wait_ms": 1000,
    }
    with table.running(settings=settings):
        servers.clock.wait_until(
            lambda: done(servers, table.name) == RECORDS[way],
            timeout_seconds=120,
            what="all records",
        )
    shown = "id, age, toString(born), toString(state), hex(raw), toString(owner), toFloat64(total), note"
    assert table.rows(shown) == everything.rows
    stored = servers.sql.query(f"SELECT count() FROM {table.name}").result_rows[0][0]
    assert stored == len(everything.rows)
    errors = servers.sql.query(
        f"SELECT hex(record_value), error_msg FROM {table.name}_clickpipes_error"
    ).result_rows
    reasons = {bytes.fromhex(raw): reason for raw, reason in errors}
    assert len(errors) == len(reasons) == len(everything.bad)
    for data, kind in everything.bad.items():
        assert reasons[data].startswith(KINDS[kind][1]), (kind, reasons[data])


def done(servers: Servers, table: str) -> int:
    checkpoints = f"{table}_clickpipes_checkpoint"
    if not servers.sql.query(f"EXISTS {checkpoints}").result_rows[0][0]:
        return 0
    found = servers.sql.query(f"SELECT sum(records) FROM {checkpoints} FINAL").result_rows
    return int(found[0][0])
