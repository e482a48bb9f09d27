"""Runs a pipeline that ships as its own process: `python -m harness.pipelines.process NAME`.

The environment comes from the documented variables only, the config from the JSON file given by
`--config`. Ends 0 after SIGTERM or SIGINT; any failure is one line on stderr and the exit code of
the error (2 wrong usage, 4 the pipeline could not go on).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, UsageError
from harness.pipelines.pipeline import Environment, from_environ, pipelines

if TYPE_CHECKING:
    from collections.abc import Sequence

STOP_SECONDS_MAX = 10.0
MEMORY = {-8: 1, -1: 256 << 20, -2: 16 << 20, -3: 32 << 20}
"""glibc's M_ARENA_MAX, M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD (mallopt(3)).

Pages of ten megabytes come and go. What one thread frees another takes, and little of it goes back
to the system in between: less time and less memory than with an arena for each thread.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="harness.pipelines.process")
    parser.add_argument("name", help="name of a pipeline that ships")
    parser.add_argument("--config", type=Path, help="the pipe as JSON")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    # Decoded records are trees of dicts without cycles: looking for cycles often only costs.
    gc.set_threshold(200_000, 50, 100)
    _keep_memory()
    try:
        config = read_config(options.config)
        pipeline = pipelines().get(options.name)(config)
        env = from_environ()
        env.stopping = stop.is_set
        _stop_on_signals(stop)
        pipeline.run(env)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a program's own stderr
        return error.exit_code
    return 0


def read_config(path: Path | None) -> dict[str, Any]:
    """The JSON object in `path`; an empty one without a path.

    Raises:
        UsageError: no such file, or no JSON object in it.
    """
    if path is None:
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the config {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"the config {path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise UsageError(f"the config {path} must hold a JSON object")
    return config


def _keep_memory() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # only glibc has it
        for parameter, value in MEMORY.items():
            mallopt(parameter, value)


def _stop_on_signals(stop: threading.Event) -> None:
    """Ask the pipeline to end; leave anyway when it does not within its ten seconds."""

    def leave() -> None:
        os._exit(1)

    def on_signal(_number: int, _frame: object) -> None:
        if not stop.is_set():
            stop.set()
            late = threading.Timer(STOP_SECONDS_MAX, leave)
            late.daemon = True
            late.start()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


__all__ = ["Environment", "main", "read_config"]

if __name__ == "__main__":
    sys.exit(main())
