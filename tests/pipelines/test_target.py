"""A target without versions shows what is inserted last: so the snapshot comes before the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.clickhouse import ClickHouse
from harness.pipelines.reference.config import parse_config
from harness.pipelines.reference.retry import Retry
from harness.pipelines.reference.target import shows_the_last
from tests.pipelines.conftest import Servers, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = {"id": "String", "x": "Int32"}


@pytest.fixture
def clickhouse(servers: Servers) -> Iterator[ClickHouse]:
    made = ClickHouse(servers.clickhouse.url, Retry(Environment(), seconds_max=1))
    yield made
    made.close()


def create(table: Table, engine: str, rest: str = "ORDER BY id") -> None:
    table.servers.sql.command(
        f"CREATE TABLE {table.name} (id String, x Int32, version UInt64, is_deleted UInt8) "
        f"ENGINE = {engine} {rest}"
    )


@pytest.mark.parametrize(
    ("engine", "rest", "wanted"),
    [
        ("ReplacingMergeTree", "ORDER BY (id, version)", True),
        ("ReplacingMergeTree", "PARTITION BY version % 2 ORDER BY id", True),
        ("ReplacingMergeTree(x)", "ORDER BY id", True),
        ("ReplacingMergeTree(version)", "ORDER BY id", False),
        ("ReplacingMergeTree(`version`, is_deleted)", "PRIMARY KEY id ORDER BY id", False),
        ("MergeTree", "ORDER BY id", False),
    ],
)
def test_an_engine_tells_whether_the_last_row_wins(
    servers: Servers, clickhouse: ClickHouse, engine: str, rest: str, *, wanted: bool
) -> None:
    table = Table(servers, COLUMNS, {"id": "S"})
    create(table, engine, rest)
    assert shows_the_last(clickhouse, parse_config(table.config())) is wanted


def test_a_target_that_is_not_there_goes_by_versions(
    servers: Servers, clickhouse: ClickHouse
) -> None:
    table = Table(servers, COLUMNS, {"id": "S"})
    assert not shows_the_last(clickhouse, parse_config(table.config()))


@pytest.mark.parametrize("source", ["kinesis", "dynamodb_streams"])
def test_every_row_of_the_snapshot_is_older_than_those_of_the_stream(
    servers: Servers, source: str
) -> None:
    table = Table(servers, COLUMNS, {"id": "S"})
    for number in range(20):
        table.put({"id": {"S": f"u{number:02d}"}, "x": {"N": "1"}})
    table.enable_stream()
    export = table.export()
    for number in range(20):
        table.put({"id": {"S": f"u{number:02d}"}, "x": {"N": "2"}})
    create(table, "ReplacingMergeTree")
    log = f"SELECT count() FROM {table.name}_clickpipes_log"
    newest = [(f"u{number:02d}", 2) for number in range(20)]
    with table.running(export=export, managed_table=False, source=source):
        table.wait_for_rows(newest)
        servers.clock.wait_until(
            lambda: (
                servers.sql.query(f"{log} WHERE message LIKE '% loaded%'").result_rows == [(1,)]
            ),
            timeout_seconds=20,
            what="the load",
        )
        assert table.rows() == newest
