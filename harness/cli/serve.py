"""`harness up`: the servers alone, for any client: in front until interrupted, or in the background."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from harness.clock import WallClock

AWS_PORT = 4566
CLICKHOUSE_PORT = 8123
FOR_EVER_SECONDS = 10 * 365 * 86_400.0
SERVING = "serving; Ctrl-C ends it\n"


def up(
    *,
    aws_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the AWS endpoint; 0 takes a free one.")
    ] = AWS_PORT,
    clickhouse_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of ClickHouse's HTTP interface.")
    ] = CLICKHOUSE_PORT,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine keys are enforced.")
    ] = "127.0.0.1",
    only: Annotated[str, typer.Option(help="`aws` or `clickhouse`: start that one alone.")] = "",
    export: Annotated[
        bool,
        typer.Option(
            "--export", help='Serve in the background: eval "$(harness up --export)" in a shell.'
        ),
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the servers that --export started.")
    ] = False,
) -> None:
    """Serve the embedded AWS endpoint and ClickHouse, until Ctrl-C or in the background."""
    from harness.backends.background import Background
    from harness.errors import UsageError

    if only not in ("", "aws", "clickhouse"):
        raise UsageError(f"--only takes aws or clickhouse, not {only!r}")
    background = Background(WallClock())
    if stop:
        told = "ended" if background.stop() else "nothing was running"
        sys.stderr.write(f"{told}\n")
        return
    if not export:
        _serve(aws_port, clickhouse_port, host, only)
        return
    arguments = ["--aws-port", str(aws_port), "--clickhouse-port", str(clickhouse_port)]
    arguments += ["--host", host, *(["--only", only] if only else [])]
    command = [sys.executable, "-m", "harness.cli.app", "up", *arguments]
    sys.stdout.write(background.start(command, SERVING))
    sys.stdout.flush()
    sys.stderr.write(f"serving in the background (process {background.pid}); now, for example:\n")
    if only != "clickhouse":
        sys.stderr.write("  aws dynamodb list-tables\n")
    if only != "aws":
        sys.stderr.write("  curl \"${CLICKHOUSE_URL%/*}/\" --data 'SELECT version()'\n")
    sys.stderr.write("  harness up --stop\n")


def _serve(aws_port: int, clickhouse_port: int, host: str, only: str) -> None:
    from harness.backends.world import Backends, World

    wanted = Backends(aws_port=aws_port, clickhouse_port=clickhouse_port, host=host, only=only)
    clock = WallClock()
    with World(wanted, clock) as world:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in world.variables().items()]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        if host != "127.0.0.1":
            sys.stderr.write(f"listening on {host}: only who has these keys and password gets in\n")
        sys.stderr.write(SERVING)
        sys.stderr.flush()
        clock.wait_until(
            world.broke, timeout_seconds=FOR_EVER_SECONDS, what="a server to stop", step_seconds=0.5
        )
        world.raise_if_broken()
