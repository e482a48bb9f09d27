"""`harness explain`: the life of one key in a run, and what went wrong in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

LATEST = Path("runs") / "latest"


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")] = LATEST,
    *,
    key: Annotated[
        str,
        typer.Option(help="`c-1 / 17`, `id = c-1` or JSON; else the first that a check names."),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
) -> int:
    """Tell the life of a key: its writes, deliveries, rows, FINAL, and what went wrong in it."""
    from harness.explain import show
    from harness.explain.choose import choose_key
    from harness.explain.lives import life_of
    from harness.explain.material import open_run
    from harness.explain.sentence import explain as explained

    material = open_run(run)
    life, backdrop = life_of(material, choose_key(material, key))
    explanation = explained(life, backdrop)
    if as_json:
        body = show.as_json(material, life, backdrop, explanation)
        sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    else:
        Console(highlight=False).print(show.rendered(material, life, backdrop, explanation))
    return 0
