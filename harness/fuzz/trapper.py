"""Leads an example of a program outside into a trap."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.fuzz.traps import RESHARDS, is_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from random import Random  # noqa: TID251 - the type alone

    from harness.fuzz.chooser import GuidedChooser
    from harness.fuzz.traps import Moment, Move, Trap
    from harness.run.step_actions import Action

EAGER_MIN = 1.0
"""Reads below this weight would find nothing: see `Example.eagerness`."""

ENDS_SHARE = 0.7
"""In so many examples nothing more is written once a trap is sprung."""

WRITTEN_BEFORE = 2
WAITS_MAX = 12
"""So often is waited for a program to find a new shard: for it lists them now and then."""

IN_VAIN_MAX, OWED_IN_VAIN_MAX = 4, 40
"""After so many steps that can lead to nothing the moment that a trap waits for does not come; rows
that were read and not stored yet are waited for longer, as a program may keep them back."""

LAGS = ("empty-page", "throttle")
_QUIET = frozenset({"write", "skip", "deliver", "advance", "land", "calm"})


@dataclass(slots=True)
class Trapper:
    """Chooses as another chooser does, and leads the example into a trap.

    Args:
        inner: chooses what is not decided by the trap.
        random: decides what the trap leaves open.
        trap: which.
        target: name of the target table.
        is_first: the first of its moments is meant, not one that is drawn.
        tried: how often each trap was sprung, and in which way, before: the others come first.
    """

    inner: GuidedChooser
    random: Random
    trap: Trap
    target: str
    is_first: bool = False
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    _moves: list[Move] = field(default_factory=list)
    _skips: list[int] = field(default_factory=list)
    _passed: set[str] = field(default_factory=set)
    _old_shards: set[str] = field(default_factory=set)
    _shards: set[str] = field(default_factory=set)
    _ends: bool = False
    _in_vain: int = 0
    _has_read: bool = False
    _waits: int = 0
    _written: int = 0
    _is_ahead: bool = False
    _owes: bool = False

    def __post_init__(self) -> None:
        self._moves = list(self.trap.moves)
        self._skips = [
            0 if self.is_first else self.random.choice(move.skips) for move in self._moves
        ]
        self._ends = self.trap.ends and self.random.random() < ENDS_SHARE

    def choose(self, enabled: Sequence[Action]) -> Action:
        """The trap's next move when its moment has come; else what `inner` takes of the harmless."""
        self._shards |= {shard for a in enabled if (shard := _shard_of(a))}
        if self._moves and self._moves[0].do == ("write",) and not _has(enabled, "write"):
            self._moves = [move for move in self._moves if move.do != ("write",)]
            self._skips = [0 for _ in self._moves]
        if self._moves:
            possible = self._possible(self._moves[0], enabled)
            if possible:
                tried = [self.tried[self.trap.name, a.how] for a in possible]
                least = [a for a, n in zip(possible, tried, strict=True) if n == min(tried)]
                return self._make(self.random.choice(least))
        elif self._ends and self.trap.moves:
            return next(a for a in enabled if a.do == "calm")
        # What comes again would hide that it was lost the first time.
        hides = "copy" if self.trap.moves and self.trap.ends else None
        harmless = [a for a in enabled if _is_harmless(a) and a.how != hides]
        self._owes &= not any(is_at(a.what, "insert", self.target) for a in enabled)
        if self._moves and self._in_vain < (OWED_IN_VAIN_MAX if self._owes else IN_VAIN_MAX):
            # Before the moment has come there is no end, as long as it may still come.
            idle = ("calm", "advance") if self.trap.writes_last else ("calm",)
            self._in_vain += not any(a.weight >= EAGER_MIN for a in harmless if a.do not in idle)
            harmless = [a for a in harmless if a.do != "calm"] or harmless
        harmless = self._kept_for_later(self._without_parents(harmless, enabled))
        harmless = self._without_inserts(harmless)
        for is_put_off in self._put_off(harmless):
            rest = [a for a in harmless if not is_put_off(a)]
            if any(a.weight for a in rest if a.do not in ("calm", "advance")):
                harmless = rest
        action = self.inner.choose(harmless)
        self._note(action)
        return action

    def _note(self, action: Action) -> None:
        """The next rows that are stored come from the stream, or do not."""
        self._written += action.do == "write"
        if action.do == "start":
            self._has_read = False
        elif _is_held(action) and action.weight >= EAGER_MIN:
            is_read = is_at(action.what, "read", self.target)
            self._is_ahead |= bool(
                is_read and self._old_shards and _shard_of(action) not in self._old_shards
            )
            if self._is_ahead and is_at(action.what, "insert", self.target):
                self._waits = WAITS_MAX
            self._has_read |= is_read
            self._owes |= is_read

    def _make(self, action: Action) -> Action:
        del self._moves[0], self._skips[0]
        self.tried[self.trap.name, action.how] += 1
        self._passed.clear()
        self._note(action)
        if action.do in RESHARDS and self.trap.parents_last:
            self._old_shards = set(self._shards)
        return action

    def _possible(self, move: Move, enabled: Sequence[Action]) -> list[Action]:
        found = [a for a in enabled if a.do in move.do and _is_how(a, move.hows)]
        if not move.at:
            return found
        held = [a for a in enabled if _is_held(a) and self._is_moment(a, move.at)]
        if move.at == "later insert":
            # Requests are listed in the order in which they came.
            held = held[1:]
        self._passed |= {_name_of(a) for a in held}
        if not held or len(self._passed) <= self._skips[0]:
            return []
        if "release" not in move.do:
            # Of the stream that it reads.
            is_own = held[0].what.startswith("streams ")
            return [a for a in found if a.do not in RESHARDS or (a.do == "roll") == is_own]
        wanted = {a.what for a in held}
        return [a for a in found if a.what in wanted]

    def _is_moment(self, action: Action, at: Moment) -> bool:
        if at in ("insert", "later insert", "load"):
            is_time = self._has_read == (at != "load")
        else:
            is_time = at != "read" or action.weight >= EAGER_MIN
        return is_time and is_at(action.what, at, self.target)

    def _put_off(self, harmless: Iterable[Action]) -> list[Callable[[Action], bool]]:
        """What waits until nothing else is left to do."""
        # A read that finds nothing takes as long as the program sleeps after it.
        found: list[Callable[[Action], bool]] = [lambda a: _is_held(a) and a.weight < EAGER_MIN]
        if self.trap.is_late:
            found.append(lambda a: a.do == "deliver" and a.how == "again")
        return found

    def _kept_for_later(self, harmless: list[Action]) -> list[Action]:
        """Without most writes, which are for what the moves bring about, as new shards."""
        keeps = self.trap.parents_last or self.trap.writes_last
        if not (keeps and self._moves and self._written >= WRITTEN_BEFORE):
            return harmless
        rest = [a for a in harmless if a.do != "write"]
        return rest if any(a.weight for a in rest) else harmless

    def _without_inserts(self, harmless: list[Action]) -> list[Action]:
        """Until one has overtaken another: what waits goes on waiting, as long as others may come."""
        if not (self.trap.overtakes and self._moves) or self._waits >= WAITS_MAX:
            return harmless
        rest = [a for a in harmless if a.do != "calm" and not is_at(a.what, "insert", self.target)]
        self._waits += all(a.do == "advance" or a.weight < EAGER_MIN for a in rest)
        return rest if any(a.weight for a in rest) else harmless

    def _without_parents(self, harmless: list[Action], enabled: Sequence[Action]) -> list[Action]:
        """After a reshard: all but the old shards' reads, until rows of a new one are stored.

        Or until it seems that none will be.
        """
        if not self._old_shards or self._waits >= WAITS_MAX:
            return harmless
        rest = [a for a in harmless if a.do != "calm" and _shard_of(a) not in self._old_shards]
        if all(a.do == "advance" or a.weight < EAGER_MIN for a in rest):
            self._waits += 1
            if self.trap.parents_lag and (self._waits % 2 or not rest):
                lag = [a for a in enabled if a.how in LAGS and _shard_of(a) in self._old_shards]
                rest = lag or rest
        return rest or harmless


def _has(enabled: Iterable[Action], do: str) -> bool:
    return any(a.do == do for a in enabled)


def _is_harmless(action: Action) -> bool:
    if action.do == "release":
        return action.how == "ok"
    if action.do == "start":
        return not action.how
    return action.do in _QUIET


def _is_held(action: Action) -> bool:
    """Each held request shows itself as one that can be answered well."""
    return action.do == "release" and action.how == "ok"


def _is_how(action: Action, hows: Collection[str]) -> bool:
    if hows:
        return action.how in hows
    return action.do != "release" or action.how != "ok"


def _name_of(action: Action) -> str:
    """The request without how often it was tried."""
    return action.what.split(" try ")[0]


def _shard_of(action: Action) -> str:
    if action.do != "release" or " GetRecords " not in action.what:
        return ""
    return action.what.split(" ")[2]
