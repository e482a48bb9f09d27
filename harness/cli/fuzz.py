"""`harness fuzz`: draws workload, faults and schedule until a pipeline goes wrong, and cuts it down."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

from harness.fuzz.span import seconds_of
from harness.fuzz.told import told
from harness.run.result import EXIT_CODES, Outcome

if TYPE_CHECKING:
    from harness.fuzz.campaign import Campaign, Findings


def fuzz(
    *,
    pipeline: Annotated[
        str, typer.Option(help="A pipeline by name, or module:name of a Python one.")
    ] = "",
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 60s, 10m, 8h.")
    ] = "",
    examples: Annotated[int, typer.Option(min=0, help="How many, instead of how long.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 1,
    scenario: Annotated[
        str, typer.Option(help="Draw from this scenario, made small; a name or a TOML file.")
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the scenario."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw the same examples again; default: new ones.")
    ] = None,
    changes: Annotated[int, typer.Option(min=2, help="Most writes of an example.")] = 20,
    first: Annotated[bool, typer.Option("--first", help="End with the first failure.")] = False,
    out: Annotated[Path, typer.Option(help="Where repro files go.")] = Path("repros"),
    database: Annotated[
        Path | None, typer.Option(help="Where failures are kept that the next run tries first.")
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(help="Note finished blocks in this file, and go on from what it holds."),
    ] = None,
    dask: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster: tcp://host:8786.")
    ] = "",
    allow_command: Annotated[
        bool,
        typer.Option("--allow-command", help="Let scenarios from elsewhere run code they bring."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
) -> int:
    """Search for a schedule under which a pipeline goes wrong; write what is left of it as a file.

    Exit code 1 when something failed, 3 when an example had no verdict, 0 otherwise.
    """
    from harness.clock import WallClock
    from harness.fuzz.campaign import Campaign, Interrupted, search
    from harness.fuzz.database import FOLDER, Database
    from harness.fuzz.ground import grounds
    from harness.fuzz.repeating import repeats_of
    from harness.report.fuzz_terminal import FuzzProgress
    from harness.run.pipelines import require_pipeline

    bases = tuple(grounds(scenario, pipeline, overrides=tuple(settings or ())))
    base = bases[0]
    name = pipeline or base.pipeline.name
    require_pipeline(base, name, allow_command=allow_command or ":" in pipeline)
    campaign = Campaign(
        bases,
        name,
        WallClock().now_us() % 2**31 if seed is None else seed,
        out,
        examples=examples,
        seconds=_seconds(time, examples),
        jobs=jobs,
        journal=journal,
        database=Database(database or FOLDER, name, base.name),
        first_only=first,
        changes_max=changes,
        defect=_defect(name),
        dask=dask,
    )
    # Told first: an interrupt leaves no other trace of it.
    sys.stderr.write(f"searching {name}, seed {campaign.seed}\n")
    stderr = Console(stderr=True, highlight=False)
    with FuzzProgress(stderr, seconds=campaign.seconds, examples=examples) as show:
        ended: Interrupted | None = None
        try:
            findings = search(campaign, tell=show.tell, see=show.see)
        except Interrupted as interrupted:
            ended, findings = interrupted, interrupted.findings
    if not as_json:
        # Before replays are measured: that takes a program some seconds more.
        _print(findings, campaign)
        sys.stdout.flush()
    again = None if ended else repeats_of(campaign, findings)
    if as_json:
        document = findings.as_json() | ({"repeats": asdict(again)} if again else {})
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()
    elif again:
        sys.stdout.write(f"a program has timers of its own: {again}\n")
    if ended:
        raise ended
    return EXIT_CODES[_outcome(findings)]


def _outcome(findings: Findings) -> Outcome:
    if findings.found:
        return "failed"
    return "unknown" if findings.unknown or not findings.examples else "passed"


def _seconds(time: str, examples: int) -> float:
    if not time:
        return 0.0 if examples else 60.0
    return seconds_of(time, "--for")


def _defect(pipeline: str) -> str:
    """A mutant is named after its defect."""
    from harness.pipelines.mutants.zoo import zoo

    return pipeline if pipeline in zoo() else ""


def _print(findings: Findings, campaign: Campaign) -> None:
    console = Console(highlight=False)
    spent = findings.example_seconds
    rate = f", {findings.examples / spent * 60:,.0f}/min and process" if spent else ""
    console.print(
        f"{findings.examples:,} example{'s' * (findings.examples != 1)} of {campaign.pipeline} "
        f"in {findings.seconds:.0f} s{rate}"
        f"  (seed {campaign.seed})",
        markup=False,
    )
    for line in told(findings):
        # Not wrapped: it holds a command to copy.
        console.print(line, markup=False, soft_wrap=True)
    if findings.repaired:
        console.print(f"{findings.repaired} known failures pass now", markup=False)
    if findings.resumed:
        console.print(f"{findings.resumed} blocks were in the journal", markup=False)
    from harness.faults.sightings import SIGHTINGS

    never = [name for name in SIGHTINGS if not findings.sightings.get(name)]
    if never and findings.examples and not findings.found:
        console.print(f"never met: {', '.join(never)}", markup=False)
    if not findings.found and not findings.unknown:
        console.print("nothing failed")
