"""ClickHouse's own s3() against the store, by the real engine."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from harness.objects.store import ObjectStore

QUERY = "import chdb, sys; sys.stdout.write(str(chdb.query(sys.argv[1], 'JSONCompactEachRow')))"


def query(sql: str) -> list[list[object]]:
    """The rows of one query; in its own process, as the engine may be loaded once in each."""
    done = subprocess.run(
        [sys.executable, "-c", QUERY, sql], capture_output=True, text=True, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_s3_reads_gzipped_lines_through_globs_and_writes_parquet(
    url: str, store: ObjectStore
) -> None:
    for number in range(3):
        lines = b"".join(
            orjson.dumps({"Item": {"id": {"S": f"{number}-{row}"}}}) + b"\n" for row in range(100)
        )
        name = f"export/AWSDynamoDB/1/data/{number}.json.gz"
        store.put_object("bucket", name, gzip.compress(lines))
    store.put_object("bucket", "export/AWSDynamoDB/1/manifest-summary.json", b"{}")
    data = f"{url}/bucket/export/AWSDynamoDB/1/data"
    rows = query(
        f"SELECT 'all', count(), uniqExact(Item.id.S) FROM s3('{data}/*.json.gz', 'k', 's', "
        "'JSONEachRow', 'Item JSON') UNION ALL "
        f"SELECT 'some', count(), 0 FROM s3('{data}/{{0,2}}.json.gz', 'k', 's', 'JSONAsString') "
        f"UNION ALL SELECT 'deep', count(), 0 FROM s3('{url}/bucket/**/1.json.gz', 'k', 's', "
        "'JSONAsString') UNION ALL "
        f"SELECT 'unsigned', count(), 0 FROM s3('{data}/1.json.gz', NOSIGN, 'JSONAsString') "
    )
    assert {str(row[0]): [int(str(n)) for n in row[1:]] for row in rows} == {
        "all": [300, 300],
        "some": [200, 0],
        "deep": [100, 0],
        "unsigned": [100, 0],
    }
    target = f"s3('{url}/bucket/out/numbers.parquet', 'k', 's', 'Parquet', 'n UInt64')"
    assert query(f"INSERT INTO FUNCTION {target} SELECT number FROM numbers(100000)") == []
    assert query(f"SELECT sum(n) FROM {target}") in ([["4999950000"]], [[4999950000]])
    assert store.list("bucket", "out/") == ["out/numbers.parquet"]
