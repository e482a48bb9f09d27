"""What own Python code is used to from a process of its own, in stepped runs: it has it there too."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.clock import VirtualClock, WallClock
from harness.run.step_actions import Action, RandomChooser, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario
from tests.run.test_step_own import EXAMPLES, PROGRAMS, SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

GO_ON = [Action("advance"), Action("start"), *[Action("advance")] * 12]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[[str], Scenario]:
    """The table of the examples, with a pipeline from the folder of programs, in a project."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (tmp_path / "pyproject.toml").touch()
    for program in PROGRAMS.glob("*.py"):
        shutil.copy(program, folder)
    text = (EXAMPLES / "python" / "orders.toml").read_text()
    text = text.replace('command = ["python", "pipeline.py"]', 'python = "x:y"')
    (folder / "orders.toml").write_text(text)

    def make(pipeline: str) -> Scenario:
        overrides = [*SIZE, "stepped.stops_max=1", f"pipeline.python={pipeline}"]
        return load_scenario(str(folder / "orders.toml"), overrides=overrides)

    return make


@pytest.fixture
def run(
    bench: Bench, scenario: Callable[[str], Scenario], tmp_path: Path
) -> Iterator[Callable[..., tuple[StepResult, list[Any]]]]:
    """Runs a program along some steps; what came of it, and what it told."""
    seen = tmp_path / "seen.jsonl"
    os.environ["SEEN"] = str(seen)

    def run(name: str, steps: Sequence[Action] = GO_ON) -> tuple[StepResult, list[Any]]:
        seen.unlink(missing_ok=True)
        chooser = RecordedChooser(steps, strict=False)
        result = run_stepped(bench, scenario(f"habits:{name}"), chooser)
        lines = seen.read_text().splitlines() if seen.exists() else []
        return result, [json.loads(line) for line in lines]

    yield run
    del os.environ["SEEN"]


def away(result: StepResult) -> list[str]:
    return [note for note in result.notes if "may not repeat" in note]


def test_all_clocks_show_the_worlds_time(run: Any) -> None:
    result, told = run("reads_clocks")
    assert not result.pipeline_ends, result.notes
    first, passed, second, _ = told[:4]
    assert first[0] is True
    assert first[1] == 1
    assert first[3] is True
    assert passed == pytest.approx([2.5, 2.5], abs=0.01)
    # The world's time begins with the year 2025.
    assert 1735689600 < first[2] < second[2] < 1735689600 + 60


def test_chance_repeats(run: Any) -> None:
    first, again = run("draws"), run("draws")
    assert first[1] == again[1]
    assert len(first[1]) >= 2
    assert first[0].trace_hash == again[0].trace_hash


def test_whatever_waits_takes_the_worlds_time_and_none_of_this_machines(run: Any) -> None:
    began = WallClock().now()
    result, told = run("waits_in_many_ways")
    assert told[:5] == [False, 0, "empty", "late", 16]
    assert away(result) == []
    assert WallClock().now() - began < 20


def test_a_lock_that_is_held_while_its_holder_asks_is_waited_for_in_the_worlds_time(
    run: Any,
) -> None:
    began = WallClock().now()
    result, told = run("shares_a_lock")
    assert told[0] == [[0, 1, 2, 3], True, False]
    assert away(result) == []
    assert WallClock().now() - began < 20


def test_a_coroutine_may_ask_by_a_client_that_blocks(run: Any) -> None:
    result, told = run("blocks_its_loop")
    assert told[0] == [[0, 10], [1, 11], [2, 12]]
    assert away(result) == []


@pytest.mark.parametrize("how", ["signal", "loop"])
def test_a_graceful_end_reaches_the_codes_own_handler_of_sigterm(run: Any, how: str) -> None:
    name = {"signal": "is_told_by_a_signal", "loop": "is_told_in_a_loop"}[how]
    steps = [Action("advance"), Action("start"), Action("advance"), Action("stop")]
    result, told = run(name, steps)
    assert told[:1] == [how]
    assert [s.get("saw") for s in result.trace if s["do"] == "stop"] == ["ended"]


def test_what_a_killed_life_tidies_up_was_never_written(run: Any) -> None:
    life = [Action("start"), Action("advance"), Action("kill", how="before")]
    _, told = run("tidies_up", [Action("advance"), *life, *life, Action("start"), Action("stop")])
    assert told[:3] == ["nothing", "begun", "begun"]


def test_code_starts_in_the_scenarios_folder_and_shares_no_module_with_its_last_life(
    run: Any, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "counted.py").write_text("lives = []\n")
    before = Path.cwd()
    life = [Action("start"), Action("advance"), Action("kill", how="before")]
    _, told = run("starts_in_its_folder", [Action("advance"), *life, *life])
    assert told[:2] == [[str(tmp_path / "scenarios"), 1]] * 2
    assert Path.cwd() == before


def test_code_on_asyncio_passes_and_repeats(
    bench: Bench, scenario: Callable[[str], Scenario]
) -> None:
    told = scenario("asyncs:run")
    for seed in (1, 3):
        first, again = (
            run_stepped(bench, told, RandomChooser(VirtualClock(seed=seed))) for _ in range(2)
        )
        assert first.outcome == "passed", (seed, first.reason, first.notes)
        assert first.trace_hash == again.trace_hash, seed
        assert away(first) == []
