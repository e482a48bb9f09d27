"""Runs cases on an endpoint: several at a time where they allow it, the others alone at the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import WallClock, stopwatch
from harness.conformance.case import Unsupported
from harness.conformance.endpoint import Endpoint
from harness.conformance.expect import Broke, Failed, raise_if_not_offered
from harness.conformance.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.conformance.case import Case, Verdict

THREADS = 6
EMBEDDED = "embedded"
EMBEDDED_SETTINGS: dict[str, Any] = {
    "kinesis": {
        "create_seconds": 0.1,
        "update_seconds": 0.1,
        "delete_seconds": 0.1,
        "consumer_seconds": 0.1,
    },
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case's verdict.

    Attributes:
        case: which.
        verdict: see `Verdict`.
        message: what was expected and found; empty on a pass.
        seconds: how long it took.
        by_claim: it failed by what the case claims, not because something on the way there broke.
    """

    case: Case
    verdict: Verdict
    message: str = ""
    seconds: float = 0.0
    by_claim: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """All verdicts on one endpoint, in the order of the cases."""

    endpoint: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, verdict: Verdict, group: str = "") -> int:
        """How many cases, of a group if one is named, have that verdict."""
        return sum(one.verdict == verdict for one in self.outcomes if group in ("", one.case.group))


def run_embedded(
    cases: Sequence[Case], *, seed: int = 0, heard: Callable[[Outcome], None] | None = None
) -> Results:
    """Run on embedded endpoints made for this: one for most, one for those that run alone."""
    took = stopwatch()
    outcomes: list[Outcome] = []
    lanes = [[one for one in cases if one.alone is alone] for alone in (False, True)]
    with (
        EmbeddedAws(seed=seed, settings=EMBEDDED_SETTINGS) as shared,
        EmbeddedAws(seed=seed, settings=EMBEDDED_SETTINGS) as own,
        ThreadPoolExecutor(2) as pool,
    ):
        clock = WallClock(seed=seed)
        futures = [
            pool.submit(
                run_cases,
                lane,
                Endpoint(aws.endpoint, aws.access_key, aws.secret_key, clock),
                heard,
            )
            for lane, aws in zip(lanes, (shared, own), strict=True)
        ]
        for future in futures:
            outcomes += future.result()
    return Results(EMBEDDED, in_order(outcomes, cases), took())


def run_on(
    url: str,
    cases: Sequence[Case],
    *,
    seed: int = 0,
    patience: float = 1.0,
    heard: Callable[[Outcome], None] | None = None,
) -> Results:
    """Run on an endpoint that is there already."""
    took = stopwatch()
    endpoint = Endpoint(url.rstrip("/"), clock=WallClock(seed=seed), patience=patience)
    outcomes = run_cases(cases, endpoint, heard)
    return Results(url, in_order(outcomes, cases), took())


def run_cases(
    cases: Sequence[Case], endpoint: Endpoint, heard: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Run cases in threads, and then one by one those that must run alone."""

    def run(one: Case) -> Outcome:
        outcome = run_case(one, endpoint)
        if heard is not None:
            heard(outcome)
        return outcome

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(run, [one for one in cases if not one.alone]))
    return outcomes + [run(one) for one in cases if one.alone]


def run_case(one: Case, endpoint: Endpoint) -> Outcome:
    """Run one case to its verdict; whatever it raises is a verdict, too."""
    took = stopwatch()
    verdict: Verdict = "fail"
    message = ""
    by_claim = False
    try:
        with Lab(endpoint, one.id) as lab:
            one.check(lab)
        verdict = "pass"
    except Unsupported as error:
        verdict, message = "unsupported", str(error)
    except Failed as error:
        message = str(error)
        by_claim = not isinstance(error, Broke)
    except ClientError as error:
        try:
            raise_if_not_offered(error)
            message = f"expected an answer, found {error}"
        except Unsupported as unsupported:
            verdict, message = "unsupported", str(unsupported)
    except BotoCoreError as error:
        message = f"expected an answer, found {type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001 - an answer of any shape is a verdict on the endpoint
        message = f"expected another answer, found {type(error).__name__}: {error}"
    return Outcome(one, verdict, " ".join(message.split())[:600], took(), by_claim)


def in_order(outcomes: list[Outcome], cases: Sequence[Case]) -> list[Outcome]:
    """The outcomes in the order of the cases."""
    place = {one.id: at for at, one in enumerate(cases)}
    return sorted(outcomes, key=lambda outcome: place[outcome.case.id])
