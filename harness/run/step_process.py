"""The processes of a stepped run: what they ask is held, what they do between is waited for.

A program outside cannot be told to rest. It is known to rest by three signs, all of them needed:

- it has used the processor since it was last given an answer (it has seen it);
- none of its threads runs or wants to, but for ticks of its timers, and nothing that it sent is
  unread;
- as many of its requests are held as it ever had at once; or it has been quiet for longer than its
  sleeps are known to take.

So a program with one thread of work is always found holding exactly one request, whatever it sleeps
between two, and its schedule repeats. One that uses the processor for `BUSY_SECONDS_MAX` without
asking is *away*, as a spinning thread is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.clock import WallClock, stopwatch
from harness.errors import PipelineError
from harness.run.process_tree import ProcessTree
from harness.run.step_gate_server import Pumped
from harness.run.step_threads import Activity, Known

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.faults.asked import Kind
    from harness.faults.gate import Passage
    from harness.run.child import Child
    from harness.run.step_gate_server import Arrival, StepGateServer
    from harness.web.message import Request, Response

HTTP_ERROR = 400
LOOK_SECONDS = 0.001
LOOK_SECONDS_MAX = 0.008
LOOKS = 10
NOTICE_SECONDS_MAX = 0.1
HELD_SECONDS_MAX = 0.05
LANE_SECONDS_MAX = 0.25
SLEEP_SECONDS_MIN = 1.0
SLEEP_SECONDS_MAX = 3.0
START_SECONDS_MAX = 5.0
BACKOFF_SECONDS_MAX = 6.0
"""AWS's clients wait for up to a second or two before their first and second retry, at random."""

BUSY_SECONDS_MAX = 10.0
TICK_NS, TICKING_SHARE = 2_000_000, 0.1
"""What sleeps may look at a clock, or whether there is something to flush: so much of the processor
is no work."""


class Life:
    """One process from its start to its end.

    Args:
        child: the process, started.
        server: where its requests arrive.
        number: of the incarnation.

    Attributes:
        main: stands for the process as a whole: asleep, away or ended.
    """

    def __init__(self, child: Child, server: StepGateServer, number: int) -> None:
        assert child.tree is not None
        self.child = child
        self.server = server
        self.main = Activity(f"pipeline {number}", number, None)
        self.main.state = "asleep"
        self.tree = ProcessTree(child.tree.root)
        self.lanes = 1
        self.has_asked = False
        self.was_refused = False

    def notice_end(self) -> bool:
        """True once the process has ended."""
        if self.main.state != "ended" and self.child.exit_code() is not None:
            self.main.state = "ended"
            self.main.failure = PipelineError(self.child.said_why_it_ended())
        return self.main.state == "ended"

    def end(self) -> None:
        """Kill it; its server goes on for what may land of it."""
        self.main.state = "ended"
        self.child.kill()
        self.server.retire()


