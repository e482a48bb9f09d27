"""`harness replay`: a repro file, played once or several times."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console

from harness.checks.check import key_shown
from harness.run.result import EXIT_CODES, Outcome
from harness.run.store import RUNS

if TYPE_CHECKING:
    from harness.fuzz.replay import Replayed
    from harness.fuzz.repro import Repro
    from harness.run.result import Result
    from harness.run.step_repeat import Repeats

_GRAVITY: tuple[Outcome, ...] = ("passed", "unknown", "failed", "error")


def replay(
    file: Annotated[Path, typer.Argument(help="A repro file, as `harness fuzz` writes it.")],
    *,
    times: Annotated[int, typer.Option(min=1, help="How often.")] = 1,
    pipeline: Annotated[
        str, typer.Option(help="Play the steps with this pipeline instead of the file's.")
    ] = "",
    runs: Annotated[Path, typer.Option(help="Where the run directory goes.")] = RUNS,
    allow_command: Annotated[
        bool,
        typer.Option("--allow-command", help="Let files from elsewhere run code they bring."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
) -> int:
    """Play a repro file: does it still fail?

    Exit code 1 when it fails (also where only some of the replays do), 0 when it passes now, 2 when
    the file has a mistake or a step cannot be done.
    """
    from harness.clock import WallClock
    from harness.fuzz.replay import replay as play_once
    from harness.fuzz.repro import read_repro, with_pipeline
    from harness.run.pipelines import require_pipeline
    from harness.run.step_record import leave_run
    from harness.run.step_world import Bench

    repro = with_pipeline(read_repro(file), pipeline)
    script = repro.script
    require_pipeline(script.scenario, script.pipeline, allow_command=allow_command)
    with Bench() as bench:
        played = [play_once(bench, repro) for _ in range(times)]
    words = ["harness", "replay", str(file)] + (["--pipeline", pipeline] if pipeline else [])
    left = leave_run(
        script.scenario,
        script.pipeline,
        played[-1].result,
        runs=runs,
        clock=WallClock(),
        replay=" ".join(words),
    )
    outcomes: list[Outcome] = [one.result.outcome for one in played]
    if as_json:
        body = orjson.dumps(_document(repro, played, left), option=orjson.OPT_INDENT_2)
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
    else:
        _print(repro, played, left)
    return EXIT_CODES[max(outcomes, key=_GRAVITY.index)]


def _repeats(played: list[Replayed]) -> Repeats:
    from harness.fuzz.repeating import of_replays

    return of_replays(list(played))


def _document(repro: Repro, played: list[Replayed], left: Result) -> dict[str, Any]:
    return {
        **left.as_json(),
        "expected": {"check": repro.expected.check, "key": repro.expected.key},
        "steps": repro.script.length,
        "times": len(played),
        "same_check": sum(one.same_check for one in played),
        "same_key": sum(one.same_key for one in played),
        "same_trace": len({one.result.trace_hash for one in played}) == 1,
        "repeats": asdict(_repeats(played)),
        "replays": [one.as_json() for one in played],
    }


def _print(repro: Repro, played: list[Replayed], left: Result) -> None:
    console = Console(highlight=False)
    expected = repro.expected
    told = key_shown(expected.key)
    last = played[-1]
    console.print(f"{last.result.outcome}  {last.result.reason}", markup=False)
    for verdict in last.result.verdicts:
        if verdict.verdict == "fail":
            console.print(f"  {verdict.name}: {verdict.message}", markup=False)
            for finding in verdict.keys[:3]:
                console.print(f"    {key_shown(finding.key)}: {finding.what}", markup=False)
    checks, keys = sum(o.same_check for o in played), sum(o.same_key for o in played)
    console.print(
        f"recorded: {expected.check}{f' on {told}' if told else ''}; "
        f"the same check {checks} of {len(played)} times, the same key {keys}",
        markup=False,
    )
    if len(played) > 1:
        console.print(f"compared with the first, {_repeats(played)}", markup=False)
    for note in last.result.notes:
        console.print(f"  {note}", markup=False, soft_wrap=True)
    console.print(f"run directory  {left.run_dir}", markup=False, soft_wrap=True)
