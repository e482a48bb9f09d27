"""How fast the checks judge a history, how that grows with its length, and in how much memory.

Each length is judged in a process of its own, once for a run that is right, and the longest once
more for one that lost keys, whose history is read a second time. Rates are per second of processor
time, since the machine is shared; memory is the process's peak, the evidence itself included.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 50_000)
LOST = 50
EVENTS_PER_SECOND = 100_000.0
MEMORY_GB_MAX = 1.0
FLAT_BAR = 0.7
"""The shortest history's rate against the longest's: less would be growth, not noise."""

SECONDS_MAX = 900.0


@dataclass(frozen=True, slots=True)
class Point:
    """What judging one history took.

    Attributes:
        events: how many it had.
        journal_rate: events a second, of the one pass over the history.
        rate: events a second, of all checks together.
        peak_gb: the process's peak memory.
    """

    events: int
    journal_rate: float
    rate: float
    peak_gb: float


def bench(sizes: Sequence[int], tell: Callable[[Measured], None]) -> list[Measured]:
    """Measure every size.

    Raises:
        BackendError: a measurement ended badly, or a check broke or misjudged.
    """
    points = [measure(size, 0) for size in sizes]
    lost = measure(sizes[-1], LOST)
    first, last = points[0], points[-1]
    count = f"{sizes[-1]:_}"
    rows = [
        _rate(f"checks_{count}", last.rate),
        _rate(f"journal_{count}", last.journal_rate),
        _rate(f"checks_{count}_lost_keys", lost.rate),
        Measured(
            Row(
                f"peak_memory_{count}", "GB", "process", lower_is_better=True, budget=MEMORY_GB_MAX
            ),
            max(last.peak_gb, lost.peak_gb),
            {},
        ),
    ]
    # For information: the evidence itself, held in dictionaries, outgrows the processor's caches.
    rows.append(_rate("growth_checks", last.rate, bar=None, against=first.rate))
    rows.append(
        _rate("growth_journal", last.journal_rate, bar=FLAT_BAR, against=first.journal_rate)
    )
    for one in rows:
        tell(one)
    return rows


def _rate(
    name: str, found: float, *, bar: float | None = 1.0, against: float = EVENTS_PER_SECOND
) -> Measured:
    return Measured(Row(name, "events/s", "process", bar=bar, budget=against), found, {})


def measure(events: int, lost: int) -> Point:
    """Judge one history in a process of its own.

    Raises:
        BackendError: it ended badly, or a check broke or misjudged.
    """
    told = _run(events, lost)
    wanted = {"no_lost_update", "checkpoint_honesty"} if lost else set()
    if told["broken"] or bool(told["failing"]) != bool(lost) or not wanted <= set(told["failing"]):
        raise BackendError(
            f"the checks misjudged a history of {events:,} events with {lost} lost keys: "
            f"{', '.join(told['failing'] + told['broken']) or 'all passed'}"
        )
    return Point(
        told["events"],
        told["events"] / told["journal_seconds"],
        told["events"] / told["judge_seconds"],
        told["peak_gb"],
    )


def _run(events: int, lost: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.bench.checks_history", str(events), str(lost)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS_MAX
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error).strip().splitlines()[-1:]
        raise BackendError(f"judging {events:,} events ended badly: {' '.join(said)}") from error
    told: dict[str, Any] = json.loads(done.stdout)
    return told
