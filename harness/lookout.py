"""A thread that works beside a run until it is told to end."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Lookout:
    """One thread for work that goes on until somebody ends it.

    Args:
        work: given the event that tells it to end, on which it also waits between two looks.
        name: of the thread.
    """

    def __init__(self, work: Callable[[Event], None], name: str) -> None:
        self._ended = Event()
        self._thread = Thread(target=work, args=(self._ended,), daemon=True, name=name)

    def start(self) -> None:
        """Begin; once only."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the work has. Harmless when called again, or when it never began."""
        self._ended.set()
        # An interrupt may have come while it was about to start: such a thread cannot be joined.
        if self._thread.ident is not None:
            self._thread.join()
