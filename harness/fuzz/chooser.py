"""Chooses the schedule of a drawn example: by weight, with an eye for the windows where bugs live.

Choosing evenly hardly ever kills a pipeline between an INSERT and its checkpoint. So after an action
that opens such a window, what can go wrong in it weighs more. And each example draws anew what it is
like: a bug that needs many of one kind drowns where every kind comes, one that needs a quiet run in
which a single thing goes wrong is not met where everything goes wrong at the start.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random  # noqa: TID251 - the type alone

    from harness.run.step_actions import Action

LIKINGS = (0.1, 0.4, 1.0, 1.0, 1.0, 3.0, 8.0)
RARE = 3.0
"""How much more than others a kind of action is liked that was never taken before."""

UNREST = (0.15, 0.4, 1.0)
"""How much goes wrong. With little of it the bounds are not used up before anything is stored."""

QUIET_UNTIL = (0.0, 0.0, 0.6, 1.0)
QUIET = 0.05
"""What share of the writes is done before anything goes wrong: a loss is hidden by what comes later."""

HASTE = (0.4, 1.0, 1.0, 3.0)
"""How soon requests are answered: late ones find many records, early ones a few."""

LATE_SHARE = 0.4
LATE = 0.05
"""In so many examples what comes a second time comes late: after the target has all the rest."""

AIMED, BESIDE = 4.0, 0.15
"""Faults of an example that is aimed at some requests: they meet those, and seldom any other."""

READS = " GetRecords "
RESTART = "server-restart"
FRESH_ACTIONS = 6
"""For so many actions an INSERT was answered just now."""

_DISTURBS = frozenset({"kill", "split", "merge", "export", "lose-checkpoints", "stop"})
_UNREST = frozenset({"kill", "stop", "split", "merge", "reshard", "roll"})
_NEVER_DISLIKED = frozenset({"outage"})
"""Possible only where a scenario is about it."""


def insert_into(target: str) -> str:
    """How the names of the target's INSERTs begin."""
    return f"clickhouse INSERT {target} "


class GuidedChooser:
    """Draws by weight, in the light of what was done before.

    Args:
        random: decides every choice.
        deletes: names of the writes that delete.
        writes: how many there are in all.
        target: name of the target table.
        aims: what faults may be aimed at, each a part of a request's name; empty for everything.
        prefix: actions to take first, as long as they are possible.
        done: how often each kind of action was taken before; what is rare is liked more.
    """

    def __init__(
        self,
        random: Random,
        *,
        deletes: frozenset[str],
        writes: int = 0,
        target: str,
        aims: Sequence[str] = ("",),
        prefix: Sequence[Action] = (),
        done: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self._random = random
        self._deletes = deletes
        self._insert = insert_into(target)
        self._prefix = list(prefix)
        self._done: Counter[tuple[str, str]] = Counter() if done is None else done
        self._likings: dict[tuple[str, str], float] = {}
        self._last: Action | None = None
        self._since_stored = FRESH_ACTIONS
        self._unread = False
        self._unrest = random.choice(UNREST)
        self._haste = random.choice(HASTE)
        self._quiet_writes = writes * random.choice(QUIET_UNTIL)
        self._is_late = random.random() < LATE_SHARE
        self._aim = random.choice(aims)

    def choose(self, enabled: Sequence[Action]) -> Action:
        """The next of the prefix, or one drawn."""
        action = None
        while self._prefix and action is None:
            wanted = self._prefix.pop(0)
            action = next((a for a in enabled if a == wanted), None)
        if action is None:
            weights = [self._weight(one) for one in enabled]
            if not any(weights):
                weights = [one.weight for one in enabled]
            action = self._random.choices(enabled, weights)[0]
        self._done[action.do, action.how] += 1
        self._quiet_writes -= action.do == "write"
        if action.do == "deliver":
            self._unread = True
        elif action.do == "release" and " GetRecords " in action.what and action.how == "ok":
            self._unread = False
        is_stored = action.do == "release" and action.what.startswith(self._insert)
        self._since_stored = 0 if is_stored else self._since_stored + 1
        self._last = action
        return action

    def _weight(self, action: Action) -> float:
        weight = action.weight
        if not weight or action.do == "calm":
            return weight
        return weight * self._liking(action) * self._window(action)

    def _liking(self, action: Action) -> float:
        """How much this example is fond of such actions; drawn when one is first met."""
        if action.do == "release" and action.how == "ok":
            return self._haste
        kind = (action.do, action.how)
        if kind not in self._likings:
            rare = 1 + RARE / (1 + self._done[kind])
            liking = self._random.choice(LIKINGS) * rare
            self._likings[kind] = max(1.0, liking) if action.do in _NEVER_DISLIKED else liking
        liking = self._likings[kind]
        is_fault = action.do == "release"
        if is_fault or action.do in _UNREST or action.how == "second":
            liking *= self._unrest if self._quiet_writes <= 0 else QUIET
            if is_fault and self._aim:
                liking *= AIMED if self._aim in action.what else BESIDE
        elif action.how == "again" and self._is_late:
            liking *= LATE
        return liking

    def _window(self, action: Action) -> float:
        last = self._last
        if last is None:
            return 1.0
        if action.do == "kill" and last.do == "release" and last.what.startswith(self._insert):
            # Rows are stored, or may be, and the checkpoint is not.
            return 6.0
        if action.how == RESTART and self._since_stored < FRESH_ACTIONS:
            # What the server has answered for it may have in memory alone.
            return 20.0 if action.what.startswith("clickhouse ") else 1.0
        if action.do == "write" and last.do == "write":
            # Two changes in one tick.
            return 1.5
        if action.do == "deliver" and action.how and action.what in self._deletes:
            # A tombstone that comes again, perhaps after the key is back.
            return 4.0
        if action.do in ("split", "merge", "reshard", "roll") and self._unread:
            return 6.0
        if action.do == "start" and last.do in _DISTURBS:
            return 2.0
        return 1.0
