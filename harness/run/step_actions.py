"""What the scheduler of a stepped run can do next, in words that a person can read and re-order.

An action is named by what it is about, never by its place in a list: a write by its number in the
workload, a delivery by the write that it carries, a request by its identity at the gate. So steps
can be left out or change places, and the rest still means the same.

| do | what | how |
|---|---|---|
| `write` | `w000003` | |
| `skip` | `w000003` | the write is left out |
| `deliver` | `w000003` | empty, or `again` for a copy; `copy`: it stays to be delivered again |
| `release` | `kinesis GetRecords shardId-000000000000 #0` | `ok` or the name of a fault |
| `start` | | starts the pipeline, or starts it again |
| `start` | | `second`: starts another instance while one is running |
| `kill` | empty, or `clickhouse INSERT orders`: while that is held | `before`, `after` or `in-flight`: what becomes of requests that were held |
| `land` | `clickhouse INSERT orders #2` | an INSERT of a killed pipeline takes effect at last |
| `split`, `merge` | shard id | |
| `roll` | how many | an open shard of the table's own stream closes, and has so many children |
| `export` | | a second export |
| `outage` | | the stream's retention passes while the pipeline is down, and then a second export |
| `lose-checkpoints` | | what the pipeline kept of its position is gone |
| `gap`, `repair-gap` | | the destination goes off; it comes back with a new export |
| `change-precision` | the new unit of its stamps | |
| `clock-step` | | AWS's clock is set back |
| `enable-time-to-live` | | what has expired is deleted at once |
| `advance` | | the clock goes on until somebody asks something |
| `calm` | | the run ends here: no more faults, everything is delivered |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from harness.errors import DidNotReplay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.clock import Clock


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done next.

    Attributes:
        do: the kind.
        what: what it is about.
        how: which way.
        weight: how often a random chooser should take it, against the others.
    """

    do: str
    what: str = ""
    how: str = ""
    weight: float = field(default=1.0, compare=False)

    def __str__(self) -> str:
        return " ".join(part for part in (self.do, self.what, self.how) if part)

    def as_json(self) -> dict[str, str]:
        """Its members that are not empty."""
        members = {"do": self.do, "what": self.what, "how": self.how}
        return {name: value for name, value in members.items() if value}

    @classmethod
    def from_json(cls, step: Mapping[str, Any]) -> Action:
        """The action of a recorded step; members beside do, what and how are comments."""
        return cls(str(step["do"]), str(step.get("what", "")), str(step.get("how", "")))


@lru_cache(maxsize=4096)
def act(do: str, what: str = "", how: str = "", weight: float = 1.0) -> Action:
    """An `Action`; the same few are listed again at each step."""
    return Action(do, what, how, weight)


class Enabled(NamedTuple):
    """An action, and what carries it out and says what came of it."""

    action: Action
    perform: Callable[[], str]


class Chooser(Protocol):
    """Takes one of the actions that are possible: a random source, a recording, a Hypothesis draw."""

    def choose(self, enabled: Sequence[Action]) -> Action | None:
        """One of `enabled`, which is never empty and always in the same order; None ends the run.

        What follows is the calm phase: no faults, everything delivered, the pipeline up.
        """
        ...


class RandomChooser:
    """Draws by the actions' weights.

    Args:
        clock: its seed decides every choice.
    """

    def __init__(self, clock: Clock) -> None:
        self._random = clock.substream("schedule")

    def choose(self, enabled: Sequence[Action]) -> Action:
        """One action, by weight."""
        return self._random.choices(enabled, [action.weight for action in enabled])[0]


PATIENCE = 400


class RecordedChooser:
    """Takes the actions of a list, one after the other, and then ends the run.

    A recorded action that is not possible yet waits for what leads to it: requests are released and
    the clock advanced, oldest first, at most `patience` times. So a list may leave out what goes
    without saying. A request may be named by its first words alone (`clickhouse INSERT orders`):
    then the next such request is meant.

    Args:
        steps: what to do.
        strict: no such patience: what is not possible at once is an error.
        patience: how many steps may lead to a recorded one.

    Attributes:
        left_out: positions of the steps that were not possible, in order.
    """

    def __init__(
        self, steps: Sequence[Action], *, strict: bool = True, patience: int = PATIENCE
    ) -> None:
        self._steps = list(steps)
        self._strict = strict
        self._patience = patience
        self._at = 0
        self._waited = 0
        self.left_out: list[int] = []

    def choose(self, enabled: Sequence[Action]) -> Action | None:
        """The next recorded action.

        Raises:
            DidNotReplay: it is not possible, and the list is strict.
        """
        while self._at < len(self._steps):
            wanted = self._steps[self._at]
            found = _same(enabled, wanted)
            if found is not None:
                self._at += 1
                self._waited = 0
                return found
            if self._strict:
                raise DidNotReplay(
                    f"step {self._at + 1}, {str(wanted)!r}, is not possible here",
                    hint=f"possible: {', '.join(str(a) for a in enabled[:6])}",
                )
            onward = _onward(enabled, wanted)
            if onward is not None and self._waited < self._patience:
                self._waited += 1
                return onward
            self.left_out.append(self._at)
            self._at += 1
            self._waited = 0
        return None


def _same(enabled: Sequence[Action], wanted: Action) -> Action | None:
    if wanted in enabled:
        return wanted
    if wanted.do == "kill" and not wanted.what:
        # At once, whatever is held.
        return next((a for a in enabled if (a.do, a.how) == ("kill", wanted.how)), None)
    if wanted.do not in ("release", "land") or "#" in wanted.what:
        return None
    start = f"{wanted.what} " if wanted.what else ""
    for action in enabled:
        is_alike = action.do == wanted.do and action.how == wanted.how
        if is_alike and action.what.startswith(start):
            return action
    return None


def _onward(enabled: Sequence[Action], wanted: Action) -> Action | None:
    """What may lead to `wanted`: only a request can still come, and a write after those before it."""
    if wanted.do == "write":
        return next((a for a in enabled if a.do == "skip" and a.what < wanted.what), None)
    is_kill_at_once = wanted.do == "kill" and wanted.how == "before" and not wanted.what
    needs_request = wanted.do in ("release", "kill") and not is_kill_at_once
    if not needs_request and wanted.do not in ("kill", "stop"):
        return None
    start = next((a for a in enabled if a.do == "start" and not a.how), None)
    if start is not None or not needs_request:
        return start
    answers = [a for a in enabled if a.do == "release" and a.how == "ok"]
    # A poll that finds nothing leads nowhere as long as there is another; of equals the oldest.
    released = max(answers, key=lambda a: a.weight, default=None)
    return released or next((action for action in enabled if action.do == "advance"), None)
