"""What the gate costs: the same requests past it and through it, on one connection each.

    python -m harness.bench.gate

The plan is empty, as in a run without faults: what is measured is telling requests apart and
writing each to the history.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 100
ROUNDS = 5
ROW = b'{"id": "o-1", "total": "12.50", "version": 1}\n'
SIGNED = "AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0"  # fmt: skip


def main() -> int:
    """Measure and print; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        for name, past, through in (*_aws(folder), *_clickhouse(folder)):
            direct, gated = _microseconds(past, through)
            sys.stdout.write(
                f"{name:32} {direct:8.0f} µs past the gate, {gated:8.0f} µs through it, "
                f"{gated - direct:+.0f} µs\n"
            )
    return 0


def _aws(folder: str) -> list[tuple[str, Callable[[], None], Callable[[], None]]]:
    aws = EmbeddedAws(gate=_gate(folder, "aws")).start()
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "authorization": SIGNED,
        "x-amz-date": "20250101T000000Z",
    }
    ask = _asker(aws.endpoint, headers)
    ask("CreateStream", StreamName="orders", ShardCount=1)
    _wait_active(ask)
    for number in range(200):
        ask("PutRecord", StreamName="orders", Data="eyJpZCI6IDF9" * 20, PartitionKey=str(number))
    shard = {"StreamName": "orders", "ShardId": "shardId-000000000000"}
    made = ask("GetShardIterator", **shard, ShardIteratorType="TRIM_HORIZON")
    page = {"ShardIterator": made["ShardIterator"]}
    gated = _asker(aws.gate_endpoint, headers)
    return [
        ("Kinesis GetRecords, 200 records", lambda: _drop(ask("GetRecords", **page)),
         lambda: _drop(gated("GetRecords", **page))),
        ("Kinesis ListShards", lambda: _drop(ask("ListShards", StreamName="orders")),
         lambda: _drop(gated("ListShards", StreamName="orders"))),
    ]  # fmt: skip


def _clickhouse(folder: str) -> list[tuple[str, Callable[[], None], Callable[[], None]]]:
    server = EmbeddedClickHouse(password="bench", gate=_gate(folder, "clickhouse")).start()
    server.command(
        "CREATE TABLE orders (id String, total Decimal(18, 2), version UInt64) "
        "ENGINE = ReplacingMergeTree(version) ORDER BY id"
    )
    past, through = (_inserter(url) for url in (server.url, server.gate_url))
    return [("ClickHouse INSERT, 1,000 rows", past, through)]


def _gate(folder: str, kind: str) -> dict[str, Any]:
    events = str(Path(folder) / f"{kind}.jsonl")
    return {"faults": {"plan": []}, "seed": 1, "events": events}


def _asker(url: str, headers: dict[str, str]) -> Callable[..., dict[str, Any]]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)

    def ask(operation: str, **members: Any) -> dict[str, Any]:
        target = {"x-amz-target": f"Kinesis_20131202.{operation}"}
        connection.request("POST", "/", json.dumps(members), {**headers, **target})
        found: dict[str, Any] = json.loads(connection.getresponse().read() or b"{}")
        return found

    return ask


def _inserter(url: str) -> Callable[[], None]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    login = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": unquote(address.password or "")}

    def insert() -> None:
        path = "/?query=INSERT+INTO+orders+FORMAT+JSONEachRow"
        connection.request("POST", path, ROW * 1000, login)
        connection.getresponse().read()

    return insert


def _wait_active(ask: Callable[..., dict[str, Any]]) -> None:
    while True:
        found = ask("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]
        if found["StreamStatus"] == "ACTIVE":
            return


def _drop(_: dict[str, Any]) -> None:
    """Only the time counts."""


def _microseconds(past: Callable[[], None], through: Callable[[], None]) -> tuple[float, float]:
    """The best of rounds that take turns, so that what else the machine does counts least."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for place, ask in enumerate((past, through)):
            elapsed = stopwatch()
            for _ in range(REQUESTS):
                ask()
            found[place].append(elapsed() / REQUESTS * 1e6)
    return min(found[0]), min(found[1])


if __name__ == "__main__":
    sys.exit(main())
