"""`harness pipe`: the life of a pipe by the command line alone."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from harness.pipelines.reference.preview import infer_columns, infer_type, number_type
from tests.cli.command import harness, start
from tests.pipelines.conftest import Servers, Table, servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["servers"]


@contextmanager
def process(folder: Path, servers: Servers, name: str) -> Iterator[Any]:
    """`harness pipe run` in the background."""
    running = start(folder, "pipe", "run", f"{name}.json", **variables(servers))
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)


def variables(servers: Servers) -> dict[str, str]:
    return {
        "CLICKHOUSE_URL": servers.clickhouse.url,
        "AWS_ENDPOINT_URL": servers.aws.endpoint,
        "AWS_ACCESS_KEY_ID": servers.aws.access_key,
        "AWS_SECRET_ACCESS_KEY": servers.aws.secret_key,
        "COLUMNS": "200",
    }


def pipe(folder: Path, servers: Servers, *arguments: str) -> str:
    ended = harness(folder, "pipe", *arguments, **variables(servers))
    assert ended.code == 0, ended.err
    return ended.out


def state(folder: Path, servers: Servers, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(pipe(folder, servers, "show", name, "--json"))
    return shown


def streaming(servers: Servers) -> Table:
    table = Table(servers, {"id": "String", "x": "Int64"}, {"id": "S"})
    table.enable_stream()
    return table


def put(table: Table, name: str, number: int) -> None:
    table.put({"id": {"S": name}, "x": {"N": str(number)}})


def test_a_pipe_lives_from_its_sample_to_its_end(servers: Servers, tmp_path: Path) -> None:
    table = streaming(servers)
    name = table.name
    put(table, "a", 1)
    servers.clock.wait_until(lambda: has_records(servers, name), timeout_seconds=10, what="a")
    created = pipe(tmp_path, servers, "create", name, "--stream", f"{name}-cdc")
    assert "Int64" in created
    assert state(tmp_path, servers, name)["state"] == "Stopped"
    with process(tmp_path, servers, name):
        table.wait_for_rows([("a", 1)])
        pipe(tmp_path, servers, "pause", name)
        wait_for_state(tmp_path, servers, name, "Paused")
        put(table, "b", 2)
        assert table.rows() == [("a", 1)]
        pipe(tmp_path, servers, "resume", name)
        table.wait_for_rows([("a", 1), ("b", 2)])
        servers.sql.command(f"TRUNCATE TABLE {name}")
        pipe(tmp_path, servers, "resync", name)
        table.wait_for_rows([("a", 1), ("b", 2)])
        pipe(tmp_path, servers, "stop", name)
        assert state(tmp_path, servers, name)["state"] == "Stopped"
    put(table, "c", 3)
    with process(tmp_path, servers, name):
        table.wait_for_rows([("a", 1), ("b", 2), ("c", 3)])
        shown = state(tmp_path, servers, name)
        assert shown["state"] == "Running"
        assert [unit[:2] for unit in shown["units"]] == [["shardId-000000000000", "open"]]
        assert f"pipe {name}: Running" in pipe(tmp_path, servers, "show", name)
        pipe(tmp_path, servers, "delete", name)
    left = servers.sql.query(f"SHOW TABLES LIKE '{name}%'").result_rows
    assert left == [(name,)]
    ended = harness(tmp_path, "pipe", "show", name, **variables(servers))
    assert (ended.code, ended.out) == (2, "")
    assert f"there is no pipe {name} beside its target" in ended.err


def has_records(servers: Servers, name: str) -> bool:
    iterator = servers.kinesis.get_shard_iterator(
        StreamName=f"{name}-cdc", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return bool(servers.kinesis.get_records(ShardIterator=iterator)["Records"])


def wait_for_state(folder: Path, servers: Servers, name: str, wanted: str) -> None:
    servers.clock.wait_until(
        lambda: state(folder, servers, name)["state"] == wanted,
        timeout_seconds=30,
        what=f"state {wanted}",
    )


def test_a_preview_shows_the_export_and_makes_nothing(servers: Servers, tmp_path: Path) -> None:
    table = streaming(servers)
    table.put({"id": {"S": "a"}, "x": {"N": "1.5"}, "tags": {"SS": ["q"]}})
    table.put({"id": {"S": "b"}, "x": {"N": "2"}})
    export = table.export()
    asked = ("create", table.name, "--export", export, "--preview")
    ended = harness(tmp_path, "pipe", *asked, **variables(servers))
    assert ended.code == 2
    assert "an export does not say what its key is" in ended.err
    shown = pipe(tmp_path, servers, *asked, "--key", "id")
    lines = [line.split()[:3] for line in shown.splitlines()[1:]]
    assert lines == [
        ["id", "String", "2"],
        ["x", "Decimal(38,", "1)"],
        ["tags", "Array(String)", "1"],
    ]
    assert servers.sql.query(f"SHOW TABLES LIKE '{table.name}%'").result_rows == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to sample"),
        (("--stream", "no-such-stream"), "Stream no-such-stream under account"),
        (("--export", "s3://nowhere/x/AWSDynamoDB/1", "--key", "id"), "NoSuchBucket"),
    ],
)
def test_a_source_that_is_not_there_is_one_clear_line(
    servers: Servers, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = harness(tmp_path, "pipe", "create", "t", *arguments, **variables(servers))
    assert ended.code in (2, 4)
    assert message in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([{"S": "a"}, {"NULL": True}], "Nullable(String)"),
        ([{"N": "1"}, {"S": "a"}], "String"),
        ([{"BOOL": True}], "Bool"),
        ([{"M": {"a": {"S": "b"}}}], "JSON"),
        ([{"NS": ["1", "2.5"]}], "Array(Decimal(38, 1))"),
        ([{"L": [{"S": "a"}, {"NULL": True}]}], "Array(Nullable(String))"),
        ([{"L": [{"L": []}]}], "Array(String)"),
        ([{"L": [{"M": {}}]}], "String"),
        ([{"L": [{"S": "a"}, {"N": "1"}]}], "Array(String)"),
        ([{"NULL": True}], "Nullable(String)"),
        ([{"B": "AA=="}], "String"),
    ],
)
def test_the_type_of_a_column_holds_its_whole_sample(values: list[Any], expected: str) -> None:
    assert infer_type(values) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "-9223372036854775808"], "Int64"),
        (["9223372036854775808"], "UInt64"),
        (["-9223372036854775809"], "Decimal(38, 0)"),
        (["12.50", "3"], "Decimal(38, 1)"),
        (["99999999999999999999999999999999999999"], "Decimal(38, 0)"),
        (["99999999999999999999999999999999999999", "0.1"], "String"),
        (["1E-130"], "String"),
    ],
)
def test_a_numbers_type_loses_no_digit(texts: list[str], expected: str) -> None:
    assert number_type(texts) == expected


def test_odd_names_become_quoted_paths() -> None:
    (column,) = infer_columns([{'a."b': {"S": "x"}}], ['a."b'])
    assert column == {"name": 'a."b', "type": "String", "attribute": '"a.\\"b"'}
