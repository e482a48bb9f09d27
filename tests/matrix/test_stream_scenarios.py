"""The scenarios of the way to the stream: red for whom they are made, green for the correct ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.matrix.cell import CORRECT, run_cell
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from harness.run.step_world import Bench

SEEDS = range(1, 6)
MET = {
    "precision-switch": {"precision-changed", "version-tie-ms"},
    "destination-gap": {"destination-disabled", "write-in-a-gap", "second-export", "delete"},
    "clock-step": {"clock-set-back", "version-tie-us"},
    "ttl-storm": {"expired-item", "expiry-storm"},
}


@pytest.mark.parametrize("pipeline", CORRECT)
@pytest.mark.parametrize("scenario", MET)
def test_a_correct_pipeline_survives_seeds_1_to_5(
    bench: Bench, scenario: str, pipeline: str
) -> None:
    cell = run_cell(bench, pipeline, load_scenario(scenario), SEEDS)
    assert (cell.kills, cell.unknown, cell.seeds) == ([], [], 5)
    assert {name for name in MET[scenario] if cell.sightings.get(name)} == MET[scenario]


@pytest.mark.parametrize(
    ("scenario", "mutant", "check"),
    [
        ("precision-switch", "version-unit-mismatch", "no_lost_update"),
        ("destination-gap", "snapshot-version-inversion-constant", "no_lost_update"),
        ("destination-gap", "resnapshot-orphans", "no_resurrection"),
        ("destination-gap", "stale-epoch-checkpoint", "no_lost_update"),
        ("clock-step", "version-tie-arbitrary-winner-microseconds", "version_order"),
        ("clock-step", "overbroad-dedup", "no_lost_update"),
        ("ttl-storm", "ttl-expiry-delete-filtered", "no_resurrection"),
    ],
)
def test_a_mutant_is_found_by_the_scenario_made_for_it(
    bench: Bench, scenario: str, mutant: str, check: str
) -> None:
    cell = run_cell(bench, mutant, load_scenario(scenario), range(6))
    assert check in {kill.check for kill in cell.expected}


def test_a_gap_that_no_export_repairs_is_a_lost_update(bench: Bench) -> None:
    overrides = ("stepped.gaps_max=0", "stepped.destination_outages_max=1")
    unrepaired = load_scenario("destination-gap", overrides=(*overrides, ALLOWED))
    cell = run_cell(bench, "clickpipes", unrepaired, range(1, 4))
    assert {"no_lost_update", "no_resurrection"} & {kill.check for kill in cell.kills}


ALLOWED = "faults.breaks_promises=true"
