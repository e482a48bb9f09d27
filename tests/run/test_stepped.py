"""Stepped runs of real pipelines against the whole emulated AWS and a real engine, one by one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from time import thread_time
from typing import TYPE_CHECKING, Any

import pytest

from harness.clock import VirtualClock
from harness.errors import DidNotReplay
from harness.run.step_actions import Action, RandomChooser, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.pipelines.pipeline import Environment
    from harness.scenario.model import Scenario

SMALL = ("workload.items=0", "snapshot.export=false", "workload.mix.insert=0.3")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


def scenario(seed: int = 1, *more: str, changes: int = 12) -> Scenario:
    overrides = [*SMALL, f"seed={seed}", f"workload.changes={changes}", *more]
    return load_scenario("hot-key", overrides=overrides)


def test_the_same_seed_gives_the_same_trace_and_verdict(bench: Bench) -> None:
    first = {seed: run_stepped(bench, scenario(seed)) for seed in range(20)}
    again = {seed: run_stepped(bench, scenario(seed)) for seed in reversed(range(20))}
    for seed, result in first.items():
        assert again[seed].trace == result.trace
        assert again[seed].trace_hash == result.trace_hash
        assert again[seed].events == result.events
        assert result.outcome == "passed", (seed, result.reason, result.notes)
    assert len({result.trace_hash for result in first.values()}) == 20


def test_the_reference_passes_with_an_export_too(bench: Bench) -> None:
    told = scenario(3, "snapshot.export=true", "workload.items=3", "stepped.faults_max=0")
    result = run_stepped(bench, told)
    assert (result.outcome, result.notes) == ("passed", [])
    assert {e["subject"] for e in result.events if e.get("from_export")} == {"counters"}
    assert run_stepped(bench, told).trace_hash == result.trace_hash


@pytest.mark.parametrize("mutant", ["drops-every-50th-record", "swaps-two-versions"])
def test_a_mutant_is_caught_by_some_seed(bench: Bench, mutant: str) -> None:
    for seed in range(20):
        result = run_stepped(bench, scenario(seed, changes=60), pipeline=mutant)
        if result.outcome == "failed":
            assert "no_lost_update" in result.failing
            return
    pytest.fail("20 seeds did not show it")


def test_a_recorded_trace_replays_step_by_step(bench: Bench) -> None:
    result = run_stepped(bench, scenario(5))
    steps = [Action.from_json(s) for s in result.trace if s["do"] not in ("calm", "ended")]
    replayed = run_stepped(bench, scenario(5), RecordedChooser(steps))
    assert replayed.trace == result.trace


def test_a_recording_that_does_not_fit_names_its_first_wrong_step(bench: Bench) -> None:
    steps = [Action("start"), Action("release", "kinesis GetRecords nowhere #0", "ok")]
    with pytest.raises(DidNotReplay, match="step 2, 'release kinesis GetRecords nowhere #0 ok'"):
        run_stepped(bench, scenario(), RecordedChooser(steps))


def test_a_loose_recording_may_leave_out_what_goes_without_saying(bench: Bench) -> None:
    steps = [
        Action("write", "w000000"),
        Action("deliver", "w000000"),
        Action("write", "w000002"),
        Action("deliver", "w000002"),
        Action("start"),
        Action("release", "clickhouse INSERT counters #0", "lost-answer"),
        Action("kill", how="before"),
    ]
    chooser = RecordedChooser(steps, strict=False)
    result = run_stepped(bench, scenario(), chooser)
    assert chooser.left_out == []
    assert result.outcome == "passed"
    assert [s["what"] for s in result.trace if s["do"] == "write"] == ["w000000", "w000002"]
    assert result.sightings["kill-between-insert-and-checkpoint"] == 1
    assert result.sightings["ambiguous-insert"] == 1
    assert result.counts["writes"] == 2


def test_a_killed_pipeline_goes_on_from_its_checkpoint(bench: Bench) -> None:
    told = scenario(2, "stepped.kills_max=4", "stepped.faults_max=0", changes=20)
    result = run_stepped(bench, told)
    assert result.outcome == "passed"
    starts = [s for s in result.trace if s["do"] == "start"]
    kills = [s for s in result.trace if s["do"] == "kill"]
    assert kills
    assert len(starts) + (result.trace[-1]["do"] == "calm") >= len(kills)


def test_two_instances_at_once_do_no_harm_to_the_reference(bench: Bench) -> None:
    seen = 0
    for seed in range(6):
        result = run_stepped(bench, scenario(seed, "stepped.zombies_max=2"))
        assert result.outcome == "passed", (seed, result.reason)
        assert [s["how"] for s in result.trace if s["do"] == "start" and "how" in s] == (
            ["second"] * result.counts["zombies"]
        )
        seen += result.sightings.get("second-instance", 0)
    assert seen > 0


class _Idle:
    """Reads nothing and writes nothing."""

    def run(self, env: Environment) -> None:
        while env.pause(1.0):
            pass


class _Exits:
    def run(self, env: Environment) -> None:
        raise ValueError("no such stream")


class _Spins:
    def run(self, env: Environment) -> None:
        while True:
            pass


class _Starved:
    """Works for a fifth of the time, as on a machine that others keep busy."""

    def run(self, env: Environment) -> None:
        nothing = threading.Event()
        for _ in range(12):
            until = thread_time() + 0.02
            while thread_time() < until:
                pass
            nothing.wait(0.08)
        while env.pause(1.0):
            pass


class _Threads:
    """Three threads that sleep: their turns must not depend on the machine."""

    order: list[str]

    def run(self, env: Environment) -> None:
        def work(name: str) -> None:
            for _ in range(3):
                _Threads.order.append(name)
                env.clock.sleep(0.01)

        for name in "abc":
            env.start_thread(partial(work, name), name)
        while env.pause(1.0):
            pass


def run_of(bench: Bench, pipeline: Any, *more: str) -> Any:
    return run_stepped(bench, scenario(1, *more), make=lambda _: pipeline())


def test_a_pipeline_that_does_nothing_fails(bench: Bench) -> None:
    result = run_of(bench, _Idle)
    assert (result.outcome, result.trace[-1]["saw"]) == ("failed", "stalled")
    assert "final_state" in result.failing


def test_a_pipeline_that_exits_at_once_is_said_to(bench: Bench) -> None:
    result = run_of(bench, _Exits)
    assert result.outcome == "failed"
    assert set(result.pipeline_ends) == {"ValueError: no such stream"}
    assert result.trace[-1]["saw"] == "ended"


def test_a_pipeline_that_spins_does_not_hang_the_harness(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.step_threads.STUCK_SECONDS", 0.1)
    result = run_of(bench, _Spins)
    assert result.outcome == "unknown"
    assert result.reason == "the pipeline neither asks a server nor sleeps by its clock"
    assert "a thread neither asked nor slept" in result.notes[-1]


def test_a_pipeline_that_gets_little_of_the_processor_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.step_threads.STUCK_SECONDS", 0.6)
    result = run_of(bench, _Starved, "stepped.kills_max=0")
    assert not [note for note in result.notes if "neither asked nor slept" in note]
    assert result.trace[-1]["saw"] == "stalled"


def test_threads_take_turns_in_the_same_order_each_time(bench: Bench) -> None:
    orders = []
    for _ in range(3):
        _Threads.order = []
        run_of(bench, _Threads, "stepped.kills_max=0")
        orders.append("".join(_Threads.order))
    assert orders == ["abcabcabc"] * 3


class _Nothing:
    """Ends the run at once: what follows is the calm phase alone."""

    def choose(self, enabled: Sequence[Action]) -> Action | None:
        return None


def test_without_steps_nothing_is_written_and_nothing_fails(bench: Bench) -> None:
    result = run_stepped(bench, scenario(), _Nothing())
    assert (result.failing, result.counts["writes"]) == ([], 0)
    assert result.trace[-1]["saw"] == "equal"


def test_random_choice_follows_the_weights() -> None:
    chooser = RandomChooser(VirtualClock(seed=1))
    enabled = [Action("write", weight=9.0), Action("skip", weight=0.0), Action("kill", weight=1.0)]
    drawn = [chooser.choose(enabled).do for _ in range(1000)]
    assert drawn.count("skip") == 0
    assert 60 < drawn.count("kill") < 140


_PRINTS_HASHES = """
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

told = load_scenario("delete-reinsert", overrides=["workload.items=3", "workload.changes=8"])
with Bench() as bench:
    for seed in range(2):
        print(run_stepped(bench, told.model_copy(update={"seed": seed})).trace_hash)
"""


def test_another_process_with_another_hash_seed_takes_the_same_course() -> None:
    """The order of sets and dicts of text differs between the two: nothing may depend on it."""
    shown = [
        subprocess.run(
            [sys.executable, "-c", _PRINTS_HASHES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert shown[0] == shown[1]
    assert len(set(shown[0].split())) == 2
