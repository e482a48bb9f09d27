"""A repro file as material: played, and each of its steps left out in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.explain.material import Material
from harness.explain.necessity import trials
from harness.fuzz.replay import replay
from harness.fuzz.repro import read_repro
from harness.run.kept import kept_keys
from harness.run.pipelines import require_pipeline
from harness.run.step_record import as_result
from harness.run.step_world import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from harness.explain.necessity import Trial
    from harness.fuzz.repro import Repro
    from harness.run.stepped import StepResult


def play_repro(file: Path, *, allow_command: bool = False) -> tuple[Material, list[Trial] | None]:
    """Play a repro file and try each of its steps.

    Args:
        file: as `harness fuzz` writes it.
        allow_command: let it run code that it brings.

    Returns:
        What the run left, and what came of leaving out each step; None when it fails no more.

    Raises:
        ScenarioError: a mistake in the file, or a step that cannot be done.
        UsageError: it brings code that may not run.
    """
    repro = read_repro(file)
    script = repro.script
    require_pipeline(script.scenario, script.pipeline, allow_command=allow_command)
    with Bench() as bench:
        played = replay(bench, repro)
        material = _material(repro, played.result, file.name)
        if played.failure is None:
            material.gaps.append(f"{repro.expected.check} does not fail any more")
            return material, None
        return material, trials(bench, script, played.failure)


def _material(repro: Repro, result: StepResult, name: str) -> Material:
    """A replay as what explain and the report are made of."""
    script = repro.script
    told = as_result(script.scenario, script.pipeline, result)
    told.replay = f"harness replay {repro.path or name}"
    material = Material(
        name,
        verdict=told.as_json(),
        scenario=script.scenario.model_dump(mode="json", exclude_none=True),
        recorded=result.events,
    )
    if result.evidence is None:
        material.gaps.append(f"the target could not be read: {result.reason}")
    else:
        material.take_ends(kept_keys(result.evidence, result.verdicts))
    return material
