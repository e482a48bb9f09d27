"""The threads of an in-process pipeline, one at a time: each runs until it asks, sleeps or ends.

A thread is known as an *activity*. It hands the turn back when it asks a server something or goes to
sleep by its clock, and goes on when the scheduler resumes it. As no two of them ever run at once,
their order is the scheduler's alone.

A thread that does neither within `STUCK_SECONDS` is *away*: it may wait for a lock that another one
holds, or spin. The scheduler goes on without it; what it does then is not reproducible. So on a
machine that is busy with something else, it is given more time for as long as it makes some use of it.
"""

from __future__ import annotations

import ctypes
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.faults.gate import Passage
    from harness.web.message import Response

STUCK_SECONDS = 5.0
STARVED_TURNS = 12
"""So many times as long it may take where the processor is somebody else's."""
IDLE_SHARE = 0.05
"""A process that used less of the processor than this waits for something that does not come."""
END_SECONDS = 2.0
KILLS_MAX = 50
State = Literal["ready", "running", "held", "asking", "asleep", "away", "ended"]
"""`held` waits for the answer to its request; `asking` has sent one that waits by itself."""


class Killed(BaseException):
    """The pipeline is killed: its threads end wherever they are. No `except Exception` stops it."""


@dataclass(slots=True)
class Watch:
    """What a sleeper waits for; the scheduler looks in its place, which saves two changes of threads.

    Attributes:
        turns_us: how long it sleeps between two looks; the last is repeated.
        may_have: false as long as a look would find nothing; changes only when somebody does something.
        has_news: a look; it may take what it finds.
        until_us: from then on it is woken without news; None for never.
        taken: turns that have passed.
    """

    turns_us: Sequence[int]
    may_have: Callable[[], bool]
    has_news: Callable[[], bool]
    until_us: int | None = None
    taken: int = 0

    def is_over(self, now_us: int) -> bool:
        """One turn has passed; whether it was the last."""
        self.taken += 1
        is_late = self.until_us is not None and now_us >= self.until_us
        return is_late or (self.may_have() and self.has_news())

    def turn_us(self) -> int:
        """How long the present turn is."""
        return self.turns_us[min(self.taken, len(self.turns_us) - 1)]

    def passed(self, wake_us: int, to_us: int) -> tuple[int, int]:
        """From a turn that ends at `wake_us`: which first one ends at `to_us` or later, and when."""
        taken, last = self.taken, len(self.turns_us) - 1
        while wake_us < to_us:
            taken += 1
            turn_us = self.turns_us[min(taken, last)]
            more = (to_us - wake_us - 1) // turn_us if taken >= last else 0
            taken, wake_us = taken + more, wake_us + (more + 1) * turn_us
        return taken, wake_us


class Activity:
    """One thread of the pipeline.

    Attributes:
        name: as the pipeline called it.
        number: in the order of their starts, over all incarnations.
        state: what it does.
        wake_us: when it is asleep, until when.
        watch: when it waits for something, what for; `wake_us` is then the end of its turn.
        passage: when it is held, the request that it waits for.
        failure: what its function raised.
    """

    def __init__(self, name: str, number: int, run: Callable[[], None] | None) -> None:
        self.name = name
        self.number = number
        self.run = run
        self.state: State = "ready"
        self.wake_us = 0
        self.watch: Watch | None = None
        self.passage: Passage | None = None
        self.answer: Response | None = None
        self.failure: BaseException | None = None
        self.killed = False
        self.turn = _closed()
        self.thread: threading.Thread | None = None


