"""Ctrl-C in any phase: exit code 130, and nothing is left running."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from harness.clock import WallClock
from tests.cli.command import harness, processes_naming, start

SECONDS_MAX = 60.0

# No phase is over before a signal that follows its beginning.
LONG = [
    "--set", "workload.items=4000",
    "--set", "workload.changes=8000",
    "--set", "settle.stall_seconds=60",
    "--set", "settle.quiet_seconds=45",
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "signal_number"),
    [
        ("quickstart with", signal.SIGINT),
        ("  start ", signal.SIGINT),
        ("  setup ", signal.SIGINT),
        ("  load ", signal.SIGINT),
        ("  snapshot ", signal.SIGINT),
        ("  changes ", signal.SIGTERM),
    ],
)
def test_an_interrupt_leaves_nothing_running(
    tmp_path: Path, seen: str, signal_number: signal.Signals
) -> None:
    mark = f"harness-test-{os.getpid()}-{tmp_path.name}"
    process = start(tmp_path, "run", "quickstart", *LONG, HARNESS_TEST_MARK=mark)
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if seen in line:
            break
    assert process.poll() is None, told
    process.send_signal(signal_number)
    _, err = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in err
    WallClock().wait_until(
        lambda: not processes_naming(mark), timeout_seconds=10, what="all children to be gone"
    )


def test_a_killed_harness_leaves_nothing_running(tmp_path: Path) -> None:
    mark = f"harness-test-{os.getpid()}-{tmp_path.name}"
    process = start(tmp_path, "run", "quickstart", *LONG, HARNESS_TEST_MARK=mark)
    assert process.stderr is not None
    for line in process.stderr:
        if "  snapshot " in line:
            break
    process.kill()
    process.communicate(timeout=SECONDS_MAX)
    WallClock().wait_until(
        lambda: not processes_naming(mark), timeout_seconds=15, what="all children to be gone"
    )


def test_up_ends_with_its_servers_on_an_interrupt(tmp_path: Path) -> None:
    mark = f"harness-test-{os.getpid()}-{tmp_path.name}"
    process = start(
        tmp_path, "up", "--aws-port", "0", "--clickhouse-port", "0", HARNESS_TEST_MARK=mark
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "serving; Ctrl-C ends it\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in out
    WallClock().wait_until(
        lambda: not processes_naming(mark), timeout_seconds=10, what="all children to be gone"
    )


def test_help_and_version_are_answered(tmp_path: Path) -> None:
    assert harness(tmp_path, "--version").out.startswith("harness ")
    shown = harness(tmp_path, "--help")
    assert shown.code == 0
    for command in ("run", "list", "schema", "up", "doctor"):
        assert command in shown.out
