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

    def run_ready(self, now_us: int) -> None:
        """Run everybody who can run, and take in what they have asked."""
        self._pumped = [stream for stream in self._pumped if stream.pump()]
        self._take(None)
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
            if self._awaited is not None:
                self._awaited.state = "asking"
                self._awaited = None
                self._rested.release()

    def _take(self, thread: Activity | None) -> None:
        """Take requests in; those of a thread that asks are its own."""
        if self._server is None:
            return
        whose = thread if thread is not None and thread.state == "asking" else None
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


def _told(thread: threading.Thread) -> Callable[[], None]:
    """What the thread does; what it raises is printed, as it always is."""
    original = thread.run

    def run() -> None:
        try:
            original()
        except Exception:  # noqa: BLE001 - the edge of a thread
            sys.stderr.write(f"Exception in thread {thread.name}:\n{traceback.format_exc()}")

    return run
