"""The pipeline under test as a child process: started, stopped, killed, paused, started again.

Each incarnation has its own log file, kept within bounds. A child never outlives the harness: all
that it has started is killed with it, whatever group or session it went to, and on Linux the kernel
kills it when its parent dies. One that takes more memory than it may is killed, and says so.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import PipelineError
from harness.lookout import Lookout
from harness.run.child_log import ChildLog
from harness.run.process_tree import MARK, ProcessTree, adopt_orphans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from threading import Event

GRACE_SECONDS = 10.0
LOG_LINES_SHOWN = 15
LOG_BYTES_SHOWN = 20_000
MEMORY_BYTES_MAX = 4 * 1024**3
"""More than that on a machine that also runs the servers, and the machine is what fails."""

WATCH_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Told(Protocol):
    """Who is told of starts and ends: a history."""

    def add(self, event: str, **members: Any) -> None:
        """One more event."""
        ...


class Child:
    """One pipeline process and its successors.

    Started by a thread that lives as long as the child may: the kernel takes the end of the thread
    that started it for the end of its parent.

    Args:
        command: program and arguments.
        environment: the contract's variables, added to the harness's own environment.
        run_dir: where `pipeline.<n>.log` go.
        history: told of each start and end.
        folder: where it starts; None starts it where the harness was started.
        memory_bytes_max: what it may hold with all that it has started.
        numbers: of the incarnations, where several children share one row of numbers.

    Attributes:
        incarnation: the number of the newest.
        why_killed: what the harness killed it for; empty when it did not.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        run_dir: Path,
        history: Told,
        *,
        folder: Path | None = None,
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._run_dir = run_dir
        self._folder = folder
        self._history = history
        self._memory_bytes_max = memory_bytes_max
        self._process: subprocess.Popen[bytes] | None = None
        self._log: ChildLog | None = None
        self._watch: _Watch | None = None
        self.tree: ProcessTree | None = None
        self._numbers = numbers or count(1)
        self.incarnation = 0
        self.why_killed = ""

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Give the next incarnations other values."""
        self._environment |= variables

    def start(self) -> None:
        """Start the next incarnation.

        Raises:
            PipelineError: the program cannot be started.
        """
        adopt_orphans()
        self.incarnation = next(self._numbers)
        mark = f"{os.getpid()}-{id(self)}-{self.incarnation}"
        log = ChildLog(self._run_dir / f"pipeline.{self.incarnation}.log")
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log.write_end,
                stderr=subprocess.STDOUT,
                env={**self._environment, MARK: mark},
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
        finally:
            log.started()
        self._log = log
        self.tree = ProcessTree(self._process.pid, mark)
        self.why_killed = ""
        self._watch = _Watch(self, ProcessTree(self._process.pid, mark), self._memory_bytes_max)
        self._watch.start()
        self._history.add("pipeline", incarnation=self.incarnation, state="started")

    def starved_seconds(self) -> float:
        """For how long its threads have waited for a processor."""
        return self.tree.waited_seconds() if self.tree is not None else 0.0

    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs; negative is the signal that ended it."""
        return self._process.poll() if self._process else None

    def said_why_it_ended(self) -> str:
        """How it ended by itself, for people; empty while it runs."""
        code = self.exit_code()
        if code is None:
            return ""
        if self.why_killed:
            return self.why_killed
        if code < 0:
            return f"it was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"it ended by itself with exit code {code}"

    def pause(self) -> None:
        """SIGSTOP: it and all that it has started stand still."""
        if self.tree is not None and self.exit_code() is None:
            self.tree.signal(signal.SIGSTOP)
            self._history.add("pipeline", incarnation=self.incarnation, state="paused")

    def resume(self) -> None:
        """SIGCONT: it goes on where it stood."""
        if self.tree is not None and self.exit_code() is None:
            self.tree.signal(signal.SIGCONT)
            self._history.add("pipeline", incarnation=self.incarnation, state="resumed")

    def tell_to_end(self) -> None:
        """SIGTERM, and no waiting."""
        if self._process is not None and self._process.poll() is None:
            _signal_group(self._process.pid, signal.SIGTERM)

    def stop(self) -> int | None:
        """Ask it to end, give it 10 s, then kill what is left; returns its exit code."""
        return self._end(signal.SIGTERM, "stopped")

    def kill(self) -> int | None:
        """Kill it and everything it started, at once."""
        return self._end(signal.SIGKILL, "killed")

    def _end(self, first: signal.Signals, state: str) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        assert self._watch is not None
        assert self.tree is not None
        assert self._log is not None
        self._watch.stop()
        if process.poll() is not None:
            state = "exited"
        else:
            _signal_group(process.pid, first)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                state = "killed"
        # What the program left behind goes too, wherever it is, even when it ended by itself.
        _signal_group(process.pid, signal.SIGKILL)
        self.tree.kill()
        process.wait()
        self._log.close()
        self._history.add(
            "pipeline", incarnation=self.incarnation, state=state, exit_code=process.returncode
        )
        return process.returncode

    def last_lines(self) -> list[str]:
        """The end of the newest log."""
        if self._log is None:
            return []
        text = self._log.last_bytes(LOG_BYTES_SHOWN).decode("utf-8", "replace")
        return text.splitlines()[-LOG_LINES_SHOWN:]


class _Watch(Lookout):
    """Looks at the memory of a tree now and then, on a thread of its own."""

    def __init__(self, child: Child, tree: ProcessTree, bytes_max: int) -> None:
        self._child = child
        self._tree = tree
        self._bytes_max = bytes_max
        super().__init__(self._look, "pipeline watch")

    def _look(self, ended: Event) -> None:
        while not ended.wait(WATCH_SECONDS):
            held = self._tree.memory_bytes()
            if held > self._bytes_max:
                self._child.why_killed = (
                    f"it held {held / 1024**2:,.0f} MiB of memory, more than the "
                    f"{self._bytes_max / 1024**2:,.0f} MiB that a pipeline may, and was killed"
                )
                self._tree.signal(signal.SIGKILL)
                return


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _die_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
