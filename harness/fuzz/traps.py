"""What an example of a program outside is led into: one thing that breaks pipelines, and then the end.

An example of a program takes a second or more, so there are few of them, and drawing evenly seldom
hits the moment that counts. A trap waits for that moment, as the requests at the gate show it, and
does one thing to it: a kill while an INSERT is held, a refused INSERT and then a kill, a split while
the parent has unread records. Until then nothing else goes wrong, and afterwards often nothing more
is written, so that nothing hides what was lost.

A trap knows requests by what they are: reads of a stream, INSERTs into the target, and whatever else
stores something (a checkpoint, wherever it is kept; one in a local file is written unseen, between
two requests).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.fuzz.ground import READS_AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from random import Random  # noqa: TID251 - the type alone

    from harness.fuzz.chooser import GuidedChooser
    from harness.run.step_actions import Action
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

Moment = Literal["", "read", "insert", "load", "store", "clickhouse"]
"""`insert` is one of records that were read from a stream, `load` one before any."""

EAGER_MIN = 1.0
"""Reads below this weight would find nothing: see `Example.eagerness`."""

ENDS_SHARE = 0.7
"""In so many examples nothing more is written once a trap is sprung."""

BRIEF_CHANGES = 6
WRITTEN_BEFORE = 2
WAITS_MAX = 12
"""So often is waited for a program to find a new shard: for it lists them now and then."""

TRAPPED_FRESH_SHARE = 0.6
"""In so many of the examples with a trap most keys are written once."""

IN_VAIN_MAX, OWED_IN_VAIN_MAX = 4, 40
"""After so many steps that can lead to nothing the moment that a trap waits for does not come; rows
that were read and not stored yet are waited for longer, as a program may keep them back."""

SOME = (0, 0, 0, 1)
"""How many such requests are let pass first."""

REFUSED = ("error-before", "too-many-parts", "memory-limit", "throttle")
AMBIGUOUS = ("lost-answer", "error-after", "cut-mid-body")
RESHARDS = ("split", "merge", "reshard", "roll")
_STORES = re.compile(
    r"clickhouse (?:INSERT|REPLACE|ALTER) |s3 (?:PUT|POST) "
    r"|dynamodb (?:PutItem|UpdateItem|BatchWriteItem|TransactWriteItems|ExecuteStatement) "
)
_QUIET = frozenset({"write", "skip", "deliver", "advance", "land", "calm"})


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to do, and when.

    Attributes:
        do: kinds of actions, any of which will do.
        hows: ways, any of which will do; empty for every fault that the request can meet.
        at: while such a request is held; a release is of that request. A read counts when it finds
            something.
        skips: how many such requests to let pass first, one of which is drawn.
    """

    do: tuple[str, ...]
    hows: tuple[str, ...] = ("",)
    at: Moment = ""
    skips: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Trap:
    """A row of moves.

    Attributes:
        needs: bounds of `[stepped]` that must allow so much.
        moves: one after the other.
        ends: whether the example may end with the last of them.
        meets: requests that must have been seen in earlier examples, for there to be such a moment.
        is_late: copies come when there is nothing else left to come.
        parents_last: of a reshard: what the old shards hold is read when nothing else is left to do.
    """

    name: str
    needs: tuple[tuple[str, int], ...] = ()
    moves: tuple[Move, ...] = ()
    ends: bool = True
    meets: Literal["", "kinesis", "load", "store"] = ""
    is_late: bool = False
    parents_last: bool = False


