"""Learns how soon a program stores what it reads, before the first example of it is judged.

One plain example: the program is started, change after change is written and delivered to it, every
request is answered at once. What it takes from a page with records to its INSERT is its habit.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.run.step_external import ExternalExample
    from harness.run.step_patience import Habit

CHANGES = 4
ROUNDS_MAX = 400
SECONDS_MAX = 5.0
IDLE_POLLS = 4


def learn(example: ExternalExample, habit: Habit) -> None:
    """Let the program carry a few changes.

    Args:
        example: a fresh one, closed by the caller.
        habit: what is learned goes there.
    """
    export = example.export
    for _ in range(ROUNDS_MAX):
        if export is None or example.world.export_is_complete(export):
            break
        example.advance()
    example.start()
    _follow(example, lambda: False)
    changes = [o for o in example.operations if o.phase != "before"]
    for operation in changes[:CHANGES]:
        seen = habit.seen
        example.write(operation)
        for relay in example.world.relays():
            for pending in list(relay.pending()):
                example.deliver(relay, pending, again=False)
        if not _follow(example, partial(_has_stored, habit, seen)):
            return


def _has_stored(habit: Habit, seen: int) -> bool:
    return habit.seen > seen


def _follow(example: ExternalExample, is_done: Callable[[], bool]) -> bool:
    """Answer everything until it is done, or until polls find nothing; False once it has ended."""
    passed = stopwatch()
    idle = 0
    while passed() < SECONDS_MAX and idle < IDLE_POLLS and not is_done():
        example.activities.run_ready(0)
        if example.notice_end():
            return False
        held = example.activities.held()
        if not held:
            example.advance()
            continue
        passage = held[0].passage
        assert passage is not None
        is_poll = passage.asked.operation == "GetRecords"
        saw = example.release(held[0], "ok")
        idle += is_poll and saw == "200"
    return True
