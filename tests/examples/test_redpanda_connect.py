"""The example for Redpanda Connect, where its program is: on PATH, or named by REDPANDA_CONNECT."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario
from tests.examples.test_examples import EXAMPLES, PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from harness.run.result import Result

FOLDER = EXAMPLES / "redpanda-connect"
VARIABLE = "REDPANDA_CONNECT"


def command() -> list[str]:
    """How the program is started here; empty where it is not."""
    named = os.environ.get(VARIABLE) or shutil.which("redpanda-connect")
    if named:
        return [named, "run", "pipeline.yaml"]
    return ["rpk", "connect", "run", "pipeline.yaml"] if shutil.which("rpk") else []


pytestmark = pytest.mark.skipif(
    not command(),
    reason=f"neither redpanda-connect nor rpk is on PATH, and {VARIABLE} names no program",
)


def run(runs: Path, *overrides: str) -> Result:
    words = f"pipeline.command={json.dumps(command())}"
    scenario = load_scenario(FOLDER / "orders.toml", overrides=[words, *overrides])
    return run_scenario(scenario, Options(runs=runs, allow_command=True), Silent())


def test_the_configuration_carries_everything_over(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)


def test_it_goes_on_from_its_positions_after_a_kill(tmp_path: Path) -> None:
    acts = '{act="catch-up", after_changes=100}, {act="kill", after_changes=100}'
    result = run(tmp_path, f"operator=[{acts}]")
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    assert result.sightings["kill"] == 1


def test_a_delete_whose_key_is_read_from_its_new_image_is_caught(tmp_path: Path) -> None:
    result = run(tmp_path, "pipeline.env.BUG=1", PATIENCE)
    failing = {verdict.name for verdict in result.checks if verdict.verdict == "fail"}
    assert result.outcome == "failed"
    assert "no_resurrection" in failing, (result.reason, result.pipeline_log)
