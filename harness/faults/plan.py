"""Which requests meet which faults: a list that is keyed on what requests are, never on time.

The same seed and the same entries give the same decisions for the same requests, whatever the
order in which they come and however long they take.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.faults.fault import applies, make_fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.clock import Clock
    from harness.faults.asked import Asked
    from harness.faults.fault import Fault


@dataclass(frozen=True, slots=True)
class Entry:
    """One fault and the requests that meet it.

    Attributes:
        fault: what happens to them.
        service: as `Asked.service`; empty for any.
        operation: as `Asked.operation`; empty for any.
        subject: a pattern with `*` and `?` for `Asked.subject`.
        at: ordinals; empty leaves the choice to `probability`.
        probability: chance of each ordinal, drawn from the seed and the request's identity.
        attempts: how many tries of one request in a row are hit.
        times_max: most faults of this entry in a run.
    """

    fault: Fault
    service: str = ""
    operation: str = ""
    subject: str = "*"
    at: tuple[int, ...] = ()
    probability: float = 1.0
    attempts: int = 1
    times_max: int = 1_000_000

    def matches(self, asked: Asked) -> bool:
        """True when the request is of this entry's kind, whether or not it is hit."""
        return (
            (not self.service or self.service == asked.service)
            and (not self.operation or self.operation.lower() == asked.operation.lower())
            and fnmatchcase(asked.subject, self.subject)
            and applies(self.fault, asked)
        )


@dataclass(slots=True)
class Plan:
    """The faults of a run.

    Args:
        entries: the first that hits a request decides about it.
        clock: its seed decides what `probability` draws; its time is not read.
    """

    entries: Sequence[Entry]
    clock: Clock
    is_calm: bool = False
    _applied: dict[int, int] = field(default_factory=dict)

    def pick(self, asked: Asked) -> Sequence[tuple[int, Fault]]:
        """The entries that hit a request, in order: number and fault; none once calm."""
        if self.is_calm:
            return ()
        return [
            (number, entry.fault)
            for number, entry in enumerate(self.entries)
            if self._hits(number, entry, asked)
        ]

    def note_applied(self, number: int) -> None:
        """An entry's fault was applied: it counts towards its `times_max`."""
        self._applied[number] = self._applied.get(number, 0) + 1

    def _hits(self, number: int, entry: Entry, asked: Asked) -> bool:
        if not entry.matches(asked) or asked.attempt >= entry.attempts:
            return False
        if self._applied.get(number, 0) >= entry.times_max:
            return False
        if entry.at and asked.ordinal not in entry.at:
            return False
        if entry.probability >= 1:
            return True
        where = f"{asked.service}/{asked.operation}/{asked.subject}/{asked.ordinal}"
        return self.clock.substream(f"fault {number} {where}").random() < entry.probability


def plan_from_json(wish: Mapping[str, Any], clock: Clock) -> Plan:
    """A plan from `{"plan": [{"fault": name, …}], "breaks_promises": false}`.

    Raises:
        UsageError: an unknown fault or setting, or a fault that breaks what its service promises
            in a plan that does not say so.
    """
    allowed = bool(wish.get("breaks_promises"))
    entries = []
    for number, one in enumerate(wish.get("plan", ())):
        fault = make_fault(one["fault"], one.get("settings"))
        if fault.breaks_promise and not allowed:
            raise UsageError(
                f"faults.plan[{number}]: {fault.name} breaks what the service promises",
                hint="say breaks_promises = true in [faults] if that is wanted",
            )
        entries.append(
            Entry(
                fault,
                service=one.get("service", ""),
                operation=one.get("operation", ""),
                subject=one.get("subject", "*"),
                at=tuple(one.get("at", ())),
                probability=float(one.get("probability", 1.0)),
                attempts=int(one.get("attempts", 1)),
                times_max=int(one.get("times_max", 1_000_000)),
            )
        )
    return Plan(entries, clock)
