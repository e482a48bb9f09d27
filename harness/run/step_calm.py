"""The calm phase of a stepped run: safety was tested under faults, now the target must converge.

Nothing fails any more: requests in flight land, the pipeline is started whenever it is down, every
change is delivered in order. The phase ends when the target shows every item with its last write and
nothing else; or when for `STALL_SECONDS` of the clock nothing has moved; or at a
bound, and then nobody can say whether the target would have converged.

A pipeline that ships holds nothing back for longer than a second: when each of its threads has
polled `BRIEF_POLLS` times in `BRIEF_SECONDS` and found nothing, it never will.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.run.step_paces import EAGER

if TYPE_CHECKING:
    from harness.run.step_example import Example

ROUNDS_MAX = 6_000
SECONDS_MAX = 900.0
QUIET_SECONDS = 0.4
STALL_SECONDS = 15.0
BRIEF_SECONDS = 3.0
BRIEF_POLLS = 5
STARTS_MAX = 4
IDLE_EVERY = 8
"""Requests that bring nothing wait for the others, but not for ever."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What the source holds: items, the sum of their write counters, and their last writes, sorted."""

    items: int = 0
    counters: int = 0
    last: list[str] = field(default_factory=list)


class Calm:
    """Brings an example to rest.

    Args:
        example: which.
        is_brief: the pipeline is known to hold nothing back for long.

    Attributes:
        how: `equal`, `stalled`, `ended` (the pipeline exits whenever it is started), `stuck` (it
            neither asks nor sleeps), or `timeout`.
    """

    def __init__(self, example: Example, *, is_brief: bool = False) -> None:
        self._example = example
        self._is_brief = is_brief
        self._polls: Counter[int] = Counter()
        self._expected, self._expected_at = _Held(), -1
        self._released = 0
        self._looked_at = -1
        self.how = "timeout"

    @property
    def at_rest(self) -> bool:
        """False when the target may still have been changing."""
        return self.how not in ("timeout", "stuck")

    def run(self) -> None:
        """Run until the target is at rest."""
        example, clock = self._example, self._example.world.clock
        example.begin_calm()
        self._let_land()
        begin_us = moved_us = clock.now_us()
        looked_us = 0
        found = ""
        starts = 0
        for _ in range(ROUNDS_MAX):
            example.activities.run_ready(clock.now_us())
            # Time passes, and items expire with it: their deletes are changes like any other.
            moved_us = clock.now_us() if example.deliver_all() else moved_us
            if example.notice_end() or example.incarnation is None:
                if starts >= STARTS_MAX:
                    self.how = "ended"
                    return
                if self._start():
                    starts += 1
                moved_us = clock.now_us()
                continue
            if self._is_stuck():
                self.how = "stuck"
                return
            if self._has_all():
                self.how = "equal"
                return
            if self._release():
                moved_us = clock.now_us()
                self._polls.clear()
            quiet = max((clock.now_us() - moved_us) / 1e6, example.quiet_for())
            if quiet >= QUIET_SECONDS and looked_us != moved_us:
                # Once a quiet time: what has not moved since then would look the same.
                looked_us = moved_us
                found = self._look()
                if found == "equal":
                    self.how = found
                    return
            is_brief = quiet >= BRIEF_SECONDS and self._only_polls()
            has_looked = looked_us == moved_us
            if has_looked and (is_brief or example.is_stalled(quiet, STALL_SECONDS)):
                self.how = "equal" if found == "alike" else "stalled"
                return
            is_late = (clock.now_us() - begin_us) / 1e6 > SECONDS_MAX
            if is_late or example.is_overdue(calm=True):
                return

    def _let_land(self) -> None:
        """What was on its way arrives."""
        for passage in list(self._example.in_flight):
            self._example.land(passage)
        self._example.deliver_all()

    def _start(self) -> bool:
        example = self._example
        if example.export is not None and not example.world.export_is_complete(example.export):
            example.advance()
            return False
        example.start()
        return True

    def _has_all(self) -> bool:
        """True when nothing is left to do and the target is equal: no need to wait for it to rest."""
        inserts = self._example.counts.inserts
        if inserts == self._looked_at or not self._example.has_all():
            return False
        self._looked_at = inserts
        return self._look() == "equal"

    def _is_stuck(self) -> bool:
        activities, clock = self._example.activities, self._example.world.clock
        return (
            not activities.held()
            and activities.next_wake_us() is None
            and clock.next_timer_us() is None
        )

    def _only_polls(self) -> bool:
        alive = self._example.activities.alive
        return self._is_brief and all(self._polls[a.number] >= BRIEF_POLLS for a in alive)

    def _release(self) -> bool:
        """Let the oldest request go, or the time pass; True when something has moved."""
        example = self._example
        held = example.activities.held()
        if not held:
            example.advance()
            return False
        self._released += 1
        activity = held[0]
        if self._released % IDLE_EVERY:
            activity = next((a for a in held if example.eagerness(a) >= EAGER), activity)
        assert activity.passage is not None
        asked = activity.passage.asked
        saw = example.release(activity, "ok")
        is_move = example.moves(asked, saw)
        self._polls[activity.number] += asked.operation == "GetRecords" and saw == "200"
        return is_move

    def _look(self) -> str:
        """`equal` when the target shows each item's last write and nothing else.

        Where no column says which write a row shows: as many rows as there are items, and as many
        writes in them. Without write counters `alike`: as many rows may still be the old ones, only
        rest tells.
        """
        world = self._example.world
        if self._expected_at != world.table.log.end:
            self._expected, self._expected_at = self._held(), world.table.log.end
        rows = self._example.sampling.look(world.target.live())
        if rows is not None:
            return "equal" if sorted(row[-1] for row in rows) == self._expected.last else ""
        live, counters = world.target.shown()
        if live != self._expected.items or counters not in (-1, self._expected.counters):
            return ""
        return "equal" if counters == self._expected.counters else "alike"

    def _held(self) -> _Held:
        markers = self._example.scenario.workload.markers
        items = self._example.world.scan()
        return _Held(
            len(items),
            sum(int(item[markers.counter]["N"]) for item in items if markers.counter in item),
            sorted(item[markers.id].get("S", "") for item in items if markers.id in item),
        )
