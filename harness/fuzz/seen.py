"""What one example met, in as few words as whoever watches a campaign needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.fuzz.search import Example


@dataclass(frozen=True, slots=True)
class Seen:
    """One example, as told by the process that ran it.

    Attributes:
        disturbances: faults of requests, acts of the operator and kills, by name, with how many.
        failure: the check that failed; empty when none did.
    """

    disturbances: Mapping[str, int]
    failure: str = ""


def seen_in(example: Example) -> Seen:
    """What there is to tell of an example."""
    counted: Counter[str] = Counter()
    for event in example.result.events:
        if event["event"] == "fault":
            counted[event["fault"]] += 1
        elif event["event"] == "operator":
            counted[event["act"]] += 1
        elif event["event"] == "pipeline" and event["state"] == "killed":
            counted["kill"] += 1
    return Seen(dict(counted), "" if example.failure is None else example.failure.check)
