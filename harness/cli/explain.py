"""`harness explain`: the life of one key in a run, and what went wrong in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

if TYPE_CHECKING:
    from harness.explain.necessity import Trial

LATEST = Path("runs") / "latest"


def explain(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN|FILE", help="A run directory, or a repro file to be played."),
    ] = LATEST,
    *,
    key: Annotated[
        str,
        typer.Option(help="`c-1 / 17`, `id = c-1` or JSON; else the first that a check names."),
    ] = "",
    allow_command: Annotated[
        bool,
        typer.Option("--allow-command", help="Let a file from elsewhere run code that it brings."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
) -> int:
    """Tell the life of a key: its writes, deliveries, rows, FINAL, and what went wrong in it.

    A repro file is played, and each of its steps left out in turn, to find those that it needs.
    """
    from harness.explain import show
    from harness.explain.choose import choose_key
    from harness.explain.lives import life_of
    from harness.explain.material import open_run
    from harness.explain.necessity import necessary
    from harness.explain.sentence import explain as explained

    tried: list[Trial] | None = None
    if run.is_file():
        from harness.explain.played import play_repro

        material, tried = play_repro(run, allow_command=allow_command)
    else:
        material = open_run(run)
    life, backdrop = life_of(material, choose_key(material, key))
    needed = None if tried is None else necessary(tried)
    explanation = explained(life, backdrop, material, needed)
    if as_json:
        body = show.as_json(material, life, backdrop, explanation, tried)
        sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    else:
        console = Console(highlight=False)
        console.print(show.rendered(material, life, backdrop, explanation, tried))
    return 0
