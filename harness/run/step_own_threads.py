"""The threads of own Python code in a stepped run, whose own clients ask over sockets.

Such code makes its clients as it likes, so its requests come to a server of this process. No two of
its threads ever run at once: a request that arrives is that of the thread that was let go last. That
thread is *asking* from then on, and the request waits for the scheduler like any other.

A thread that the code starts by itself is known from its start, see `step_own_time`.
"""

from __future__ import annotations

import sys
import threading
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.clock import stopwatch
from harness.run.step_gate_server import Pumped, StepGateServer
from harness.run.step_threads import (
    END_SECONDS,
    STUCK_SECONDS,
    Activities,
    Activity,
    raise_in,
)
from harness.run.step_transport import drained

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.faults.asked import Kind
    from harness.faults.gate import Passage
    from harness.run.step_gate_server import Arrival
    from harness.web.message import App, Request, Response

BESIDE_SECONDS = 0.05
"""What a thread is given that may wait for another answer still."""

CATCH_UP_TURNS = 3
WOKEN_MAX = 1_000
"""So many threads are woken at one moment by what others did; one that spins waits for the next."""


class OwnActivities(Activities):
    """All threads of own code.

    Args:
        open_passage: takes a request in at the gate.
    """

    def __init__(self, open_passage: Callable[[Request, Kind], Passage]) -> None:
        super().__init__()
        self._open = open_passage
        self._server: StepGateServer | None = None
        self._retired: list[StepGateServer] = []
        self._asked: dict[Activity, tuple[Arrival, Activity | None]] = {}
        self._loops: dict[Activity, Callable[[float], bool]] = {}
        self._pumped: list[Pumped] = []

    def serve(self, aws: App) -> StepGateServer:
        """The server that takes requests in, of this life of the code."""
        if self._server is None:
            self._server = StepGateServer(aws, self._came).__enter__()
        return self._server

    def is_killed(self) -> bool:
        """True when the caller is a thread of the code that is being killed."""
        activity: Activity | None = getattr(self._local, "activity", None)
        return activity is not None and activity.killed

    def adopt(self, thread: threading.Thread) -> Activity:
        """Make a thread known that a known one is about to start; it runs when it is resumed."""
        with self._lock:
            activity = Activity(thread.name, self._count, _told(thread))
            activity.thread = thread
            self._count += 1
            self.all.append(activity)

        def run() -> None:
            activity.turn.acquire()
            if activity.killed:
                self._signal(activity, "ended")
            else:
                self._run(activity)

        thread.run = run  # type: ignore[method-assign]
        return activity

    def enter_loop(self, arrives: Callable[[float], bool]) -> None:
        """The caller runs an event loop: what it sends does not make it wait.

        Args:
            arrives: waits for so many seconds at most; whether there is something for the loop.
        """
        self._loops[self._current()] = arrives

    def is_in_loop(self) -> bool:
        """Whether the caller runs, or has run, an event loop."""
        activity: Activity | None = getattr(self._local, "activity", None)
        return activity in self._loops

    def catch_up(self) -> None:
        """Return when what the caller has sent has been read."""
        if self._server is not None:
            # A connection is taken, then read, then its request is handed on.
            for _ in range(CATCH_UP_TURNS):
                self._server.catch_up()

    def wait_for_answer(self) -> None:
        """The caller, who runs a loop, waits for an answer by itself from now on."""
        activity = self._current()
        if self._server is not None and self._server.count_waiting():
            self._signal(activity, "asking")

    def run_ready(self, now_us: int) -> None:
        """Run everybody who can run, and take in what they have asked."""
        self._pumped = [stream for stream in self._pumped if stream.pump()]
        self._take(None)
        super().run_ready(now_us)
        for _ in range(WOKEN_MAX):
            woken = next((a for a in self.all if _has_news(a)), None)
            if woken is None:
                return
            self.resume(woken)
            super().run_ready(now_us)

    def resume(self, activity: Activity, *, seconds_max: float = 0.0) -> None:
        """Let an activity run until it rests, asks, or is found away."""
        super().resume(activity, seconds_max=seconds_max)
        self._take(activity)

    def reply(self, activity: Activity, answer: Response) -> None:
        """Give a held activity or request its answer, and run who waited for it until it rests."""
        if activity not in self._asked:
            super().reply(activity, answer)
            return
        arrival, thread = self._asked.pop(activity)
        self.all.remove(activity)
        answer = self._sendable(answer, arrival.kind)
        if thread in self._loops and thread.state != "asking":
            arrival.answer(answer)
            self._arrive(arrival, self._loops[thread])
            self._take(None)
            return
        if thread is None or thread.state != "asking":
            arrival.answer(answer)
            self._settle()
            return
        waits_for_more = any(whose is thread for _, whose in self._asked.values())
        self._expect(thread)
        arrival.answer(answer)
        if waits_for_more:
            self._await(thread, BESIDE_SECONDS, "asking")
        else:
            self._await(thread, STUCK_SECONDS)
        self._take(thread)

    def kill(self) -> None:
        """End every thread; whoever waits for an answer gets none."""
        asking = [a for a in self.all if a.state == "asking"]
        for activity in asking:
            activity.killed = True
            raise_in(activity.thread)
        self.all = [a for a in self.all if a not in self._asked]
        self._asked.clear()
        self._loops.clear()
        if self._server is not None:
            self._server.retire()
            self._retired.append(self._server)
            self._server = None
        passed = stopwatch()
        for activity in asking:
            if activity.thread is not None:
                activity.thread.join(max(0.0, END_SECONDS - passed()))
        for stream in self._pumped:
            stream.close()
            stream.pump()
        self._pumped.clear()
        super().kill()

    def close(self) -> None:
        """Stop the servers of all lives; nothing lands any more."""
        for server in self._retired:
            server.close()
        self._retired.clear()

    def _came(self) -> None:
        """On the server's thread: whoever runs waits for an answer now."""
        with self._lock:
            if self._awaited is not None and self._awaited not in self._loops:
                self._awaited.state = "asking"
                self._awaited = None
                self._rested.release()

    def _take(self, thread: Activity | None) -> None:
        """Take requests in; those of a thread that asks are its own."""
        if self._server is None:
            return
        is_whose = thread is not None and (thread.state == "asking" or thread in self._loops)
        whose = thread if is_whose else None
        for arrival in self._server.take():
            activity = Activity("request", self._count, None)
            self._count += 1
            activity.state = "held"
            activity.passage = self._open(arrival.request, arrival.kind)
            self.all.append(activity)
            self._asked[activity] = (arrival, whose)
        for activity in [a for a, (arrival, _) in self._asked.items() if arrival.has_left]:
            del self._asked[activity]
            self.all.remove(activity)

    def _arrive(self, arrival: Arrival, arrives: Callable[[float], bool]) -> None:
        """Wait until an answer has reached the loop that waits for it, or has left for nobody."""
        passed = stopwatch()
        while not arrives(BESIDE_SECONDS) and not arrival.has_left and passed() < END_SECONDS:
            pass

    def _settle(self) -> None:
        """Nobody is known to wait for what was answered: see whether something follows."""
        if self._server is not None:
            self._server.wait(BESIDE_SECONDS)
            self._take(None)

    def _sendable(self, answer: Response, kind: Kind) -> Response:
        if isinstance(answer.body, bytes):
            return answer
        if kind == "clickhouse":
            return replace(answer, body=drained(answer))
        stream = Pumped(answer.body)
        self._pumped.append(stream)
        stream.pump()
        return replace(answer, body=stream)


def _has_news(activity: Activity) -> bool:
    """Whether what it waits for is there: nothing but the processor would keep it from going on."""
    return activity.state == "asleep" and activity.watch is not None and activity.watch.has_news()


def _told(thread: threading.Thread) -> Callable[[], None]:
    """What the thread does; what it raises is printed, as it always is."""
    original = thread.run

    def run() -> None:
        try:
            original()
        except Exception:  # noqa: BLE001 - the edge of a thread
            sys.stderr.write(f"Exception in thread {thread.name}:\n{traceback.format_exc()}")

    return run
