"""How long a program outside must be silent before its target counts as stalled.

A program may keep rows back and store them by a clock of its own, so only real time tells. The
scenario says how long at most (`settle.stall_seconds`). A program that has been seen to store what
it read is waited for several times as long as it ever took, which is less as a rule: most of the
time of a search goes into such waiting. One that goes on to poll and finds nothing is at work, and
not kept from it by a busy machine: it is waited for still less. The first time that a life stores something is not like the others: it loads what it
needs for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.faults.asked import Asked

Kind = tuple[str, str]
"""Service and operation."""

SEEN_MIN = 2
TIMES = 5
RETRY_TIMES = 2
"""The next pause before a retry is twice as long as the last, as a rule."""

STORED_TIMES = 2
SECONDS_MIN = 1.5
POLLS_MIN = 5
POLLING_SECONDS_MIN = 0.5
MOST_OF_IT = 0.7
"""Of the time that passes the scheduler needs some itself."""


@dataclass(slots=True)
class Habit:
    """What is known of one program, over all its examples in this process.

    Attributes:
        seen: how often rows were stored after records were read.
        first: the longest time between, where a life had stored nothing before, seconds.
        longest: the longest time between, where it had.
        is_learned: an example was spent on it.
        retries: by kind of request, the longest time from a refusal to the next such request.
        given_up: kinds of requests that it was seen not to repeat, however long it was waited for.
    """

    seen: int = 0
    first: float = 0.0
    longest: float = 0.0
    is_learned: bool = False
    retries: dict[Kind, float] = field(default_factory=dict)
    given_up: set[Kind] = field(default_factory=set)


class Patience:
    """Follows one life of a program.

    Args:
        habit: of the program; learned from and relied upon.
        waited: how long it was waited for so far, seconds. How long the scheduler keeps its requests
            is not its doing.
    """

    def __init__(self, habit: Habit, waited: Callable[[], float]) -> None:
        self._habit = habit
        self._waited = waited
        self._read_at: float | None = None
        self._has_read = False
        self._has_begun = False
        self._has_stored = False
        self._polls = 0
        self._unstored: set[str] = set()
        self._last_read = 0.0
        self._refused: dict[tuple[Kind, str], float] = {}

    def begin(self) -> None:
        """Another life begins."""
        self._has_stored = self._has_read = self._has_begun = False
        self._polls = 0
        self._refused.clear()
        self._unstored.clear()
        self.forget()

    def read(self, shard: str) -> None:
        """The program was given records."""
        self._unstored.add(shard)
        # Counted from the last such page: of those before, a program may store nothing at all.
        self._read_at = self._last_read = self._waited()
        self._has_read = self._has_begun = True
        self._polls = 0

    def polled(self) -> None:
        """The program asked for records and there were none."""
        self._has_begun = True
        self._polls += 1

    def brings(self, *, is_target: bool) -> None:
        """The program asks to store something."""
        if is_target and len(self._unstored) == 1:
            self._unstored.clear()
        if self._read_at is not None:
            took = self._waited() - self._read_at
            self._habit.seen += 1
            if self._has_stored:
                self._habit.longest = max(self._habit.longest, took)
            else:
                self._habit.first = max(self._habit.first, took)
            self._read_at = None

    def stored(self) -> None:
        """The program was answered that it is stored."""
        self._has_stored = True
        self._polls = 0

    def forget(self) -> None:
        """What follows takes longer than it is used to."""
        self._read_at = None

    def refused(self, asked: Asked) -> None:
        """A request failed: its like is waited for, as the program may rest before it tries again."""
        self.forget()
        self._refused[_row(asked)] = self._waited()

    def asks(self, asked: Asked) -> None:
        """The program has sent a request."""
        refused_at = self._refused.pop(_row(asked), None)
        if refused_at is not None:
            kind, _ = _row(asked)
            took = self._waited() - refused_at
            self._habit.retries[kind] = max(took, self._habit.retries.get(kind, 0.0))

    def gave_up(self, most: float) -> None:
        """The program was waited for, and does no more: what it still owes it will never send."""
        for (kind, _), at in self._refused.items():
            if self._waited() - at >= MOST_OF_IT * most:
                self._habit.given_up.add(kind)

    def is_stored(self) -> bool:
        """Whether the program has brought what it has read.

        What comes after records of one shard is these. After records of several it may be those of
        one, and the others are waited for as long as the program ever took, and once more.
        """
        if self._read_at is not None or not self._unstored:
            return self._read_at is None
        return self._waited() - self._last_read >= STORED_TIMES * self._habit.longest

    def seconds(self, most: float, shards: int) -> float:
        """How long to wait, at most `most`.

        Args:
            most: what the scenario says.
            shards: how many the program may be polling.
        """
        habit = self._habit
        if habit.seen < SEEN_MIN or not self._has_begun:
            # A life that starts has an interpreter to load, and what it reads before the stream.
            return most
        owed = {kind for kind, _ in self._refused} - habit.given_up
        if owed:
            slowest = max(habit.retries.get(kind, most) for kind in owed)
            return min(most, SECONDS_MIN + RETRY_TIMES * slowest + TIMES * habit.longest)
        longest = habit.longest if self._has_stored else max(habit.first, habit.longest)
        if self._polls < POLLS_MIN * max(1, shards):
            return min(most, SECONDS_MIN + TIMES * longest)
        has_some = self._has_stored or self._has_read
        return min(most, POLLING_SECONDS_MIN + (TIMES * longest if has_some else 0.0))


def _row(asked: Asked) -> tuple[Kind, str]:
    return (asked.service, asked.operation), asked.subject
