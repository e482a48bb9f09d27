"""What an operator of a stepped run does to the way from the table to the stream.

The destination is switched off and on, its stamps get another unit, AWS's clock is set back, time to
live deletes all that has expired at once. After a *gap* the table is exported again and the pipeline
started with that export: so nothing is lost for good, and a correct pipeline must recover.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.run.step_actions import Action, Enabled
from harness.run.step_operator import Operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.run.step_example import Example
    from harness.scenario.model import Stepped

CLOCK_STEP_SECONDS = 2.0
"""More than a run of some dozen writes takes: all stamps that follow are equal."""

REPAIR_SECONDS = 600.0
"""From the end of a gap to the export that repairs it."""

OTHER = {"MILLISECOND": "MICROSECOND", "MICROSECOND": "MILLISECOND"}


class StreamActs:
    """The operator of one example's streaming destination and clock.

    Args:
        example: on which it acts.
        bounds: how often it may.
        stop: ends the pipeline gracefully.
        rest: delivers everything and returns when the pipeline has nothing to do any more.
    """

    def __init__(
        self,
        example: Example,
        bounds: Stepped,
        *,
        stop: Callable[[], str],
        rest: Callable[[], None],
    ) -> None:
        self._example = example
        self._world = example.world
        self._bounds = bounds
        self._stop = stop
        self._rest = rest
        self._precision: str = example.scenario.stream.approximate_creation_date_time_precision
        self._is_off = False
        self._is_gap = False

    def enabled(self) -> list[Enabled]:
        """The acts that are possible now, always in the same order."""
        counts, bounds = self._example.counts, self._bounds
        found: list[Enabled] = []
        if self._is_gap:
            found.append(_act("repair-gap", self.repair_gap, 0.5))
        elif self._is_off:
            found.append(_act("destination-on", self.destination_on, 1.0))
        else:
            if counts.destination_outages < bounds.destination_outages_max:
                found.append(_act("destination-off", self.destination_off, 0.2))
            if counts.gaps < bounds.gaps_max:
                found.append(_act("gap", self.gap, 0.3))
            if counts.precision_changes < bounds.precision_changes_max:
                other = OTHER[self._precision]
                action = Action("change-precision", other, weight=0.3)
                found.append(Enabled(action, partial(self.change_precision, other)))
        if counts.clock_steps < bounds.clock_steps_max:
            found.append(_act("clock-step", self.set_clock_back, 0.3))
        if counts.storms < bounds.storms_max:
            found.append(_act("enable-time-to-live", self.enable_time_to_live, 0.1))
        return found

    def settle(self) -> None:
        """The calm phase begins: a gap is repaired, if nobody has done so."""
        if self._is_gap:
            self.repair_gap()

    def destination_off(self) -> str:
        """The streaming destination is disabled: changes from now on reach no stream."""
        self._example.counts.destination_outages += 1
        return self._switch_off()

    def destination_on(self) -> str:
        """It is enabled again; what happened in between is not made up for."""
        self._world.switch_streaming(on=True)
        self._precision = self._example.scenario.stream.approximate_creation_date_time_precision
        self._is_off = False
        self._example.note("operator", act="destination-on")
        return ""

    def gap(self) -> str:
        """The destination is disabled by somebody who will repair it."""
        self._example.counts.gaps += 1
        self._is_gap = True
        return self._switch_off()

    def repair_gap(self) -> str:
        """It is enabled again, the table is exported, and the pipeline is started with the export.

        Before, the pipeline reads what is left on the stream: a record that is older than the export
        and read after it may bring back what the export knows to be gone. And the export is taken
        some minutes later: its cut is not sharp, so a pipeline may only trust it over changes that
        are older than that, and the last before the gap must be.
        """
        self.destination_on()
        self._is_gap = False
        self._rest()
        if self._example.incarnation is not None:
            self._stop()
        self._world.clock.advance(REPAIR_SECONDS)
        return Operator(self._example).second_export()

    def change_precision(self, precision: str) -> str:
        """The stamps get another unit; while that is done time passes, as on AWS."""
        self._world.change_precision(precision)
        self._precision = precision
        self._example.counts.precision_changes += 1
        self._example.note("operator", act="change-precision", precision=precision)
        return ""

    def set_clock_back(self) -> str:
        """AWS's clock shows an earlier time: its stamps stand still until it has caught up."""
        self._world.aws_clock.set_back(CLOCK_STEP_SECONDS)
        self._example.counts.clock_steps += 1
        self._example.note("operator", act="clock-step", seconds=-CLOCK_STEP_SECONDS)
        return f"-{CLOCK_STEP_SECONDS:g} s"

    def enable_time_to_live(self) -> str:
        """Everything that has expired is deleted at once, in the name of the service."""
        before = len(self._world.table.items)
        self._world.enable_time_to_live()
        self._world.clock.advance(1e-6)
        self._example.counts.storms += 1
        self._example.note("operator", act="enable-time-to-live")
        return f"{before - len(self._world.table.items)} items expired"

    def _switch_off(self) -> str:
        self._world.switch_streaming(on=False)
        self._is_off = True
        self._example.note("operator", act="destination-off")
        return ""


def _act(name: str, perform: Callable[[], str], weight: float) -> Enabled:
    return Enabled(Action(name, weight=weight), perform)
