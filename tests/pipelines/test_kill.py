"""SIGKILL at any request: started again, the pipe ends with the same rows."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, Any

import pytest

from harness.clock import WallClock
from tests.pipelines.conftest import Servers, Table
from tests.pipelines.killing import run

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 50
REQUESTS = 45
AT_ONCE = 5
COLUMNS = {"id": "String", "age": "Int8"}
FIELDS = (
    "aws_endpoint_url", "aws_access_key_id", "aws_secret_access_key", "aws_region",
    "clickhouse_url", "target", "export",
)  # fmt: skip


def _written_to(servers: Servers) -> tuple[Table, str, list[tuple[str, int]]]:
    """30 items, exported, then changed, deleted and written again; one does not fit."""
    table = Table(servers, COLUMNS, {"id": "S"}, shards=2)
    table.enable_stream()
    for number in range(30):
        table.put({"id": {"S": f"u{number:02d}"}, "age": {"N": "1"}})
    export = table.export()
    for number in range(0, 30, 2):
        table.put({"id": {"S": f"u{number:02d}"}, "age": {"N": "2"}})
    for number in range(0, 30, 3):
        table.delete({"id": {"S": f"u{number:02d}"}})
    for number in range(0, 30, 6):
        table.put({"id": {"S": f"u{number:02d}"}, "age": {"N": "3"}})
    table.put({"id": {"S": "odd"}, "age": {"N": "300"}})
    expected = []
    for number in range(30):
        age = 3 if number % 6 == 0 else 2 if number % 2 == 0 else 1
        if number % 6 == 0 or number % 3:
            expected.append((f"u{number:02d}", age))
    return table, export, expected


@pytest.mark.slow
def test_killed_at_fifty_points_it_ends_with_the_same_rows_each_time(
    servers: Servers, tmp_path: Path
) -> None:
    table, export, expected = _written_to(servers)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.pipelines.killing"])
    points = WallClock(seed=6).substream("kill points")
    deaths: list[str] = []
    for first_kill in range(0, KILLS, AT_ONCE):
        runs = []
        for kill in range(first_kill, first_kill + AT_ONCE):
            target, told = f"{table.name}_kill_{kill}", tmp_path / f"told_{kill}"
            config = table.config(settings={"streaming_max_insert_rows": 20})
            config["destination"]["table"] = config["name"] = target
            env = servers.environment(target=target, export=export)
            fields = {name: getattr(env, name) for name in FIELDS}
            runs.append((target, fields, config, points.randint(1, REQUESTS), told))
        killed = [
            context.Process(target=run, args=(fields, config, at, str(told)))
            for _, fields, config, at, told in runs
        ]
        for process in killed:
            process.start()
        for process in killed:
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
        deaths += [told.read_text() for *_, told in runs]
        again = [
            context.Process(target=run, args=(fields, config, 0, ""))
            for _, fields, config, _, _ in runs
        ]
        for process in again:
            process.start()
        try:
            for target, _, _, at, told in runs:
                _wait_for(servers, target, expected, f"request {at}: {told.read_text()}")
        finally:
            for process in again:
                process.terminate()
        for process in again:
            process.join(30)
            assert process.exitcode == 0
    rows = f"INSERT INTO `default`.`{table.name}_kill_"
    stored = [d for d in deaths if d.startswith("after") and rows in d and "_clickpipes_" not in d]
    assert stored, "no kill between a stored batch and its checkpoint"
    assert any("_clickpipes_checkpoint` FORMAT" in d for d in deaths), "no kill at a checkpoint"


def _wait_for(servers: Servers, target: str, expected: list[tuple[str, int]], death: str) -> None:
    found: dict[str, Any] = {}
    wanted = {"rows": expected, "errors": [("odd",)]}

    def is_equal() -> bool:
        found["rows"] = servers.sql.query(
            f"SELECT id, age FROM {target} FINAL ORDER BY id"
        ).result_rows
        found["errors"] = servers.sql.query(
            "SELECT DISTINCT JSONExtractString(record_value, 'dynamodb', 'Keys', 'id', 'S') "
            f"FROM {target}_clickpipes_error"
        ).result_rows
        return found == wanted

    servers.clock.wait_until(
        lambda: _exists(servers, target), timeout_seconds=20, what=f"the target after {death}"
    )
    servers.clock.wait_until(is_equal, timeout_seconds=60, what=f"the rows after {death}: {found}")


def _exists(servers: Servers, target: str) -> bool:
    sql = f"EXISTS TABLE {target}"
    errors = f"EXISTS TABLE {target}_clickpipes_error"
    return all(servers.sql.query(statement).result_rows == [(1,)] for statement in (sql, errors))
