"""One cell of the kill matrix: one pipeline under one scenario, over several seeds.

A seed decides workload, schedule and faults, and a stepped run of a pipeline in this process is
deterministic, so a cell is the same whenever and wherever it is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.pipelines.mutants.zoo import zoo
from harness.run.step_actions import RandomChooser
from harness.run.stepped import run_stepped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

CORRECT = ("clickpipes", "clickpipes-efo", "clickpipes-streams")
"""What no scenario may kill."""

WRITES_MAX = 60
"""A scenario with at most so many writes is small enough to be stepped through many times."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A check that failed.

    Attributes:
        is_expected: it names the nature of the mutant's defect.
        what: the first key it speaks of, or its message.
    """

    scenario: str
    seed: int
    check: str
    is_expected: bool
    what: str = ""


@dataclass(slots=True)
class Cell:
    """What a pipeline came to under a scenario.

    Attributes:
        seeds: how many were run.
        kills: the failing checks; of a mutant only those of the first seed that tells: one with an
            expected check if there is any, else the first that fails at all.
        unknown: reasons of runs that could not be judged.
        sightings: what all runs together have met.
    """

    pipeline: str
    scenario: str
    seeds: int = 0
    kills: list[Kill] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    sightings: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> list[Kill]:
        """The kills that name the defect's nature."""
        return [kill for kill in self.kills if kill.is_expected]


def run_cell(
    bench: Bench,
    pipeline: str,
    scenario: Scenario,
    seeds: Sequence[int],
) -> Cell:
    """Run seed after seed; a mutant's cell ends with its first kill by an expected check.

    Args:
        bench: what examples share.
        pipeline: name of one that ships.
        scenario: with any seed.
        seeds: in the order in which they are tried.
    """
    cell = Cell(pipeline, scenario.name)
    mutant = zoo().get(pipeline)
    expected = frozenset(mutant.checks) if mutant else frozenset()
    for seed in seeds:
        result = _run(bench, pipeline, scenario, seed)
        cell.seeds += 1
        for name, count in result.sightings.items():
            cell.sightings[name] = cell.sightings.get(name, 0) + count
        kills = _kills(result, scenario.name, expected, is_mutant=mutant is not None)
        if result.outcome != "failed":
            if result.outcome == "unknown":
                cell.unknown.append(f"seed {seed}: {result.reason}")
            continue
        if mutant is None:
            cell.kills += kills
        elif not cell.kills or any(kill.is_expected for kill in kills):
            cell.kills = kills
        if mutant is not None and cell.expected:
            break
    return cell


def _run(bench: Bench, pipeline: str, scenario: Scenario, seed: int) -> StepResult:
    # What one pipeline is expected to fail says nothing of the others.
    changed: dict[str, object] = {"seed": seed, "expect": [], "sightings": []}
    if pipeline == "clickpipes-streams" and scenario.table.stream_view_type is None:
        changed["table"] = scenario.table.model_copy(
            update={"stream_view_type": "NEW_AND_OLD_IMAGES"}
        )
    seeded = scenario.model_copy(update=changed)
    chooser = RandomChooser(VirtualClock(seed=seed))
    return run_stepped(bench, seeded, chooser, pipeline=pipeline)


def _kills(
    result: StepResult, scenario: str, expected: frozenset[str], *, is_mutant: bool
) -> list[Kill]:
    found = []
    for verdict in result.verdicts:
        if verdict.verdict == "fail":
            what = verdict.keys[0].what if verdict.keys else verdict.message
            is_expected = verdict.name in expected or not is_mutant
            found.append(Kill(scenario, result.seed, verdict.name, is_expected, what))
    return found
