"""What a bench found: its rows, their ratios, and whether each reached its bar.

`as_json` is the published form:

    {"machine": {…}, "rows": [{"name", "unit", "ours", "peers": {name: figure or null}, "best_peer",
     "ratio", "bar", "client", "passed", "reasons": {name: why it has no figure}}]}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench.measure import Samples
    from harness.bench.rows import Row

SIGNIFICANT_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """One row with its figures.

    Attributes:
        row: what was measured.
        ours: the embedded endpoint's figure; None when it failed.
        peers: theirs, by name; None where one does not do this.
        reasons: why there is no figure, by name.
        paired: the median of the ratios of single rounds, where the two take turns: what the
            machine does meanwhile hits both sides of a round, and the medians need not be of one.
    """

    row: Row
    ours: float | None
    peers: dict[str, float | None]
    reasons: dict[str, str] = field(default_factory=dict)
    paired: float | None = None

    @property
    def best_peer(self) -> str | None:
        """The peer with the best figure; None when no peer has one."""
        figures = {name: value for name, value in self.peers.items() if value is not None}
        if not figures:
            return None
        best = min if self.row.lower_is_better else max
        return best(figures, key=lambda name: figures[name])

    @property
    def ratio(self) -> float | None:
        """Ours against the best peer (or the row's budget), higher is better."""
        if self.paired is not None:
            return self.paired
        against = self.row.budget
        if against is None and self.best_peer is not None:
            against = self.peers[self.best_peer]
        if self.ours is None or not against:
            return None
        if self.row.lower_is_better:
            return against / self.ours if self.ours else None
        return self.ours / against

    @property
    def passed(self) -> bool:
        """True when we have a figure, and it reaches the bar where there is something to reach."""
        if self.ours is None:
            return False
        return self.row.bar is None or self.ratio is None or self.ratio >= self.row.bar

    def as_json(self) -> dict[str, Any]:
        """The published form."""
        return {
            "name": self.row.name,
            "unit": self.row.unit,
            "ours": rounded(self.ours),
            "peers": {name: rounded(value) for name, value in self.peers.items()},
            "best_peer": self.best_peer,
            "ratio": rounded(self.ratio),
            "bar": self.row.bar,
            "client": self.row.client,
            "passed": self.passed,
            "reasons": self.reasons,
        }


def measured(row: Row, samples: Samples, ours: str, peers: Sequence[str]) -> Measured:
    """A row from its samples."""
    return Measured(
        row,
        samples.median(ours),
        {name: samples.median(name) for name in peers},
        dict(samples.refusals),
    )


def rounded(value: float | None) -> float | None:
    """To four significant digits: more would claim what a shared machine cannot tell."""
    return None if value is None else float(f"{value:.{SIGNIFICANT_DIGITS}g}")
