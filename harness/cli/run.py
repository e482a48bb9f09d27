"""`harness run`: one scenario or several, each to a verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

from harness.backends.choice import without_password as shown
from harness.cli.jobs import given_up, run_side_by_side, shard
from harness.cli.messages import print_error
from harness.errors import HarnessError, UsageError
from harness.report import github
from harness.report.junit import write_junit
from harness.report.terminal import Progress, print_result
from harness.run.result import Outcome, Result
from harness.run.store import RUNS, keep_replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.run.runner import Options
    from harness.scenario.model import Scenario

# A run that is wrong outranks one that is not known, which outranks one that is right.
_GRAVITY: tuple[Outcome, ...] = ("passed", "unknown", "failed", "error")


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
    aws: Annotated[
        str,
        typer.Option(envvar="HARNESS_AWS", help="`embedded`, `localstack` or an endpoint's URL."),
    ] = "",
    clickhouse: Annotated[
        str,
        typer.Option(
            envvar="HARNESS_CLICKHOUSE",
            help="`embedded[:VERSION]`, `container[:TAG]` or http://user:password@host:port/database.",
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
    runs: Annotated[Path, typer.Option(help="Where run directories go.")] = RUNS,
    allow_command: Annotated[
        bool,
        typer.Option("--allow-command", help="Let scenarios from elsewhere run code they bring."),
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    part: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Run the I-th of N parts alone.")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Run so many scenarios at a time.")] = 1,
    stepped: Annotated[
        bool,
        typer.Option(
            "--stepped/--live", help="One action at a time, chosen by the seed, or freely."
        ),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html into each run directory.")
    ] = False,
) -> int:
    """Run scenarios and give a verdict: does ClickHouse FINAL equal DynamoDB?"""
    from harness.backends.world import Backends
    from harness.run.pipelines import require_pipeline
    from harness.run.runner import Options
    from harness.scenario.catalog import find, names

    given = names() if every else list(scenarios or [])
    if not given:
        raise UsageError("no scenario given", hint="name one, or pass --all; see: harness list")
    wanted = shard(given, part)
    loaded = [_load(name, settings or [], seed, drop_expect=no_expect) for name in wanted]
    for scenario in loaded:
        # Before the first of them has run for minutes.
        name = pipeline or scenario.pipeline.name
        require_pipeline(scenario, name, allow_command=allow_command)
    options = Options(
        pipeline=pipeline,
        runs=runs,
        backends=Backends(aws=aws, clickhouse=clickhouse),
        allow_command=allow_command,
        stepped=stepped,
    )
    stderr = Console(stderr=True, highlight=False)
    stdout = Console(highlight=False, soft_wrap=False)
    words = _words(pipeline, settings or [], no_expect=no_expect, allow_command=allow_command)
    words += backend_words(aws, clickhouse) + ["--stepped"] * stepped
    results = []
    for name, result in zip(wanted, _run_all(loaded, options, jobs, stderr), strict=True):
        result.replay = " ".join(["harness", "run", name, "--seed", str(result.seed), *words])
        results.append(result)
        keep_replay(result)
        if report:
            _write_report(result, stderr)
        if not as_json and result.outcome != "error":
            print_result(stdout, result)
    if junit is not None:
        write_junit(junit, results)
    github.report([(r, find(name)) for name, r in zip(wanted, results, strict=True)])
    if as_json:
        documents = [result.as_json() for result in results]
        body = documents[0] if len(documents) == 1 else {"runs": documents}
        sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    # A part may be empty: with more parts than scenarios some machines have nothing to do.
    gravest = max(results, key=_gravity, default=None)
    return gravest.exit_code if gravest is not None else 0


def _gravity(result: Result) -> tuple[int, bool]:
    # What nobody repairs by running it again comes first.
    return _GRAVITY.index(result.outcome), result.is_wrong_input


def _load(name: str, settings: list[str], seed: int | None, *, drop_expect: bool) -> Scenario:
    from harness.scenario.load import load_scenario

    overrides = [*settings]
    if seed is not None:
        overrides.append(f"seed={seed}")
    if drop_expect:
        overrides.append("expect=[]")
    return load_scenario(name, overrides=overrides)


def _run_all(
    scenarios: list[Scenario], options: Options, jobs: int, stderr: Console
) -> Iterable[Result]:
    """Each scenario's result, in order; one after the other as they are asked for, or all at once."""
    if jobs == 1 or len(scenarios) == 1:
        is_alone = len(scenarios) == 1
        return (_run_one(scenario, options, stderr, is_alone=is_alone) for scenario in scenarios)

    def tell(result: Result) -> None:
        seconds = result.seconds.get("total", 0.0)
        line = f"{result.outcome:<7} {result.scenario} with {result.pipeline}  {seconds:.1f} s"
        stderr.print(line, markup=False, soft_wrap=True)
        if result.outcome == "error":
            print_error(f"{result.scenario}: {result.reason}", "")

    return run_side_by_side(scenarios, options, jobs, tell)


def _run_one(scenario: Scenario, options: Options, stderr: Console, *, is_alone: bool) -> Result:
    from harness.run.runner import run_scenario
    from harness.run.stepped_run import run_in_steps

    progress = Progress(stderr)
    try:
        if options.stepped:
            return run_in_steps(scenario, options)
        return run_scenario(scenario, options, progress)
    except HarnessError as error:
        progress.close()
        print_error(error.message if is_alone else f"{scenario.name}: {error.message}", error.hint)
        return given_up(scenario, options, error)
    finally:
        progress.close()


def _write_report(result: Result, stderr: Console) -> None:
    if result.run_dir is None:
        return
    from harness.report.run_page import write_report

    stderr.print(f"  report: {write_report(result.run_dir)}", markup=False, soft_wrap=True)


def backend_words(aws: str, clickhouse: str) -> list[str]:
    """The options that choose the same servers again; passwords are left out."""
    given = (("--aws", aws), ("--clickhouse", clickhouse))
    return [word for name, value in given if value for word in (name, shown(value))]


def _words(
    pipeline: str, settings: list[str], *, no_expect: bool, allow_command: bool
) -> list[str]:
    """The options that a command needs to run the same thing again."""
    words = ["--pipeline", pipeline] if pipeline else []
    for setting in settings:
        words += ["--set", f"'{setting}'" if set(setting) & set(" []{}\"'") else setting]
    if no_expect:
        words.append("--no-expect")
    if allow_command:
        words.append("--allow-command")
    return words
