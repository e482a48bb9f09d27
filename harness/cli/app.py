"""The command's entry: registers the commands and turns every error into one clear line.

Exit codes: 0 passed, 1 failed, 2 wrong usage or invalid scenario, 3 unknown, 4 the harness or its
environment broke, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import (
    bench,
    conformance,
    doctor,
    explain,
    fuzz,
    matrix,
    new,
    pipe,
    replay,
    report,
    run,
    scenarios,
    serve,
    terraform,
)
from harness.cli.messages import print_error
from harness.errors import HarnessError
from harness.run.result import INTERRUPTED

if TYPE_CHECKING:
    from types import FrameType

USAGE = 2

app = typer.Typer(
    name="harness",
    help="A local emulation and testing harness for DynamoDB to ClickHouse change data capture.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("run")(run.run)
app.command("explain")(explain.explain)
app.command("report")(report.report)
app.command("list")(scenarios.list_scenarios)
app.command("schema")(scenarios.schema)
app.command("new")(new.new)
app.command("up")(serve.up)
app.command("conformance")(conformance.conformance)
app.command("fuzz")(fuzz.fuzz)
app.command("replay")(replay.replay)
app.command("matrix")(matrix.matrix)
app.command("doctor")(doctor.doctor)
app.command("terraform")(terraform.terraform)
app.add_typer(bench.bench)
app.add_typer(pipe.pipe, name="pipe")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if wanted:
        typer.echo(f"harness {version('cdc-harness')}")
        raise typer.Exit


# Typer keeps its own copy of click, so its base of all usage errors is found through a subclass.
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]


@app.callback()
def _root(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """A local emulation and testing harness for DynamoDB to ClickHouse change data capture."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _on_terminate)
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    except _ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "harness"
        print_error(error.format_message(), f"see: {command} --help")  # type: ignore[attr-defined]
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone: there is nobody left to tell.
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - Python's own code, 1, would say that a check failed
        traceback.print_exc()
        print_error(
            f"the harness broke: {type(error).__name__}: {error}",
            "this says nothing about your pipeline; report it with the lines above",
        )
        return HarnessError.exit_code
    if code == INTERRUPTED:
        # Typer has turned the interrupt into an exit code already.
        sys.stderr.write("interrupted\n")
    return code if isinstance(code, int) else 0


def _on_terminate(_number: int, _frame: FrameType | None) -> None:
    # As an interrupt, so that every context manager takes its children down.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
