"""`harness list` and `harness schema`: what can be run, and what a scenario may say."""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def list_scenarios(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False
) -> None:
    """List the scenarios that can be run by name, and the bug each guards against."""
    from harness.scenario.catalog import catalog

    entries = catalog()
    if as_json:
        rows = [
            {"name": e.name, "description": e.description, "guards": e.guards, "file": str(e.path)}
            for e in entries
        ]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("scenario", style="bold", no_wrap=True)
    table.add_column("what happens", overflow="fold")
    table.add_column("guards against", overflow="fold")
    for entry in entries:
        table.add_row(Text(entry.name), Text(entry.description), Text(entry.guards))
    Console(highlight=False).print(table)


def schema() -> None:
    """Print the JSON Schema of scenario files, so that editors complete and check them."""
    from harness.scenario.schema import json_schema

    body = orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2)
    sys.stdout.buffer.write(body + b"\n")
