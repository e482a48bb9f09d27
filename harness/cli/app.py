"""The command's entry: registers the commands and turns every error into one clear line.

Exit codes: 0 passed, 1 failed, 2 wrong usage or invalid scenario, 3 unknown, 4 the harness or its
environment broke, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import click
import typer

from harness.cli import doctor, run, scenarios, serve
from harness.errors import HarnessError
from harness.run.result import INTERRUPTED

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="harness",
    help="A local emulation and testing harness for DynamoDB to ClickHouse change data capture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("run")(run.run)
app.command("list")(scenarios.list_scenarios)
app.command("schema")(scenarios.schema)
app.command("up")(serve.up)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if wanted:
        typer.echo(f"harness {version('cdc-harness')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """A local emulation and testing harness for DynamoDB to ClickHouse change data capture."""


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _on_terminate)
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(standalone_mode=False)
    except HarnessError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone: there is nobody left to tell.
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0


def print_error(message: str, hint: str) -> None:
    """One line on stderr, and what to do about it."""
    sys.stderr.write(f"error: {message}\n")
    if hint:
        sys.stderr.write(f"  hint: {hint}\n")


def _on_terminate(_number: int, _frame: FrameType | None) -> None:
    # As an interrupt, so that every context manager takes its children down.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
