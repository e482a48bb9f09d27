"""The kill matrix for the eye: a row for each pipeline, a column for each scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from harness.matrix.cell import CORRECT
from harness.pipelines.mutants.zoo import zoo

if TYPE_CHECKING:
    from rich.console import Console

    from harness.matrix.cell import Cell
    from harness.matrix.matrix import Matrix

KILLED, BESIDE, UNKNOWN, ALIVE = "[red]●[/]", "[yellow]○[/]", "[yellow]?[/]", "[dim]·[/]"
LEGEND = (
    "● found by a check that names the defect   ○ another check failed   ? not judged   · survived"
)


def print_matrix(console: Console, matrix: Matrix) -> None:
    """Print rows, the key of the columns, and what it all comes to."""
    scenarios = matrix.scenarios
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("pipeline", no_wrap=True)
    for number in range(1, len(scenarios) + 1):
        table.add_column(str(number), justify="center", no_wrap=True)
    table.add_column("found by", no_wrap=True)
    for name, row in matrix.cells.items():
        marks = [_mark(row[s]) if s in row else "" for s in scenarios]
        checks = list(dict.fromkeys(kill.check for kill in matrix.kills(name)))
        said = ", ".join(checks) or _nothing(name)
        table.add_row(name, *marks, said)
    console.print(table)
    console.print()
    for number, scenario in enumerate(scenarios, 1):
        console.print(f"{number:>3} {scenario}", highlight=False)
    console.print(f"\n{LEGEND}\n", highlight=False)
    print_summary(console, matrix)


def print_summary(console: Console, matrix: Matrix) -> None:
    """What it comes to, and whom to look at."""
    mutants = [name for name in matrix.cells if name in zoo()]
    judged = [name for name in mutants if not zoo()[name].equivalent]
    if judged:
        console.print(f"{len(matrix.found)} of {len(judged)} mutants found", highlight=False)
    for name in matrix.survivors:
        beside = list(dict.fromkeys(kill.check for kill in matrix.beside(name)))
        other = f"; only {', '.join(beside)} failed" if beside else ""
        console.print(f"[red]survived[/] {name}: {zoo()[name].does}{other}", highlight=False)
    correct = [name for name in matrix.cells if name in CORRECT]
    alarms = matrix.false_alarms
    if correct:
        examples = sum(cell.seeds for name in correct for cell in matrix.cells[name].values())
        console.print(
            f"{len(alarms)} false alarms in {examples} examples of {len(correct)} correct pipelines",
            highlight=False,
        )
    for alarm in alarms:
        where = f"{alarm['pipeline']} under {alarm['scenario']}"
        what = alarm.get("reason") or f"seed {alarm['seed']}: {alarm['check']}"
        console.print(f"[red]false alarm[/] {where}: {what}", highlight=False)


def _mark(cell: Cell) -> str:
    if cell.expected:
        return KILLED
    if cell.kills:
        return BESIDE
    return UNKNOWN if cell.unknown else ALIVE


def _nothing(name: str) -> str:
    mutant = zoo().get(name)
    if mutant is None:
        return "[green]nothing[/]"
    return "[dim]equivalent[/]" if mutant.equivalent else "[red]nothing[/]"
