"""Keeps a run's figures fresh for whoever watches: how far the stream and the target are.

Looking costs both servers a little, so it is done for a live terminal only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.lookout import Lookout

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from harness.backends.world import Stats
    from harness.run.progress import Figures
    from harness.run.target import Sample

LOOK_SECONDS = 0.5


class Monitor(Lookout):
    """Looks every half second until it is stopped.

    Args:
        figures: updated in place.
        stats: how far the stream is.
        sample: what the target shows.
    """

    def __init__(
        self, figures: Figures, stats: Callable[[], Stats], sample: Callable[[], Sample]
    ) -> None:
        self._figures = figures
        self._stats = stats
        self._sample = sample
        super().__init__(self._watch, "monitor")

    def _watch(self, ended: Event) -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                self.look()
            except HarnessError:
                # The run itself meets the same trouble, and says so better.
                return

    def look(self) -> Sample:
        """Look once."""
        stats = self._stats()
        sample = self._sample()
        figures = self._figures
        figures.delivered, figures.read = stats.delivered, stats.read
        figures.lag = max(0, stats.delivered - stats.read)
        figures.live, figures.stored = max(0, sample.live), max(0, sample.stored)
        figures.busy += sample.statements > 0
        return sample
