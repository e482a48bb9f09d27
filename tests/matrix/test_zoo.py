"""Every mutant of the zoo is found by a check that names its nature, and the correct ones are not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.checks.check import checks
from harness.defects.catalogue import defects
from harness.matrix.cell import CORRECT, run_cell
from harness.matrix.document import WITHOUT_MUTANT
from harness.matrix.plan import SEARCHED_MAX, default_scenarios, known_kills
from harness.pipelines.mutants.zoo import PACKAGE, zoo
from harness.pipelines.reference.sync import ClickPipes
from harness.run import collect  # noqa: F401 - registers every check
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from harness.run.step_world import Bench

MUTANTS = [name for name, mutant in zoo().items() if not mutant.equivalent]
OLDER = {"coerces-numbers-to-float", "drops-every-50th-record", "swaps-two-versions"}
PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found_by_a_check_that_names_its_nature(bench: Bench, name: str) -> None:
    known = known_kills()[name]
    # The seed that found it last comes first; a change of the scheduler may call for another.
    seeds = [known.seed, *(seed for seed in range(SEARCHED_MAX) if seed != known.seed)]
    cell = run_cell(bench, name, load_scenario(known.scenario), seeds)
    assert cell.expected, f"{cell.seeds} seeds of {known.scenario} did not show it"
    assert {kill.check for kill in cell.expected} <= set(zoo()[name].checks)


@pytest.mark.parametrize("scenario", sorted({kill.scenario for kill in known_kills().values()}))
@pytest.mark.parametrize("pipeline", CORRECT)
def test_a_correct_pipeline_survives_what_finds_the_mutants(
    bench: Bench, pipeline: str, scenario: str
) -> None:
    seeds = sorted({k.seed for k in known_kills().values() if k.scenario == scenario})
    cell = run_cell(bench, pipeline, load_scenario(scenario), seeds)
    assert (cell.kills, cell.unknown) == ([], [])
    assert cell.seeds == len(seeds)


@pytest.mark.parametrize("name", zoo())
def test_a_mutant_is_the_reference_but_for_a_step(name: str) -> None:
    mutant = zoo()[name]
    assert issubclass(
        getattr(import_module(f"{PACKAGE}.{mutant.module}"), mutant.attribute), ClickPipes
    )
    assert mutant.defect in defects()
    assert name.startswith(mutant.defect) or name in OLDER
    assert mutant.does.endswith(".")
    assert set(mutant.checks) <= set(checks.names())


def test_there_are_mutants_enough_of_classes_enough() -> None:
    assert len(MUTANTS) >= 32
    assert len({zoo()[name].defect for name in MUTANTS}) >= 32
    assert sorted(known_kills()) == sorted(MUTANTS)


def test_every_class_of_the_catalogue_has_a_mutant_or_a_reason_for_none() -> None:
    assert {mutant.defect for mutant in zoo().values()} | set(WITHOUT_MUTANT) == set(defects())


def test_the_page_tells_of_every_mutant_and_scenario() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, mutant in zoo().items():
        assert f"| `{name}` | {mutant.does}" in page, name
    for defect in {mutant.defect for mutant in zoo().values()}:
        assert f" · {defect}\n" in page, defect
    for scenario in default_scenarios():
        assert f"`{scenario.name}`" in page, scenario.name
    assert "**nothing**" not in page
    assert "0 false alarms" in page
