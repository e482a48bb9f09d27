"""What threads of own Python code wait by: conditions, locks, queues and each other."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from harness.run.step_own_time import REAL_JOIN, REAL_START, own_time

if TYPE_CHECKING:
    from collections.abc import Iterator

_REAL_LOCK: Any = threading.Lock
_REAL_RLOCK: Any = threading.RLock
_REAL_WAIT: Any = threading.Condition.wait


class Lock:
    """A lock whose waiting hands the turn back: whoever holds it may wait for an answer."""

    def __init__(self) -> None:
        self._lock = _REAL_LOCK()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002
        """As of the lock that it stands for."""
        if self._lock.acquire(False):
            return True
        own = own_time()
        if own is None or not blocking:
            return bool(self._lock.acquire(blocking, timeout))
        if timeout >= 0:
            # One wait: whoever else takes it meanwhile takes the rest of the time too.
            own.until(lambda: not self._lock.locked(), timeout)
            return bool(self._lock.acquire(False))
        while not self._lock.acquire(False):
            own.until(lambda: not self._lock.locked(), None)
        return True

    def release(self) -> None:
        """As of the lock that it stands for."""
        self._lock.release()

    def locked(self) -> bool:
        """As of the lock that it stands for."""
        return bool(self._lock.locked())

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._lock = _REAL_LOCK()


class RLock(threading._RLock):  # type: ignore[misc] # noqa: SLF001 - the one in Python
    """A lock that its holder may take again, on a `Lock` as above."""

    def __init__(self) -> None:
        super().__init__()
        self._block = Lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002
        """As of the lock that it stands for."""
        return bool(super().acquire(blocking, timeout))

    __enter__ = acquire


def waits() -> Iterator[tuple[Any, str, Any]]:
    """What stands in."""
    yield threading, "Lock", _lock
    yield threading, "RLock", _rlock
    yield threading.Condition, "wait", _wait
    yield threading.Thread, "start", _start
    yield threading.Thread, "join", _join
    # The other one is written in C, and waits where nobody sees it.
    yield queue, "SimpleQueue", queue._PySimpleQueue  # type: ignore[attr-defined]  # noqa: SLF001


def _lock() -> Any:
    return _REAL_LOCK() if own_time() is None else Lock()


def _rlock() -> Any:
    return _REAL_RLOCK() if own_time() is None else RLock()


def _wait(condition: Any, timeout: float | None = None) -> bool:
    own = own_time()
    if own is None:
        return bool(_REAL_WAIT(condition, timeout))
    if not condition._is_owned():  # noqa: SLF001 - this is a method of its class
        raise RuntimeError("cannot wait on un-acquired lock")
    # As the original: whoever notifies releases the lock that it finds in the row.
    waiter = _REAL_LOCK()
    waiter.acquire()
    condition._waiters.append(waiter)  # noqa: SLF001
    held = condition._release_save()  # noqa: SLF001
    is_notified = False
    try:
        is_notified = own.until(lambda: not waiter.locked(), timeout)
    finally:
        condition._acquire_restore(held)  # noqa: SLF001
        if not is_notified and waiter in condition._waiters:  # noqa: SLF001
            condition._waiters.remove(waiter)  # noqa: SLF001
    return is_notified


def _start(thread: threading.Thread) -> None:
    own = own_time()
    if own is None:
        REAL_START(thread)
    else:
        own.start(thread)


def _join(thread: threading.Thread, timeout: float | None = None) -> None:
    own = own_time()
    if own is None:
        REAL_JOIN(thread, timeout)
    else:
        own.join(thread, timeout)
