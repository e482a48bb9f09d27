from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.clock import WallClock
from harness.errors import BackendError

PROCESS = [sys.executable, "-m", "harness.backends.clickhouse_process"]


def test_acknowledged_inserts_and_users_survive_kill_9(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data", password="secret", database="shop") as server:
        url = server.url
        assert url.startswith("http://default:secret@127.0.0.1:")
        assert url.endswith("/shop")
        server.command("CREATE TABLE t (id UInt64) ENGINE=MergeTree ORDER BY id")
        server.command("CREATE USER pipe IDENTIFIED BY 'x'")
        for number in range(30):
            server.command(f"INSERT INTO t VALUES ({number})")
        server.kill()
        assert server.pid is None
        server.start()
        assert server.url == url
        assert server.command("SELECT count(), sum(id) FROM t") == "30\t435\n"
        assert server.command("SHOW USERS") == "pipe\n"
        assert server.command("SELECT version()").strip() == server.version()


def test_a_restart_keeps_data_and_address(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data") as server:
        url = server.url
        server.command("CREATE TABLE t (id UInt64) ENGINE=MergeTree ORDER BY id")
        server.command("INSERT INTO t VALUES (7)")
        server.restart()
        assert server.url == url
        assert server.command("SELECT id FROM t") == "7\n"


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_code_4(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    ended = subprocess.run(
        [*PROCESS, "--path", str(blocked / "data")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert ended.stderr.startswith(
        f"clickhouse: ClickHouse's data folder {blocked / 'data'} cannot"
    )
    assert ended.stderr.count("\n") == 1
    with pytest.raises(BackendError, match=r"did not start: .* cannot be written"):
        EmbeddedClickHouse(blocked / "data").start()


def test_a_taken_port_and_a_held_folder_are_told() -> None:
    with EmbeddedClickHouse() as server:
        port = int(server.url.rsplit(":", 1)[1].partition("/")[0])
        with pytest.raises(BackendError, match=f"port {port} on 127.0.0.1 is taken"):
            EmbeddedClickHouse(port=port).start()
        with pytest.raises(BackendError, match=f"engine cannot start on {server.path}"):
            EmbeddedClickHouse(server.path).start()


def test_it_says_when_it_is_ready_and_ends_on_sigterm(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROCESS, "--path", str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    assert ready["url"].startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys\n"
            "from pathlib import Path\n"
            "from harness.backends.embedded_clickhouse import EmbeddedClickHouse\n"
            "server = EmbeddedClickHouse(Path(sys.argv[1])).start()\n"
            "print(server.pid, flush=True)\n"
            "sys.stdin.read()\n",
            str(tmp_path / "data"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait(20)
    WallClock().wait_until(
        lambda: not _is_alive(child), timeout_seconds=20, what="the server to end"
    )
    parent.stdin.close()
    parent.stdout.close()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
