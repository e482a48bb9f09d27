"""What a run found, for people and for machines: a table, the failing cases, JSON and JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from rich.markup import escape
from rich.table import Table

from harness.conformance.case import GROUPS

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from harness.conformance.run import Outcome, Results

_STYLES = {"pass": "green", "fail": "red", "unsupported": "yellow"}


def print_results(console: Console, results: Results) -> None:
    """A line a group, then each case that did not pass with what was expected and found."""
    table = Table(title=f"conformance of {results.endpoint}", title_justify="left")
    table.add_column("group")
    for verdict in ("passed", "failed", "unsupported"):
        table.add_column(verdict, justify="right")
    for group in GROUPS:
        counts = [results.count(verdict, group) for verdict in ("pass", "fail", "unsupported")]
        if any(counts):
            table.add_row(group, *map(str, counts))
    table.add_section()
    table.add_row(
        "all", *(str(results.count(verdict)) for verdict in ("pass", "fail", "unsupported"))
    )
    console.print(table)
    for outcome in results.outcomes:
        if outcome.verdict != "pass":
            _print_outcome(console, outcome)
    console.print(f"{len(results.outcomes)} cases in {results.seconds:.1f} s")


def _print_outcome(console: Console, outcome: Outcome) -> None:
    style = _STYLES[outcome.verdict]
    console.print(f"\n[{style}]{outcome.verdict}[/] [bold]{outcome.case.id}[/]")
    console.print(f"  {escape(outcome.case.sentence)}")
    console.print(f"  {escape(outcome.message)}")
    if outcome.verdict == "fail":
        console.print(f"  [dim]{outcome.case.source}[/]", soft_wrap=True)


def as_json(results: Results) -> dict[str, Any]:
    """The whole run: `{"endpoint", "passed", "failed", "unsupported", "seconds", "cases": […]}`."""
    return {
        "endpoint": results.endpoint,
        "passed": results.count("pass"),
        "failed": results.count("fail"),
        "unsupported": results.count("unsupported"),
        "seconds": round(results.seconds, 3),
        "cases": [
            {
                "id": outcome.case.id,
                "group": outcome.case.group,
                "verdict": outcome.verdict,
                "message": outcome.message,
                "source": outcome.case.source,
                "sentence": outcome.case.sentence,
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in results.outcomes
        ],
    }


def write_junit(results: Results, path: Path) -> None:
    """One test suite a group; unsupported cases count as skipped."""
    suites = ET.Element("testsuites", name=f"conformance of {results.endpoint}")
    for group in GROUPS:
        outcomes = [one for one in results.outcomes if one.case.group == group]
        if not outcomes:
            continue
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=group,
            tests=str(len(outcomes)),
            failures=str(results.count("fail", group)),
            skipped=str(results.count("unsupported", group)),
            errors="0",
            time=f"{sum(one.seconds for one in outcomes):.3f}",
        )
        for one in outcomes:
            entry = ET.SubElement(
                suite, "testcase", classname=group, name=one.case.id, time=f"{one.seconds:.3f}"
            )
            if one.verdict == "pass":
                continue
            kind = "failure" if one.verdict == "fail" else "skipped"
            detail = ET.SubElement(entry, kind, message=_printable(one.message))
            detail.text = f"{one.case.sentence}\n{one.case.source}"
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(letter if letter >= " " else "\N{REPLACEMENT CHARACTER}" for letter in text)
