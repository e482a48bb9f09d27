"""`harness conformance`: does an endpoint behave as AWS documents?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.conformance.case import Case
    from harness.conformance.run import Results

PAGE = Path("docs/conformance.md")


def conformance(
    *,
    aws: Annotated[str, typer.Option(help="`embedded`, or the URL of an AWS endpoint.")] = (
        "embedded"
    ),
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group; may be given again.")
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(help="Only this case, or those whose ids begin so; may be given again."),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PEER|NAME=URL",
            help="Compare with peers (installed on first use) or endpoints; may be given again.",
        ),
    ] = None,
    page: Annotated[Path, typer.Option(help="Where --compare writes its table.")] = PAGE,
    record: Annotated[
        Path | None, typer.Option(help="With --compare: write which cases failed where, as JSON.")
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, help="How many times longer to wait; AWS itself needs 20.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Names and chance follow from it.")] = 0,
) -> int:
    """Check what an endpoint does against what AWS documents, through boto3 alone."""
    cases = _chosen(group or [], case or [])
    if compare:
        return _compare(cases, compare, page, record, seed, as_json=as_json)
    from rich.console import Console

    from harness.conformance.report import as_json as json_of
    from harness.conformance.report import print_results, write_junit
    from harness.conformance.run import EMBEDDED, run_embedded, run_on

    if aws == EMBEDDED:
        results = run_embedded(cases, seed=seed)
    elif aws.startswith(("http://", "https://")):
        results = run_on(aws, cases, seed=seed, patience=patience)
    else:
        raise UsageError(f"--aws takes embedded or a URL, not {aws!r}")
    if junit is not None:
        write_junit(results, junit)
    if as_json:
        _print_json(json_of(results))
    else:
        print_results(Console(highlight=False), results)
    return 1 if results.count("fail") else 0


def _compare(
    cases: Sequence[Case],
    words: list[str],
    page: Path,
    record: Path | None,
    seed: int,
    *,
    as_json: bool,
) -> int:
    from harness.clock import WallClock
    from harness.conformance.compare import compare, contenders, markdown, write_record
    from harness.conformance.report import as_json as json_of

    results = compare(contenders(words), cases, seed=seed, told=_progress)
    command = "harness conformance " + " ".join(f"--compare {shlex.quote(w)}" for w in words)
    if record is not None:
        write_record(results, record)
        command += f" --record {shlex.quote(str(record))}"
    text = markdown(results, WallClock(seed=seed), command)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    if as_json:
        _print_json({"endpoints": [json_of(found) for found in results.values()]})
    else:
        sys.stdout.write(text.partition("## Cases")[0].rstrip() + f"\n\nwritten to {page}\n")
    return 1 if _ours(results).count("fail") else 0


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")


def _ours(results: dict[str, Results]) -> Results:
    return next(iter(results.values()))


def _chosen(groups: list[str], names: list[str]) -> list[Case]:
    from harness.conformance.case import GROUPS, all_cases

    for group in groups:
        if group not in GROUPS:
            raise UsageError(f"unknown group {group!r}", hint=nearest(group, GROUPS))
    known = all_cases()
    for name in names:
        if not any(one.id.startswith(name) for one in known):
            raise UsageError(f"no case {name!r}", hint=nearest(name, [one.id for one in known]))
    return [
        one
        for one in known
        if (not groups or one.group in groups)
        and (not names or any(one.id.startswith(name) for name in names))
    ]


def _print_json(body: dict[str, Any]) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()
