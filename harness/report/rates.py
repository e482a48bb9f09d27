"""How fast things went, and how far behind: counted while a history passes by, then put in steps.

Counting is in slots of 20 ms that double when a run is long, so that any run takes the same room.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.history import Event

STEPS = 120
SLOT_US = 20_000
SLOTS_MAX = 20_000
BUSY_SLOTS_MIN = 8
"""What happens in fewer moments than these is told by the lives, not by a chart."""

NAMES = ("writes", "delivered", "read", "rows")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: so much in each step."""

    name: str
    values: list[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over one time axis that begins with the run.

    Attributes:
        title: what is shown.
        unit: of the values.
        step_us: width of one step.
        series: the lines.
    """

    title: str
    unit: str
    step_us: int
    series: list[Series]

    @property
    def top(self) -> float:
        """The highest value."""
        return max((max(s.values, default=0.0) for s in self.series), default=0.0)

    def points(self, series: Series, height: float = 100.0, width: float = 1000.0) -> str:
        """The line as an SVG path; the highest value is a little below the upper edge."""
        top = self.top or 1.0
        count = max(1, len(series.values))
        places = [
            f"{(n + 0.5) / count * width:.1f} {height - value / top * height * 0.86:.1f}"
            for n, value in enumerate(series.values)
        ]
        return "M" + "L".join(places) if places else ""

    def as_data(self) -> dict[str, Any]:
        """What the page reads under the pointer."""
        return {
            "step_us": self.step_us,
            "count": max((len(s.values) for s in self.series), default=0),
            "series": [
                {"name": s.name, "values": [round(v, 1) for v in s.values]} for s in self.series
            ],
        }


class Rates:
    """Counts writes, deliveries, records read and rows stored.

    Args:
        target: the target table; rows that go elsewhere are not counted.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._counts: dict[str, Counter[int]] = {name: Counter() for name in NAMES}
        self._start_us = 0
        self._end_us = 0
        self._last_us = 0
        self._slot_us = SLOT_US

    def feed(self, event: Event) -> None:
        """One more event."""
        at = event["at"]
        self._start_us = self._start_us or at
        self._end_us = max(self._end_us, at)
        kind = event.get("event")
        if kind == "write":
            if event.get("outcome") == "acked":
                self._count("writes", at, 1)
        elif kind == "delivery":
            if event.get("outcome") == "delivered":
                self._count("delivered", at, 1)
        elif kind == "records":
            self._count("read", at, int(event.get("records", 0)))
        elif kind == "request":
            if event.get("operation") == "GetRecords":
                self._count("read", at, int(event.get("records", 0)))
            elif event.get("operation") == "INSERT" and event.get("subject") == self._target:
                self._count("rows", at, max(0, int(event.get("rows", 0))))

    def _count(self, name: str, at_us: int, number: int) -> None:
        if not number:
            return
        self._last_us = max(self._last_us, at_us)
        slot = (at_us - self._start_us) // self._slot_us
        while slot >= SLOTS_MAX:
            self._slot_us *= 2
            for each, counts in self._counts.items():
                wider: Counter[int] = Counter()
                for place, count in counts.items():
                    wider[place // 2] += count
                self._counts[each] = wider
            slot = (at_us - self._start_us) // self._slot_us
        self._counts[name][slot] += number

    @property
    def span_us(self) -> int:
        """How long the history goes on."""
        return max(1, self._end_us - self._start_us)

    @property
    def busy_us(self) -> int:
        """How long anything was counted, and a little more: what charts show."""
        return max(1, min(self.span_us, round((self._last_us - self._start_us) * 1.06)))

    def charts(self) -> list[Chart]:
        """Throughput in so many a second, and how many records the pipeline was behind.

        Empty where too little happened to draw.
        """
        busy = {slot for counts in self._counts.values() for slot in counts}
        if len(busy) < BUSY_SLOTS_MIN:
            return []
        step_us = max(self._slot_us, -(-self.busy_us // STEPS))
        steps = -(-self.busy_us // step_us) or 1
        totals = {name: self._steps(name, step_us, steps) for name in NAMES}
        shown = {"rows": "rows stored", "read": "records read", "delivered": "records delivered"}
        per_second = [
            Series(shown.get(name, name), [v / (step_us / 1e6) for v in values])
            for name, values in totals.items()
            if any(values)
        ]
        behind: list[float] = []
        delivered = read = 0.0
        for place in range(steps):
            delivered += totals["delivered"][place]
            read += totals["read"][place]
            behind.append(max(0.0, delivered - read))
        charts = [Chart("Throughput", "a second", step_us, per_second)] if per_second else []
        if any(behind):
            lag = [Series("records behind", behind)]
            charts.append(Chart("Lag: delivered to the stream, not yet read", "", step_us, lag))
        return charts

    def _steps(self, name: str, step_us: int, steps: int) -> list[float]:
        values = [0.0] * steps
        for slot, count in self._counts[name].items():
            values[min(steps - 1, slot * self._slot_us // step_us)] += count
        return values