class Known:
    """Everybody who can be let go, and who waits for it.

    Attributes:
        all: in the order of their starts.
        went_away: how often one neither asked nor slept.
    """

    def __init__(self) -> None:
        self.all: list[Activity] = []
        self.went_away = 0
        self._count = 0

    @property
    def alive(self) -> list[Activity]:
        """Those that have not ended, in the order of their starts."""
        return [a for a in self.all if a.state != "ended"]

    def held(self) -> list[Activity]:
        """Those that wait for the answer to a request, the oldest first."""
        return [a for a in self.all if a.state == "held"]

    def pass_turns(self, to_us: int, end_us: int) -> int:
        """Nobody finds anything before `to_us`: the turns until then pass.

        Returns:
            That moment; if it lies beyond `end_us`, at most the end of the first turn from there on.
        """
        watching = [(a, a.watch) for a in self.all if a.state == "asleep" and a.watch is not None]
        if to_us > end_us:
            ends = (watch.passed(a.wake_us, end_us)[1] for a, watch in watching)
            to_us = min(to_us, *ends, to_us)
        for activity, watch in watching:
            watch.taken, activity.wake_us = watch.passed(activity.wake_us, to_us)
        return to_us


class Activities(Known):
    """All threads of the pipeline under test."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._rested = _closed()
        self._awaited: Activity | None = None

    def start(self, run: Callable[[], None], name: str) -> None:
        """Make a thread known; it begins when the scheduler resumes it."""
        with self._lock:
            activity = Activity(name, self._count, run)
            self._count += 1
            self.all.append(activity)

    def next_wake_us(self) -> int | None:
        """When the first sleeper wakes, as things are; None when nobody does."""
        return min((at for a in self.all if (at := _wakes_us(a)) is not None), default=None)

    def run_ready(self, now_us: int) -> None:
        """Run everybody who can run, one after the other, until all rest."""
        while True:
            activity = next((a for a in self.all if _is_due(a, now_us)), None)
            if activity is None:
                return
            self.resume(activity)

    def reply(self, activity: Activity, answer: Response) -> None:
        """Give a held activity its answer and run it until it rests."""
        activity.answer, activity.passage = answer, None
        self.resume(activity)

    def resume(self, activity: Activity, *, seconds_max: float = 0.0) -> None:
        """Let an activity run until it rests, or is found away after `seconds_max` of real time."""
        self._expect(activity)
        if activity.thread is None:
            activity.thread = threading.Thread(
                target=self._run, args=(activity,), name=activity.name, daemon=True
            )
            activity.thread.start()
        else:
            activity.turn.release()
        self._await(activity, seconds_max or STUCK_SECONDS)

    def _expect(self, activity: Activity) -> None:
        """From now on it runs, and whoever waits is told when it rests."""
        with self._lock:
            activity.state = "running"
            self._awaited = activity

    def _await(self, activity: Activity, seconds_max: float, otherwise: State = "away") -> None:
        """Wait until it rests; what it is when it does not."""
        if self._comes_to_rest(seconds_max):
            return
        with self._lock:
            # It may have come to rest just now: then its signal is there, and must be taken.
            if not self._rested.acquire(blocking=False):
                activity.state = otherwise
                self.went_away += otherwise == "away"
            self._awaited = None

    def _comes_to_rest(self, seconds_max: float) -> bool:
        """Whether it does; False as soon as it has had its time, or has made no use of some."""
        had = 0.0
        for _ in range(STARVED_TURNS):
            before = _processor_seconds()
            if self._rested.acquire(timeout=seconds_max):
                return True
            used = _processor_seconds() - before
            had += used
            if had >= seconds_max or used < IDLE_SHARE * seconds_max:
                break
        return False

    def kill(self) -> None:
        """End every thread by raising `Killed` in it; returns when all are gone or given up."""
        for activity in self.all:
            if activity.state == "ready" and activity.thread is None:
                activity.state = "ended"
                continue
            activity.killed = True
            for _ in range(KILLS_MAX):
                # Each `finally` that asks again is refused again.
                if activity.state in ("ended", "away"):
                    break
                self.resume(activity, seconds_max=END_SECONDS)
            if activity.state == "away":
                raise_in(activity.thread)
                activity.state = "ended"
        self.all.clear()

    def sleep(self, wake_us: int) -> None:
        """Called by a thread of the pipeline: rest until the clock says so."""
        activity = self._current()
        activity.wake_us, activity.watch = wake_us, None
        self._rest(activity, "asleep")

    def watch(self, watch: Watch, now_us: int) -> None:
        """Called by a thread of the pipeline: rest until there is what it waits for."""
        activity = self._current()
        activity.wake_us, activity.watch = now_us + watch.turn_us(), watch
        self._rest(activity, "asleep")

    def ask(self, passage: Passage) -> Response:
        """Called by a thread of the pipeline: rest until the scheduler has an answer."""
        activity = self._current()
        activity.passage = passage
        self._rest(activity, "held")
        assert activity.answer is not None
        answer, activity.answer = activity.answer, None
        return answer

    def is_known(self) -> bool:
        """True when the caller is a thread of the pipeline."""
        return getattr(self._local, "activity", None) is not None

    def _current(self) -> Activity:
        activity: Activity | None = getattr(self._local, "activity", None)
        if activity is None:
            # A thread that the pipeline started by itself: taken in when it first shows itself.
            with self._lock:
                activity = Activity(threading.current_thread().name, self._count, None)
                self._count += 1
                activity.state, activity.thread = "away", threading.current_thread()
                self.all.append(activity)
                self.went_away += 1
            self._local.activity = activity
        if activity.killed:
            raise Killed
        return activity

    def _run(self, activity: Activity) -> None:
        self._local.activity = activity
        try:
            if activity.run is not None:
                activity.run()
        except Killed:
            pass
        except BaseException as failure:  # noqa: BLE001 - the edge of the pipeline: shown as its end
            activity.failure = failure
        self._signal(activity, "ended")

    def _rest(self, activity: Activity, state: State) -> None:
        self._signal(activity, state)
        activity.turn.acquire()
        if activity.killed:
            raise Killed

    def _signal(self, activity: Activity, state: State) -> None:
        with self._lock:
            activity.state = state
            if self._awaited is activity:
                self._awaited = None
                self._rested.release()


def _is_due(activity: Activity, now_us: int) -> bool:
    """Whether it can run."""
    if activity.state == "ready":
        return True
    if activity.state != "asleep" or activity.wake_us > now_us:
        return False
    watch = activity.watch
    if watch is None or watch.is_over(now_us):
        return True
    activity.wake_us = now_us + watch.turn_us()
    return False


def _wakes_us(activity: Activity) -> int | None:
    """When it wakes if nobody does anything before; None when it does not."""
    if activity.state != "asleep":
        return None
    watch = activity.watch
    if watch is None or watch.may_have():
        return activity.wake_us
    return None if watch.until_us is None else watch.passed(activity.wake_us, watch.until_us)[1]


_LOCK = threading.Lock
"""While own code runs, its threads get another one by this name."""


def _closed() -> threading.Lock:
    """Opened by one thread for another to pass once; a semaphore costs several times as much."""
    lock = _LOCK()
    lock.acquire()
    return lock


class PipelineClock(Clock):
    """The pipeline's time: the world's, except that sleeping hands the turn back.

    Args:
        world: whose time it shows and whose seed it draws from.
        activities: told who sleeps.
    """

    def __init__(self, world: Clock, activities: Activities) -> None:
        super().__init__(seed=world.seed)
        self._world = world
        self._activities = activities

    def now_us(self) -> int:
        """The world's."""
        return self._world.now_us()

    def sleep(self, seconds: float) -> None:
        """Rest until `seconds` of the world's time have passed."""
        self._activities.sleep(self._world.now_us() + _us(seconds))

    def sleep_in_turns(
        self, turns: Sequence[float], has_news: Callable[[], bool], until_us: int
    ) -> int:
        """Rest; the scheduler looks for news."""
        watch = Watch([_us(seconds) for seconds in turns], has_news, has_news, until_us)
        self._activities.watch(watch, self._world.now_us())
        return watch.taken


def _us(seconds: float) -> int:
    return max(1, round(seconds * 1_000_000))


def _processor_seconds() -> float:
    """What this process has had of the processor, the engine's threads included."""
    times = os.times()
    return times.user + times.system


def raise_in(thread: threading.Thread | None) -> None:
    """Raise `Killed` in a thread that spins; one that waits for a lock is left behind."""
    if thread is not None and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(Killed)
        )
