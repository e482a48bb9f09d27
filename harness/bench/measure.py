"""One row of the bench: the same work on each endpoint in turn, in rounds, by the same process.

Round by round goes ours, peer, ours, peer …: what else the machine does in between hits all alike.
An endpoint's figure is the median of its rounds. Figures of different runs are never compared.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from statistics import median
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from harness.bench.endpoint import UnsupportedError
from harness.bench.raw_connection import RefusedError
from harness.clock import stopwatch
from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Amounts, Case, Load

WARM_UP_SHARE = 0.25
REASON_CHARACTERS_MAX = 160

REFUSALS = (
    UnsupportedError,
    RefusedError,
    ClientError,
    BotoCoreError,
    HarnessError,
    HTTPException,
    OSError,
    # An answer without the members that AWS documents.
    KeyError,
    IndexError,
    TypeError,
    ValueError,
)
"""How an endpoint shows that it cannot do what is measured."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        seconds: on each endpoint for each row, all rounds together.
        rounds: into how many slices that is cut.
    """

    seconds: float = 3.0
    rounds: int = 15


@dataclass(slots=True)
class Samples:
    """What the rounds gave.

    Attributes:
        values: units per second, by endpoint.
        refusals: why an endpoint has none.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    def refuse(self, name: str, error: Exception) -> None:
        """The endpoint failed: it has no figure in this row."""
        self.refusals[name] = reason(error)

    def add(self, name: str, value: float) -> None:
        """One more figure of an endpoint."""
        self.values.setdefault(name, []).append(value)

    def paired(self, name: str, other: str) -> float | None:
        """The median of one's ratios to the other in the same rounds."""
        both = zip(self.values.get(name, ()), self.values.get(other, ()), strict=False)
        ratios = [one / against for one, against in both]
        return median(ratios) if ratios else None

    def median(self, name: str) -> float | None:
        """The endpoint's figure; None when it has none."""
        values = self.values.get(name)
        return median(values) if values and name not in self.refusals else None


def sample(
    case: Case, ours: Endpoint, peers: Sequence[Endpoint], *, amounts: Amounts, effort: Effort
) -> Samples:
    """Measure one case on every endpoint."""
    samples = Samples()
    loads: dict[str, Load] = {}
    slice_seconds = effort.seconds / effort.rounds
    with ExitStack() as stack:
        for endpoint in (ours, *peers):
            try:
                loads[endpoint.name] = stack.enter_context(case(endpoint, amounts))
                _rate(loads[endpoint.name], slice_seconds * WARM_UP_SHARE)
            except REFUSALS as error:
                samples.refuse(endpoint.name, error)
        for _ in range(effort.rounds):
            for peer in peers:
                _slice(samples, loads, ours.name, slice_seconds)
                _slice(samples, loads, peer.name, slice_seconds)
            if not peers:
                _slice(samples, loads, ours.name, slice_seconds)
    return samples


def _slice(samples: Samples, loads: dict[str, Load], name: str, seconds: float) -> None:
    if name in samples.refusals:
        return
    try:
        samples.values.setdefault(name, []).append(_rate(loads[name], seconds))
    except REFUSALS as error:
        samples.refuse(name, error)


def _rate(load: Load, seconds: float) -> float:
    """Units per second over at least `seconds` of steps, and at least one step."""
    done = 0
    spent = 0.0
    while spent < seconds or not spent:
        if load.refill is not None:
            load.refill()
        elapsed = stopwatch()
        done += load.step()
        spent += elapsed()
    return done / spent


def reason(error: BaseException) -> str:
    """One line that says why."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:REASON_CHARACTERS_MAX]
