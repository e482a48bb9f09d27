"""A million items: imported from S3, exported to S3 and scanned, by one endpoint in 8 GB."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from harness.bench.contenders import peak_bytes
from harness.bench.dynamodb_cases import all_of, fresh_name
from harness.bench.endpoint import UnsupportedError
from harness.bench.object_cases import bucket, export
from harness.bench.raw_cases import DYNAMODB
from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.clock import WallClock, stopwatch

if TYPE_CHECKING:
    from harness.bench.endpoint import Endpoint

ITEMS = 1_000_000
FILE_ITEMS = 100_000
SECONDS_MAX = 900.0
MEMORY_GB_MAX = 8.0
GIGABYTE = 1_000_000_000
PREFIX = "import/"
_LAST_KEY = re.compile(rb'"LastEvaluatedKey"\s*:\s*(\{"pk"\s*:\s*\{[^}]*\}\s*\})')
_EDGE_BYTES = 2_000
_clock = WallClock()


def measure(endpoint: Endpoint, items: int = ITEMS) -> list[Measured]:
    """Import, export and scan so many items of about 200 bytes; peak memory of the process."""
    table = fresh_name()
    with bucket(endpoint) as target:
        _upload(endpoint, target, items)
        imported = stopwatch()
        _import(endpoint, target, table, items)
        import_seconds = imported()
        dynamodb = endpoint.dynamodb
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
        exported = stopwatch()
        export(endpoint, arn, target, items, seconds_max=SECONDS_MAX)
        export_seconds = exported()
        scanned = stopwatch()
        all_of(_scan(endpoint, table), items)
        scan_seconds = scanned()
        dynamodb.delete_table(TableName=table)
    spent = {"import": import_seconds, "export": export_seconds, "scan": scan_seconds}
    rows = [
        Measured(Row(f"{name}_1m_items", "items/s", "raw", bar=None), items / seconds, {})
        for name, seconds in spent.items()
    ]
    memory = Row(
        "peak_memory_1m_items", "GB", "process", lower_is_better=True, budget=MEMORY_GB_MAX
    )
    peak = None if endpoint.pid is None else peak_bytes(endpoint.pid) / GIGABYTE
    return [*rows, Measured(memory, peak, {})]


def _upload(endpoint: Endpoint, target: str, items: int) -> None:
    import zstandard

    for number, start in enumerate(range(0, items, FILE_ITEMS)):
        lines = "".join(
            json.dumps({"Item": _item(n)}, separators=(",", ":")) + "\n"
            for n in range(start, min(start + FILE_ITEMS, items))
        )
        body = zstandard.compress(lines.encode())
        endpoint.s3.put_object(Bucket=target, Key=f"{PREFIX}{number:04d}.json.zst", Body=body)


def _item(number: int) -> dict[str, Any]:
    return {
        "pk": {"S": f"user-{number:09d}"},
        "n": {"N": str(number)},
        "seen": {"BOOL": number % 2 == 0},
        "tags": {"L": [{"S": "a"}, {"N": "1.5"}]},
        "text": {"S": f"{number:x}" * 12},
    }


def _import(endpoint: Endpoint, source: str, table: str, items: int) -> None:
    client = endpoint.dynamodb
    told = client.import_table(
        S3BucketSource={"S3Bucket": source, "S3KeyPrefix": PREFIX},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="ZSTD",
        TableCreationParameters={
            "TableName": table,
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )["ImportTableDescription"]

    def ended() -> bool:
        nonlocal told
        told = client.describe_import(ImportArn=told["ImportArn"])["ImportTableDescription"]
        return bool(told["ImportStatus"] != "IN_PROGRESS")

    _clock.wait_until(ended, timeout_seconds=SECONDS_MAX, what="an import", step_seconds=0.05)
    if told["ImportStatus"] != "COMPLETED":
        raise UnsupportedError(f"the import is {told['ImportStatus']}")
    all_of(int(told["ImportedItemCount"]), items)


def _scan(endpoint: Endpoint, table: str) -> int:
    """How many items a walk through the whole table answers."""
    found = 0
    start = b""
    while True:
        body = b'{"TableName":"%b"%b}' % (table.encode(), start)
        answer = endpoint.raw.ask(DYNAMODB + "Scan", body)
        found += answer.count(b'"text"')
        match = _LAST_KEY.search(answer, max(0, len(answer) - _EDGE_BYTES))
        if match is None:
            return found
        start = b',"ExclusiveStartKey":' + match[1]
