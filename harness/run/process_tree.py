"""A program and everything that it has started, as the kernel shows it: who, how busy, how big.

A process belongs to a tree when it is of the root's session, or a child of a member, or carries the
root's mark in its environment: so one that has left group and session (a daemon) is found too, even
after its parents have gone. Reads `/proc`; where there is none, only the root itself is known.

Source: proc(5), `/proc/<pid>/stat`, `/proc/<pid>/task/<tid>/schedstat`, `/proc/<pid>/environ`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROC = Path("/proc")
MARK = "HARNESS_PROCESS_MARK"
"""Variable whose value names the tree that a process belongs to."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LEAST_PART = 0.25
KILL_ROUNDS_MAX = 20
KILL_PAUSE_SECONDS = 0.01
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Activity:
    """What a tree does just now.

    Attributes:
        cpu_ns: processor time used so far by the members that live.
        is_asleep: no thread runs or wants to.
    """

    cpu_ns: int
    is_asleep: bool


def able_seconds(passed: float, waited: float) -> float:
    """Of a time, what a tree could have done something in.

    Args:
        passed: how long it was.
        waited: by how much `waited_seconds` has grown meanwhile. Threads that have ended take theirs
            with them; several may wait side by side, so that a part counts whatever they say.
    """
    return passed - min(passed * (1 - LEAST_PART), max(0.0, waited))


class ProcessTree:
    """One tree.

    Args:
        root: process id of the program; it leads a session of its own.
        mark: the value of `MARK` in its environment; empty when it has none.
    """

    def __init__(self, root: int, mark: str = "") -> None:
        self.root = root
        self._mark = f"{MARK}={mark}".encode() if mark else b""
        self._sessions = {root}
        self._members = {root}
        self._known: set[int] = set()

    def members(self) -> list[int]:
        """Process ids of those that live, the root first."""
        try:
            present = {int(name) for name in os.listdir(PROC) if name.isdigit()}  # noqa: PTH208 - hot
        except OSError:
            return [self.root]
        for pid in sorted(present - self._known):
            self._look_at(pid)
        self._known = present
        self._members &= present
        return sorted(self._members, key=lambda pid: (pid != self.root, pid))

    def _look_at(self, pid: int) -> None:
        found = _stat(pid)
        if found is None:
            return
        parent, session = int(found[1]), int(found[3])
        if session in self._sessions or parent in self._members or self._is_marked(pid):
            self._members.add(pid)
            self._sessions.add(session)

    def _is_marked(self, pid: int) -> bool:
        if not self._mark:
            return False
        try:
            return self._mark in (PROC / str(pid) / "environ").read_bytes()
        except OSError:
            return False

    def activity(self) -> Activity:
        """How busy the tree is."""
        total, is_asleep = 0, True
        for folder in _threads_of(self.members()):
            try:
                total += _schedstat_ns(folder, 0)
                with open(f"{folder}/stat", "rb") as file:  # noqa: PTH123 - hot
                    state = file.read().rpartition(b") ")[2][:1]
            except (OSError, ValueError):
                continue
            is_asleep &= state not in (b"R", b"D")
        return Activity(total, is_asleep)

    def cpu_ns(self) -> int:
        """Processor time used so far by those whom the last look at members has shown: cheaper."""
        return _total_ns(self._members, 0)

    def waited_seconds(self) -> float:
        """Time that its threads have wanted a processor and had none; 0 where nobody counts it."""
        return _total_ns(self.members(), 1) / 1e9

    def memory_bytes(self) -> int:
        """Memory that the members hold, shared pages counted for each."""
        total = 0
        for pid in self.members():
            try:
                total += int((PROC / str(pid) / "statm").read_bytes().split()[1]) * PAGE_BYTES
            except (OSError, IndexError):
                continue
        return total

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every member."""
        for pid in self.members():
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue

    def kill(self) -> list[int]:
        """Kill every member, those included that are born meanwhile; returns who is left."""
        clock = WallClock()
        for _ in range(KILL_ROUNDS_MAX):
            self._known.clear()
            left = [pid for pid in self.members() if _is_alive(pid)]
            if not left:
                return []
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue
            clock.sleep(KILL_PAUSE_SECONDS)
            for pid in left:
                if pid != self.root:
                    _collect(pid)
        return [pid for pid in self.members() if _is_alive(pid)]


def _threads_of(pids: Iterable[int]) -> Iterator[str]:
    """Folders of the threads of some processes."""
    for pid in list(pids):
        folder = f"/proc/{pid}/task"
        try:
            threads = os.listdir(folder)  # noqa: PTH208 - hot
        except OSError:
            continue
        for thread in threads:
            yield f"{folder}/{thread}"


def _total_ns(pids: Iterable[int], field: int) -> int:
    total = 0
    for folder in _threads_of(pids):
        try:
            total += _schedstat_ns(folder, field)
        except (OSError, ValueError, IndexError):
            continue
    return total


def _schedstat_ns(folder: str, field: int) -> int:
    """Of a thread the time on a processor (0), or the time that it waited for one (1)."""
    descriptor = os.open(f"{folder}/schedstat", os.O_RDONLY)
    try:
        return int(os.read(descriptor, 64).split(b" ", 2)[field])
    finally:
        os.close(descriptor)


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, so that it can collect them."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _collect(pid: int) -> None:
    """Take a dead orphan away, where it has become a child of this process."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _is_alive(pid: int) -> bool:
    found = _stat(pid)
    return found is not None and found[0] not in ("Z", "X")


def _stat(pid: int) -> list[str] | None:
    """State, parent, group, session, …; None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    return text.rpartition(b") ")[2].decode("ascii", "replace").split()
