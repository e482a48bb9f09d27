"""The engine's own s3() against an S3 endpoint given by URL."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.objects.app import ObjectsApp
from harness.objects.store import ObjectStore
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from tests.clickhouse.conftest import Curl


def test_s3_reads_exports_into_a_table_and_is_a_right_of_its_own(curl: Curl, table: str) -> None:
    store = ObjectStore(VirtualClock())
    store.create_bucket("bucket")
    for number in range(3):
        lines = b'{"Item":{"id":{"N":"%d"},"name":{"S":"n"}}}\n' % number
        store.put_object("bucket", f"data/{number}.json.gz", gzip.compress(lines))
    app = ObjectsApp(store)
    with ServerThread(app, clock=store.clock) as objects:
        insert = (
            f"INSERT INTO {table} SELECT Item.id.N::String::UInt64, Item.name.S::String FROM "
            f"s3('{objects.url}/bucket/data/*.json.gz', 'key', 'secret', 'JSONEachRow', 'Item JSON')"
        )
        answer = curl(insert)
        assert answer.status == 200, answer.text
        assert curl(f"SELECT sum(id), count() FROM {table}").body == b"3\t3\n"
        for statement in (
            "DROP USER IF EXISTS loader",
            "CREATE USER loader IDENTIFIED BY 'x'",
            f"GRANT INSERT ON {table} TO loader",
        ):
            curl(statement)
        refused = curl(insert, user="loader", password="x")
        assert refused.headers["x-clickhouse-exception-code"] == "497"
        assert "S3 ON *.*" in refused.text
        curl("GRANT S3 ON *.* TO loader")
        assert curl(insert, user="loader", password="x").status == 200
        missing = curl(
            f"SELECT * FROM s3('{objects.url}/bucket/nope.json', 'k', 's', 'JSONAsString')"
        )
        assert "nope.json" in missing.text
