"""What a scheduler asks of an example before it waits, and how a pipeline in this process answers.

Such a pipeline lives on the virtual clock: waiting costs nothing and proves everything. A program
outside has a clock of its own, and answers otherwise (`harness.run.step_external`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.faults.asked import Asked
    from harness.run.step_threads import Activity

EAGER = 6.0
IDLE = 0.1
"""For what would bring nothing new, where that is known."""


class Paces:
    """Of a pipeline in this process."""

    __slots__ = ()

    def eagerness(self, _activity: Activity) -> float:
        """The weight of answering a held request as it should be."""
        return EAGER

    def moves(self, asked: Asked, saw: str) -> bool:
        """Whether a request that was answered so may change the target, or lead to it."""
        return asked.operation == "INSERT" or "records" in saw

    def rolls_shards(self) -> bool:
        """Whether shards of the table's own stream may close: of what reads that stream."""
        return False

    def begin_calm(self) -> None:
        """From now on the pipeline is waited for: what it could not do before is not held against it."""

    def quiet_for(self) -> float:
        """Seconds for which nothing has moved, where the world's clock does not tell them."""
        return 0.0

    def has_all(self) -> bool:
        """True when it is known, without any waiting, that the pipeline has nothing left to do."""
        return False

    def is_stalled(self, quiet_seconds: float, seconds_max: float) -> bool:
        """True when a target that has been quiet for so long, by the world's clock, stays so."""
        return quiet_seconds >= seconds_max

    def is_overdue(self, *, calm: bool) -> bool:
        """True when it has taken more real time than an example may; never on a virtual clock."""
        return False

    def last_words(self) -> list[str]:
        """What the pipeline printed last before it ended by itself."""
        return []
