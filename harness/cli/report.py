"""`harness report`: a run as one page that needs nothing but itself."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

LATEST = Path("runs") / "latest"


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FILE", help="A run, a repro file, or a matrix or campaign as JSON."
        ),
    ] = LATEST,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Default: report.html in the run."),
    ] = None,
    allow_command: Annotated[
        bool,
        typer.Option("--allow-command", help="Let a repro from elsewhere run code that it brings."),
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> int:
    """Write what a run came to as an HTML page: to look at, to search, to send to a colleague."""
    from harness.report.pages import write_page

    place = write_page(run, out, allow_command=allow_command)
    typer.echo(str(place))
    if show:
        webbrowser.open(place.resolve().as_uri())
    return 0
