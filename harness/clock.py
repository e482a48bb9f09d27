"""All time and all chance: the only module that may read a wall clock or draw a random number.

Every timestamp, expiry, retention, timer and draw of the emulators, the workload and the scheduler
goes through one `Clock`. `WallClock` follows real time (and can be shifted ahead, so that a running
server lives through 24 hours at once); `VirtualClock` moves only when told.

Times are whole microseconds since the Unix epoch (`*_us`); durations given by people are seconds.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.errors import NotSettled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECOND_US = 1_000_000
POLL_SECONDS = 0.005


class Timer:
    """A call that is due at a moment; `cancel()` takes it back."""

    __slots__ = ("action", "cancelled", "due_us")

    def __init__(self, due_us: int, action: Callable[[], None]) -> None:
        self.due_us = due_us
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Never run the action; harmless when it has run."""
        self.cancelled = True


class Clock:
    """Time and chance behind one seed. Subclasses say how time passes.

    Args:
        seed: everything drawn from `random` and `uuid` follows from it.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self._timers: list[tuple[int, int, Timer]] = []
        self._timer_count = 0
        self._on_timer: Callable[[], None] = lambda: None

    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Let `seconds` of this clock's time pass."""
        raise NotImplementedError

    def sleep_in_turns(
        self, turns: Sequence[float], has_news: Callable[[], bool], until_us: int
    ) -> int:
        """Sleep in turns until there is news at the end of one; returns how many turns it took.

        Whoever runs the sleeper may look in its place, and wake it only when it is to go on.

        Args:
            turns: seconds of each; the last one is repeated.
            has_news: quick and without any effect.
            until_us: the first turn that ends at this moment or later is the last.
        """
        taken = 0
        while True:
            self.sleep(turns[min(taken, len(turns) - 1)])
            taken += 1
            if has_news() or self.now_us() >= until_us:
                return taken

    def now(self) -> float:
        """Seconds since the Unix epoch, with microseconds."""
        return self.now_us() / SECOND_US

    def now_ms(self) -> int:
        """Whole milliseconds since the Unix epoch."""
        return self.now_us() // 1000

    def datetime(self) -> datetime:
        """Now, as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def uuid(self) -> str:
        """A version 4 UUID drawn from the seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def substream(self, name: str) -> random.Random:
        """An independent random source that depends on the seed and the name only.

        Who draws how often from one substream does not shift the draws of another.
        """
        return random.Random(f"{self.seed}/{name}")

    def call_at(self, due_us: int, action: Callable[[], None]) -> Timer:
        """Run `action` once the clock reaches `due_us`; equal times run in the order given."""
        timer = Timer(due_us, action)
        self._timer_count += 1
        heapq.heappush(self._timers, (due_us, self._timer_count, timer))
        self._on_timer()
        return timer

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` after `seconds` of this clock's time."""
        return self.call_at(self.now_us() + round(seconds * SECOND_US), action)

    def next_timer_us(self) -> int | None:
        """When the earliest pending timer is due, or None."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def on_timer_added(self, notify: Callable[[], None]) -> None:
        """Call `notify` whenever a timer is added: an event loop then plans its next wake-up."""
        self._on_timer = notify

    def run_due(self) -> int:
        """Run every timer that is due now, earliest first; returns how many ran."""
        ran = 0
        while (due := self.next_timer_us()) is not None and due <= self.now_us():
            _, _, timer = heapq.heappop(self._timers)
            timer.action()
            ran += 1
        return ran

    def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        timeout_seconds: float,
        what: str,
        step_seconds: float = POLL_SECONDS,
    ) -> None:
        """Wait until `condition()` is true, looking every `step_seconds`.

        Raises:
            NotSettled: it was still false after `timeout_seconds`; the message names `what`.
        """
        deadline = self.now_us() + round(timeout_seconds * SECOND_US)
        while not condition():
            if self.now_us() >= deadline:
                raise NotSettled(f"waited {timeout_seconds:g} s for {what}, in vain")
            self.sleep(step_seconds)


class WallClock(Clock):
    """Real time, plus a shift that `advance` adds to."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self._shift_us = 0
        # Anchored once and then monotonic: a step of the machine's clock must not reorder a run.
        self._epoch_us = time.time_ns() // 1000 - time.monotonic_ns() // 1000

    def now_us(self) -> int:
        """Microseconds since the Unix epoch, never going back but by `set_back`."""
        return self._epoch_us + self._shift_us + time.monotonic_ns() // 1000

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds` of real time."""
        time.sleep(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Jump ahead and run every timer passed, in order of its due time."""
        target = self.now_us() + round(seconds * SECOND_US)
        while (due := self.next_timer_us()) is not None and due <= target:
            self._shift_us += max(0, due - self.now_us())
            self.run_due()
        self._shift_us += max(0, target - self.now_us())

    def set_back(self, seconds: float) -> None:
        """Show an earlier time from now on, as a machine does whose clock is corrected.

        Timers keep their distance: a machine counts them by another clock, which nobody corrects.
        """
        back_us = round(seconds * SECOND_US)
        self._shift_us -= back_us
        for index, (due_us, number, timer) in enumerate(self._timers):
            timer.due_us = due_us - back_us
            self._timers[index] = (timer.due_us, number, timer)


class VirtualClock(Clock):
    """Time that moves only by `advance` (and by `sleep`, which advances at once).

    Args:
        seed: as for every clock.
        start_us: where time begins; the default is 2025-01-01T00:00:00Z.
    """

    def __init__(self, *, seed: int = 0, start_us: int = 1_735_689_600_000_000) -> None:
        super().__init__(seed=seed)
        self._now_us = start_us
        self._lock = threading.RLock()

    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        return self._now_us

    def sleep(self, seconds: float) -> None:
        """Advance by `seconds`."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move ahead and run every timer passed, each seeing its own due time as now."""
        with self._lock:
            target = self._now_us + round(seconds * SECOND_US)
            while (due := self.next_timer_us()) is not None and due <= target:
                self._now_us = max(self._now_us, due)
                self.run_due()
            self._now_us = target


class CorrectedClock(Clock):
    """What one machine's clock shows while another clock drives everything: it may be set back.

    Its timers run on the other clock, so setting it back delays none of them.

    Args:
        driven_by: the clock that goes on for all.
    """

    def __init__(self, driven_by: Clock) -> None:
        super().__init__(seed=driven_by.seed)
        self.random = driven_by.random
        self._driven_by = driven_by
        self._behind_us = 0

    def now_us(self) -> int:
        """Microseconds since the Unix epoch, less what it was set back by."""
        return self._driven_by.now_us() - self._behind_us

    def sleep(self, seconds: float) -> None:
        """As of the clock that drives it."""
        self._driven_by.sleep(seconds)

    def call_at(self, due_us: int, action: Callable[[], None]) -> Timer:
        """Run `action` once this clock would reach `due_us` if it were not set back meanwhile."""
        return self._driven_by.call_at(due_us + self._behind_us, action)

    def set_back(self, seconds: float) -> None:
        """Show an earlier time from now on."""
        self._behind_us += round(seconds * SECOND_US)


def stopwatch() -> Callable[[], float]:
    """Seconds of real time since this call; for measuring and progress only, never for logic."""
    start = time.perf_counter()
    return lambda: time.perf_counter() - start
