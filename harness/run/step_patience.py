"""How long a program outside must be silent before its target counts as stalled.

A program may keep rows back and store them by a clock of its own, so only real time tells. The
scenario says how long at most (`settle.stall_seconds`). A program that has been seen to store what
it read is waited for several times as long as it ever took, which is less as a rule: most of the
time of a search goes into such waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

SEEN_MIN = 2
TIMES = 5
SECONDS_MIN = 1.5


@dataclass(slots=True)
class Habit:
    """What is known of one program, over all its examples in this process.

    Attributes:
        seen: how often rows were stored after records were read.
        longest: the longest time between, seconds.
        is_learned: an example was spent on it.
    """

    seen: int = 0
    longest: float = 0.0
    is_learned: bool = False


class Patience:
    """Follows one life of a program.

    Args:
        habit: of the program; learned from and relied upon.
    """

    def __init__(self, habit: Habit) -> None:
        self._habit = habit
        self._since_read: Callable[[], float] | None = None

    def read(self) -> None:
        """The program was given records."""
        self._since_read = self._since_read or stopwatch()

    def stored(self) -> None:
        """The program was answered an INSERT."""
        if self._since_read is not None:
            self._habit.seen += 1
            self._habit.longest = max(self._habit.longest, self._since_read())
            self._since_read = None

    def forget(self) -> None:
        """The program's life has ended, or a request was refused: what follows takes longer."""
        self._since_read = None

    def seconds(self, most: float) -> float:
        """How long to wait, at most `most`."""
        if self._habit.seen < SEEN_MIN:
            return most
        return min(most, SECONDS_MIN + TIMES * self._habit.longest)
