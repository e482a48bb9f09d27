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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.fuzz.ground import READS_AGAIN

if TYPE_CHECKING:
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

Moment = Literal["", "read", "poll", "insert", "later insert", "load", "store", "clickhouse"]
"""`insert` is one of records that were read from a stream, `load` one before any; `later insert` is one
beside another that waits still, `poll` a read that may find nothing."""

BRIEF_CHANGES = 6
TRAPPED_FRESH_SHARE = 0.6
"""In so many of the examples with a trap most keys are written once."""

SOME = (0, 0, 0, 1)
"""How many such requests are let pass first."""

REFUSED = ("error-before", "too-many-parts", "memory-limit", "throttle")
AMBIGUOUS = ("lost-answer", "error-after", "cut-mid-body")
RESHARDS = ("split", "merge", "reshard", "roll")
LAGS_MAX = 6
_STORES = re.compile(
    r"clickhouse (?:INSERT|REPLACE|ALTER) |s3 (?:PUT|POST) "
    r"|dynamodb (?:PutItem|UpdateItem|BatchWriteItem|TransactWriteItems|ExecuteStatement) "
)


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
        parents_lag: of a reshard: a program that has nothing else left to ask is told that the old
            shards have nothing just now, so that one that polls its shards in turn comes to the new.
        overtakes: INSERTs wait until one that came later has been answered, if others do come.
        writes_last: most writes wait for the moves that are writes.
    """

    name: str
    needs: tuple[tuple[str, int], ...] = ()
    moves: tuple[Move, ...] = ()
    ends: bool = True
    meets: Literal["", "kinesis", "load", "store"] = ""
    is_late: bool = False
    parents_last: bool = False
    parents_lag: bool = False
    overtakes: bool = False
    writes_last: bool = False


_KILL = Move(("kill",), ("before",))
_START = Move(("start",))
_FAIL_INSERT = Move(("release",), REFUSED, "insert", SOME)
PLAIN = Trap("plain", ends=False)
TRAPS = (
    Trap("killed before an insert", (("kills_max", 1),),
         (Move(("kill",), ("before",), "insert", SOME),)),
    Trap("an insert fails", (("faults_max", 2),), (_FAIL_INSERT,)),
    Trap("killed before another insert", (("kills_max", 1),),
         (Move(("release",), ("ok",), "insert"), Move(("kill",), ("before",), "insert"))),
    Trap("copies come late", (("copies_max", 3), ("reorder_window", 4)), (), False, "kinesis",
         is_late=True),
    Trap("a read fails", (("faults_max", 2),), (Move(("release",), (), "read", SOME),)),
    Trap("resharded while unread", (("reshards_max", 1),), (Move(RESHARDS, (), "read"),), False,
         parents_last=True),
    Trap("resharded while unread, and old shards lag",
         (("reshards_max", 1), ("faults_max", LAGS_MAX)), (Move(RESHARDS, (), "read"),), False,
         parents_last=True, parents_lag=True),
    Trap("an insert fails, then killed", (("faults_max", 1), ("kills_max", 1)),
         (_FAIL_INSERT, _KILL)),
    Trap("told to end after a read", (("stops_max", 1),),
         (Move(("release",), ("ok",), "read", SOME), Move(("stop",)))),
    Trap("killed after an insert", (("kills_max", 1),),
         (Move(("kill",), ("after",), "insert", SOME),)),
    Trap("an insert overtakes another, then killed", (("kills_max", 1),),
         (Move(("release",), ("ok",), "later insert"), Move(("release",), ("ok",), "poll"), _KILL),
         overtakes=True),
    Trap("an iterator expires", (("faults_max", 2),),
         (Move(("release",), ("expired-iterator",), "read", SOME),)),
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

_MISSED = (Move(("write",)),) * 4
FAR_BEHIND = (
    Trap("the stream forgets what was not read", (("outages_max", 1), ("kills_max", 1)),
         (Move(("release",), ("ok",), "insert"), _KILL, *_MISSED, Move(("outage",)), _START),
         False, "load", writes_last=True),
    Trap("changes reach no stream", (("gaps_max", 1),),
         (Move(("release",), ("ok",), "insert"), Move(("gap",)), *_MISSED, Move(("repair-gap",))),
         False, "load", writes_last=True),
)  # fmt: skip
"""For scenarios that are about it, whatever runs the pipeline: rows are stored, some of their items
are changed or deleted, no stream carries that, and a second export must make up for it."""


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
    ) and all(
        not move.hows or "release" not in move.do or {"ok", *base.stepped.faults} & {*move.hows}
        for move in trap.moves
        if "faults" in said
    )


def row_of(base: Scenario) -> list[Trap]:
    """The traps that a scenario leaves room for, in the order in which they have their turns.

    What it makes room for itself is what it is about: every other turn is of such a trap.
    """
    allowed = [trap for trap in TRAPS if is_allowed(trap, base)]
    said = base.stepped.model_fields_set
    about = [t for t in allowed if any(name in said for name, _ in t.needs)]
    others = [trap for trap in allowed if trap not in about]
    if not about or not others:
        return allowed
    turns = range(max(len(about), len(others)))
    return [t for n in turns for t in (about[n % len(about)], others[n % len(others)])]


def moments_of(result: StepResult, target: str) -> set[str]:
    """Which requests an example has shown, as of `Trap.meets`."""
    found: set[str] = set()
    for step in result.trace:
        if step["do"] == "release":
            what = step["what"]
            found |= {m for m in ("read", "insert", "store") if is_at(what, m, target)}
            found |= {"kinesis"} if what.startswith("kinesis GetRecords") else set()
            found |= {"load"} if "insert" in found and "read" not in found else set()
    return found


def is_at(what: str, at: str, target: str) -> bool:
    """Whether a request, by its name, is one of a moment's."""
    is_insert = what.startswith(f"clickhouse INSERT {target} ")
    if at in ("insert", "later insert", "load"):
        return is_insert
    if at == "clickhouse":
        return what.startswith("clickhouse ")
    if at in ("read", "poll"):
        return " GetRecords " in what or " SubscribeToShard " in what
    return not is_insert and _STORES.match(what) is not None
