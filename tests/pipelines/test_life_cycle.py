"""A pipe from outside: paused, resumed, resynchronised, deleted, given a column, given few rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from harness.errors import PipelineError, UsageError
from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.bookkeeping import Bookkeeping
from harness.pipelines.reference.clickhouse import ClickHouse
from harness.pipelines.reference.lifecycle import Pipe
from harness.pipelines.reference.retry import Retry
from harness.pipelines.reference.sync import ClickPipes
from tests.pipelines.conftest import Running, Servers, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS = {"id": "String", "x": "Int32"}


@pytest.fixture
def pipe_of(servers: Servers) -> Iterator[Callable[[Table], Pipe]]:
    env = Environment(clock=servers.clock)
    clickhouse = ClickHouse(servers.clickhouse.url, Retry(env, seconds_max=1))

    def make(table: Table) -> Pipe:
        return Pipe(clickhouse, Bookkeeping.beside(clickhouse, table.name, env.clock), env)

    yield make
    clickhouse.close()


def streaming(servers: Servers, **fields: Any) -> Table:
    table = Table(servers, COLUMNS, {"id": "S"}, **fields)
    table.enable_stream()
    return table


def put(table: Table, name: str, number: int) -> None:
    table.put({"id": {"S": name}, "x": {"N": str(number)}})


def wait_for_state(servers: Servers, pipe: Pipe, state: str) -> None:
    servers.clock.wait_until(
        lambda: pipe.status().state == state, timeout_seconds=20, what=f"state {state}"
    )


def test_a_paused_pipe_stores_nothing_until_it_is_resumed_even_over_a_restart(
    servers: Servers, pipe_of: Callable[[Table], Pipe]
) -> None:
    table = streaming(servers)
    pipe = pipe_of(table)
    put(table, "a", 1)
    with table.running():
        table.wait_for_rows([("a", 1)])
        pipe.pause()
        wait_for_state(servers, pipe, "Paused")
        put(table, "b", 2)
    with table.running():
        servers.clock.wait_until(
            lambda: pipe.status().log[0][2] == "started", timeout_seconds=10, what="the restart"
        )
        assert table.rows() == [("a", 1)]
        pipe.resume()
        table.wait_for_rows([("a", 1), ("b", 2)])
        assert pipe.status().state == "Running"


def test_resync_reads_everything_again_while_the_pipe_runs(
    servers: Servers, pipe_of: Callable[[Table], Pipe]
) -> None:
    table = streaming(servers)
    pipe = pipe_of(table)
    put(table, "a", 1)
    export = table.export()
    put(table, "a", 2)
    with table.running(export=export):
        table.wait_for_rows([("a", 2)])
        servers.sql.command(f"TRUNCATE TABLE {table.name}")
        pipe.resync()
        table.wait_for_rows([("a", 2)])
        put(table, "b", 3)
        table.wait_for_rows([("a", 2), ("b", 3)])
    messages = [message for _, _, message in pipe.status().log]
    assert "resynchronising from the beginning" in messages


def test_status_names_shards_errors_and_records(
    servers: Servers, pipe_of: Callable[[Table], Pipe]
) -> None:
    table = streaming(servers)
    put(table, "a", 1)
    put(table, "b", 3_000_000_000)
    with table.running():
        table.wait_for_rows([("a", 1)])
        servers.clock.wait_until(
            lambda: bool(pipe_of(table).status().errors), timeout_seconds=10, what="the error"
        )
    status = pipe_of(table).status()
    assert status.state == "Stopped"
    assert [(unit, state, int(count)) for unit, state, _, count in status.units] == [
        ("shardId-000000000000", "open", 2)
    ]
    assert [[reason, int(count)] for reason, count in status.errors] == [
        ["column x: N '3000000000' does not fit Int32", 1]
    ]


def test_a_deleted_pipe_ends_and_leaves_only_its_target(
    servers: Servers, pipe_of: Callable[[Table], Pipe]
) -> None:
    table = streaming(servers)
    put(table, "a", 1)
    with table.running():
        table.wait_for_rows([("a", 1)])
        pipe_of(table).delete()
    left = servers.sql.query(f"SHOW TABLES LIKE '{table.name}%'").result_rows
    assert left == [(table.name,)]
    with pytest.raises(UsageError, match="there is no pipe"):
        pipe_of(table).status()


def test_a_column_is_added_while_the_pipe_runs_and_filled_after_a_restart(
    servers: Servers,
) -> None:
    table = streaming(servers)
    put(table, "a", 1)
    with table.running():
        table.wait_for_rows([("a", 1)])
        servers.sql.command(f"ALTER TABLE {table.name} ADD COLUMN note Nullable(String)")
        put(table, "b", 2)
        table.wait_for_rows([("a", 1), ("b", 2)])
    table.columns = {**COLUMNS, "note": "Nullable(String)"}
    table.put({"id": {"S": "c"}, "x": {"N": "3"}, "note": {"S": "new"}})
    with table.running():
        table.wait_for_rows([("a", 1, None), ("b", 2, None), ("c", 3, "new")])


def test_a_managed_table_gets_the_columns_that_it_lacks(servers: Servers) -> None:
    table = streaming(servers)
    put(table, "a", 1)
    with table.running():
        table.wait_for_rows([("a", 1)])
    table.columns = {**COLUMNS, "note": "Nullable(String)"}
    table.put({"id": {"S": "b"}, "x": {"N": "2"}, "note": {"S": "new"}})
    columns = f"SELECT count() FROM system.columns WHERE table = '{table.name}' AND name = 'note'"
    with table.running():
        servers.clock.wait_until(
            lambda: servers.sql.query(columns).result_rows == [(1,)],
            timeout_seconds=10,
            what="the column",
        )
        table.wait_for_rows([("a", 1, None), ("b", 2, "new")])


def test_a_user_granted_the_destination_alone_is_enough(servers: Servers) -> None:
    table = streaming(servers)
    put(table, "a", 1)
    name = table.name
    statements = [
        f"CREATE TABLE {name} (id String, x Int32, version UInt64, is_deleted UInt8) "
        "ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id",
        f"CREATE USER {name}_pipe IDENTIFIED WITH sha256_password BY 'secret'",
        f"GRANT SELECT, INSERT ON default.{name} TO {name}_pipe",
    ]
    statements += [
        f"GRANT SELECT, INSERT, CREATE TABLE ON default.{name}_clickpipes_{kind} TO {name}_pipe"
        for kind in ("checkpoint", "error", "log")
    ]
    for statement in statements:
        servers.sql.command(statement)
    env = servers.environment(table=name, target=name)
    host = urlsplit(servers.clickhouse.url).netloc.rpartition("@")[2]
    env.clickhouse_url = f"http://{name}_pipe:secret@{host}/default"
    # Even where ClickHouse flattens pages itself, for which the right is missing.
    settings = {"bulk_page_records": 1}
    with Running(ClickPipes(table.config(managed_table=False, settings=settings)), env):
        table.wait_for_rows([("a", 1)])


def test_without_the_right_to_insert_it_fails_with_clickhouses_own_words(servers: Servers) -> None:
    table = streaming(servers)
    put(table, "a", 1)
    name = table.name
    servers.sql.command(f"CREATE USER {name}_pipe IDENTIFIED WITH sha256_password BY 'secret'")
    env = servers.environment(table=name, target=name)
    host = urlsplit(servers.clickhouse.url).netloc.rpartition("@")[2]
    env.clickhouse_url = f"http://{name}_pipe:secret@{host}/default"
    with pytest.raises(PipelineError, match="ACCESS_DENIED"):
        ClickPipes(table.config(managed_table=False)).run(env)
