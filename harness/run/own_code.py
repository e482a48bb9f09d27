"""Code that a scenario brings along: whether it may run, and the command that runs it.

A scenario file is data until its `[pipeline]` names a command, a handler or a class, or its
`[target]` brings statements, as the embedded ClickHouse may do with files what its user may. Such
code runs unasked only when the file belongs to the reader: it ships with the harness, or lies in the
project that the harness is run from. Any other file needs `--allow-command`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import PipelineError, UsageError
from harness.scenario import catalog

if TYPE_CHECKING:
    from harness.scenario.model import Scenario
    from harness.scenario.model_pipeline import Lambda

PROJECT_MARKS = (".git", "pyproject.toml", "package.json", "go.mod", "Cargo.toml", "pom.xml")
_NAMES = r"\(\s*(`?[\w ]+`?(\s*,\s*`?[\w ]+`?)*)?\s*\)"
_ENGINE = re.compile(rf"\w*MergeTree({_NAMES})?")
_PART = re.compile(rf"\w+({_NAMES})?|{_NAMES}")
DISCARDED = "discarded"
"""Folder of a run directory that stands for the queue or bucket of an on-failure destination."""


def project_root(start: Path) -> Path | None:
    """The nearest folder from `start` upwards that is marked as a project's; None without one."""
    home = Path.home().resolve()
    for folder in (start, *start.parents):
        # A home folder under version control does not make every download a project's file.
        if folder != home and any((folder / mark).exists() for mark in PROJECT_MARKS):
            return folder
    return None


def may_run_code(folder: Path) -> bool:
    """Whether a scenario of this folder may bring code: a known folder, or the reader's project."""
    place = folder.resolve()
    if place in catalog.folders():
        return True
    root = project_root(Path.cwd().resolve())
    return root is not None and place.is_relative_to(root)


def require_permission(scenario: Scenario, *, allowed: bool) -> None:
    """Make sure that the scenario's own code may run.

    Raises:
        UsageError: it comes from elsewhere, and nobody allowed it.
    """
    if allowed or not scenario.pipeline.is_own_code or _is_known(scenario):
        return
    raise UsageError(
        f"scenario {scenario.name} runs code of its own ({code_of(scenario)}) and lies outside of "
        f"this project, in {scenario.origin.resolve()}",
        hint=_what_to_do(),
    )


def require_sql_permission(scenario: Scenario, *, allowed: bool) -> None:
    """Make sure that the scenario's own SQL may run: it can read and write this machine's files.

    Raises:
        UsageError: it comes from elsewhere, and nobody allowed it.
    """
    brought = sql_of(scenario)
    if allowed or not brought or _is_known(scenario):
        return
    raise UsageError(
        f"scenario {scenario.name} brings SQL of its own ([target] {', '.join(brought)}) and lies "
        f"outside of this project, in {scenario.origin.resolve()}",
        hint=_what_to_do(),
    )


def _is_known(scenario: Scenario) -> bool:
    # A repro from elsewhere may name any folder as its scenario's.
    return may_run_code(scenario.folder) and may_run_code(scenario.origin)


def _what_to_do() -> str:
    if project_root(Path.cwd().resolve()) is None:
        return (
            "read it, then pass --allow-command; no folder from here upwards is marked as a project "
            f"by {', '.join(PROJECT_MARKS)}"
        )
    return "read it, then pass --allow-command, or run the harness from the scenario's project"


def sql_of(scenario: Scenario) -> list[str]:
    """The keys of `[target]` that hold more SQL than a name, a type or a plain table engine."""
    target = scenario.target
    return [
        name
        for name, is_sql in (
            ("ddl", bool(target.ddl)),
            ("view", bool(target.view)),
            ("deleted.predicate", bool(target.deleted.predicate)),
            ("engine", bool(target.engine and not _ENGINE.fullmatch(target.engine))),
            (
                "partition_by",
                bool(target.partition_by and not _PART.fullmatch(target.partition_by)),
            ),
            ("settings", not all(map(str.isidentifier, target.settings))),
        )
        if is_sql
    ]


def code_of(scenario: Scenario) -> str:
    """What would run, for people."""
    pipeline = scenario.pipeline
    if pipeline.command is not None:
        return " ".join(pipeline.command)
    return pipeline.lambda_.handler if pipeline.lambda_ is not None else str(pipeline.python)


def own_command(scenario: Scenario, run_dir: Path) -> list[str]:
    """The program and arguments that run the scenario's own code, from the scenario's folder.

    Raises:
        PipelineError: the command's program is a file of the scenario's that cannot be run.
    """
    pipeline = scenario.pipeline
    if pipeline.command is not None:
        _require_program(pipeline.command[0], scenario.folder)
        return list(pipeline.command)
    # -P: the scenario's folder joins the path in its place, so that it hides no standard module.
    python = [sys.executable, "-P", "-m"]
    if pipeline.lambda_ is not None:
        config = run_dir / "event_source.json"
        _write(config, mapping_config(pipeline.lambda_, run_dir))
        return [*python, "harness.pipelines.event_source", "--config", str(config.resolve())]
    config = run_dir / "pipe.json"
    _write(config, pipeline.settings)
    reference = str(pipeline.python)
    return [*python, "harness.pipelines.own_python", reference, "--config", str(config.resolve())]


def mapping_config(mapping: Lambda, run_dir: Path) -> dict[str, Any]:
    """The event-source mapping as its process reads it."""
    config = mapping.model_dump(mode="json", exclude_none=True)
    return {**config, "discarded_dir": str((run_dir / DISCARDED).resolve())}


def own_variables(scenario: Scenario) -> dict[str, str]:
    """`[pipeline] env`, and a PATH on which `python` is the harness's where no other is active."""
    variables = {name: str(value) for name, value in scenario.pipeline.env.items()}
    if "VIRTUAL_ENV" not in os.environ and "PATH" not in variables:
        folder = str(Path(sys.executable).parent)
        variables["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    return variables


def _require_program(program: str, folder: Path) -> None:
    """A relative path starts at the scenario's folder; a bare name is looked up on PATH."""
    if os.sep not in program:
        return
    path = folder / program
    if not path.is_file():
        raise PipelineError(
            f"cannot start the pipeline {program!r}: there is no file {path.resolve()}",
            hint="relative paths of [pipeline] command start at the scenario's folder",
        )
    if not os.access(path, os.X_OK):
        raise PipelineError(
            f"cannot start the pipeline {program!r}: {path.resolve()} is not executable",
            hint=f"chmod +x it, or name its interpreter first: ['python', '{program}']",
        )


def _write(path: Path, config: dict[str, Any]) -> None:
    path.write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2))
