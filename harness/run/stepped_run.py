"""A scenario in steps from the command line: the same result and run directory as a live run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import WallClock
from harness.errors import UsageError
from harness.run.pipelines import require_pipeline
from harness.run.step_record import leave_run
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped

if TYPE_CHECKING:
    from harness.run.result import Result
    from harness.run.runner import Options
    from harness.scenario.model import Scenario

STEPS_PER_WRITE = 12
"""A write is written, delivered, read and stored, with polls between."""


def run_in_steps(scenario: Scenario, options: Options) -> Result:
    """Run one scenario in steps, to its verdict.

    Raises:
        UsageError: AWS or ClickHouse are not embedded, or the pipeline cannot be held.
        ScenarioError: the scenario does not fit its target.
    """
    chosen = options.backends
    for name in ("aws", "clickhouse"):
        if getattr(chosen, name) not in ("", "embedded"):
            raise UsageError(
                f"a stepped run needs embedded servers, not --{name} {getattr(chosen, name)}",
                hint="leave out --stepped",
            )
    pipeline = options.pipeline or scenario.pipeline.name
    require_pipeline(scenario, pipeline, allow_command=options.allow_command)
    told = with_steps_enough(scenario)
    with Bench() as bench:
        found = run_stepped(bench, told, pipeline=pipeline)
    clock = WallClock()
    return leave_run(told, pipeline, found, runs=options.runs, clock=clock, replay="")


def with_steps_enough(scenario: Scenario) -> Scenario:
    """The scenario with steps for its whole workload, unless it says itself how many."""
    folder, given = scenario.folder, scenario.stepped
    if "steps_max" in given.model_fields_set:
        return scenario
    steps = max(given.steps_max, STEPS_PER_WRITE * scenario.workload.changes)
    told = scenario.model_copy(update={"stepped": given.model_copy(update={"steps_max": steps})})
    told.keep_folder(folder)
    return told
