"""A server of ours in a process of its own: started until it says that it is ready, ended, collected.

The process prints one JSON line on stdout once it serves, says on stderr why it cannot, and ends
when its stdin closes, that is when its parent dies in whatever way.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import harness
from harness.clock import SECOND_US, WallClock
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0


class ServerProcess:
    """One server process at a time.

    Args:
        name: what it is called in messages.
        speaker: how it begins its own lines on stderr, e.g. `aws: `.
    """

    def __init__(self, name: str, speaker: str) -> None:
        self._name = name
        self._speaker = speaker
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
        """Start it; returns its first line once it serves.

        Raises:
            BackendError: it could not start; the message is what it said.
        """
        with tempfile.TemporaryFile() as said:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env={**environment, "PYTHONPATH": _python_path(environment)},
                start_new_session=True,
            )
            ready = _first_line(self._process)
            if ready is None:
                raise self._did_not_start(said)
        return ready

    def stop(self) -> None:
        """End it in good order; harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._wait_or_kill()
            self._collect()

    def kill(self) -> None:
        """End it as kill -9 does; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._collect()

    def _wait_or_kill(self) -> int | None:
        """Its exit code, or None when it had to be killed."""
        assert self._process is not None
        try:
            return self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return None

    def _did_not_start(self, said: IO[bytes]) -> BackendError:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        code = self._wait_or_kill()
        self._collect()
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
        if code is None:
            return BackendError(f"{self._name} was not ready after {READY_SECONDS_MAX:g} s")
        why = lines[-1].removeprefix(self._speaker) if lines else "it said nothing"
        return BackendError(f"{self._name} did not start: {why}")

    def _collect(self) -> None:
        assert self._process is not None
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None


def wait_for_parent(end: Callable[[], None]) -> None:
    """In the server itself: call `end` when stdin closes. Blocks; for a thread of its own."""
    while os.read(0, 4096):
        pass
    end()


def _python_path(environment: Mapping[str, str]) -> str:
    """The package is findable by another interpreter too, and wherever this one was started."""
    package = str(Path(harness.__file__).parent.parent)
    known = environment.get("PYTHONPATH")
    return f"{package}{os.pathsep}{known}" if known else package


def _first_line(process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    """The parsed line, or None when it ended, or stayed silent for too long."""
    assert process.stdout is not None
    clock = WallClock()
    deadline_us = clock.now_us() + round(READY_SECONDS_MAX * SECOND_US)
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in said:
            left = (deadline_us - clock.now_us()) / SECOND_US
            if left <= 0 or not selector.select(left):
                return None
            piece = os.read(process.stdout.fileno(), 4096)
            if not piece:
                return None
            said += piece
    line: dict[str, Any] = json.loads(said.partition(b"\n")[0])
    return line
