"""`python -m harness.pipelines.event_source --config FILE`: a mapping until SIGTERM.

The handler's module is looked up in the current folder first, which the harness sets to the
scenario's. Ends 0 after SIGTERM; a failure is one line on stderr and the error's exit code.
"""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.pipelines.event_source.life import run_mapping
from harness.pipelines.event_source.settings import settings_from
from harness.pipelines.pipeline import from_environ
from harness.pipelines.process import _stop_on_signals, read_config

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="harness.pipelines.event_source")
    parser.add_argument("--config", type=Path, required=True, help="the mapping as JSON")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    try:
        settings = settings_from(read_config(options.config))
        env = from_environ()
        env.stopping = stop.is_set
        _stop_on_signals(stop)
        run_mapping(settings, env, Path.cwd())
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a program's own stderr
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
