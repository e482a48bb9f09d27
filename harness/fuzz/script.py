"""One example spelled out: what is written and which steps are taken. It can be played, cut, kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.faults.fault import known_faults
from harness.fuzz.written import renumbered, with_markers
from harness.run.step_actions import PATIENCE, Action, RecordedChooser
from harness.run.step_external import is_program
from harness.run.stepped import run_stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.fuzz.written import Written
    from harness.pipelines.pipeline import Pipeline
    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

    Make = Callable[[dict[str, Any]], Pipeline]

PROGRAM_PATIENCE = 40
ENOUGH = 1_000
"""A bound that a recording never meets: it holds what is to be done, and no more."""

_NOT_STEPS = frozenset({"calm", "ended", "skip"})


@dataclass(frozen=True, slots=True)
class Script:
    """An example.

    Attributes:
        scenario: table, target, stream and pipeline; its seed decides ids and nothing that counts.
        pipeline: what is under test.
        writes: what may be written; those before the export happen first, the others by steps.
        steps: in order; see `harness.run.step_actions`.
    """

    scenario: Scenario
    pipeline: str
    writes: tuple[Written, ...]
    steps: tuple[Action, ...]

    @property
    def length(self) -> int:
        """Steps and exported items."""
        return len(self.steps) + sum(1 for w in self.writes if w.exported)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a script, and which of its steps could not be done."""

    result: StepResult
    left_out: tuple[int, ...]


def play(
    bench: Bench,
    script: Script,
    *,
    make: Make | None = None,
    strict: bool = False,
    patience: int = PATIENCE,
) -> Played:
    """Run a script to its verdict.

    Raises:
        DidNotReplay: it is strict, and a step is not possible.
        UsageError: no such pipeline.
    """
    if make is None and is_program(script.scenario, script.pipeline):
        # Each step that leads to another takes real time: the program sleeps between.
        patience = min(patience, PROGRAM_PATIENCE)
    chooser = RecordedChooser(script.steps, strict=strict, patience=patience)
    result = run_stepped(
        bench,
        unbounded(script.scenario, script.steps),
        chooser,
        pipeline=script.pipeline,
        make=make,
        operations=with_markers(script.writes, script.scenario.workload.markers),
    )
    return Played(result, tuple(chooser.left_out))


def unbounded(scenario: Scenario, steps: Sequence[Action]) -> Scenario:
    """The scenario with everything enabled that the steps ask for."""
    known = set(known_faults().names())
    asked = sorted({s.how for s in steps if s.do == "release"} & known)
    bounds = {
        name: ENOUGH
        for name in type(scenario.stepped).model_fields
        if name.endswith("_max") or name == "reorder_window"
    }
    stepped = scenario.stepped.model_copy(update={**bounds, "faults": asked})
    return scenario.model_copy(update={"stepped": stepped})


def steps_of(result: StepResult) -> tuple[Action, ...]:
    """The steps of a trace that are to be done again."""
    return tuple(Action.from_json(s) for s in result.trace if s["do"] not in _NOT_STEPS)


def without_unwritten(script: Script) -> Script:
    """The script without writes that no step does, numbered anew in the order of their steps."""
    order = {s.what: place for place, s in enumerate(script.steps) if s.do == "write"}
    kept = [w for w in script.writes if w.exported or w.name in order]
    kept.sort(key=lambda w: (not w.exported, order.get(w.name, 0)))
    writes, names = renumbered(kept)
    steps = tuple(replace(s, what=names.get(s.what, s.what)) for s in script.steps)
    return replace(script, writes=tuple(writes), steps=steps)
