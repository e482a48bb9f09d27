"""Time, sleep and threads of own Python code in a stepped run: those of the world, not of this machine.

Code that was not written for the harness sleeps by `time.sleep`, waits by `Event.wait`, measures by
`time.monotonic` and starts threads. While an example of such code runs, these do for its threads what
the harness's own clock does for the reference: a sleep hands the turn back, and only the scheduler
lets time pass. For every other thread they are what they were.

What is written in C keeps the machine's time: `datetime.now`, timeouts of sockets, bare locks.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from harness.run.step_threads import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.run.step_own_threads import OwnActivities
    from harness.run.step_threads import Activity

LINES_KEPT = 50
TURN_US = 20_000
"""Between two looks at what a thread waits for."""

_current: OwnTime | None = None
"""Whose example runs. Modules keep what they imported by name, so what stands in is always the same."""


class OwnTime:
    """The time of one example's own code.

    Args:
        activities: its threads.
        clock: the world's.

    Attributes:
        said: the last lines that they printed.
    """

    def __init__(self, activities: OwnActivities, clock: Clock) -> None:
        self._activities = activities
        self._clock = clock
        self._local = threading.local()
        self._started: WeakKeyDictionary[threading.Thread, Activity] = WeakKeyDictionary()
        self._kept: list[tuple[Any, str, Any]] = []
        self.said: deque[str] = deque(maxlen=LINES_KEPT)

    def begin(self) -> None:
        """Put everything in place; harmless when it is."""
        global _current  # noqa: PLW0603 - time is everybody's
        if self._kept:
            return
        _current = self
        for module, name, value in _places():
            self._put(module, name, _INSTEAD[id(value)])
        self._put(threading.Condition, "wait", _wait)
        self._put(threading.Thread, "start", _start)
        self._put(threading.Thread, "join", _join)
        # The other one is written in C, and waits where nobody sees it.
        self._put(queue, "SimpleQueue", queue._PySimpleQueue)  # type: ignore[attr-defined]  # noqa: SLF001
        for name in ("stdout", "stderr"):
            self._put(sys, name, _Heard(getattr(sys, name), self.said))

    def end(self) -> None:
        """Put everything back."""
        global _current  # noqa: PLW0603 - time is everybody's
        for where, name, original in reversed(self._kept):
            setattr(where, name, original)
        self._kept.clear()
        if _current is self:
            _current = None

    def is_own(self) -> bool:
        """Whether the caller is a thread of the code."""
        return self._activities.is_known() and not getattr(self._local, "is_real", False)

    def is_killed(self) -> bool:
        """Whether the caller is such a thread on its way to its end: a dead process says nothing."""
        return self._activities.is_killed()

    def now_us(self) -> int:
        """The world's time."""
        return self._clock.now_us()

    def sleep(self, seconds: float) -> None:
        """Rest until so much of it has passed."""
        self._activities.sleep(self._later(seconds))

    def until(self, has_news: Callable[[], bool], timeout: float | None) -> bool:
        """Rest until there is news or the time is over; whether there was."""
        if has_news():
            return True
        if timeout is not None and timeout <= 0:
            return False
        until_us = None if timeout is None else self._later(timeout)
        watch = Watch([TURN_US], has_news, has_news, until_us)
        self._activities.watch(watch, self._clock.now_us())
        return has_news()

    def start(self, thread: threading.Thread) -> None:
        """Start a thread that the scheduler knows."""
        self._started[thread] = self._activities.adopt(thread)
        # It waits for the new thread to exist, which takes no time of the world's.
        self._local.is_real = True
        try:
            _REAL_START(thread)
        finally:
            self._local.is_real = False

    def join(self, thread: threading.Thread, timeout: float | None) -> None:
        """Rest until a thread has ended."""
        activity = self._started.get(thread)
        if activity is None:
            _REAL_JOIN(thread, timeout)
        elif self.until(lambda: activity.state == "ended", timeout):
            _REAL_JOIN(thread)

    def _later(self, seconds: float) -> int:
        return self._clock.now_us() + max(1, round(seconds * 1e6))

    def _put(self, where: Any, name: str, value: Any) -> None:
        self._kept.append((where, name, getattr(where, name)))
        setattr(where, name, value)


class _Heard:
    """A stream that keeps what own code writes to it, and lets all else through."""

    def __init__(self, stream: Any, lines: deque[str]) -> None:
        self._stream = stream
        self._lines = lines
        self._begun = ""

    def write(self, text: str) -> int:
        """Keep its lines, or pass it on."""
        own = _own()
        if own is None:
            return int(self._stream.write(text))
        if own.is_killed():
            return len(text)
        *whole, self._begun = (self._begun + text).split("\n")
        self._lines.extend(whole)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _own() -> OwnTime | None:
    return _current if _current is not None and _current.is_own() else None


def _clock_of(real: Callable[[], Any], of_us: Callable[[int], Any]) -> Callable[[], Any]:
    def now() -> Any:
        own = _own()
        return real() if own is None else of_us(own.now_us())

    return now


def _sleep_of(real: Callable[[float], None]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        own = _own()
        if own is None:
            real(seconds)
        else:
            own.sleep(seconds)

    return sleep


_REAL_WAIT: Any = threading.Condition.wait
_REAL_START: Any = threading.Thread.start
_REAL_JOIN: Any = threading.Thread.join
_REAL_SLEEP = time.sleep  # noqa: TID251 - what it stands in for
_CLOCKS: tuple[Any, ...] = (time.time, time.monotonic, time.perf_counter)  # noqa: TID251
_CLOCKS_NS: tuple[Any, ...] = (time.time_ns, time.monotonic_ns, time.perf_counter_ns)
_INSTEAD: dict[int, Any] = {
    **{id(real): _clock_of(real, lambda us: us / 1e6) for real in _CLOCKS},
    **{id(real): _clock_of(real, lambda us: us * 1000) for real in _CLOCKS_NS},
    id(_REAL_SLEEP): _sleep_of(_REAL_SLEEP),
}
"""By the identity of the function that it stands in for."""

_seen: dict[str, list[tuple[Any, str, Any]]] = {}


def _places() -> list[tuple[Any, str, Any]]:
    """Every module's names for a function of time, those that were imported by name as well."""
    for name, module in list(sys.modules.items()):
        if name not in _seen and not name.startswith("harness."):
            names = list(vars(module).items()) if hasattr(module, "__dict__") else []
            _seen[name] = [(module, n, value) for n, value in names if id(value) in _INSTEAD]
    return [place for places in _seen.values() for place in places]


def _wait(condition: Any, timeout: float | None = None) -> bool:
    own = _own()
    if own is None:
        return bool(_REAL_WAIT(condition, timeout))
    if not condition._is_owned():  # noqa: SLF001 - this is a method of its class
        raise RuntimeError("cannot wait on un-acquired lock")
    # As the original: whoever notifies releases the lock that it finds in the row.
    waiter = threading.Lock()
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
    own = _own()
    if own is None:
        _REAL_START(thread)
    else:
        own.start(thread)


def _join(thread: threading.Thread, timeout: float | None = None) -> None:
    own = _own()
    if own is None:
        _REAL_JOIN(thread, timeout)
    else:
        own.join(thread, timeout)
