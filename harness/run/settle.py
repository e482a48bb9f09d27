"""When has a black box come to rest?

A pipeline says nothing of its progress, so the target is watched. It has settled when it shows as
many items, with as many writes in them, as the source holds, and stays so; or when nothing at all
has changed for so long that nothing more is to be expected (`settle.stall_seconds`). Time in which
the pipeline wanted a processor and had none says nothing of it, and does not count: a busy machine
must not make a right pipeline look stuck. Whether what it shows is right is for the checks to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.clock import SECOND_US
from harness.run.process_tree import able_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.run.target import Sample
    from harness.scenario.model import Settle

How = Literal["equal", "stalled", "ended", "timeout"]
STEP_SECONDS = 0.05
STEP_SECONDS_MAX = 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What the source holds: items, and the sum of their write counters."""

    items: int
    counters: int


@dataclass(frozen=True, slots=True)
class Settled:
    """How the wait ended.

    Attributes:
        how: `equal`; `stalled` (nothing changed any more); `ended` (the pipeline exited);
            `timeout` (it was still changing).
        seconds: how long it took.
        sample: what the target showed last.
    """

    how: How
    seconds: float
    sample: Sample

    @property
    def at_rest(self) -> bool:
        """False when the target was still changing."""
        return self.how != "timeout"


def settle(
    take: Callable[[], Sample],
    expected: Expected,
    *,
    clock: Clock,
    rules: Settle,
    activity: Callable[[], int],
    has_ended: Callable[[], bool],
    starved: Callable[[], float] = lambda: 0.0,
) -> Settled:
    """Wait until the target has come to rest.

    Args:
        take: reads the target.
        expected: what the source holds.
        clock: bounds the wait.
        rules: the scenario's `[settle]`.
        activity: a number that changes while the pipeline still fetches records.
        has_ended: the pipeline is no longer running.
        starved: for how many seconds the pipeline has waited for a processor, of all its threads.
    """
    start = clock.now_us()
    sample = take()
    seen = activity()
    waited = starved()
    changed_at = equal_since = start
    was_equal = False
    while True:
        now = clock.now_us()
        elapsed = (now - start) / SECOND_US
        equal = _equal(sample, expected)
        if equal and not was_equal:
            equal_since = now
        was_equal = equal
        at_rest = (now - max(changed_at, equal_since)) / SECOND_US
        if equal and at_rest >= rules.quiet_seconds:
            return Settled("equal", elapsed, sample)
        quiet = (now - changed_at) / SECOND_US
        most = rules.stall_seconds
        if quiet >= most and able_seconds(quiet, starved() - waited) >= most:
            return Settled("stalled", elapsed, sample)
        if has_ended() and quiet >= rules.quiet_seconds:
            return Settled("ended", elapsed, sample)
        if elapsed >= rules.timeout_seconds:
            return Settled("timeout", elapsed, sample)
        # A big table takes long to read: looking must not become the load.
        clock.sleep(min(STEP_SECONDS_MAX, max(STEP_SECONDS, (clock.now_us() - now) / SECOND_US)))
        before, sample = sample, take()
        seen_before, seen = seen, activity()
        if seen != seen_before or _has_changed(before, sample):
            changed_at, waited = clock.now_us(), starved()


def _has_changed(before: Sample, now: Sample) -> bool:
    """Whether somebody has written; a merge only drops superseded rows, whenever it likes."""
    shows_the_same = (now.live, now.counters) == (before.live, before.counters)
    if shows_the_same and now.stored < before.stored:
        return False
    return (now.mark, now.stored) != (before.mark, before.stored)


def _equal(sample: Sample, expected: Expected) -> bool:
    counters_agree = not sample.counters or sample.counters == expected.counters
    return sample.live == expected.items and counters_agree
