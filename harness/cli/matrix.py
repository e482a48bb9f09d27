"""`harness matrix`: does the scenario library find every defect, and nobody who has none?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

if TYPE_CHECKING:
    from harness.matrix.cell import Cell
    from harness.scenario.model import Scenario

SEEDS = 3


def matrix(
    *,
    pipelines: Annotated[
        list[str] | None,
        typer.Option("--pipeline", help="Run this one alone; repeat for several."),
    ] = None,
    scenarios: Annotated[
        list[str] | None,
        typer.Option("--scenario", help="Run under this one alone; repeat for several."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds tried for each pipeline and scenario.")
    ] = SEEDS,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of every scenario."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes to run on.")] = 1,
    dask: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster: tcp://host:8786.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
    doc: Annotated[
        Path | None, typer.Option(help="Write the matrix as a Markdown page to this file.")
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Remember where each mutant was found, for the tests."),
    ] = False,
) -> int:
    """Run pipelines under scenarios, stepped, and print which scenario finds which defect.

    By default the correct pipelines and every mutant of the zoo, under every small scenario. Exits
    with 1 when a mutant survives or a correct pipeline fails.
    """
    from harness.matrix.document import write_document, write_known_kills
    from harness.matrix.matrix import Matrix
    from harness.matrix.plan import plan
    from harness.matrix.terminal import print_matrix
    from harness.matrix.workers import run_tasks

    tasks = plan(pipelines or [], _scenarios(scenarios or [], settings or []), seeds)
    stderr = Console(stderr=True, highlight=False)
    with stderr.status(f"0 of {len(tasks)} cells") as status:
        count = 0

        def done(cell: Cell) -> None:
            nonlocal count
            count += 1
            status.update(f"{count} of {len(tasks)} cells: {cell.pipeline} under {cell.scenario}")

        found = Matrix.of(run_tasks(tasks, jobs, done, dask=dask))
    if doc is not None:
        write_document(doc, found)
    if record:
        write_known_kills(found)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    else:
        print_matrix(Console(highlight=False), found)
    return found.exit_code


def _scenarios(names: list[str], settings: list[str]) -> list[Scenario]:
    from harness.matrix.plan import default_scenarios
    from harness.scenario.load import load_scenario

    if not names:
        return default_scenarios(settings)
    return [load_scenario(name, overrides=settings) for name in names]
