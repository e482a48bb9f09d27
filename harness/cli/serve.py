"""`harness up`: the embedded servers alone, for any client, until interrupted."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from harness.clock import WallClock

AWS_PORT = 4566
CLICKHOUSE_PORT = 8123
FOR_EVER_SECONDS = 10 * 365 * 86_400.0


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
) -> None:
    """Serve the embedded AWS endpoint and ClickHouse until Ctrl-C."""
    from harness.backends.world import Backends, World
    from harness.errors import UsageError

    if only not in ("", "aws", "clickhouse"):
        raise UsageError(f"--only takes aws or clickhouse, not {only!r}")
    wanted = Backends(aws_port=aws_port, clickhouse_port=clickhouse_port, host=host, only=only)
    clock = WallClock()
    with World(wanted, clock) as world:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in world.variables().items()]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        if host != "127.0.0.1":
            sys.stderr.write(f"listening on {host}: only who has these keys and password gets in\n")
        sys.stderr.write("serving; Ctrl-C ends it\n")
        clock.wait_until(
            world.broke, timeout_seconds=FOR_EVER_SECONDS, what="a server to stop", step_seconds=0.5
        )
        world.raise_if_broken()
