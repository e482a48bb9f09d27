"""The pipeline under test as a child process: started, stopped, killed, started again.

Each incarnation has its own log file. A child never outlives the harness: it leads a process group
that is killed as a whole, and on Linux the kernel kills it when its parent dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from harness.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.history import History

GRACE_SECONDS = 10.0
LOG_LINES_SHOWN = 15
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """One pipeline process and its successors.

    Args:
        command: program and arguments.
        environment: the contract's variables, added to the harness's own environment.
        run_dir: where `pipeline.<n>.log` go.
        history: told of each start and end.
        folder: where it starts; None starts it where the harness was started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        run_dir: Path,
        history: History,
        *,
        folder: Path | None = None,
    ) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._run_dir = run_dir
        self._folder = folder
        self._history = history
        self._process: subprocess.Popen[bytes] | None = None
        self.incarnation = 0

    def start(self) -> None:
        """Start the next incarnation.

        Raises:
            PipelineError: the program cannot be started.
        """
        self.incarnation += 1
        log_path = self._run_dir / f"pipeline.{self.incarnation}.log"
        with log_path.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    cwd=self._folder,
                    start_new_session=True,
                    # One system call and nothing else, so that no lock can be met after the fork.
                    preexec_fn=_die_with_parent if _LIBC else None,  # noqa: PLW1509
                )
            except OSError as error:
                raise PipelineError(
                    f"cannot start the pipeline {self._command[0]!r}: {error.strerror}",
                    hint="the first word of [pipeline] command must be an executable on PATH",
                ) from error
        self._history.add("pipeline", incarnation=self.incarnation, state="started")

    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs; negative is the signal that ended it."""
        return self._process.poll() if self._process else None

    def stop(self) -> int | None:
        """Ask it to end, give it 10 s, then kill its group; returns its exit code."""
        return self._end(signal.SIGTERM, "stopped")

    def kill(self) -> int | None:
        """Kill it and everything it started, at once."""
        return self._end(signal.SIGKILL, "killed")

    def _end(self, first: signal.Signals, state: str) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            _signal_group(process.pid, first)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                state = "killed"
        # What the program left behind in its group goes too, even when it ended by itself.
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()
        self._history.add(
            "pipeline", incarnation=self.incarnation, state=state, exit_code=process.returncode
        )
        return process.returncode

    def last_lines(self) -> list[str]:
        """The end of the newest log."""
        path = self._run_dir / f"pipeline.{self.incarnation}.log"
        if not path.exists():
            return []
        text = path.read_bytes()[-20_000:].decode("utf-8", "replace")
        return text.splitlines()[-LOG_LINES_SHOWN:]


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _die_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
