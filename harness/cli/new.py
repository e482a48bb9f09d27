"""`harness new`: a scenario and a pipeline to begin with."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Language(StrEnum):
    """What the pipeline is written in."""

    PYTHON = "python"
    LAMBDA = "lambda"
    NODE = "node"
    GO = "go"


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the scenario and its folder.")],
    *,
    language: Annotated[
        Language, typer.Option(help="What the pipeline is written in.")
    ] = Language.PYTHON,
) -> None:
    """Write a scenario and a pipeline that passes it into a new folder, to begin with."""
    from harness.run.own_code import may_run_code
    from harness.scenario.start import BUILT_BY, start

    scenario = start(name, language.value, Path())
    files = sorted(path.name for path in scenario.parent.iterdir())
    sys.stdout.write(f"{scenario.parent}/: {', '.join(files)}\n")
    build = BUILT_BY.get(language.value)
    if build:
        sys.stdout.write(f"build it:      (cd {scenario.parent} && {build})\n")
    # In a folder that no version control or package file marks as a project, code needs leave.
    leave = "" if may_run_code(scenario.parent) else " --allow-command"
    sys.stdout.write(f"see it pass:   harness run {scenario}{leave}\n")
    sys.stdout.write(f"see it fail:   harness run {scenario}{leave} --set pipeline.env.BUG=1\n")
    sys.stdout.write(f"look harder:   harness fuzz --scenario {scenario}{leave}\n")
