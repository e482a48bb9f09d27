"""A fuzz campaign as a page: each distinct failure with the steps that are left of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.checks.check import key_shown
from harness.errors import HarnessError
from harness.explain.necessity import words
from harness.fuzz.repro import parse_repro, text_of
from harness.report.html import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.fuzz.repro import Repro

FAILURES_MAX = 200


@dataclass(frozen=True, slots=True)
class Failed:
    """One distinct failure.

    Attributes:
        file: the repro file, as the command that plays it names it.
        repro: what it holds; None when it cannot be read.
        check, key, message: what fails, where, and what is said of it.
        seen: how often the campaign met it; 0 when nobody counted.
        trouble: why the file cannot be read.
    """

    file: str
    repro: Repro | None
    check: str
    key: str
    message: str
    seen: int = 0
    trouble: str = ""

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """Each step: its kind, what it says, and what that means."""
        if self.repro is None:
            return []
        script = self.repro.script
        told = [
            ("exported", f"{w.name} {w.kind} {_key(w.key)}", "")
            for w in script.writes
            if w.exported
        ]
        writes = {w.name: w for w in script.writes}
        for place, step in enumerate(script.steps):
            write = writes.get(step.what) if step.do == "write" else None
            said = f"{step.what} {write.kind} {_key(write.key)}" if write else _said(step)
            meaning = "" if step.do == "write" else words(script, place)
            told.append((step.do, said, meaning))
        return told

    @property
    def text(self) -> str:
        """The file's text."""
        return text_of(self.repro, name=self.file) if self.repro else ""


def campaign_page(
    failures: Sequence[Failed], figures: Mapping[str, Any], *, name: str, pipeline: str
) -> str:
    """The page.

    Args:
        failures: the distinct failures.
        figures: name to figure, shown on top.
        name: where this was read from.
        pipeline: what was under test; empty when several were.
    """
    by_check: dict[str, int] = {}
    for failed in failures:
        by_check[failed.check] = by_check.get(failed.check, 0) + 1
    return render(
        "campaign.html.j2",
        failures=failures[:FAILURES_MAX],
        left_out=max(0, len(failures) - FAILURES_MAX),
        by_check=sorted(by_check.items()),
        tiles=[(label, _figure(value)) for label, value in figures.items()],
        verdict="failed" if failures else "passed",
        pipeline=pipeline,
        name=name,
        version=version("cdc-harness"),
    )


def failures_in(campaign: Mapping[str, Any], folder: Path) -> list[Failed]:
    """The failures of what `harness fuzz --json` prints; files are looked up from `folder` too."""
    found = []
    for one in campaign.get("failures", []):
        path = Path(str(one.get("file", "")))
        path = path if path.exists() else folder / path
        read = failed_file(path, str(one.get("file", "")), int(one.get("seen", 0)))
        if read.repro is None:
            key = key_shown(dict(one.get("key", {})))
            check, message = str(one.get("check", "")), str(one.get("message", ""))
            read = Failed(read.file, None, check, key, message, read.seen, read.trouble)
        found.append(read)
    return found


def failures_of_journal(lines: Sequence[Mapping[str, Any]]) -> tuple[list[Failed], dict[str, Any]]:
    """The distinct failures of a journal's blocks, and its figures."""
    seen: dict[str, Failed] = {}
    figures = {"examples": 0, "blocks": 0, "seconds of work": 0.0, "steps": 0}
    for line in lines:
        figures["blocks"] += 1
        figures["examples"] += int(line.get("examples", 0))
        figures["steps"] += int(line.get("steps", 0))
        figures["seconds of work"] += float(line.get("seconds", 0.0))
        for one in line.get("found", []):
            mark = str(one["signature"])
            before = seen[mark].seen if mark in seen else 0
            seen[mark] = failed_text(
                str(one["repro"]), str(one["file"]), before + int(one.get("seen", 1))
            )
    return list(seen.values()), {**figures, "distinct failures": len(seen)}


def failed_file(path: Path, name: str, seen: int = 0) -> Failed:
    """A repro file as a failure; what cannot be read says why."""
    try:
        return failed_text(path.read_text(encoding="utf-8"), name, seen)
    except (OSError, UnicodeDecodeError) as error:
        return Failed(name, None, "", "", "", seen, f"cannot be read: {error}")


def failed_text(text: str, name: str, seen: int = 0) -> Failed:
    """The text of a repro file as a failure."""
    try:
        repro = parse_repro(text, name, Path(name))
    except HarnessError as error:
        return Failed(name, None, "", "", "", seen, error.message)
    expected = repro.expected
    key = key_shown(expected.key)
    return Failed(name, repro, expected.check, key, expected.message, seen)


def _key(wire: Mapping[str, Any]) -> str:
    return " / ".join(str(next(iter(value.values()))) for value in wire.values())


def _said(step: Any) -> str:
    return " ".join(part for part in (step.what, step.how) if part)


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
