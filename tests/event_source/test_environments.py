"""Invocations that run side by side have the function's modules each for itself."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest

import harness.clock
from harness.clock import WallClock
from harness.errors import PipelineError
from harness.pipelines.event_source.environments import Environments
from harness.pipelines.own_python import is_brought

FUNCTION = """
import beside

calls = []

def handle(event, context):
    calls.append(event)
    beside.calls.append(event)
    if callable(event):
        event()
    if event == "exit":
        raise SystemExit(1)
    return len(calls), len(beside.calls)
"""


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    (tmp_path / "counting_function.py").write_text(FUNCTION)
    (tmp_path / "beside.py").write_text("calls = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("counting_function", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Environments("counting_function:handle", tmp_path, WallClock())


def test_one_invocation_after_the_other_finds_what_the_last_one_left(
    environments: Environments,
) -> None:
    assert [environments("a", None) for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]


def test_two_at_a_time_know_nothing_of_each_other(environments: Environments) -> None:
    is_in, may_go = threading.Event(), threading.Event()
    found: list[Any] = []

    def waits() -> None:
        is_in.set()
        may_go.wait(10)

    first = threading.Thread(target=lambda: found.append(environments(waits, None)))
    first.start()
    is_in.wait(10)
    assert environments("b", None) == (1, 1)
    may_go.set()
    first.join(10)
    assert found == [(1, 1)]
    # Both environments are free now, and go on where they were.
    assert environments("c", None) == (2, 2)


def test_an_environment_ends_with_its_process(environments: Environments) -> None:
    environments("a", None)
    with pytest.raises(SystemExit):
        environments("exit", None)
    assert environments("a", None) == (1, 1)


def test_a_handler_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="there is no module"):
        Environments("absent_function:handle", tmp_path, WallClock())


def test_what_the_harness_or_a_library_brought_is_not_forgotten() -> None:
    root = Path(harness.__file__).resolve().parents[1]
    assert not is_brought("harness.clock", harness.clock, package="function", root=root)
    assert not is_brought("sys", sys, package="function", root=root)
    assert not is_brought("boto3", boto3, package="function", root=root)
    assert is_brought("function.orders", sys, package="function", root=root)
    assert is_brought("tests.sibling", sys.modules[__name__], package="function", root=root)
