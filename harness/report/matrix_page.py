"""A kill matrix as a page: a row for each pipeline, a column for each scenario, a cell to look at."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from harness.report.html import render

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKS = {"killed": "●", "beside": "○", "alarm": "!", "unknown": "?", "passed": "✓", "survived": "·"}
TOLD = {
    "killed": "found by a check that names the defect",
    "beside": "another check failed",
    "alarm": "a correct pipeline failed: a false alarm",
    "unknown": "not judged",
    "passed": "passed",
    "survived": "nothing failed",
}


@dataclass(frozen=True, slots=True)
class Square:
    """One cell as it is drawn."""

    state: str
    told: str

    @property
    def mark(self) -> str:
        """The sign in it."""
        return MARKS[self.state]


def matrix_page(matrix: Mapping[str, Any]) -> str:
    """The page of what `harness matrix --json` prints."""
    scenarios = [str(name) for name in matrix.get("scenarios", [])]
    alarms: dict[tuple[str, str], Mapping[str, Any]] = {}
    for alarm in matrix.get("false_alarms", []):
        alarms[str(alarm["pipeline"]), str(alarm["scenario"])] = alarm
    rows = []
    judged = found = 0
    for name, row in matrix.get("pipelines", {}).items():
        is_mutant = bool(row.get("defect"))
        if is_mutant and not row.get("equivalent"):
            judged += 1
            found += bool(row.get("killed_by"))
        rows.append(
            {
                "name": name,
                "defect": row.get("defect", ""),
                "does": row.get("does", ""),
                "note": _note(name, row, matrix),
                "is_survivor": name in matrix.get("survivors", []),
                "squares": [_square(name, row, s, alarms) for s in scenarios],
            }
        )
    correct = [row for row in matrix.get("pipelines", {}).values() if not row.get("defect")]
    return render(
        "matrix.html.j2",
        rows=rows,
        scenarios=scenarios,
        marks=[(MARKS[state], state, told) for state, told in TOLD.items()],
        tiles=[
            ("mutants found", f"{found} of {judged}"),
            ("survivors", str(len(matrix.get("survivors", [])))),
            ("false alarms", str(len(matrix.get("false_alarms", [])))),
            ("pipelines without a planted defect", str(len(correct))),
            ("scenarios", str(len(scenarios))),
            ("examples", f"{sum(r.get('examples', 0) for r in matrix['pipelines'].values()):,}"),
        ],
        verdict="failed" if matrix.get("survivors") or matrix.get("false_alarms") else "passed",
        survivors=matrix.get("survivors", []),
        alarms=matrix.get("false_alarms", []),
        version=version("cdc-harness"),
    )


def _note(name: str, row: Mapping[str, Any], matrix: Mapping[str, Any]) -> str:
    checks = list(dict.fromkeys(str(kill["check"]) for kill in row.get("killed_by", [])))
    if checks:
        return ", ".join(checks)
    if row.get("equivalent"):
        return f"equivalent: {row['equivalent']}"
    return "survived" if name in matrix.get("survivors", []) else ""


def _square(
    name: str,
    row: Mapping[str, Any],
    scenario: str,
    alarms: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Square:
    lead = f"{name} under {scenario}"
    alarm = alarms.get((name, scenario))
    if alarm is not None:
        if not alarm.get("check"):
            return Square("unknown", f"{lead}: not judged: {alarm.get('reason', '')}")
        return Square("alarm", f"{lead}: {alarm['check']} fails with seed {alarm.get('seed')}")
    for state, member in (("killed", "killed_by"), ("beside", "failed_beside")):
        kills = [k for k in row.get(member, []) if k["scenario"] == scenario]
        if kills:
            checks = ", ".join(dict.fromkeys(str(k["check"]) for k in kills))
            what = str(kills[0].get("what", ""))
            told = f"{lead}, seed {kills[0]['seed']}: {checks}" + (f". {what}" if what else "")
            return Square(state, told)
    state = "survived" if row.get("defect") else "passed"
    return Square(state, f"{lead}: {TOLD[state]}")