_KILL = Move(("kill",), ("before",))
_START = Move(("start",))
_FAIL_INSERT = Move(("release",), REFUSED, "insert", SOME)
PLAIN = Trap("plain", ends=False)
TRAPS = (
    Trap("killed before an insert", (("kills_max", 1),),
         (Move(("kill",), ("before",), "insert", SOME),)),
    Trap("an insert fails", (("faults_max", 2),), (_FAIL_INSERT,)),
    Trap("copies come late", (("copies_max", 3), ("reorder_window", 4)), (), False, "kinesis",
         is_late=True),
    Trap("a read fails", (("faults_max", 2),), (Move(("release",), (), "read", SOME),)),
    Trap("resharded while unread", (("reshards_max", 1),), (Move(RESHARDS, (), "read"),), False,
         parents_last=True),
    Trap("an insert fails, then killed", (("faults_max", 1), ("kills_max", 1)),
         (_FAIL_INSERT, _KILL)),
    Trap("told to end after a read", (("stops_max", 1),),
         (Move(("release",), ("ok",), "read", SOME), Move(("stop",)))),
    Trap("killed after an insert", (("kills_max", 1),),
         (Move(("kill",), ("after",), "insert", SOME),)),
    Trap("an insert's answer is lost", (("faults_max", 2),),
         (Move(("release",), AMBIGUOUS, "insert", SOME),)),
    Trap("killed at a checkpoint", (("kills_max", 1),),
         (Move(("kill",), ("before", "after"), "store", SOME),), meets="store"),
    Trap("a checkpoint fails", (("faults_max", 2),), (Move(("release",), (), "store", SOME),),
         meets="store"),
    Trap("an insert lands late", (("kills_max", 1),),
         (Move(("kill",), ("in-flight",), "insert", SOME), _START), False),
    Trap("an answer is lost, then killed", (("faults_max", 1), ("kills_max", 1)),
         (Move(("release",), AMBIGUOUS, "insert", SOME), _KILL)),
    Trap("checkpoints are lost", (("kills_max", 1), ("lost_checkpoints_max", 1)),
         (Move(("release",), ("ok",), "insert", SOME), _KILL, Move(("lose-checkpoints",)), _START)),
    Trap("the server restarts behind an insert", (("faults_max", 1),),
         (Move(("release",), ("ok",), "insert", SOME),
          Move(("release",), ("server-restart",), "clickhouse"))),
    Trap("two reads fail", (("faults_max", 2),),
         (Move(("release",), (), "read"), Move(("release",), (), "read", SOME))),
    Trap("killed while loading", (("kills_max", 1),),
         (Move(("kill",), ("before",), "load", SOME),), meets="load"),
    Trap("resharded, and a read fails", (("reshards_max", 1), ("faults_max", 2)),
         (Move(RESHARDS, (), "read"), Move(("release",), (), "read")), False, parents_last=True),
    Trap("an insert of the export fails", (("faults_max", 2),),
         (Move(("release",), REFUSED, "load", SOME),), meets="load"),
    Trap("a second instance", (("zombies_max", 1),),
         (Move(("start",), ("second",), "insert"),), False),
    Trap("older checkpoints come back", (("kills_max", 1), ("rollbacks_max", 1)),
         (Move(("keep-checkpoints",)), Move(("release",), ("ok",), "insert", SOME), _KILL,
          Move(("roll-back-checkpoints",)), _START)),
    Trap("a second export", (("kills_max", 1), ("exports_max", 1)),
         (Move(("release",), ("ok",), "insert", SOME), _KILL, Move(("export",)), _START), False),
)  # fmt: skip
"""In the order in which they are tried first: what breaks most pipelines comes before the rest."""


def opened(trap: Trap, scenario: Scenario) -> Scenario:
    """The scenario with its bounds wide enough for a trap."""
    stepped = scenario.stepped
    update = {name: max(least, getattr(stepped, name)) for name, least in trap.needs}
    if not scenario.snapshot.export:
        update.pop("exports_max", None)
    return scenario.model_copy(update={"stepped": stepped.model_copy(update=update)})


def is_allowed(trap: Trap, base: Scenario) -> bool:
    """Whether a scenario's own bounds leave room for a trap."""
    said = base.stepped.model_fields_set
    # A target for which nobody may be killed takes what is read again for what is new.
    reads_once = "kills_max" in said and not base.stepped.kills_max
    return not any(
        (name in said and getattr(base.stepped, name) < least)
        or (reads_once and name in READS_AGAIN)
        for name, least in trap.needs
    )


