"""Does the search find what it is for? Two mutants of the reference that only a rare window shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from harness.run.step_actions import Action, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = 60


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


@pytest.mark.parametrize("mutant", ["checkpoint-before-durable-write", "swallowed-write-failure"])
def test_a_rare_window_is_found(bench: Bench, mutant: str) -> None:
    overrides = [
        "workload.items=0", "workload.changes=15", "snapshot.export=false", "workload.mix.insert=1"
    ]  # fmt: skip
    told = load_scenario("hot-key", overrides=overrides)
    for seed in range(SEEDS):
        seeded = told.model_copy(update={"seed": seed})
        result = run_stepped(bench, seeded, pipeline=mutant)
        if result.outcome == "failed":
            assert "no_lost_update" in result.failing
            trace = orjson.loads(orjson.dumps(result.trace))
            steps = [Action.from_json(step) for step in trace if step["do"] != "ended"]
            replayed = run_stepped(bench, seeded, RecordedChooser(steps), pipeline=mutant)
            assert replayed.trace_hash == result.trace_hash
            return
    pytest.fail(f"{SEEDS} seeds did not find it")
