"""Plays a repro file: does it still fail on the same check and key?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import ScenarioError
from harness.fuzz.failure import failures_of
from harness.fuzz.script import play

if TYPE_CHECKING:
    from harness.fuzz.failure import Failure
    from harness.fuzz.repro import Repro
    from harness.fuzz.script import Make
    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult


@dataclass(frozen=True, slots=True)
class Replayed:
    """One replay.

    Attributes:
        result: of the run.
        failure: the failure that is like the recorded one; None when it did not come.
        same_check: the recorded check fails again.
        same_key: it fails on the recorded key.
    """

    result: StepResult
    failure: Failure | None
    same_check: bool
    same_key: bool

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "verdict": self.result.outcome,
            "reason": self.result.reason,
            "failing": self.result.failing,
            "same_check": self.same_check,
            "same_key": self.same_key,
            "trace_hash": self.result.trace_hash,
        }


def replay(bench: Bench, repro: Repro, *, make: Make | None = None) -> Replayed:
    """Play the steps once.

    Raises:
        ScenarioError: a step cannot be done; the message has its line.
    """
    played = play(bench, repro.script, make=make)
    if played.left_out:
        place = played.left_out[0]
        step = repro.script.steps[place]
        where = f"{repro.path}: line {repro.lines[place]}: " if repro.lines else ""
        raise ScenarioError(
            f"{where}cannot do {str(step)!r}: it never became possible there",
            hint="a step may need another one before it, e.g. an INSERT needs a delivery",
        )
    wanted = repro.expected
    found = [f for f in failures_of(played.result) if f.check == wanted.check]
    if wanted.check == "outcome" and played.result.outcome == "failed":
        return Replayed(played.result, wanted, same_check=True, same_key=True)
    alike = next((f for f in found if f.is_like(wanted)), None)
    verdicts = [v for v in played.result.verdicts if v.name == wanted.check]
    keys = [dict(finding.key) for v in verdicts if v.verdict == "fail" for finding in v.keys]
    same_key = bool(found) and (not wanted.key or wanted.key in keys)
    return Replayed(played.result, alike, same_check=bool(found), same_key=same_key)
