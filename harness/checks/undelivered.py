"""Writes whose change the stream never carried: its destination was off, or the change was too large.

Only an export tells of them. It ranks its rows below all of the stream that a pipeline reads beside
it, and so below the rows of earlier writes too, where the stream carries those: no pipeline can know
better, and the next export puts it right.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.checks.journal import key_text

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


def undelivered(evidence: Evidence) -> set[int]:
    """Numbers of the writes that made a change which reached no stream; empty without a history.

    A change names its write, or its key's changes and writes are as many and in the same order.
    """
    if evidence.history is None:
        return set()
    changed: defaultdict[str, list[int]] = defaultdict(list)
    by_change: dict[int, int] = {}
    delivered: set[int] = set()
    for event in evidence.history():
        kind = event["event"]
        if kind == "change":
            if "write" in event:
                by_change[event["number"]] = event["write"]
            else:
                changed[key_text(event["key"])].append(event["number"])
        elif kind == "delivery" and event["outcome"] == "delivered":
            delivered.add(event["number"])
    if not delivered:
        # Nobody watched the stream.
        return set()
    made: defaultdict[str, list[int]] = defaultdict(list)
    for write in evidence.writes:
        if write.outcome == "acked":
            made[key_text(write.key)].append(write.number)
    for key, numbers in changed.items():
        if len(numbers) == len(made[key]):
            by_change |= zip(sorted(numbers), sorted(made[key]), strict=True)
    return {write for change, write in by_change.items() if change not in delivered}
