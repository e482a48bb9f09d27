"""Faults and sightings that a scenario names must exist, and faults must be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.errors import UsageError, nearest
from harness.faults.acts import ChangePrecision, EnableTimeToLive, make_act
from harness.faults.fault import make_fault
from harness.faults.plan import plan_from_json
from harness.faults.sightings import SIGHTINGS
from harness.scenario.mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Scenario

PRECISIONS = ("MILLISECOND", "MICROSECOND")
_ALLOW = "say breaks_promises = true in [faults] if that is wanted"


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
            fault = make_fault(name)
        except UsageError as error:
            yield Mistake(("stepped", "faults", number), error.message, error.hint)
            continue
        if fault.breaks_promise and not scenario.faults.breaks_promises:
            yield Mistake(
                ("stepped", "faults", number),
                f"expected a fault that breaks no promise, found {name!r}",
                _ALLOW,
            )
    for bound in ("truncates_max", "destination_outages_max"):
        if getattr(scenario.stepped, bound) and not scenario.faults.breaks_promises:
            yield Mistake(
                ("stepped", bound), "expected 0: what is lost so nobody brings back", _ALLOW
            )
    if scenario.stepped.storms_max:
        yield from _switch_mistakes(scenario, EnableTimeToLive(), ("stepped", "storms_max"))
    yield from _act_mistakes(scenario)
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


def _act_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    for number, planned in enumerate(scenario.operator):
        where = ("operator", number)
        try:
            act = make_act(planned.act, planned.settings)
        except UsageError as error:
            yield Mistake((*where, "act"), error.message, error.hint)
            continue
        moments = (planned.phase, planned.after_changes, planned.on_request)
        if sum(moment is not None for moment in moments) != 1:
            yield Mistake(where, "expected exactly one of phase, after_changes and on_request")
        later = {other.act for other in scenario.operator[number + 1 :]}
        is_repaired = act.export_repairs and "second-export" in later
        if act.breaks_promise and not is_repaired and not scenario.faults.breaks_promises:
            yield Mistake(
                (*where, "act"),
                f"act {planned.act!r} leaves a loss that no pipeline can repair by itself",
                "set faults.breaks_promises = true if that is what you want",
            )
        if isinstance(act, EnableTimeToLive | ChangePrecision):
            yield from _switch_mistakes(scenario, act, where)
        if planned.after_changes is not None and planned.after_changes > scenario.workload.changes:
            yield Mistake(
                (*where, "after_changes"),
                f"expected at most workload.changes ({scenario.workload.changes}), "
                f"found {planned.after_changes}",
            )


def _switch_mistakes(
    scenario: Scenario, act: EnableTimeToLive | ChangePrecision, where: tuple[str | int, ...]
) -> Iterator[Mistake]:
    if isinstance(act, ChangePrecision):
        if act.precision not in PRECISIONS:
            yield Mistake(
                where,
                f"expected precision {' or '.join(PRECISIONS)}, found {act.precision!r}",
            )
        return
    given = scenario.table.time_to_live
    if given is None or given.enabled:
        yield Mistake(
            where,
            "expected a table whose time to live is not enabled yet",
            "say enabled = false in [table.time_to_live]",
        )
