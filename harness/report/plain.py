"""A verdict as plain text: the same table as in the terminal, for files and other tools."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from harness.report.terminal import print_result

if TYPE_CHECKING:
    from harness.run.result import Result

WIDTH = 100


def as_text(result: Result) -> str:
    """What `harness run` prints, without colour and at a fixed width."""
    out = StringIO()
    console = Console(
        file=out, width=WIDTH, color_system=None, highlight=False, force_terminal=False
    )
    if result.outcome == "error":
        console.print(
            f"error  {result.scenario} with {result.pipeline}: {result.reason}", markup=False
        )
    else:
        print_result(console, result)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")