class ProcessActivities(Known):
    """What `Activities` is for threads: everybody who can be let go, and who waits for it.

    Args:
        open_passage: takes a request in at the gate.

    Attributes:
        waited: how long the processes were waited for, seconds.
    """

    def __init__(self, open_passage: Callable[[Request, Kind], Passage]) -> None:
        super().__init__()
        self.waited = 0.0
        self.lives: list[Life] = []
        self._open = open_passage
        self._waiting: dict[Activity, tuple[Life, Arrival]] = {}
        self._pumped: list[Pumped] = []
        self._stirred: dict[Life, int] = {}
        self._longest_sleep = 0.0
        self._clock = WallClock()

    def start(self, run: Callable[[], None], name: str) -> None:
        """Nobody may: a program starts its threads in its own process.

        Raises:
            PipelineError: always.
        """
        raise PipelineError(f"thread {name!r} cannot be started inside a program outside")

    def next_wake_us(self) -> int | None:
        """Not None when a process may ask something by itself: it sleeps by its own clock."""
        held = len(self.held())
        may_ask = [v for v in self.lives if v.main.state == "asleep" and held < max(1, v.lanes)]
        return 1 if may_ask else None

    def add(self, life: Life) -> None:
        """Take a started process in."""
        self.lives.append(life)
        self.all.append(life.main)
        self.stir(life)

    def stir(self, life: Life) -> None:
        """Something has happened to a process: `run_ready` waits until it rests."""
        self._stirred[life] = -1

    def run_ready(self, _now_us: int) -> None:
        """Wait until every process rests, and take in what they have asked."""
        passed = stopwatch()
        self._pumped = [stream for stream in self._pumped if stream.pump()]
        for life in self.lives:
            if life in self._stirred:
                self._settle(life, self._stirred.pop(life))
        self.waited += passed()
        self._take()

    def wait(self, seconds: float) -> None:
        """Let real time pass until somebody asks something, at most `seconds`."""
        running = [life for life in self.lives if not life.notice_end()]
        passed = stopwatch()
        while running and passed() < seconds:
            if any(life.server.wait(seconds / len(running) / 8) for life in running):
                break
            running = [life for life in running if not life.notice_end()]
        for life in running:
            self._settle(life, -1, patience=0.0)
        self.waited += passed()
        self._take()

    def reply(self, activity: Activity, answer: Response) -> None:
        """Give a held request its answer; `run_ready` waits for what comes of it."""
        life, arrival = self._waiting.pop(activity)
        self.all.remove(activity)
        if not isinstance(answer.body, bytes):
            answer.body = Pumped(answer.body)
            self._pumped.append(answer.body)
            answer.body.pump()
        life.was_refused = answer.status >= HTTP_ERROR or answer.cut_after is not None
        self._stirred[life] = life.tree.cpu_ns()
        arrival.answer(answer)

    def kill(self) -> None:
        """Kill every process; nobody waits any more."""
        for life in self.lives:
            life.end()
        self.lives.clear()
        self.all.clear()
        self._waiting.clear()
        self._stirred.clear()
        for stream in self._pumped:
            stream.close()
            stream.pump()
        self._pumped.clear()

    def _settle(self, life: Life, cpu_ns: int, *, patience: float | None = None) -> None:
        """Return when the process rests, has ended or is away."""
        passed = stopwatch()
        asleep_since, looks = 0.0, 0
        seen, asleep_ns = -1, 0
        while not life.notice_end():
            now_ns, now = life.tree.cpu_ns(), passed()
            if now_ns == cpu_ns and now < NOTICE_SECONDS_MAX:
                self._clock.sleep(LOOK_SECONDS)
                continue
            doing = life.tree.activity() if now_ns == seen else None
            seen = now_ns
            if doing is None or not doing.is_asleep or doing.cpu_ns != now_ns:
                quiet_ns = (now - asleep_since) * 1e9
                if now_ns - asleep_ns > TICK_NS + TICKING_SHARE * quiet_ns:
                    asleep_since = 0.0
                if now > BUSY_SECONDS_MAX or (
                    now > HELD_SECONDS_MAX and self._held_of(life) >= life.lanes
                ):
                    break
                looks += 1
                # What has worked for long will go on for a while.
                self._clock.sleep(min(LOOK_SECONDS_MAX, LOOK_SECONDS * (1 + looks / LOOKS)))
                continue
            life.server.catch_up()
            held = self._held_of(life)
            if not asleep_since:
                asleep_since, asleep_ns = now, now_ns
            slept = now - asleep_since
            if held >= life.lanes:
                if not life.was_refused:
                    self._longest_sleep = max(self._longest_sleep, slept)
                break
            if slept >= (self._patience(life, held) if patience is None else patience):
                break
            life.server.wait(LOOK_SECONDS * 5)
        self._conclude(life, is_busy=passed() > BUSY_SECONDS_MAX)

    def _conclude(self, life: Life, *, is_busy: bool) -> None:
        held = self._held_of(life)
        life.lanes = max(1, held)
        life.has_asked |= held > 0
        if life.main.state == "ended":
            return
        if held == 0 and is_busy:
            life.main.state = "away"
            self.went_away += 1
        else:
            life.main.state = "asleep"

    def _patience(self, life: Life, held: int) -> float:
        """How long a process that sleeps is waited for."""
        if not life.has_asked:
            return START_SECONDS_MAX
        if held:
            return LANE_SECONDS_MAX
        if life.was_refused:
            return BACKOFF_SECONDS_MAX
        return min(SLEEP_SECONDS_MAX, max(SLEEP_SECONDS_MIN, 2 * self._longest_sleep))

    def _held_of(self, life: Life) -> int:
        return life.server.count_waiting()

    def _take(self) -> None:
        """Take in what has come, in an order that depends on nothing but what it is."""
        for life in self.lives:
            if life.notice_end():
                self._forget(life)
                continue
            fresh = sorted(life.server.take(), key=_what)
            for arrival in fresh:
                activity = Activity("request", self._count, None)
                self._count += 1
                activity.state = "held"
                activity.passage = self._open(arrival.request, arrival.kind)
                self.all.append(activity)
                self._waiting[activity] = (life, arrival)
            if fresh:
                life.main.state = "asleep"
        for activity in [a for a, (_, arrival) in self._waiting.items() if arrival.has_left]:
            del self._waiting[activity]
            self.all.remove(activity)

    def _forget(self, life: Life) -> None:
        """Nobody waits for the answers to a process that has ended."""
        life.server.take()
        for activity in [a for a, (whose, _) in self._waiting.items() if whose is life]:
            del self._waiting[activity]
            self.all.remove(activity)


def _what(arrival: Arrival) -> tuple[Any, ...]:
    request = arrival.request
    target = request.headers.get("x-amz-target", "")
    return arrival.kind, target, request.method, request.path, request.query, request.body
