"""`harness pipe create` and `run`: a new pipe from a sample, and a pipe in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from harness.errors import BackendError, UsageError

if TYPE_CHECKING:
    from harness.pipelines.pipeline import Environment

SAMPLE_ROWS = 1000
SHOWN_CHARACTERS = 60
RETRY_SECONDS_MAX = 5


def create(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The table to be made.")],
    clickhouse: Annotated[
        str,
        typer.Option(
            "--clickhouse",
            envvar="CLICKHOUSE_URL",
            help="http://user:password@host:port/database of the target.",
        ),
    ],
    endpoint: Annotated[
        str, typer.Option("--aws", envvar="AWS_ENDPOINT_URL", help="The AWS endpoint.")
    ],
    *,
    stream: Annotated[str, typer.Option("--stream", help="Kinesis stream to follow.")] = "",
    export: Annotated[str, typer.Option("--export", help="s3://… of an export to load.")] = "",
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Key attribute; twice with a sort key.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Items to sample.")] = SAMPLE_ROWS,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File for the pipe; default TARGET.json.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the sample and make nothing.")
    ] = False,
) -> None:
    """Sample a source, infer the columns, and make the target and the pipe's tables."""
    from harness.pipelines.reference.config import pipe_config

    env = _environment(clickhouse, endpoint)
    items, keys = _sample(env, stream, export, list(key or []), rows)
    from harness.pipelines.reference.preview import infer_columns

    columns = infer_columns(items, keys)
    _show(items, columns)
    if preview:
        return
    config = pipe_config(
        table=target,
        columns=columns,
        key_schema=[
            {"attribute_name": name, "key_type": kind}
            for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        source="kinesis" if stream else "none",
        stream_name=stream,
        export_url=export,
        managed_table=True,
    )
    _make(env, config)
    path = output or Path(f"{target}.json")
    path.write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2) + b"\n")
    typer.echo(f"pipe {target} is in {path}; start it: harness pipe run {path}")


def run(
    config: Annotated[Path, typer.Argument(metavar="FILE", help="A pipe, as create writes it.")],
    clickhouse: Annotated[
        str, typer.Option("--clickhouse", envvar="CLICKHOUSE_URL", help="As with create.")
    ],
    endpoint: Annotated[str, typer.Option("--aws", envvar="AWS_ENDPOINT_URL", help="As there.")],
) -> None:
    """Run a pipe in the foreground until it is told to end; it resumes at its checkpoints."""
    import os

    from harness.pipelines.process import main, read_config

    table = read_config(config).get("destination", {}).get("table", "")
    os.environ |= {
        "CLICKHOUSE_URL": clickhouse,
        "AWS_ENDPOINT_URL": endpoint,
        "HARNESS_TARGET": str(table),
    }
    sys.exit(main(["clickpipes", "--config", str(config)]))


def _environment(clickhouse: str, endpoint: str) -> Environment:
    import os

    from harness.pipelines.pipeline import from_environ

    return from_environ(
        {
            **os.environ,
            "CLICKHOUSE_URL": clickhouse,
            "AWS_ENDPOINT_URL": endpoint,
            "HARNESS_TARGET": "a new one",
        }
    )


def _sample(
    env: Environment, stream: str, export: str, keys: list[str], rows: int
) -> tuple[list[dict[str, Any]], list[str]]:
    from botocore.exceptions import BotoCoreError, ClientError

    from harness.pipelines.reference.aws import Aws
    from harness.pipelines.reference.preview import sample_of_export, sample_of_stream
    from harness.pipelines.reference.retry import Retry

    if not stream and not export:
        raise UsageError("nothing to sample", hint="name --stream, --export or both")
    aws, retry = Aws(env), Retry(env, seconds_max=RETRY_SECONDS_MAX)
    items: list[dict[str, Any]] = []
    try:
        if export:
            items = sample_of_export(aws, export, retry, rows)
        if stream:
            streamed, found = sample_of_stream(env, aws, stream, retry, rows)
            items, keys = items or streamed, keys or found
    except (ClientError, BotoCoreError) as error:
        raise BackendError(str(error)) from error
    if not items:
        raise UsageError("the source is empty: there is nothing to infer columns from")
    if not keys:
        raise UsageError("an export does not say what its key is", hint="name it: --key id")
    return items, keys


def _show(items: list[dict[str, Any]], columns: list[dict[str, str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("column", "type", f"in {len(items)} items", "first value"):
        table.add_column(name)
    for column in columns:
        values = [item[column["name"]] for item in items if column["name"] in item]
        shown = orjson.dumps(values[0]).decode()[:SHOWN_CHARACTERS] if values else ""
        table.add_row(column["name"], column["type"], str(len(values)), shown)
    Console(highlight=False, markup=False).print(table)


def _make(env: Environment, config: dict[str, Any]) -> None:
    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse, ClickHouseError
    from harness.pipelines.reference.config import parse_config
    from harness.pipelines.reference.retry import Retry
    from harness.pipelines.reference.target import create_target

    clickhouse = ClickHouse(env.clickhouse_url, Retry(env, seconds_max=RETRY_SECONDS_MAX))
    try:
        config["destination"]["database"] = clickhouse.database
        parsed = parse_config(config)
        books = Bookkeeping(clickhouse, parsed, env.clock)
        books.create()
        create_target(clickhouse, parsed)
        books.note("created", state="Stopped")
    except ClickHouseError as error:
        raise BackendError(str(error)) from error
    finally:
        clickhouse.close()
