"""The reference sync between real servers: export, stream, versions, deletes, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipelines.conftest import Table

if TYPE_CHECKING:
    from tests.pipelines.conftest import Servers

COLUMNS = {"id": "String", "age": "Int8", "name": "Nullable(String)"}


def users(servers: Servers, **fields: object) -> Table:
    return Table(servers, COLUMNS, {"id": "S"}, **fields)  # type: ignore[arg-type] # tests only


def test_snapshot_and_stream_meet_in_one_table(servers: Servers) -> None:
    table = users(servers)
    table.enable_stream()
    table.put({"id": {"S": "kept"}, "age": {"N": "1"}, "name": {"S": "a"}})
    table.put({"id": {"S": "changed"}, "age": {"N": "2"}})
    table.put({"id": {"S": "deleted"}, "age": {"N": "3"}})
    export = table.export()
    table.put({"id": {"S": "changed"}, "age": {"N": "4"}, "name": {"S": ""}})
    table.delete({"id": {"S": "deleted"}})
    table.put({"id": {"S": "new"}})
    with table.running(export=export):
        table.wait_for_rows([("changed", 4, ""), ("kept", 1, "a"), ("new", 0, None)])


def test_an_unstorable_item_goes_to_the_error_table_and_nothing_is_invented(
    servers: Servers,
) -> None:
    table = users(servers)
    table.enable_stream()
    table.put({"id": {"S": "exported"}, "age": {"N": "200"}})
    export = table.export()
    table.put({"id": {"S": "streamed"}, "age": {"N": "26.5"}})
    table.put({"id": {"S": "good"}, "age": {"N": "1"}})
    with table.running(export=export):
        table.wait_for_rows([("good", 1, None)])
        servers.clock.wait_until(
            lambda: len(table.errors()) == 3, timeout_seconds=10, what="errors"
        )
    reasons = [reason for reason, _ in table.errors()]
    assert reasons == [
        "column age: N '200' does not fit Int8",
        "column age: N '26.5' does not fit Int8",
        'column age: does not fit Int8: {"N":"200"}',
    ]


def test_a_restart_resumes_after_what_is_stored(servers: Servers) -> None:
    table = users(servers, shards=2)
    table.enable_stream()
    for number in range(20):
        table.put({"id": {"S": f"u{number:02d}"}, "age": {"N": str(number)}})
    expected = [(f"u{number:02d}", number, None) for number in range(20)]
    with table.running(settings={"resume_lookback_ms": 0}):
        table.wait_for_rows(expected)
    table.put({"id": {"S": "u99"}, "age": {"N": "99"}})
    with table.running(settings={"resume_lookback_ms": 0}):
        table.wait_for_rows([*expected, ("u99", 99, None)])
    stored = servers.sql.query(f"SELECT count() FROM {table.name}").result_rows[0][0]
    # The page that each shard ended on is read again, and its rows are the same as before.
    assert 21 <= stored <= 41


def test_dynamodb_streams_is_the_second_source(servers: Servers) -> None:
    table = users(servers)
    table.put({"id": {"S": "a"}, "age": {"N": "1"}})
    table.put({"id": {"S": "a"}, "age": {"N": "2"}})
    table.put({"id": {"S": "a"}, "age": {"N": "3"}})
    table.put({"id": {"S": "b"}, "age": {"N": "1"}})
    table.delete({"id": {"S": "b"}})
    with table.running(source="dynamodb_streams"):
        table.wait_for_rows([("a", 3, None)])


@pytest.mark.parametrize("bulk_page_records", [0, 1], ids=["row by row", "in bulk"])
def test_enhanced_fan_out_delivers_the_same(servers: Servers, bulk_page_records: int) -> None:
    table = users(servers, shards=2)
    table.enable_stream()
    table.put({"id": {"S": "a"}, "age": {"N": "1"}})
    settings = {"bulk_page_records": bulk_page_records}
    with table.running(use_enhanced_fan_out=True, settings=settings):
        table.wait_for_rows([("a", 1, None)])
        table.put({"id": {"S": "b"}, "age": {"N": "2"}})
        table.wait_for_rows([("a", 1, None), ("b", 2, None)])


def test_one_thread_does_it_all_step_by_step(servers: Servers) -> None:
    table = users(servers, shards=2)
    table.enable_stream()
    table.put({"id": {"S": "a"}, "age": {"N": "1"}})
    export = table.export()
    table.put({"id": {"S": "b"}, "age": {"N": "2"}})
    with table.running(export=export, settings={"workers": 0}):
        table.wait_for_rows([("a", 1, None), ("b", 2, None)])


def test_a_split_is_followed_parents_first(servers: Servers) -> None:
    table = users(servers)
    table.enable_stream()
    kinesis, stream = servers.kinesis, f"{table.name}-cdc"
    for number in range(10):
        table.put({"id": {"S": f"u{number}"}, "age": {"N": "1"}})
    with table.running():
        table.wait_for_rows([(f"u{number}", 1, None) for number in range(10)])
        kinesis.split_shard(
            StreamName=stream,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(2**127),
        )
        kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
        for number in range(10):
            table.put({"id": {"S": f"u{number}"}, "age": {"N": "2"}})
        table.wait_for_rows([(f"u{number}", 2, None) for number in range(10)])
    shards = servers.sql.query(
        f"SELECT unit, start, status FROM {table.name}_clickpipes_checkpoint FINAL "
        "WHERE unit LIKE 'shardId%' ORDER BY unit"
    ).result_rows
    assert shards == [
        ("shardId-000000000000", "TRIM_HORIZON", "ended"),
        ("shardId-000000000001", "TRIM_HORIZON", "open"),
        ("shardId-000000000002", "TRIM_HORIZON", "open"),
    ]


def test_a_row_that_clickhouse_itself_refuses_leaves_its_neighbours_alone(
    servers: Servers,
) -> None:
    table = users(servers)
    table.enable_stream()
    servers.sql.command(
        f"CREATE TABLE {table.name} (id String, age Int8, name Nullable(Int32), version UInt64, "
        "is_deleted UInt8) "
        "ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id"
    )
    for number in range(8):
        name = "not a number" if number == 3 else "5"
        table.put({"id": {"S": f"u{number}"}, "age": {"N": str(number)}, "name": {"S": name}})
    with table.running():
        table.wait_for_rows([(f"u{n}", n, 5) for n in range(8) if n != 3])
        servers.clock.wait_until(
            lambda: len(table.errors()) == 1, timeout_seconds=10, what="the error row"
        )
    reason, raw = table.errors()[0]
    assert reason.startswith("Code: 27.")
    assert '"id":{"S":"u3"}' in raw


def test_a_second_export_repairs_and_removes_orphans(servers: Servers) -> None:
    table = users(servers)
    table.enable_stream()
    table.put({"id": {"S": "orphan"}, "age": {"N": "1"}})
    table.put({"id": {"S": "stale"}, "age": {"N": "1"}})
    settings = {"snapshot_margin_seconds": 0}
    with table.running(export=table.export(), source="none", settings=settings):
        table.wait_for_rows([("orphan", 1, None), ("stale", 1, None)])
    table.delete({"id": {"S": "orphan"}})
    table.put({"id": {"S": "stale"}, "age": {"N": "2"}})
    with table.running(export=table.export(), source="none", settings=settings):
        table.wait_for_rows([("stale", 2, None)])
