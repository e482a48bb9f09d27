"""Servers that outlive the command that started them, and how the next command finds them.

One pair for a user: what it said, its errors and its process id are kept in the user's cache folder,
readable by that user alone, as they hold the password.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.cache import cache_home
from harness.errors import BackendError, NotSettled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.clock import Clock

READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0
FOLDER_MODE = 0o700
PROC = Path("/proc")
"""Where Linux tells of processes; macOS has `ps` alone."""


class Background:
    """The servers in the background, if there are any.

    Args:
        clock: waits.
        folder: where they are remembered; the user's cache by default.

    Attributes:
        pid: of the process that holds them; 0 while none does.
    """

    def __init__(self, clock: Clock, folder: Path | None = None) -> None:
        self._clock = clock
        self._folder = folder or cache_home() / "cdc-harness" / "up"
        self.pid = self._running()

    def start(self, command: Sequence[str], ready: str) -> str:
        """Start `command`, unless it runs; what it wrote to standard output.

        Args:
            command: writes to standard output, then `ready` to standard error, and serves.
            ready: that text.

        Raises:
            BackendError: it ended, or did not get ready in time; the message is what it said.
        """
        said, complaints = self._folder / "out", self._folder / "err"
        if self.pid:
            return said.read_text()
        self._folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        with _private(said) as out, _private(complaints) as err:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # Not of this terminal: closing it does not end them.
                start_new_session=True,
            )
        (self._folder / "pid").write_text(f"{process.pid} {_started(process.pid)}")
        try:
            self._clock.wait_until(
                lambda: ready in complaints.read_text() or process.poll() is not None,
                timeout_seconds=READY_SECONDS_MAX,
                what="the servers to be ready",
                step_seconds=0.05,
            )
        except NotSettled as error:
            process.kill()
            raise BackendError(str(error), hint=f"see {complaints}") from None
        if process.poll() is not None:
            (self._folder / "pid").unlink()
            told = complaints.read_text().strip().removeprefix("error: ")
            message, _, hint = told.partition("\n")
            raise BackendError(message, hint=hint.strip().removeprefix("hint: "))
        self.pid = process.pid
        return said.read_text()

    def stop(self) -> bool:
        """End them; False when none runs."""
        if not self.pid:
            return False
        os.kill(self.pid, signal.SIGTERM)
        try:
            self._clock.wait_until(
                lambda: not self._running(),
                timeout_seconds=STOP_SECONDS_MAX,
                what="the servers to end",
                step_seconds=0.05,
            )
        except NotSettled:
            os.killpg(self.pid, signal.SIGKILL)
        (self._folder / "pid").unlink(missing_ok=True)
        self.pid = 0
        return True

    def _running(self) -> int:
        try:
            pid, _, started = (self._folder / "pid").read_text().partition(" ")
        except OSError:
            return 0
        # The same number may belong to another process by now.
        return int(pid) if pid.isdecimal() and started and _started(int(pid)) == started else 0


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")


def _started(pid: int) -> str:
    """When a process began, in whatever form; empty when there is none, or it is a zombie."""
    if PROC.is_dir():
        try:
            # After the name, which may hold anything but ends with the last bracket.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, began = told.partition(" ")
    return "" if state.startswith("Z") else began.strip()
