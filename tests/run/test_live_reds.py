"""Acts that a fitting mutant does not survive in a live run, and the reference does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = "clickpipes"
SMALL = (
    *("sightings=[]", "workload.changes=60", "workload.mix.insert=0.3"),
    # Thirty times as long as a pipeline that ships keeps rows in its hands.
    "settle.stall_seconds=3",
)
# A zombie's INSERT waits at the gate while its successor carries everything over.
HELD = 'on_request={service="clickhouse",operation="INSERT",subject="lamps",at=1,effect="before"}'
PLANS = {
    "split": (
        '{act="pause", after_changes=5}',
        '{act="split", after_changes=30}',
        '{act="resume", phase="settle"}',
    ),
    "merge": ('{act="merge", after_changes=30}',),
    "zombie": (
        '{act="catch-up", after_changes=15}',
        '{act="catch-up", after_changes=30}',
        f'{{act="pause", {HELD}}}',
        f'{{act="second-instance", {HELD}}}',
        f'{{act="catch-up", {HELD}}}',
        '{act="resume", phase="settled"}',
    ),
    "rollback": (
        '{act="catch-up", after_changes=15}',
        '{act="catch-up", after_changes=20}',
        '{act="save-checkpoints", after_changes=20}',
        '{act="catch-up", after_changes=55}',
        '{act="roll-back-checkpoints", after_changes=55}',
    ),
}
SHARDS = {"merge": 2}


@pytest.mark.parametrize(
    ("plan", "pipeline", "sighting"),
    [
        ("split", "partial-shard-discovery", "split-with-unread-parent"),
        ("split", REFERENCE, "split-with-unread-parent"),
        ("merge", "shard-drained-too-early-never-ends", "reshard"),
        ("merge", REFERENCE, "reshard"),
        ("zombie", "last-arrival-wins", "second-instance"),
        ("zombie", REFERENCE, "second-instance"),
        ("rollback", "redelivery-unstable-version-counter", "checkpoint-rolled-back"),
        ("rollback", REFERENCE, "checkpoint-rolled-back"),
    ],
)
def test_an_act_is_red_for_the_mutant_and_green_for_the_reference(
    tmp_path: Path, plan: str, pipeline: str, sighting: str
) -> None:
    overrides = [
        *SMALL,
        f"operator=[{', '.join(PLANS[plan])}]",
        f"stream.shard_count={SHARDS.get(plan, 1)}",
        # Nothing is read twice but what the plan makes it read.
        f'pipeline={{name="{pipeline}", settings={{resume_lookback_ms=0}}}}',
    ]
    scenario = load_scenario("clock-step", overrides=overrides)
    result = run_scenario(scenario, Options(runs=tmp_path), Silent())
    failing = {verdict.name for verdict in result.checks if verdict.verdict == "fail"}
    assert result.sightings.get(sighting), result.sightings
    if pipeline == REFERENCE:
        assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    else:
        assert "no_lost_update" in failing, (result.reason, result.notes)
