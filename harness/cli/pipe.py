"""`harness pipe`: a pipe of the reference sync from outside, through its tables beside the target."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from harness.cli.pipe_create import create, run
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.reference.lifecycle import Pipe, PipeStatus

pipe = typer.Typer(
    help="Create, run, show, pause, resume, stop, resynchronise or delete a pipe.",
    no_args_is_help=True,
)
pipe.command("create")(create)
pipe.command("run")(run)

Target = Annotated[str, typer.Argument(metavar="TARGET", help="The pipe's target table.")]
Url = Annotated[
    str,
    typer.Option(
        "--clickhouse",
        envvar="CLICKHOUSE_URL",
        help="http://user:password@host:port/database of the target.",
    ),
]
RETRY_SECONDS_MAX = 5

Result = TypeVar("Result")


@pipe.command("show")
def show(
    target: Target,
    clickhouse: Url,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a pipe's state, how far each shard and data file is, its errors and its log."""
    status = _with_pipe(target, clickhouse, lambda found: found.status())
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(asdict(status), option=orjson.OPT_INDENT_2) + b"\n")
        return
    _print(Console(highlight=False), target, status)


@pipe.command("pause")
def pause(target: Target, clickhouse: Url) -> None:
    """Let a pipe store what it holds and wait."""
    _with_pipe(target, clickhouse, lambda found: found.pause())


@pipe.command("resume")
def resume(target: Target, clickhouse: Url) -> None:
    """Let a paused pipe go on where it was."""
    _with_pipe(target, clickhouse, lambda found: found.resume())


@pipe.command("stop")
def stop(target: Target, clickhouse: Url) -> None:
    """End a pipe; when it is started again it resumes at its checkpoints."""
    _with_pipe(target, clickhouse, lambda found: found.stop())


@pipe.command("resync")
def resync(target: Target, clickhouse: Url) -> None:
    """Load the snapshot and read the stream again from the beginning."""
    _with_pipe(target, clickhouse, lambda found: found.resync())


@pipe.command("delete")
def delete(target: Target, clickhouse: Url) -> None:
    """End a pipe and remove its tables; the target stays."""
    _with_pipe(target, clickhouse, lambda found: found.delete())


def _with_pipe(target: str, url: str, work: Callable[[Pipe], Result]) -> Result:
    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse, ClickHouseError
    from harness.pipelines.reference.lifecycle import Pipe
    from harness.pipelines.reference.retry import Retry

    env = Environment()
    clickhouse = ClickHouse(url, Retry(env, seconds_max=RETRY_SECONDS_MAX))
    try:
        books = Bookkeeping.beside(clickhouse, target, env.clock)
        return work(Pipe(clickhouse, books, env))
    except ClickHouseError as error:
        raise BackendError(str(error)) from error
    finally:
        clickhouse.close()


def _print(console: Console, target: str, status: PipeStatus) -> None:
    console.print(f"pipe {target}: {status.state}")
    units = Table(box=None, pad_edge=False)
    for name in ("shard or file", "status", "position", "records"):
        units.add_column(name)
    for unit in status.units:
        units.add_row(*(str(cell) for cell in unit))
    console.print(units)
    for reason, count in status.errors:
        console.print(f"{count} × {reason}", markup=False)
    for time, level, message in status.log:
        console.print(f"{time} {level}: {message}", markup=False)
