"""What a run comes to: its verdict, its figures, and the one JSON object that tells both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from harness.checks.check import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from harness.checks.check import Verdict
    from harness.scenario.model import Scenario

Outcome = Literal["passed", "failed", "unknown", "error"]

EXIT_CODES: dict[Outcome, int] = {"passed": 0, "failed": 1, "unknown": 3, "error": 4}
WRONG_INPUT = 2
INTERRUPTED = 130
SUMMARY_CHECK = "final_state"
COMPANIONS = frozenset(
    {SUMMARY_CHECK, "convergence", "hand_off", "checkpoint_honesty", "bounded_lag"}
    | {"poison_isolation", "monotone_reads"}
)
"""Checks that sum up what others found, say how it came about, or may or may not have looked in time:
where a failure is wanted they may come along."""


@dataclass(slots=True)
class Result:
    """One finished run, as reports show it.

    Attributes:
        outcome: passed, failed, unknown (never settled, or nothing proven) or error.
        reason: one sentence that says why.
        checks: each check's verdict.
        expected_failures: checks that the scenario wants this pipeline to fail.
        counts: items, changes, deliveries, rows, deleted.
        seconds: phase to wall seconds, and `total`.
        rates: per-second figures of the phases.
        sightings: what the run met that makes it prove something, with how often.
        backends: what AWS and ClickHouse were.
        supplied: what AWS lacked and the harness supplied instead: feature, how and why.
        pipeline_log: the last lines that the pipeline wrote, for a run that did not pass.
        replay: the command that runs this again.
        is_wrong_input: an `error` that the scenario is to blame for, not the environment.
    """

    scenario: str
    pipeline: str
    seed: int
    outcome: Outcome = "unknown"
    reason: str = ""
    checks: list[Verdict] = field(default_factory=list)
    expected_failures: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    sightings: dict[str, int] = field(default_factory=dict)
    backends: dict[str, str] = field(default_factory=dict)
    supplied: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pipeline_log: list[str] = field(default_factory=list)
    run_dir: Path | None = None
    replay: str = ""
    is_wrong_input: bool = False

    @property
    def exit_code(self) -> int:
        """The process's exit code for this outcome."""
        return WRONG_INPUT if self.is_wrong_input else EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints and `verdict.json` holds; members are only ever added."""
        return {
            "verdict": self.outcome,
            "scenario": self.scenario,
            "pipeline": self.pipeline,
            "seed": self.seed,
            "reason": self.reason,
            "backends": self.backends,
            "supplied": self.supplied,
            "checks": [as_json(verdict) for verdict in self.checks],
            "expected_failures": self.expected_failures,
            "counts": self.counts,
            "sightings": self.sightings,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "rates": {name: round(value, 1) for name, value in self.rates.items()},
            "notes": self.notes,
            "pipeline_log": self.pipeline_log,
            "run_dir": str(self.run_dir) if self.run_dir else "",
            "replay": self.replay,
        }


def expected_failures(scenario: Scenario, pipeline: str) -> list[str]:
    """The checks that the scenario says this pipeline must fail."""
    return [name for e in scenario.expect if e.pipeline == pipeline for name in e.fails]


def decide(
    checks: list[Verdict], expected: list[str], *, settled: bool, missing_sightings: list[str]
) -> tuple[Outcome, str]:
    """The outcome and why.

    A wanted failure that comes is a pass; one that does not come is a failure. Companions tell of
    the same loss as others, so that wanting any failure allows them too. A check that lacks its
    evidence and so could not have failed proves nothing and stops nothing. A run that never settled may be
    late rather than wrong, so its failing checks make it `unknown`.
    """
    failing = [v.name for v in checks if v.verdict == "fail"]
    if expected:
        absent = [name for name in expected if name not in failing]
        other = [n for n in failing if n not in expected and n not in COMPANIONS]
        if absent:
            return "failed", f"expected to fail {', '.join(absent)}, but did not"
        if other:
            return "failed", f"failed {', '.join(other)}, which is not among the expected failures"
        return "passed", f"failed {', '.join(failing)}, as the scenario expects"
    if not settled:
        detail = f"; so far it fails {', '.join(failing)}" if failing else ""
        return "unknown", f"the target was still changing when time was up{detail}"
    if failing:
        return "failed", f"failed {', '.join(failing)}"
    unsure = [
        v for v in checks if v.verdict == "unknown" and (v.could_fail or v.name == SUMMARY_CHECK)
    ]
    if unsure or not checks:
        return "unknown", "; ".join(f"{v.name}: {v.message}" for v in unsure)
    if missing_sightings:
        return "unknown", f"proves nothing: never met {', '.join(missing_sightings)}"
    holding = sum(v.verdict == "pass" for v in checks)
    return "passed", f"{holding} checks hold"
