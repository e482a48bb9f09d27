"""A repro file as a page: played, each of its steps left out in turn, its key told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.explain.necessity import material_of, trials
from harness.fuzz.replay import replay
from harness.fuzz.repro import read_repro
from harness.report.run_page import run_page
from harness.run.pipelines import require_pipeline
from harness.run.step_world import Bench

if TYPE_CHECKING:
    from pathlib import Path


def repro_page(file: Path, *, allow_command: bool = False) -> str:
    """Play a repro file and make its page.

    Raises:
        ScenarioError: a mistake in the file, or a step that cannot be done.
        UsageError: it brings code that may not run.
    """
    repro = read_repro(file)
    script = repro.script
    require_pipeline(script.scenario, script.pipeline, allow_command=allow_command)
    with Bench() as bench:
        played = replay(bench, repro)
        material = material_of(repro, played.result, file.name)
        if played.failure is None:
            material.gaps.append(f"{repro.expected.check} does not fail any more")
            return run_page(material)
        return run_page(material, trials(bench, script, played.failure))
