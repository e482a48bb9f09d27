"""What is run: which pipelines under which scenarios with which seeds."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.matrix.cell import CORRECT, WRITES_MAX
from harness.pipelines.mutants.zoo import zoo
from harness.pipelines.pipeline import pipelines
from harness.scenario.catalog import names
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scenario.model import Scenario

KNOWN_KILLS = Path(__file__).with_name("kills.toml")
SEARCHED_MAX = 60
"""Seeds tried in the scenario that is known to kill a mutant, before it counts as survivor."""


@dataclass(frozen=True, slots=True)
class Task:
    """One cell to run."""

    pipeline: str
    scenario: Scenario
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KnownKill:
    """Where a mutant was found last: tried first, so that finding it again is quick."""

    scenario: str
    seed: int
    check: str


@cache
def known_kills() -> dict[str, KnownKill]:
    """By mutant; written by `harness matrix --record`."""
    if not KNOWN_KILLS.exists():
        return {}
    found = tomllib.loads(KNOWN_KILLS.read_text(encoding="utf-8"))
    return {name: KnownKill(**members) for name, members in found.items()}


def default_scenarios(settings: Sequence[str] = ()) -> list[Scenario]:
    """Every known scenario of the reference that is small enough to be stepped through often."""
    found = []
    for name in names():
        scenario = load_scenario(name)
        workload = scenario.workload
        is_small = workload.items + workload.changes <= WRITES_MAX
        if is_small and scenario.pipeline.name in CORRECT and not workload.from_records:
            found.append(load_scenario(name, overrides=list(settings)) if settings else scenario)
    return found


def plan(
    wanted: Sequence[str],
    scenarios: Sequence[Scenario],
    seeds: int,
) -> list[Task]:
    """The cells, pipeline by pipeline.

    Args:
        wanted: pipelines; empty for the correct ones and every mutant.
        scenarios: under each of which each is run.
        seeds: how many are tried in a cell; more where a mutant is known to be found.

    Raises:
        UsageError: no such pipeline.
    """
    known = pipelines()
    for name in wanted:
        known.get(name)
    if not scenarios:
        raise UsageError("no scenario to run", hint="name one with --scenario")
    return [
        Task(name, scenario, _seeds(name, scenario.name, seeds))
        for name in wanted or [*CORRECT, *zoo()]
        for scenario in scenarios
    ]


def _seeds(pipeline: str, scenario: str, count: int) -> tuple[int, ...]:
    home = known_kills().get(pipeline)
    if home is None or home.scenario != scenario:
        return tuple(range(count))
    rest = [seed for seed in range(max(count, SEARCHED_MAX)) if seed != home.seed]
    return (home.seed, *rest)
