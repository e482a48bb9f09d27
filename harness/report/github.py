"""GitHub Actions: a table in the job's summary, and an annotation for each run that did not pass.

Source: GitHub Docs, "Workflow commands for GitHub Actions" (GITHUB_STEP_SUMMARY, `::error`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.plain import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.run.result import Result

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
ANNOTATIONS_VARIABLE = "GITHUB_ACTIONS"
DETAILS_MAX = 20
MARKS = {"passed": "✅", "failed": "❌", "unknown": "❔", "error": "💥"}
LEVELS = {"failed": "error", "error": "error", "unknown": "warning"}


def report(results: Sequence[tuple[Result, Path]]) -> None:
    """Write the summary and the annotations where GitHub asks for them; elsewhere nothing.

    Args:
        results: each run, and the file of its scenario.
    """
    summary = os.environ.get(SUMMARY_VARIABLE)
    if summary:
        with Path(summary).open("a", encoding="utf-8") as lines:
            lines.write(markdown([result for result, _ in results]))
    if os.environ.get(ANNOTATIONS_VARIABLE) == "true":
        # The runner reads commands from both streams; stdout may be a JSON object.
        for result, file in results:
            sys.stderr.write(annotation(result, file, os.environ))


def markdown(results: Sequence[Result]) -> str:
    """The summary: a row for each run, then what differed in those that did not pass."""
    passed = sum(result.outcome == "passed" for result in results)
    lines = [
        f"### {passed} of {len(results)} scenarios passed",
        "",
        "| | scenario | pipeline | seed | why | seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(result) for result in results]
    others = [result for result in results if result.outcome != "passed"]
    for result in others[:DETAILS_MAX]:
        lines += ["", *_details(result)]
    if len(others) > DETAILS_MAX:
        lines += ["", f"… and {len(others) - DETAILS_MAX} more"]
    return "\n".join(lines) + "\n"


def annotation(result: Result, file: Path, variables: Mapping[str, str]) -> str:
    """The workflow command of a run that did not pass; empty for one that did."""
    if result.outcome == "passed":
        return ""
    root = Path(variables.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    place = file.resolve()
    where = f"file={_property(str(place.relative_to(root)))}," if place.is_relative_to(root) else ""
    title = _property(f"{result.scenario} with {result.pipeline}: {result.outcome}")
    text = f"{result.reason}\nrun it again: {result.replay}"
    return f"::{LEVELS[result.outcome]} {where}title={title}::{_message(text)}\n"


def _row(result: Result) -> str:
    cells = (
        f"{MARKS[result.outcome]} {result.outcome}",
        _cell(result.scenario),
        _cell(result.pipeline),
        str(result.seed),
        _cell(result.reason),
        f"{result.seconds.get('total', 0.0):.1f}",
    )
    return "| " + " | ".join(cells) + " |"


def _details(result: Result) -> list[str]:
    text = as_text(result)
    fence = "```"
    while fence in text:
        fence += "`"
    title = _cell(f"{result.scenario} with {result.pipeline}")
    return [
        f"<details><summary>{MARKS[result.outcome]} {title}</summary>",
        "",
        f"{fence}text",
        text,
        fence,
        "",
        "</details>",
    ]


def _cell(text: str) -> str:
    """Text that a table of Markdown shows as it is, on one line and without HTML."""
    for sign, spelled in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        text = text.replace(sign, spelled)
    return " ".join(text.split())


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
