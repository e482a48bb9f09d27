"""What is told while a run goes on; reports subscribe, the runner knows none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Figures:
    """Where a run stands; updated in place.

    Attributes:
        phase: what goes on now.
        to_write: operations of the whole workload.
        written: those that are acknowledged.
        refused: those that were refused or whose outcome is unknown.
        delivered: change records that reached the stream.
        read: records that the pipeline has fetched from it.
        live: rows that FINAL shows.
        stored: rows in the target table, superseded ones included.
        expected: items that the source holds; 0 while it is still written to.
        lag: change records in the stream that the pipeline has not fetched yet.
        busy: how often ClickHouse was found at work on a statement.
    """

    phase: str = ""
    to_write: int = 0
    written: int = 0
    refused: int = 0
    delivered: int = 0
    read: int = 0
    live: int = 0
    stored: int = 0
    expected: int = 0
    lag: int = 0
    busy: int = 0


class Observer(Protocol):
    """Told of a run's course. Called from the run's thread; must return quickly.

    `is_live` says that somebody watches the figures, so that it pays to keep them fresh.
    """

    @property
    def is_live(self) -> bool:
        """The figures are shown while they change."""
        ...

    def started(self, headline: str, figures: Figures) -> None:
        """The run begins; `headline` names scenario, pipeline, seed and versions."""
        ...

    def phase(self, name: str) -> None:
        """A phase begins."""
        ...

    def phase_ended(self, name: str, seconds: float, detail: str) -> None:
        """A phase ended; `detail` gives its figures."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line."""
        ...


class Silent:
    """Tells nobody: the no-op of every observer."""

    is_live = False

    def started(self, headline: str, figures: Figures) -> None:
        """Nothing."""

    def phase(self, name: str) -> None:
        """Nothing."""

    def phase_ended(self, name: str, seconds: float, detail: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
