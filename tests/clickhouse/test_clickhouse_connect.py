"""clickhouse-connect, unmodified, against the embedded interface."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.backends.embedded_clickhouse import EmbeddedClickHouse


@pytest.fixture(params=["lz4", "zstd", "gzip", False])
def client(server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = clickhouse_connect.get_client(dsn=server.url, compress=request.param)
    yield made
    made.close()


def test_rows_and_types_survive_insert_and_query(client: Any) -> None:
    client.command(
        "CREATE OR REPLACE TABLE kinds (id UInt64, n Int256, d Decimal(38, 10), s String, "
        "a Array(Nullable(Int32)), m Map(String, String), t DateTime64(6, 'UTC')) "
        "ENGINE=MergeTree ORDER BY id"
    )
    row = (
        *(7, -(2**200), Decimal("12345678901234567890.0000000001"), "é\0", [1, None], {"k": "v"}),
        datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )
    summary = client.insert("kinds", [row])
    assert summary.written_rows == 1
    assert client.query("SELECT * FROM kinds", tz_mode="aware").result_rows == [row]


def test_a_large_result_is_streamed_block_by_block(client: Any) -> None:
    total = blocks = 0
    with client.query_row_block_stream(
        "SELECT number, toString(number) FROM numbers(500000)"
    ) as stream:
        for block in stream:
            blocks += 1
            total += sum(row[0] for row in block)
    assert total == 499999 * 250000
    assert blocks > 1


def test_raw_insert_command_parameters_and_settings(client: Any) -> None:
    client.command("CREATE OR REPLACE TABLE raw (a Int8, b String) ENGINE=Memory")
    client.raw_insert("raw", ["a", "b"], b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n', fmt="JSONEachRow")
    assert client.command("SELECT count() FROM raw") == 2
    found = client.query(
        "SELECT b, getSetting('max_block_size') FROM raw WHERE a = {a:Int8}",
        parameters={"a": 2},
        settings={"max_block_size": 99},
    )
    assert found.result_rows == [("y", 99)]


def test_frames_and_arrow_tables(client: Any) -> None:
    frame = client.query_df("SELECT number AS n, toString(number) AS s FROM numbers(3)")
    assert list(frame["n"]) == [0, 1, 2]
    assert list(frame["s"]) == ["0", "1", "2"]
    table = client.query_arrow("SELECT number AS n FROM numbers(3)")
    assert table.to_pydict() == {"n": [0, 1, 2]}
    client.command("CREATE OR REPLACE TABLE frames (n UInt64, s String) ENGINE=Memory")
    client.insert_df("frames", frame)
    assert client.query("SELECT sum(n), max(s) FROM frames").result_rows == [(3, "2")]


def test_errors_reach_the_client_with_their_code(client: Any) -> None:
    with pytest.raises(DatabaseError, match=r"code: 60, .*UNKNOWN_TABLE"):
        client.query("SELECT * FROM nope")
    with pytest.raises(DatabaseError, match="late"):
        client.query("SELECT throwIf(number = 900000, 'late') FROM numbers(1000000)")
    assert client.query("SELECT 1").result_rows == [(1,)]


def test_a_client_s_session_keeps_its_temporary_tables(client: Any) -> None:
    client.command("CREATE TEMPORARY TABLE mine (a Int8)")
    client.insert("mine", [[1], [2]])
    assert client.query("SELECT sum(a) FROM mine").result_rows == [(3,)]


def test_external_data(client: Any) -> None:
    data = ExternalData(
        file_name="ext.csv", fmt="CSV", structure="a Int32, b String", data=b"1,x\n2,y\n"
    )
    found = client.query("SELECT sum(a), max(b) FROM ext", external_data=data)
    assert found.result_rows == [(3, "y")]


def test_ping_and_empty_results(client: Any) -> None:
    assert client.ping() is True
    assert client.query("SELECT number FROM numbers(0)").result_rows == []
