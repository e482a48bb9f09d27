"""Work beside the main line of a run."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS_MAX = 3600.0


class Background:
    """Writes beside the snapshot; an error in it is raised where it is joined.

    Args:
        work: does it and returns how many writes it sent.

    Attributes:
        count: what it returned.
    """

    def __init__(self, work: Callable[[], int]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True, name="during-snapshot")
        self.count = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self.count = self._work()
        except HarnessError as error:
            self._error = error

    def wait(self) -> None:
        """Wait for its end; harmless when it never began."""
        if self._thread.is_alive():
            self._thread.join(SECONDS_MAX)

    def join(self) -> None:
        """Wait for its end.

        Raises:
            HarnessError: what went wrong in it.
        """
        self.wait()
        if self._error:
            raise self._error