def moments_of(result: StepResult, target: str) -> set[str]:
    """Which requests an example has shown, as of `Trap.meets`."""
    found: set[str] = set()
    for step in result.trace:
        if step["do"] == "release":
            what = step["what"]
            found |= {m for m in ("read", "insert", "store") if _is_at(what, m, target)}
            found |= {"kinesis"} if what.startswith("kinesis GetRecords") else set()
            found |= {"load"} if "insert" in found and "read" not in found else set()
    return found


@dataclass(slots=True)
class Trapper:
    """Chooses as another chooser does, and leads the example into a trap.

    Args:
        inner: chooses what is not decided by the trap.
        random: decides what the trap leaves open.
        trap: which.
        target: name of the target table.
        is_first: the first of its moments is meant, not one that is drawn.
    """

    inner: GuidedChooser
    random: Random
    trap: Trap
    target: str
    is_first: bool = False
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
        if self._moves:
            possible = self._possible(self._moves[0], enabled)
            if possible:
                return self._make(self.random.choice(possible))
        elif self._ends and self.trap.moves:
            return next(a for a in enabled if a.do == "calm")
        harmless = [a for a in enabled if _is_harmless(a)]
        self._owes &= not any(_is_at(a.what, "insert", self.target) for a in enabled)
        if self._moves and self._in_vain < (OWED_IN_VAIN_MAX if self._owes else IN_VAIN_MAX):
            # Before the moment has come there is no end, as long as it may still come.
            self._in_vain += not any(a.weight >= EAGER_MIN for a in harmless if a.do != "calm")
            harmless = [a for a in harmless if a.do != "calm"]
        harmless = self._kept_for_later(self._without_parents(harmless))
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
            is_read = _is_at(action.what, "read", self.target)
            self._is_ahead |= bool(
                is_read and self._old_shards and _shard_of(action) not in self._old_shards
            )
            if self._is_ahead and _is_at(action.what, "insert", self.target):
                self._waits = WAITS_MAX
            self._has_read |= is_read
            self._owes |= is_read

    def _make(self, action: Action) -> Action:
        del self._moves[0], self._skips[0]
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
        if at in ("insert", "load"):
            is_time = self._has_read == (at == "insert")
        else:
            is_time = at != "read" or action.weight >= EAGER_MIN
        return is_time and _is_at(action.what, at, self.target)

    def _put_off(self, harmless: Iterable[Action]) -> list[Callable[[Action], bool]]:
        """What waits until nothing else is left to do."""
        # A read that finds nothing takes as long as the program sleeps after it.
        found: list[Callable[[Action], bool]] = [lambda a: _is_held(a) and a.weight < EAGER_MIN]
        if self.trap.is_late:
            found.append(lambda a: a.do == "deliver" and a.how == "again")
        return found

    def _kept_for_later(self, harmless: list[Action]) -> list[Action]:
        """Before a reshard: without most writes, which are the new shards' to carry."""
        if not (self.trap.parents_last and self._moves and self._written >= WRITTEN_BEFORE):
            return harmless
        rest = [a for a in harmless if a.do != "write"]
        return rest if any(a.weight for a in rest) else harmless

    def _without_parents(self, harmless: list[Action]) -> list[Action]:
        """After a reshard: all but the old shards' reads, until rows of a new one are stored.

        Or until it seems that none will be.
        """
        if not self._old_shards or self._waits >= WAITS_MAX:
            return harmless
        rest = [a for a in harmless if a.do != "calm" and _shard_of(a) not in self._old_shards]
        self._waits += all(a.do == "advance" or a.weight < EAGER_MIN for a in rest)
        return rest or harmless


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


def _is_at(what: str, at: str, target: str) -> bool:
    is_insert = what.startswith(f"clickhouse INSERT {target} ")
    if at in ("insert", "load"):
        return is_insert
    if at == "clickhouse":
        return what.startswith("clickhouse ")
    if at == "read":
        return " GetRecords " in what or " SubscribeToShard " in what
    return not is_insert and _STORES.match(what) is not None


def _name_of(action: Action) -> str:
    """The request without how often it was tried."""
    return action.what.split(" try ")[0]


def _shard_of(action: Action) -> str:
    if action.do != "release" or " GetRecords " not in action.what:
        return ""
    return action.what.split(" ")[2]
