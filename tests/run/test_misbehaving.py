"""Programs that behave badly: a verdict in bounded time, nothing left running, no disk filled."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.clock import WallClock, stopwatch
from harness.history import History
from harness.run.child import Child
from harness.run.child_log import HEAD_BYTES, TAIL_BYTES
from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.run.result import Result

NOTE = "import os, sys, time, signal, subprocess\n"
SMALL = (
    "workload.items=3",
    "workload.changes=6",
    "settle.stall_seconds=1",
    "settle.timeout_seconds=8",
    "pipeline.name=misbehaving",
)


def write(folder: Path, text: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(NOTE + text, encoding="utf-8")
    return [sys.executable, str(path)]


def run(folder: Path, text: str, *more: str) -> Result:
    command = f"pipeline.command={json.dumps(write(folder, text))}"
    told = load_scenario("hot-key", overrides=[*SMALL, command, *more])
    return run_scenario(told, Options(runs=folder / "runs", allow_command=True), Silent())


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][:1]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


@pytest.fixture
def child_of(tmp_path: Path) -> Iterator[object]:
    made: list[Child] = []
    history = History(tmp_path / "history.jsonl", WallClock())

    def make(text: str, **more: Any) -> Child:
        child = Child(write(tmp_path, text), {}, tmp_path, history, **more)
        made.append(child)
        child.start()
        return child

    yield make
    for child in made:
        child.kill()
    history.close()


def wait_for(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    WallClock().wait_until(condition, timeout_seconds=seconds, what="a program")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time.sleep(600)", ""),
        ("while True: pass", ""),
        ("sys.exit(3)", "the pipeline ended by itself with exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the pipeline was ended by signal 11 (SIGSEGV)"),
        ("os.close(1); os.close(2); time.sleep(600)", ""),
    ],
    ids=["hangs", "spins", "exits", "dies-by-signal", "closes-stdout"],
)
def test_one_that_does_nothing_useful_fails_in_bounded_time(
    tmp_path: Path, text: str, said: str
) -> None:
    passed = stopwatch()
    result = run(tmp_path, text)
    assert passed() < 60
    assert result.outcome == "failed"
    assert "no_lost_update" in {v.name for v in result.checks if v.verdict == "fail"}
    assert said in " ".join(result.notes)


def test_one_that_ignores_sigterm_is_killed_after_its_grace(child_of: object) -> None:
    assert callable(child_of)
    child = child_of(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True)\n"
        "while True: time.sleep(1)"
    )
    wait_for(lambda: child.last_lines() == ["here"])
    passed = stopwatch()
    assert child.stop() == -signal.SIGKILL
    assert 9 < passed() < 15


def test_children_that_leave_group_and_session_are_killed_too(
    child_of: object, tmp_path: Path
) -> None:
    assert callable(child_of)
    note = tmp_path / "pids"
    child = child_of(
        f"out = open({str(note)!r}, 'a', buffering=1)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        out.write(f'{os.getpid()}\\n')\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "os.wait()\n"
        "out.write(f'{os.getpid()}\\n')\n"
        "time.sleep(600)"
    )
    wait_for(lambda: note.exists() and len(note.read_text().split()) == 2)
    pids = [int(pid) for pid in note.read_text().split()]
    members = child.tree.members()
    assert set(pids) <= set(members)
    assert len(members) == 3
    child.kill()
    assert not [pid for pid in [*pids, *members] if is_running(pid)]


def test_a_daemon_that_outlives_its_program_is_killed_at_the_end(
    child_of: object, tmp_path: Path
) -> None:
    assert callable(child_of)
    note = tmp_path / "pid"
    child = child_of(
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        "time.sleep(0.3)"
    )
    wait_for(lambda: child.exit_code() == 0 and note.exists() and note.read_text() != "")
    pid = int(note.read_text())
    assert is_running(pid)
    child.stop()
    assert not is_running(pid)


def test_one_that_prints_without_end_fills_no_disk(child_of: object, tmp_path: Path) -> None:
    assert callable(child_of)
    lines = 60
    child = child_of(
        "print('first', flush=True)\n"
        f"for _ in range({lines}): os.write(1, b'x' * 1023 * 1024 + b'\\n')\n"
        "print('last', flush=True)"
    )
    wait_for(lambda: child.exit_code() == 0)
    child.stop()
    kept = (tmp_path / "pipeline.1.log").read_bytes()
    assert kept.startswith(b"first\n")
    assert kept.endswith(b"last\n")
    assert len(kept) < HEAD_BYTES + TAIL_BYTES + 70_000
    assert b"bytes are left out here" in kept
    assert child.last_lines()[-1] == "last"


def test_one_that_takes_too_much_memory_is_killed_and_says_so(child_of: object) -> None:
    assert callable(child_of)
    child = child_of(
        "held = []\nwhile True: held.append(bytearray(b'x' * 10_000_000))",
        memory_bytes_max=200 * 1024**2,
    )
    wait_for(lambda: child.exit_code() is not None)
    assert "MiB of memory, more than the 200 MiB that a pipeline may" in child.said_why_it_ended()


CLICKHOUSE = (
    "import http.client, urllib.parse\n"
    "url = urllib.parse.urlsplit(os.environ['CLICKHOUSE_URL'])\n"
    "def sql(statement):\n"
    "    c = http.client.HTTPConnection(url.hostname, url.port)\n"
    "    c.request('POST', '/', statement, {'X-ClickHouse-User': url.username,"
    " 'X-ClickHouse-Key': urllib.parse.unquote(url.password or '')})\n"
    "    a = c.getresponse()\n"
    "    text = a.read()\n"
    "    assert a.status == 200, text\n"
)


def test_one_that_drops_the_target_gets_a_verdict_that_says_so(tmp_path: Path) -> None:
    result = run(tmp_path, CLICKHOUSE + "sql('DROP TABLE counters')\ntime.sleep(600)")
    assert result.outcome in ("failed", "unknown")
    assert "counters" in " ".join([result.reason, *result.notes])


def test_one_that_writes_garbage_fails(tmp_path: Path) -> None:
    text = CLICKHOUSE + (
        'for n in range(20): sql("INSERT INTO counters (id, value, label, version) VALUES '
        "('garbage-%d', %d, 'no', 9000000000000000000)\" % (n, n))\n"
        "time.sleep(600)"
    )
    result = run(tmp_path, text)
    assert result.outcome == "failed"
    assert "no_phantom" in {v.name for v in result.checks if v.verdict == "fail"}


def test_a_paused_program_stands_still_and_goes_on(child_of: object, tmp_path: Path) -> None:
    assert callable(child_of)
    note = tmp_path / "ticks"
    child = child_of(
        f"out = open({str(note)!r}, 'ab', buffering=0)\nwhile True:\n    out.write(b'.')\n"
        "    time.sleep(0.001)"
    )
    wait_for(lambda: note.exists() and note.stat().st_size > 3)
    child.pause()
    stat = Path(f"/proc/{child.tree.root}/stat")
    wait_for(lambda: stat.read_text().rpartition(") ")[2][0] == "T")
    size = note.stat().st_size
    os.sched_yield()
    assert note.stat().st_size == size
    child.resume()
    wait_for(lambda: note.stat().st_size > size + 3)
