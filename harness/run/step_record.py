"""What a stepped run leaves behind: the same run directory as a live one, and its steps.

`trace.json` holds each step; the history's times are the run's own clock.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from harness.checks.check import as_json
from harness.run.kept import FILE as KEYS_FILE
from harness.run.kept import write_keys
from harness.run.result import Result, expected_failures
from harness.run.store import create_run_dir, write_scenario, write_verdict

if TYPE_CHECKING:
    from pathlib import Path

    from harness.clock import Clock
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

TRACE = "trace.json"
HISTORY = "history.jsonl"


def leave_run(
    scenario: Scenario, pipeline: str, found: StepResult, *, runs: Path, clock: Clock, replay: str
) -> Result:
    """Write the run directory of a stepped run.

    Args:
        scenario: that was run.
        pipeline: that was under test.
        found: what came of it.
        runs: where the directory is made.
        clock: names it.
        replay: the command that runs this again.

    Raises:
        BackendError: the folder cannot be made.
    """
    run_dir = create_run_dir(runs, scenario.name, scenario.seed, clock.datetime())
    write_scenario(scenario, run_dir)
    result = as_result(scenario, pipeline, found)
    result.run_dir, result.replay = run_dir, replay
    _write_history(scenario, pipeline, found, run_dir)
    body = orjson.dumps(found.trace, option=orjson.OPT_INDENT_2)
    (run_dir / TRACE).write_bytes(body + b"\n")
    if found.evidence is not None:
        write_keys(run_dir / KEYS_FILE, found.evidence, found.verdicts)
    write_verdict(result)
    return result


def as_result(scenario: Scenario, pipeline: str, found: StepResult) -> Result:
    """A stepped run as reports show any run."""
    counts = found.counts
    result = Result(scenario.name, pipeline, scenario.seed, found.outcome, found.reason)
    result.checks = list(found.verdicts)
    result.expected_failures = expected_failures(scenario, pipeline)
    result.sightings = dict(found.sightings)
    result.backends = {"aws": "embedded, stepped", "clickhouse": "embedded, stepped"}
    result.notes = list(found.notes)
    result.pipeline_log = list(found.pipeline_ends)
    result.seconds = {"total": found.seconds}
    written = [e for e in found.events if e["event"] == "write"]
    evidence = found.evidence
    result.counts = {
        "items": len(evidence.source) if evidence else 0,
        "changes": sum(1 for e in written if e["phase"] != "before"),
        "deliveries": counts["deliveries"],
        "rows": len(evidence.rows) if evidence else 0,
        "deleted": sum(1 for e in written if e["kind"] == "delete"),
        **{name: counts[name] for name in ("steps", "requests", "inserts", "faults", "kills")},
    }
    return result


def _write_history(scenario: Scenario, pipeline: str, found: StepResult, run_dir: Path) -> None:
    first = found.events[0]["at"] if found.events else 0
    last = found.events[-1]["at"] if found.events else 0
    headline = (
        f"{scenario.name} with {pipeline}, seed {scenario.seed}, stepped  "
        f"(harness {version('cdc-harness')})"
    )
    run: dict[str, Any] = {
        "at": first,
        "event": "run",
        "headline": headline,
        "seed": scenario.seed,
        "stepped": True,
    }
    verdict = {
        "at": last,
        "event": "verdict",
        "verdict": found.outcome,
        "reason": found.reason,
        "checks": [as_json(v) for v in found.verdicts],
    }
    with (run_dir / HISTORY).open("wb") as out:
        for event in (run, *found.events, verdict):
            out.write(orjson.dumps(event) + b"\n")
