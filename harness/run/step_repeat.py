"""How often does a stepped example repeat? For programs outside the answer must be measured.

Threads in this process always repeat. A program has a clock and a scheduler of its own; its trace
repeats as far as it is known to rest (see `harness.run.step_process`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import DidNotReplay
from harness.run.step_actions import Action, RecordedChooser
from harness.run.stepped import run_stepped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeated.

    Attributes:
        times: how often the steps were taken again.
        same_trace: how many of these gave the same trace hash.
        same_verdict: how many gave the same outcome and the same failing checks.
    """

    times: int
    same_trace: int
    same_verdict: int

    def __str__(self) -> str:
        return (
            f"of {self.times} replays {self.same_trace} gave the same trace, "
            f"{self.same_verdict} the same verdict"
        )


def repeats(bench: Bench, scenario: Scenario, first: StepResult, *, times: int) -> Repeats:
    """Take the steps of an example again and count what is the same.

    Args:
        bench: what examples share.
        scenario: of the example.
        first: what it came to.
        times: how often.
    """
    steps = recorded_steps(first)
    same_trace = same_verdict = 0
    for _ in range(times):
        try:
            again = run_stepped(bench, scenario, RecordedChooser(steps))
        except DidNotReplay:
            again = run_stepped(bench, scenario, RecordedChooser(steps, strict=False))
        same_trace += again.trace_hash == first.trace_hash
        same_verdict += (again.outcome, again.failing) == (first.outcome, first.failing)
    return Repeats(times, same_trace, same_verdict)


def recorded_steps(result: StepResult) -> Sequence[Action]:
    """The steps that somebody chose: what ended by itself ends by itself again."""
    return [Action.from_json(s) for s in result.trace if s["do"] not in ("calm", "ended")]
