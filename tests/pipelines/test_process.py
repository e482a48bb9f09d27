"""A pipeline that ships runs as its own process, from the documented variables alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from tests.pipelines.conftest import Servers, Table

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "harness.pipelines.process"]


def variables(servers: Servers, table: Table) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": servers.aws.endpoint,
        "AWS_ACCESS_KEY_ID": servers.aws.access_key,
        "AWS_SECRET_ACCESS_KEY": servers.aws.secret_key,
        "AWS_REGION": servers.aws.region,
        "CLICKHOUSE_URL": servers.clickhouse.url,
        "HARNESS_TABLE": table.name,
        "HARNESS_TARGET": table.name,
        "HARNESS_STREAM": f"{table.name}-cdc",
    }


def start(servers: Servers, table: Table, path: Path) -> subprocess.Popen[bytes]:
    config = path / "pipe.json"
    config.write_text(json.dumps(table.config()))
    return subprocess.Popen(
        [*COMMAND, "clickpipes", "--config", str(config)],
        env=variables(servers, table),
        stderr=subprocess.PIPE,
    )


def test_it_runs_until_sigterm_and_ends_clean(servers: Servers, tmp_path: Path) -> None:
    table = Table(servers, {"id": "String", "x": "Int8"}, {"id": "S"})
    table.enable_stream()
    table.put({"id": {"S": "a"}, "x": {"N": "1"}})
    process = start(servers, table, tmp_path)
    table.wait_for_rows([("a", 1)])
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, b"")


def test_killed_at_any_time_it_ends_with_the_same_rows(servers: Servers, tmp_path: Path) -> None:
    table = Table(servers, {"id": "String", "x": "Int32"}, {"id": "S"}, shards=2)
    table.enable_stream()
    for kill in range(4):
        for number in range(30):
            table.put({"id": {"S": f"u{number % 7}"}, "x": {"N": str(kill * 100 + number)}})
        process = start(servers, table, tmp_path)
        servers.clock.sleep(0.25 + 0.15 * kill)
        process.kill()
        process.communicate(timeout=10)
    process = start(servers, table, tmp_path)
    last = [29 - (29 - key) % 7 for key in range(7)]
    table.wait_for_rows([(f"u{key}", 300 + last[key]) for key in range(7)])
    process.terminate()
    process.communicate(timeout=10)


@pytest.mark.parametrize("bulk_page_records", [0, 1], ids=["row by row", "in bulk"])
def test_a_url_is_all_that_it_knows_of_clickhouse(
    servers: Servers, tmp_path: Path, bulk_page_records: int
) -> None:
    table = Table(servers, {"id": "String", "x": "Int8"}, {"id": "S"})
    for number in range(3):
        table.put({"id": {"S": f"exported {number}"}, "x": {"N": str(number)}})
    export = table.export()
    table.enable_stream()
    table.put({"id": {"S": "exported 0"}, "x": {"N": "7"}})
    table.put({"id": {"S": "streamed"}, "x": {"N": "8"}})
    table.delete({"id": {"S": "exported 1"}})
    user, shop = f"{table.name}_owner", f"{table.name}_shop"
    for statement in (
        f"CREATE DATABASE {shop}",
        f"CREATE USER {user} IDENTIFIED WITH sha256_password BY 'a secret'",
        f"GRANT ALL ON *.* TO {user}",
    ):
        servers.sql.command(statement)
    url = f"http://{user}:a%20secret@{servers.clickhouse.url.rpartition('@')[2]}"
    url = f"{url.rpartition('/')[0]}/{shop}"
    config = tmp_path / "pipe.json"
    settings = {"bulk_page_records": bulk_page_records}
    config.write_text(json.dumps(table.config(database=shop, settings=settings)))
    # Whoever imports one of these from now on fails.
    lacking = "import sys; sys.modules.update(dict.fromkeys(('chdb', 'clickhouse_connect')))"
    main = "from harness.pipelines.process import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{lacking}; {main}", "clickpipes", "--config", str(config)],
        env={**variables(servers, table), "CLICKHOUSE_URL": url, "HARNESS_EXPORT": export},
        stderr=subprocess.PIPE,
    )
    client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)

    def rows() -> list[tuple[object, ...]]:
        if process.poll() is not None or not client.command(f"EXISTS {table.name}"):
            return []
        return list(client.query(f"SELECT id, x FROM {table.name} FINAL ORDER BY id").result_rows)

    expected = [("exported 0", 7), ("exported 2", 2), ("streamed", 8)]
    servers.clock.wait_until(
        lambda: rows() == expected or process.poll() is not None,
        timeout_seconds=60,
        what="the rows",
    )
    found = rows()
    client.close()
    process.terminate()
    _, said = process.communicate(timeout=10)
    assert (found, said) == (expected, b"")


def test_missing_variables_are_named_in_one_line(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(
        [*COMMAND, "no-op"], env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "error: environment variables missing: AWS_ENDPOINT_URL, CLICKHOUSE_URL, HARNESS_TARGET "
        "(the harness sets them; by hand, see docs/pipeline-contract.md)"
    ]


def test_a_wrong_config_is_one_line_and_code_2(tmp_path: Path) -> None:
    config = tmp_path / "pipe.json"
    config.write_text("{}")
    done = subprocess.run(
        [*COMMAND, "clickpipes", "--config", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "error: the pipe has no 'destination' object\n")
