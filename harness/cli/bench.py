"""`harness bench …`: how fast the parts are, against what one could use in their place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench.contenders import Contender
    from harness.bench.result import Measured

WIDTH = 200

bench = typer.Typer(name="bench", help="Measure speed and memory.", no_args_is_help=True)

PEER_HELP = "A peer by name, or the URL of an endpoint that runs; may be repeated. Default: those installed."


@bench.callback()
def _root() -> None:
    """Measure speed and memory."""


@bench.command("aws")
def aws(
    *,
    peer: Annotated[list[str] | None, typer.Option(help=PEER_HELP)] = None,
    row: Annotated[list[str] | None, typer.Option(help="Only this row; may be repeated.")] = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Measured on each endpoint for each row.")
    ] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option(help="Small tables, short rounds: an impression.")] = False,
    growth: Annotated[
        bool, typer.Option(help="Instead: cost per record up to 1,000,000 records and items.")
    ] = False,
    doc: Annotated[
        Path | None, typer.Option(help="Write the result as a section of this document.")
    ] = None,
) -> int:
    """Compare the embedded AWS endpoint with its peers.

    Exit code 1 when a row is below its bar.
    """
    if growth:
        if peer or row:
            raise UsageError("--growth looks at the embedded endpoint alone, at all its figures")
        return _grow(quick=quick, as_json=as_json, doc=doc)
    others = _contenders(peer or [])
    return _compare(others, row or [], seconds=seconds, as_json=as_json, quick=quick, doc=doc)


@bench.command("sync")
def sync(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option(help="Few records, short rounds: an impression.")] = False,
    growth: Annotated[
        bool, typer.Option(help="Only: cost per record and memory up to 1,000,000 that wait.")
    ] = False,
    doc: Annotated[
        Path | None, typer.Option(help="Write the result as a section of this document.")
    ] = None,
) -> int:
    """Compare the reference sync with the plainest SQL that does the same.

    Exit code 1 when a row is below its bar.
    """
    from harness.bench import machine, show
    from harness.bench import sync as reference

    sizes = reference.QUICK if quick else reference.Sizes()
    found, versions = reference.bench(sizes, growth_only=growth, tell=_tell)
    about = machine.describe(versions)
    if as_json:
        _print_json({"machine": about, "rows": [one.as_json() for one in found]})
    else:
        _print(show.table(found, [reference.RAW]))
    if doc is not None:
        command = "harness bench sync" + " --growth" * growth + " --quick" * quick
        heading = "Reference sync: growth" if growth else "Reference sync"
        show.write_section(doc, heading, show.markdown(found, [reference.RAW], about, command))
    return 0 if all(one.passed for one in found) else 1


@bench.command("checks")
def checks(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option(help="Short histories: an impression.")] = False,
    doc: Annotated[
        Path | None, typer.Option(help="Write the result as a section of this document.")
    ] = None,
) -> int:
    """Measure how fast the checks judge histories of up to 1,000,000 events, and in what memory.

    Exit code 1 when a row is below its bar.
    """
    from harness.bench import checks as judging
    from harness.bench import machine, show

    found = judging.bench(judging.QUICK_SIZES if quick else judging.SIZES, _tell)
    about = machine.describe({})
    if as_json:
        _print_json({"machine": about, "rows": [one.as_json() for one in found]})
    else:
        _print(show.table(found, []))
    if doc is not None:
        command = "harness bench checks" + " --quick" * quick
        show.write_section(doc, "Checks", show.markdown(found, [], about, command))
    return 0 if all(one.passed for one in found) else 1


@bench.command("fuzz")
def fuzz(
    *,
    mutant: Annotated[
        list[str] | None, typer.Option(help="Only this mutant; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quick: Annotated[bool, typer.Option(help="15 s for each mutant: an impression.")] = False,
    doc: Annotated[
        Path | None, typer.Option(help="Write the result as a section of this document.")
    ] = None,
) -> int:
    """Count examples a minute; find each mutant, tell when and in how few steps, and replay it.

    Exit code 1 when a row misses its goal.
    """
    from harness.bench import fuzz as measure
    from harness.bench import machine, show

    effort = measure.QUICK if quick else measure.Effort()
    found, kills = measure.bench(
        effort,
        mutants=mutant or [],
        tell=lambda line: print(f"  {line}", file=sys.stderr),  # noqa: T201
    )
    about = machine.describe({})
    if as_json:
        told = [
            {"mutant": k.mutant, "seconds": k.seconds, "steps": k.steps, "check": k.check}
            for k in kills
        ]
        body = {"machine": about, "rows": [one.as_json() for one in found], "mutants": told}
        _print_json(body)
    else:
        _print(show.table(found, []))
    if doc is not None:
        command = "harness bench fuzz" + " --quick" * quick
        text = show.markdown(found, [], about, command) + "\n" + measure.markdown(kills)
        show.write_section(doc, "Fuzz", text)
    return 0 if all(one.passed for one in found) else 1


def _compare(
    others: Sequence[Contender],
    row_names: Sequence[str],
    *,
    seconds: float,
    as_json: bool,
    quick: bool,
    doc: Path | None,
) -> int:
    from rich.text import Text

    from harness.bench import machine, show
    from harness.bench.aws import bench as measure
    from harness.bench.aws import rows_named
    from harness.bench.contenders import embedded
    from harness.bench.load import QUICK, Amounts
    from harness.bench.measure import Effort

    effort = Effort(min(seconds, 0.6), rounds=5) if quick else Effort(seconds)
    found, versions = measure(
        embedded(),
        others,
        rows_named(row_names),
        amounts=QUICK if quick else Amounts(),
        effort=effort,
        tell=_tell,
    )
    about = machine.describe(versions)
    names = [one.name for one in others]
    if as_json:
        _print_json({"machine": about, "rows": [one.as_json() for one in found]})
    else:
        _print(show.table(found, names))
        _print(Text("\n".join(show.notes(found)), style="dim"))
    if doc is not None:
        command = "harness bench aws --quick" if quick else "harness bench aws"
        show.write_section(doc, "AWS endpoint", show.markdown(found, names, about, command))
    return 0 if all(one.passed for one in found) else 1


def _grow(*, quick: bool, as_json: bool, doc: Path | None) -> int:
    from harness.bench import growth, machine, million, show
    from harness.bench.contenders import embedded

    ours = embedded()
    with ours.start() as endpoint:
        versions = {endpoint.name: endpoint.version}
        points = growth.points(endpoint, growth.QUICK_SIZES if quick else growth.SIZES)
    rows = growth.as_rows(points)
    for one in rows:
        _tell(one)
    with ours.start() as endpoint:
        large = million.measure(endpoint, million.ITEMS // 20 if quick else million.ITEMS)
    for one in large:
        _tell(one)
    rows += large
    about = machine.describe(versions)
    if as_json:
        told = [point.as_json() for point in points]
        body = {"machine": about, "rows": [one.as_json() for one in rows], "growth": told}
        _print_json(body)
    else:
        _print(show.points_table(points))
        _print(show.table(rows, []))
    if doc is not None:
        command = "harness bench aws --growth" + (" --quick" if quick else "")
        text = show.markdown(rows, [], about, command) + "\n" + show.points_markdown(points)
        show.write_section(doc, "AWS endpoint: growth", text)
    return 0 if all(one.passed for one in rows) else 1


def _contenders(names: Sequence[str]) -> list[Contender]:
    from harness.bench.contenders import at_url, installed, known

    if not names:
        return installed()
    return [at_url(name) if "://" in name else known(name) for name in names]


def _tell(one: Measured) -> None:
    from harness.bench.show import figure

    best = f"{one.best_peer} {figure(one.peers[one.best_peer])}" if one.best_peer else "no peer"
    ratio = "" if one.ratio is None else f" ×{one.ratio:.2f}"
    mark = "" if one.passed else "  below the bar"
    sys.stderr.write(f"  {one.row.name}: {figure(one.ours)} {one.row.unit}; {best}{ratio}{mark}\n")
    sys.stderr.flush()


def _print(shown: object) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(shown)


def _print_json(body: object) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.flush()
