"""A run in the terminal: a live line while it goes on, then the verdict as a table.

Progress goes to stderr, the verdict to stdout, so that a pipe gets the verdict alone. Where stderr
is no terminal there is one plain line a phase, and no colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.checks.check import key_shown
from harness.clock import stopwatch
from harness.lookout import Lookout

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from harness.checks.check import Finding, Verdict
    from harness.run.progress import Figures
    from harness.run.result import Result

REFRESH_SECONDS = 0.2
FINDINGS_SHOWN = 5
COLUMNS_SHOWN = 4
SPARK = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 24

_STYLES = {"passed": "bold green", "failed": "bold red", "unknown": "bold yellow", "error": "red"}
_MARKS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unknown": ("?", "yellow")}


class Progress:
    """Shows a run's course on `console` (stderr)."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._figures: Figures | None = None
        self._lookout: Lookout | None = None
        self._spark: list[int] = []
        self._last_written = 0
        self._elapsed: Callable[[], float] = stopwatch()

    @property
    def is_live(self) -> bool:
        """There is a terminal to show a live line in."""
        return self._console.is_terminal

    def started(self, headline: str, figures: Figures) -> None:
        """Print the headline; begin the live line when there is a terminal."""
        self._console.print(Text(headline, style="bold"), soft_wrap=True)
        self._figures = figures
        self._elapsed = stopwatch()
        if self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
            self._lookout = Lookout(self._refresh, "progress")
            self._lookout.start()

    def phase(self, name: str) -> None:
        """The live line shows it by itself."""

    def phase_ended(self, name: str, seconds: float, detail: str) -> None:
        """One line a phase."""
        line = f"  {name:<9} {seconds:6.2f} s  {detail}"
        self._console.print(Text(line, style="dim"), soft_wrap=True)

    def note(self, text: str) -> None:
        """One line of its own."""
        self._console.print(Text(f"  {text}"), soft_wrap=True)

    def close(self) -> None:
        """Take the live line away."""
        if self._lookout:
            self._lookout.stop()
            self._lookout = None
        if self._live:
            self._live.stop()
            self._live = None

    def _refresh(self, ended: Event) -> None:
        while not ended.wait(REFRESH_SECONDS):
            if self._live and self._figures:
                self._live.update(self._line(self._figures), refresh=True)

    def _line(self, figures: Figures) -> Text:
        self._spark = [*self._spark, figures.lag][-SPARK_WIDTH:]
        rate = (figures.written - self._last_written) / REFRESH_SECONDS
        self._last_written = figures.written
        parts = [
            f"{figures.phase or 'start':<9} {self._elapsed():6.1f} s",
            f"written {figures.written:,}/{figures.to_write:,} ({rate:,.0f}/s)",
            f"delivered {figures.delivered:,}",
            f"rows {figures.live:,}" + (f"/{figures.expected:,}" if figures.expected else ""),
            f"lag {figures.lag:,} {_sparkline(self._spark)}",
        ]
        return Text("  " + "  ".join(parts), style="cyan", no_wrap=True, overflow="ellipsis")


def _sparkline(values: list[int]) -> str:
    top = max(values, default=0)
    if not top:
        return ""
    return "".join(SPARK[min(len(SPARK) - 1, v * (len(SPARK) - 1) // top)] for v in values)


def print_result(console: Console, result: Result) -> None:
    """The verdict: each check, what differs, where to look, how to run it again."""
    console.print(_checks_table(result.checks))
    for verdict in result.checks:
        if verdict.verdict == "fail" and verdict.name != "final_state" and verdict.keys:
            console.print(_findings(verdict))
    if not any(v.verdict == "fail" and v.name != "final_state" for v in result.checks):
        for verdict in result.checks:
            if verdict.verdict == "fail":
                console.print(_findings(verdict))
    if result.outcome not in ("passed",) and result.pipeline_log:
        console.print(Text("  the pipeline's last lines:", style="bold"))
        for line in result.pipeline_log:
            console.print(Text(f"    {line}", style="dim"), soft_wrap=True)
    console.print(_closing(result), soft_wrap=True)


def _checks_table(checks: list[Verdict]) -> Padding:
    table = Table(box=None, show_header=False, padding=(0, 1))
    # What nothing in the run could have made fail proves nothing: one line for all of it.
    idle = [v for v in checks if not v.could_fail and v.verdict != "fail"]
    for verdict in checks:
        if verdict in idle:
            continue
        mark, style = _MARKS[verdict.verdict]
        table.add_row(
            Text(mark, style=style), Text(verdict.name), Text(verdict.message, style="dim")
        )
    if idle:
        names = ", ".join(verdict.name for verdict in idle)
        table.add_row(
            Text("–", style="dim"), Text("could not fail", style="dim"), Text(names, style="dim")
        )
    return Padding(table, (0, 0, 0, 1))


def _findings(verdict: Verdict) -> Group:
    table = Table(title_justify="left", title_style="bold", show_lines=True, expand=False)
    table.title = f"{verdict.name}: the first {min(len(verdict.keys), FINDINGS_SHOWN)} keys"
    table.add_column("key", overflow="fold", ratio=2)
    table.add_column("DynamoDB holds", overflow="fold", ratio=3)
    table.add_column("ClickHouse FINAL shows", overflow="fold", ratio=3)
    for finding in verdict.keys[:FINDINGS_SHOWN]:
        shown = differing(finding)
        table.add_row(
            Text(key_shown(finding.key) + "\n" + finding.what),
            _side(finding.source, shown, "no such item"),
            _side(finding.found, shown, "no row"),
        )
    return Group(Text(""), table)


def differing(finding: Finding) -> list[str]:
    """The columns to show: those that differ, or the first few where one side is missing."""
    source, found = finding.source, finding.found
    if source is None or found is None:
        others = [name for name in (source or found or {}) if name not in finding.key]
        return others[:COLUMNS_SHOWN]
    return [name for name in source if source[name] != found.get(name)] or list(source)


def _side(cells: dict[str, str] | None, names: list[str], absent: str) -> Text:
    if cells is None:
        return Text(absent, style="italic dim")
    return Text("\n".join(f"{name} = {cells.get(name, '')}" for name in names))


def _closing(result: Result) -> Text:
    text = Text("\n")
    text.append(f"{result.outcome}", style=_STYLES[result.outcome])
    text.append(f"  {result.scenario} with {result.pipeline}: {result.reason}")
    total = result.seconds.get("total", 0.0)
    counts = result.counts
    text.append(
        f"\n  {counts.get('items', 0):,} items, {counts.get('changes', 0):,} changes, "
        f"{counts.get('rows', 0):,} rows, {counts.get('deleted', 0):,} deleted in {total:.1f} s"
    )
    cost = result.rates.get("us_per_change")
    if cost:
        text.append(f"\n  {cost:,.0f} µs for each change, from its write to a settled target")
    for part in result.supplied:
        text.append(f"\n  supplied: {part['feature']}, by {part['how']}; {part['reason']}")
    for note in result.notes:
        text.append(f"\n  {note}")
    if result.run_dir:
        text.append(f"\n  run directory: {result.run_dir}")
        if any(v.verdict == "fail" and v.keys for v in result.checks):
            text.append(f"\n  how a key came to that: harness explain {result.run_dir}")
    if result.outcome != "passed" and result.replay:
        text.append(f"\n  run it again: {result.replay}", style="bold")
    return text
