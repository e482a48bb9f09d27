"""`harness terraform`: a proven scenario as Terraform and SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def terraform(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Name or file.")],
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the files.")
    ] = Path("terraform"),
    pipeline: Annotated[str, typer.Option("--pipeline", help="The pipeline that was proven.")] = "",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario.")
    ] = None,
) -> None:
    """Write a scenario's AWS resources, ClickPipes and ClickHouse tables as Terraform and SQL."""
    from harness.scenario.load import load_scenario
    from harness.terraform.files import write_files

    changes = [*(overrides or []), *([f"pipeline.name={pipeline}"] if pipeline else [])]
    loaded = load_scenario(scenario, overrides=changes)
    for path in write_files(loaded, output):
        typer.echo(path)
