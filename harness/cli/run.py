"""`harness run`: one scenario or several, each to a verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

from harness.cli.messages import print_error
from harness.errors import HarnessError, UsageError
from harness.report.terminal import Progress, print_result
from harness.run.result import EXIT_CODES, Result
from harness.run.store import RUNS

if TYPE_CHECKING:
    from harness.scenario.model import Scenario

# A run that is wrong outranks one that is not known, which outranks one that is right.
_GRAVITY = ("passed", "unknown", "failed", "error")


def run(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Names (see `harness list`) or TOML files.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Run every known scenario.")] = False,
    pipeline: Annotated[
        str, typer.Option(help="Put this pipeline under test instead of the scenario's.")
    ] = "",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed than the scenario's.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key, e.g. workload.changes=100."
        ),
    ] = None,
    no_expect: Annotated[
        bool, typer.Option("--no-expect", help="Judge without the scenario's expected failures.")
    ] = False,
    aws: Annotated[str, typer.Option(help="`embedded`, or the URL of an AWS endpoint.")] = (
        "embedded"
    ),
    clickhouse: Annotated[
        str, typer.Option(help="`embedded`, or http://user:password@host:port/database.")
    ] = "embedded",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
    runs: Annotated[Path, typer.Option(help="Where run directories go.")] = RUNS,
) -> int:
    """Run scenarios and give a verdict: does ClickHouse FINAL equal DynamoDB?"""
    from harness.backends.world import Backends
    from harness.run.runner import Options
    from harness.scenario.catalog import names

    wanted = names() if every else list(scenarios or [])
    if not wanted:
        raise UsageError("no scenario given", hint="name one, or pass --all; see: harness list")
    loaded = [_load(name, settings or [], seed, drop_expect=no_expect) for name in wanted]
    options = Options(
        pipeline=pipeline, runs=runs, backends=Backends(aws=aws, clickhouse=clickhouse)
    )
    stderr = Console(stderr=True, highlight=False)
    stdout = Console(highlight=False, soft_wrap=False)
    results = []
    for name, scenario in zip(wanted, loaded, strict=True):
        result = _run_one(scenario, options, stderr)
        result.replay = _replay(name, result, pipeline, settings or [], no_expect=no_expect)
        results.append(result)
        if not as_json and result.outcome != "error":
            print_result(stdout, result)
    if as_json:
        documents = [result.as_json() for result in results]
        body = documents[0] if len(documents) == 1 else {"runs": documents}
        sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    worst = max((r.outcome for r in results), key=_GRAVITY.index)
    return EXIT_CODES[worst]


def _load(name: str, settings: list[str], seed: int | None, *, drop_expect: bool) -> Scenario:
    from harness.scenario.load import load_scenario

    overrides = [*settings]
    if seed is not None:
        overrides.append(f"seed={seed}")
    if drop_expect:
        overrides.append("expect=[]")
    return load_scenario(name, overrides=overrides)


def _run_one(scenario: Scenario, options: object, stderr: Console) -> Result:
    from harness.run.runner import Options, run_scenario

    assert isinstance(options, Options)
    progress = Progress(stderr)
    try:
        return run_scenario(scenario, options, progress)
    except HarnessError as error:
        if error.exit_code != EXIT_CODES["error"]:
            raise
        progress.close()
        print_error(error.message, error.hint)
        name = options.pipeline or scenario.pipeline.name
        return Result(scenario.name, name, scenario.seed, "error", str(error))
    finally:
        progress.close()


def _replay(
    name: str, result: Result, pipeline: str, settings: list[str], *, no_expect: bool
) -> str:
    words = ["harness", "run", name, "--seed", str(result.seed)]
    if pipeline:
        words += ["--pipeline", pipeline]
    for setting in settings:
        words += ["--set", f"'{setting}'" if set(setting) & set(" []{}\"'") else setting]
    if no_expect:
        words.append("--no-expect")
    return " ".join(words)
