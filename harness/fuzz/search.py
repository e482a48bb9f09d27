"""Draws examples and keeps what fails: a block of them, the same for the same seed.

The schedule is not drawn through Hypothesis. A spike that did so took about a minute to shrink, as its
shrinker does not know that a write, its delivery and its key belong together; and an example must
follow from its seed alone, so that blocks can be spread over processes and machines and be resumed.
So the seed drives a weighted chooser. What Hypothesis calls targets is here a small corpus: an
example that met something rare lends its beginning to later ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.clock import VirtualClock
from harness.errors import ScenarioError
from harness.faults.asked import Asked
from harness.faults.fault import applies, known_faults
from harness.fuzz.chooser import READS, GuidedChooser, insert_into
from harness.fuzz.failure import Failure, failure_of
from harness.fuzz.fed import written_table
from harness.fuzz.ground import FRESH_SHARE, draw
from harness.fuzz.script import Script, steps_of
from harness.fuzz.trapper import Trapper
from harness.fuzz.traps import (
    BRIEF_CHANGES,
    FAR_BEHIND,
    PLAIN,
    TRAPPED_FRESH_SHARE,
    TRAPS,
    moments_of,
    opened,
    row_of,
)
from harness.fuzz.written import spelled_out, with_markers
from harness.run.pipelines import is_own
from harness.run.stepped import run_stepped
from harness.workload.mixes import generate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random  # noqa: TID251 - the type alone

    from harness.fuzz.script import Make
    from harness.fuzz.traps import Trap
    from harness.fuzz.written import Written
    from harness.run.step_actions import Action
    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

TURN = 3
"""Examples from one scenario before the next has its turn; fewer would make tables anew too often."""

LONG_EVERY, LONG = 25, 4
"""One in so many has so many times the writes: for what goes wrong once in dozens of records. It
comes after short ones, which are cut down sooner, have found what they can."""

WARM_UP = 8
CORPUS_MAX = 12
DRAWS_MAX = 50
MUTANT_SHARE = 0.2
"""Of the examples after the warm-up: how many begin as a noted one did."""

FREE_EVERY = 4
"""Of the examples of a program: one in so many is led into no trap."""
SHIPPED_EVERY = 5
"""Of those of a pipeline that ships, which are many more: one in so many is led into one."""

ENDS_DELETED_SHARE = 0.3
"""Of the examples: how many end with a delete. What is written after a loss would hide it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example that was run.

    Attributes:
        number: in its block, from 0.
        script: all of it, spelled out.
        result: what came of it.
        failure: what it failed on, if it did.
    """

    number: int
    script: Script
    result: StepResult
    failure: Failure | None


@dataclass(slots=True)
class _Noted:
    """An example that met something rare, to begin others with."""

    base: Scenario
    scenario: Scenario
    writes: Any
    steps: tuple[Action, ...]
    score: float


@dataclass(slots=True)
class Search:
    """Draws the examples of one block.

    Args:
        bench: where they run.
        bases: what they are drawn from, `TURN` examples of each in turn.
        pipeline: under test.
        seed: decides all of them.
        make: makes the pipeline, in place of one that ships.
        changes_max: most writes of an example.
        guided: begin some examples as noted ones did.
        first: where in the row of traps the examples of a program begin.
    """

    bench: Bench
    bases: Sequence[Scenario]
    pipeline: str
    seed: int
    make: Make | None = None
    changes_max: int = 20
    guided: bool = True
    first: int = 0
    sightings: Counter[str] = field(default_factory=Counter)
    _done: Counter[tuple[str, str]] = field(default_factory=Counter)
    _features: Counter[str] = field(default_factory=Counter)
    _corpus: list[_Noted] = field(default_factory=list)
    _moments: set[str] = field(default_factory=set)
    _tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    _trapped: int = 0

    def examples(self, count: int) -> Iterator[Example]:
        """The first `count` examples, one after the other."""
        for number in range(count):
            yield self.example(number)

    def example(self, number: int) -> Example:
        """Draw one and run it."""
        random = VirtualClock(seed=self.seed).substream(f"example {number}")
        base = self.bases[number // TURN % len(self.bases)]
        is_long = (number + 1) % LONG_EVERY == 0
        trap = None if is_long else self._trap(number, base)
        noted = None if is_long or trap else self._beginning(number, base, random)
        prefix: Sequence[Action] = ()
        if noted is None:
            scenario, writes = self._drawn(base, random, trap, is_long=is_long)
        else:
            scenario, writes = noted.scenario, noted.writes
            # The more of it is taken, the more alike are the two: they must differ enough.
            prefix = noted.steps[: random.randrange(len(noted.steps) * 3 // 4 + 1)]
        if trap:
            scenario = opened(trap, scenario)
        table = written_table(scenario)
        guided = GuidedChooser(
            random,
            deletes=frozenset(w.name for w in writes if w.kind == "delete"),
            writes=sum(1 for w in writes if not w.exported),
            target=table,
            aims=_aims(scenario, table),
            prefix=prefix,
            done=self._done,
        )
        is_first = self._trapped <= len(TRAPS)
        chooser = Trapper(guided, random, trap, table, is_first, self._tried) if trap else guided
        result = run_stepped(
            self.bench,
            scenario,
            chooser,
            pipeline=self.pipeline,
            make=self.make,
            operations=with_markers(writes, scenario.workload.markers),
        )
        script = Script(scenario, self.pipeline, writes, steps_of(result))
        self._note(base, script, result)
        self._moments |= moments_of(result, table)
        return Example(number, script, result, failure_of(result))

    def _trap(self, number: int, base: Scenario) -> Trap | None:
        """What an example is led into; None now and then, and mostly of what ships."""
        if number % 2:
            for trap in FAR_BEHIND:
                if all(getattr(base.stepped, name) >= least for name, least in trap.needs):
                    return trap
        ships = not is_own(base, self.pipeline)
        if self.make is not None or (ships and (number + 1) % SHIPPED_EVERY):
            return None
        if not number and not self.first:
            return PLAIN
        if number % FREE_EVERY == FREE_EVERY - 1:
            return None
        row = row_of(base)
        for _ in row:
            trap = row[(self.first + self._trapped) % len(row)]
            self._trapped += 1
            if not trap.meets or trap.meets in self._moments:
                return trap
        return None

    def _drawn(
        self, base: Scenario, random: Random, trap: Trap | None, *, is_long: bool
    ) -> tuple[Scenario, Any]:
        """A scenario and its writes.

        Raises:
            ScenarioError: none of many can be drawn from what there is.
        """
        changes_max, fresh_share = self.changes_max * (LONG if is_long else 1), FRESH_SHARE
        if trap and trap.moves:
            # What is lost shows on keys that are written once, a wrong order on those written often.
            if not trap.writes_last:
                changes_max = min(changes_max, BRIEF_CHANGES)
            fresh_share = TRAPPED_FRESH_SHARE if trap.ends else 0.0
        for attempt in range(1, DRAWS_MAX + 1):
            scenario = draw(base, random, changes_max=changes_max, fresh_share=fresh_share)
            is_load = trap is not None and trap.meets == "load" and base.snapshot.export
            if is_load and not scenario.snapshot.export:
                continue
            try:
                operations = generate(scenario, VirtualClock(seed=scenario.seed))
                writes = spelled_out(operations, scenario.workload.markers)
                if random.random() < ENDS_DELETED_SHARE:
                    writes = _up_to_the_last_delete(writes)
                return scenario, tuple(writes)
            except ScenarioError:
                # A scenario of few keys has none left for so many inserts; another mix has fewer.
                if attempt == DRAWS_MAX:
                    raise
        raise AssertionError

    def _beginning(self, number: int, base: Scenario, random: Random) -> _Noted | None:
        if not self.guided or number < WARM_UP or random.random() >= MUTANT_SHARE:
            return None
        alike = [one for one in self._corpus if one.base is base]
        return random.choices(alike, [one.score for one in alike])[0] if alike else None

    def _note(self, base: Scenario, script: Script, result: StepResult) -> None:
        """Keep an example that met what few others have met."""
        self.sightings.update(result.sightings)
        met = features(result)
        self._features.update(met)
        score = sum(1 / self._features[one] for one in met)
        self._corpus.append(_Noted(base, script.scenario, script.writes, script.steps, score))
        self._corpus.sort(key=lambda one: -one.score)
        del self._corpus[CORPUS_MAX:]


def _aims(scenario: Scenario, table: str) -> list[str]:
    """What faults may be aimed at: what some fault of the scenario can meet; often at nothing."""
    kinds = [known_faults().get(name) for name in scenario.stepped.faults]
    found = [""]
    for aim, asked in (
        (insert_into(table), Asked("clickhouse", "INSERT", table, 0, 1)),
        (READS, Asked("kinesis", "GetRecords", "", 0, 1)),
    ):
        if any(applies(kind, asked) for kind in kinds):
            found += [aim, aim] if aim != READS else [aim]
    return found


def _up_to_the_last_delete(writes: list[Written]) -> list[Written]:
    places = [place for place, write in enumerate(writes, 1) if write.kind == "delete"]
    return writes[: places[-1]] if places else writes


def features(result: StepResult) -> set[str]:
    """What an example met: its sightings, which steps followed which, and what checks had to judge."""
    found = {f"{name} {min(count, 3)}" for name, count in result.sightings.items()}
    last = ""
    for step in result.trace:
        what = step.get("what", "").split(" ")
        name = f"{step['do']} {what[1] if len(what) > 1 else ''} {step.get('how', '')}"
        found.add(f"{last} > {name}")
        last = name
    found |= {f"{v.name} {v.could_fail}" for v in result.verdicts}
    return found
