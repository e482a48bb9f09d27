"""Cuts a failing example down to the steps that matter: workload, faults and schedule together.

A delta pass of our own, which knows what belongs together: a write, its deliveries and its key. It
goes from coarse to fine, each candidate is played, and stays when the same check still fails in the
same way. Requests that are answered and the clock's going on need no steps: who replays them waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.clock import stopwatch
from harness.fuzz.failure import Failure, same_failure
from harness.fuzz.script import Script, play, without_unwritten
from harness.fuzz.simpler import simpler_steps, simpler_worlds, simpler_writes
from harness.run.step_external import is_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.fuzz.script import Make
    from harness.run.step_actions import Action
    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult
    from harness.workload.values import Item

RUNS_MAX = 400
WINDOWS = (4, 3, 2)
_NOTHING: tuple[str, ...] = ()
_INSERTS = ("INSERT",)
_READS = ("INSERT", "GetRecords")
_EVERYTHING = ("",)
SECONDS_MAX = 90.0
PROGRAM_SECONDS_MAX = 40.0
"""A run of a program takes a second or more: whoever waits for a failure wants it soon."""

PATIENCE = 150


@dataclass(slots=True)
class Shrunk:
    """What is left of a failing example.

    Attributes:
        script: plays to the same failure.
        failure: as the cut example shows it.
        result: of its last run.
        runs: how many candidates were played.
        seconds: how long that took.
    """

    script: Script
    failure: Failure
    result: StepResult
    runs: int = 0
    seconds: float = 0.0


def shrink(
    bench: Bench,
    script: Script,
    wanted: Failure,
    *,
    make: Make | None = None,
    runs_max: int = RUNS_MAX,
    seconds_max: float = SECONDS_MAX,
    tell: Callable[[], Any] = lambda: None,
) -> Shrunk | None:
    """Cut `script` down; None when it does not even fail when it is played again.

    Args:
        bench: where candidates are played.
        script: as it was recorded, every step of it.
        wanted: the failure that must stay.
        make: makes the pipeline, in place of one that ships.
        runs_max: most candidates.
        seconds_max: about how long; the best so far is returned then.
        tell: called before each candidate.
    """
    return _Shrinker(bench, script, wanted, make, runs_max, seconds_max, tell).run()


class _Shrinker:
    def __init__(
        self,
        bench: Bench,
        script: Script,
        wanted: Failure,
        make: Make | None,
        runs_max: int,
        seconds_max: float,
        tell: Callable[[], Any],
    ) -> None:
        self.bench = bench
        self.script = script
        self.wanted = wanted
        self.make = make
        self.runs_max = runs_max
        self.seconds_max = seconds_max
        self.tell = tell
        self.is_program = make is None and is_program(script.scenario, script.pipeline)
        if self.is_program:
            self.seconds_max = min(seconds_max, PROGRAM_SECONDS_MAX)
        self.elapsed = stopwatch()
        self.runs = 0
        self.in_vain: set[str] = set()
        self.best: Shrunk | None = None

    def run(self) -> Shrunk | None:
        is_focused = self.is_program and any(map(self.try_one, self.focused()))
        if not is_focused and not self.try_one(without_unwritten(self.script)):
            return None
        for kept in () if is_focused else (_NOTHING, _INSERTS, _READS, _EVERYTHING):
            if self.try_one(self.numberless(self.now, kept)):
                break
        self.drop_keys()
        self.drop(lambda s: s.do not in ("write", "deliver"), together=True)
        self.simplify(simpler_worlds)
        before = -1
        while before != self.now.length and self.has_time():
            before = self.now.length
            self.drop_units()
            self.drop(lambda _: True, together=False)
            self.drop_windows()
            self.simplify(simpler_steps)
        self.simplify(simpler_writes)
        assert self.best is not None
        self.best.runs, self.best.seconds = self.runs, self.elapsed()
        return self.best

    def focused(self) -> Iterator[Script]:
        """What is left when only the key that fails counts: guesses, as each run takes seconds.

        Without anything that goes wrong; with it; with the reads between, too.
        """
        script = self.script
        others = {w.name for w in script.writes if _plain(w.key) != self.wanted.key}
        if len(others) == len(script.writes):
            others = set()
        about = _without(script, others)
        bare = self.numberless(about, _NOTHING)
        quiet = tuple(s for s in bare.steps if s.do in ("write", "deliver"))
        yield without_unwritten(replace(bare, steps=quiet))
        yield without_unwritten(bare)
        yield without_unwritten(self.numberless(about, _READS))
        yield without_unwritten(self.numberless(script, _READS))

    @property
    def now(self) -> Script:
        assert self.best is not None
        return self.best.script

    def has_time(self) -> bool:
        return self.runs < self.runs_max and self.elapsed() < self.seconds_max

    def try_one(self, candidate: Script) -> bool:
        """Play a candidate; when it fails alike, and every step was done, it becomes the best."""
        if self.best is not None and not self.has_time():
            return False
        if self.wanted.key and not _writes_something(candidate):
            return False
        mark = repr((candidate.writes, candidate.steps, candidate.scenario))
        if mark in self.in_vain:
            return False
        self.runs += 1
        self.tell()
        played = play(self.bench, candidate, make=self.make, patience=PATIENCE)
        failure = same_failure(played.result, self.wanted)
        if failure is None or not failure.is_same_end(self.wanted):
            self.in_vain.add(mark)
            return False
        script = without_unwritten(candidate)
        if played.left_out:
            # Waiting in vain for a step changes what comes after it: without it, it must fail too.
            left_out = set(played.left_out)
            steps = tuple(s for n, s in enumerate(candidate.steps) if n not in left_out)
            return self.try_one(without_unwritten(replace(candidate, steps=steps)))
        self.best = Shrunk(script, failure, played.result)
        return True

    def numberless(self, script: Script, kept: tuple[str, ...]) -> Script:
        """Requests named without their ordinals, the next such one being meant.

        Those that are just answered are left out, but for what is `kept`.
        """
        steps = [
            replace(s, what=s.what.split(" #")[0]) if s.do in ("release", "land") else s
            for s in script.steps
            if not _is_passing(s) or any(f" {word}" in f" {s.do} {s.what}" for word in kept)
        ]
        return replace(script, steps=tuple(steps))

    def drop_keys(self) -> None:
        """Leave out all that is about some keys: half of them, a quarter and so on."""
        size = max(1, len(self.keys()) // 2)
        while self.has_time() and len(self.keys()) > 1:
            place = 0
            while place < len(keys := self.keys()):
                gone = set(keys[place : place + size])
                names = {w.name for w in self.now.writes if repr(w.key) in gone}
                if not self.try_one(_without(self.now, names)):
                    place += size
            if size == 1:
                return
            size //= 2

    def keys(self) -> list[str]:
        return list(dict.fromkeys(repr(w.key) for w in self.now.writes))

    def drop_units(self) -> None:
        """Leave out writes with their deliveries, in halves, quarters and so on."""
        size = max(1, len(self.now.writes) // 2)
        while self.has_time():
            # Twos always, and singles last: what depends on even and odd goes in pairs.
            place = 0
            while place < len(self.now.writes):
                names = {w.name for w in self.now.writes[place : place + size]}
                if not self.try_one(_without(self.now, names)):
                    place += size
            if size == 1:
                return
            size = max(size // 2, 2) if size > 2 else 1

    def drop(self, which: Callable[[Action], bool], *, together: bool) -> None:
        """Leave out steps: in ever smaller pieces, or one by one, the last first."""
        steps = self.now.steps
        size = max(1, sum(map(which, steps)) // 2) if together else 1
        while self.has_time():
            at = len(self._places(which))
            while at > 0:
                places = self._places(which)
                at = min(at, len(places))
                gone = set(places[max(0, at - size) : at])
                if gone:
                    kept = tuple(s for n, s in enumerate(self.now.steps) if n not in gone)
                    self.try_one(replace(self.now, steps=kept))
                at -= size
            if size == 1:
                return
            size //= 2

    def drop_windows(self) -> None:
        """Leave out two to four steps in a row: a kill and the start after it go together."""
        for size in WINDOWS:
            at = len(self.now.steps) - size
            while at >= 0 and self.has_time():
                steps = self.now.steps
                self.try_one(replace(self.now, steps=steps[:at] + steps[at + size :]))
                at = min(at - 1, len(self.now.steps) - size)

    def _places(self, which: Callable[[Action], bool]) -> list[int]:
        return [n for n, s in enumerate(self.now.steps) if which(s)]

    def simplify(self, simpler: Callable[[Script], Sequence[Callable[[Script], Script]]]) -> None:
        """Try each change that makes the example plainer."""
        for change in simpler(self.now):
            candidate = change(self.now)
            if candidate != self.now:
                self.try_one(candidate)


def _writes_something(script: Script) -> bool:
    """A key that fails was written."""
    return any(w.exported for w in script.writes) or any(s.do == "write" for s in script.steps)


def _is_passing(step: Action) -> bool:
    """A step that goes without saying: a request is answered, the time passes."""
    return step.do == "advance" or (step.do == "release" and step.how == "ok")


def _plain(key: Item) -> dict[str, str]:
    """A key as findings name it."""
    return {name: str(next(iter(value.values()))) for name, value in key.items()}


def _without(script: Script, names: set[str]) -> Script:
    return replace(
        script,
        writes=tuple(w for w in script.writes if w.name not in names),
        steps=tuple(s for s in script.steps if s.what not in names),
    )
