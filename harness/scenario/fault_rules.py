"""Faults and sightings that a scenario names must exist, and faults must be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.errors import UsageError, nearest
from harness.faults.fault import make_fault
from harness.faults.plan import plan_from_json
from harness.faults.sightings import SIGHTINGS
from harness.scenario.mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Scenario


def fault_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What is wrong with `[faults]`, `[relay]`, `[stepped]` and `sightings`."""
    wish = scenario.faults.model_dump()
    for number, entry in enumerate(wish["plan"]):
        try:
            plan_from_json({**wish, "plan": [entry]}, VirtualClock(seed=0))
        except UsageError as error:
            yield Mistake(("faults", "plan", number), error.message, error.hint)
    for number, name in enumerate(scenario.stepped.faults):
        try:
            make_fault(name)
        except UsageError as error:
            yield Mistake(("stepped", "faults", number), error.message, error.hint)
    if scenario.relay.delay_ms_min > scenario.relay.delay_ms_max:
        low, high = scenario.relay.delay_ms_min, scenario.relay.delay_ms_max
        yield Mistake(
            ("relay", "delay_ms_max"),
            f"expected delay_ms_min ({low:g}) or more, found {high:g}",
        )
    for number, name in enumerate(scenario.sightings):
        if name not in SIGHTINGS:
            yield Mistake(
                ("sightings", number),
                f"expected a known sighting, found {name!r}",
                nearest(name, SIGHTINGS),
            )
