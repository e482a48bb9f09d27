"""Time, sleep and threads of own Python code in a stepped run: those of the world, not of this machine.

Code that was not written for the harness sleeps by `time.sleep`, waits by `Event.wait`, measures by
`time.monotonic` and starts threads. While an example of such code runs, these do for its threads what
the harness's own clock does for the reference: a sleep hands the turn back, and only the scheduler
lets time pass. For every other thread they are what they were.

What stands in for what is told by `step_own_clocks`, `step_own_waits`, `step_own_loops` and
`step_own_chance`. What waits in C by itself keeps the machine's time: timeouts of sockets, locks that
were there before, event loops that are not asyncio's.
"""

from __future__ import annotations

import random  # noqa: TID251 - what own code draws from must repeat
import sys
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from harness.run.step_own_types import put_into
from harness.run.step_threads import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.clock import Clock
    from harness.run.step_own_signals import Signals
    from harness.run.step_own_threads import OwnActivities
    from harness.run.step_threads import Activity

LINES_KEPT = 50
TURN_US = 20_000
"""Between two looks at what a thread waits for."""

LOOKS_MAX = 2_000
"""So often may a thread look at the clock before time passes: it may wait for a later one."""

LOOK_SECONDS = 0.001
FOREVER_US = 10**15

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
        self._seed = ""
        self._chances: dict[str, random.Random] = {}

    @property
    def activities(self) -> OwnActivities:
        """Its threads."""
        return self._activities

    def begin(self, stand_ins: Callable[[], Iterable[tuple[Any, str, Any]]]) -> None:
        """Put everything in place; harmless when it is.

        Args:
            stand_ins: objects, names of theirs, and what stands there while the example runs.
        """
        global _current  # noqa: PLW0603 - time is everybody's
        if self._kept:
            return
        _current = self
        for where, name, value in stand_ins():
            self._kept.append((where, name, put_into(where, name, value)))
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            self._kept.append((sys, name, put_into(sys, name, _Heard(stream, self.said))))

    def end(self) -> None:
        """Put everything back."""
        global _current  # noqa: PLW0603 - time is everybody's
        for where, name, original in reversed(self._kept):
            put_into(where, name, original)
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
        """The world's time. Who looks again and again waits for it to pass, so a little of it does."""
        looks = getattr(self._local, "looks", 0) + 1
        self._local.looks = looks
        if looks > LOOKS_MAX and not self.is_killed():
            self.sleep(LOOK_SECONDS)
        return self._clock.now_us()

    def begin_life(self, seed: str) -> None:
        """From now on a new life draws."""
        self._seed = seed
        self._chances.clear()

    def chance(self, of: str) -> random.Random:
        """What is drawn from, by `of` alone."""
        return self._chances.setdefault(of, random.Random(f"{self._seed} {of}"))

    def lead(self, signals: Signals) -> None:
        """The caller is the main thread of a life: it is the one that signals reach."""
        self._local.signals = signals

    @property
    def signals(self) -> Signals | None:
        """Of the caller; None when it is no main thread."""
        found: Signals | None = getattr(self._local, "signals", None)
        return found

    def sleep(self, seconds: float) -> None:
        """Rest until so much of it has passed."""
        self._local.looks = 0
        if self.signals:
            self.until(bool, seconds)
        else:
            self._activities.sleep(self._later(seconds))

    def until(self, has_news: Callable[[], bool], timeout: float | None) -> bool:
        """Rest until there is news or the time is over; whether there was."""
        self._local.looks = 0
        until_us = None if timeout is None else self._later(timeout)
        signals = self.signals
        while not has_news():
            if until_us is not None and (timeout == 0 or self._clock.now_us() >= until_us):
                return False
            if signals:
                self._watch(lambda: has_news() or bool(signals and signals.is_due()), until_us)
                signals.answer()
            else:
                self._watch(has_news, until_us)
        return True

    def _watch(self, has_news: Callable[[], bool], until_us: int | None) -> None:
        watch = Watch([TURN_US], has_news, has_news, until_us)
        self._activities.watch(watch, self._clock.now_us())

    def start(self, thread: threading.Thread) -> None:
        """Start a thread that the scheduler knows."""
        self._started[thread] = self._activities.adopt(thread)
        with self.real():
            # It waits for the new thread to exist.
            REAL_START(thread)

    def catch_up(self) -> None:
        """Return when what the caller has sent has been read."""
        with self.real():
            self._activities.catch_up()

    @contextmanager
    def real(self) -> Iterator[None]:
        """What takes this machine's time for a moment, and none of the world's."""
        self._local.is_real = True
        try:
            yield
        finally:
            self._local.is_real = False

    def join(self, thread: threading.Thread, timeout: float | None) -> None:
        """Rest until a thread has ended."""
        activity = self._started.get(thread)
        if activity is None:
            REAL_JOIN(thread, timeout)
        elif self.until(lambda: activity.state == "ended", timeout):
            REAL_JOIN(thread)

    def _later(self, seconds: float) -> int:
        return self._clock.now_us() + max(1, min(round(seconds * 1e6), FOREVER_US))


class _Heard:
    """A stream that keeps what own code writes to it, and lets all else through."""

    def __init__(self, stream: Any, lines: deque[str]) -> None:
        self._stream = stream
        self._lines = lines
        self._begun = ""

    def write(self, text: str) -> int:
        """Keep its lines, or pass it on."""
        own = own_time()
        if own is None:
            return int(self._stream.write(text))
        if own.is_killed():
            return len(text)
        *whole, self._begun = (self._begun + text).split("\n")
        self._lines.extend(whole)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def own_time() -> OwnTime | None:
    """The time that the caller goes by; None for threads that are not own code's."""
    return _current if _current is not None and _current.is_own() else None


REAL_START: Any = threading.Thread.start
REAL_JOIN: Any = threading.Thread.join
