"""Own Python code in stepped runs: with clients, threads and sleeps that nobody made for the harness."""

from __future__ import annotations

import json
import os
import random  # noqa: TID251 - it must be left as it was
import re
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.clock import VirtualClock, WallClock
from harness.errors import PipelineError
from harness.run.step_actions import Action, RandomChooser, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

PROGRAMS = Path(__file__).parent / "programs"
EXAMPLES = Path(__file__).parents[2] / "examples"
SIZE = ["workload.items=5", "workload.changes=15"]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the programs in it, and the table of the examples."""
    made = tmp_path_factory.mktemp("own")
    for program in PROGRAMS.glob("*.py"):
        shutil.copy(program, made)
    told = (EXAMPLES / "python" / "orders.toml").read_text()
    (made / "orders.toml").write_text(re.sub("^command = .*", 'python = "x:y"', told, flags=re.M))
    return made


def scenario(folder: Path, pipeline: str) -> Scenario:
    """The table of the examples, with a pipeline from the folder of programs."""
    return load_scenario(
        str(folder / "orders.toml"), overrides=[*SIZE, f"pipeline.python={pipeline}"]
    )


def drawn(bench: Bench, told: Scenario, seed: int) -> StepResult:
    return run_stepped(bench, told, RandomChooser(VirtualClock(seed=seed)))


def test_code_with_threads_queues_pools_and_sleeps_of_its_own_passes_and_repeats(
    bench: Bench,
    folder: Path,
) -> None:
    told = scenario(folder, "stranger:run")
    passed = WallClock().now()
    for seed in (1, 14):
        first, again = drawn(bench, told, seed), drawn(bench, told, seed)
        assert first.outcome == "passed", (seed, first.reason, first.notes)
        assert first.trace_hash == again.trace_hash, seed
        # It sleeps for many seconds of the world's time, and for none of this machine's.
        assert first.trace[-1]["at_us"] > 1_000_000
    assert WallClock().now() - passed < 120


def test_the_lambda_function_passes_and_repeats(bench: Bench, folder: Path) -> None:
    told = load_scenario(str(EXAMPLES / "lambda" / "orders.toml"), overrides=SIZE)
    for seed in (0, 7):
        first, again = drawn(bench, told, seed), drawn(bench, told, seed)
        assert first.outcome == "passed", (seed, first.reason, first.notes)
        assert first.trace_hash == again.trace_hash, seed


def test_a_broken_lambda_function_fails(bench: Bench, folder: Path) -> None:
    broken = [*SIZE, "pipeline.env.BUG=1"]
    told = load_scenario(str(EXAMPLES / "lambda" / "orders.toml"), overrides=broken)
    assert any("no_lost_update" in drawn(bench, told, seed).failing for seed in range(6))


class KillsInFlight:
    """Kills as soon as an INSERT is held, which stays on its way; then the run ends."""

    def __init__(self) -> None:
        self.has_killed = False

    def choose(self, enabled: Sequence[Action]) -> Action | None:
        if self.has_killed:
            return None
        kill = next((a for a in enabled if a.do == "kill" and a.how == "in-flight"), None)
        self.has_killed = kill is not None
        wanted = [("start", ""), ("release", "ok"), ("advance", "")]
        return kill or next(a for w in wanted for a in enabled if (a.do, a.how) == w)


def test_a_snapshot_that_was_on_its_way_when_its_code_was_killed_lands(bench: Bench) -> None:
    told = load_scenario(str(EXAMPLES / "lambda" / "orders.toml"), overrides=SIZE)
    began = WallClock().now()
    result = run_stepped(bench, told, KillsInFlight())
    landed = [e for e in result.events if e.get("act") == "land"]
    assert [(e["request"], e["status"]) for e in landed] == [("clickhouse INSERT orders #0", 200)]
    assert result.outcome == "passed", result.reason
    assert WallClock().now() - began < 60


def test_each_life_imports_its_modules_anew(bench: Bench, folder: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    os.environ["SEEN"] = str(seen)
    try:
        steps = [Action("advance"), Action("start"), Action("kill", how="before"), Action("start")]
        run_stepped(bench, scenario(folder, "lives:run"), RecordedChooser(steps))
    finally:
        del os.environ["SEEN"]
    assert json.loads(seen.read_text()) == [[1, 1], [1, 2]]


def test_the_interpreter_is_left_as_it_was(
    bench: Bench, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def taken() -> tuple[object, ...]:
        return (
            dict(os.environ), list(sys.path), sys.stdout, sys.stderr, random.getstate(),
            time.sleep, time.monotonic,  # noqa: TID251 - as above
            threading.Thread.start, threading.Condition.wait,
            "stranger" in sys.modules,
        )  # fmt: skip

    before = taken()
    drawn(bench, scenario(folder, "stranger:run"), 6)
    assert taken() == before
    assert capsys.readouterr() == ("", "")


def test_what_the_code_printed_is_told_with_its_end(bench: Bench, folder: Path) -> None:
    result = drawn(bench, scenario(folder, "lives:gives_up"), 1)
    assert result.outcome == "failed"
    assert any(end.startswith("ValueError: no more of this") for end in result.pipeline_ends)
    assert any("its own last words" in note for note in result.notes), result.notes


def test_a_thread_that_fails_tells_why_as_it_would_in_a_program(bench: Bench, folder: Path) -> None:
    result = drawn(bench, scenario(folder, "lives:loses_a_thread"), 1)
    assert any("KeyError: 'a thread of its own'" in note for note in result.notes), result.notes


def test_code_that_waits_for_ever_ends_in_bounded_time(bench: Bench, folder: Path) -> None:
    began = WallClock().now()
    result = drawn(bench, scenario(folder, "lives:waits_for_ever"), 1)
    assert result.outcome == "unknown"
    assert result.reason == "the pipeline neither asks a server nor sleeps by its clock"
    assert WallClock().now() - began < 60


def test_a_module_that_is_not_there_is_told_before_anything_is_run(
    bench: Bench, folder: Path
) -> None:
    with pytest.raises(PipelineError, match="there is no module absent in"):
        drawn(bench, scenario(folder, "absent:run"), 1)
