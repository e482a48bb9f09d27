"""A stepped example whose pipeline is a program outside, which a command starts.

The program gets the documented environment, with both endpoints at the gate of this process. Its
next life is started ahead while nobody lives, so that the scheduler seldom waits for an interpreter
to start; it is held at its first request until the scheduler starts it.

The world's clock is virtual; the program's own is not. So its sleeps pass in real time, and the
world's clock goes on by `IDLE_SECONDS` whenever the program finds nothing to read.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clock import stopwatch
from harness.faults.fault import make_fault
from harness.pipelines.pipeline import VARIABLES, NoOpPipeline
from harness.run.child import Child
from harness.run.own_code import own_command, own_variables
from harness.run.pipelines import is_own
from harness.run.process_tree import able_seconds
from harness.run.step_counts import Incarnation
from harness.run.step_example import REQUEST_SECONDS, Example
from harness.run.step_gate_server import StepGateServer
from harness.run.step_habit import learn
from harness.run.step_idle import Idleness
from harness.run.step_paces import EAGER
from harness.run.step_patience import Habit, Patience
from harness.run.step_process import Life, ProcessActivities
from harness.run.step_transport import drained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.faults.asked import Asked, Kind
    from harness.faults.gate import Passage
    from harness.run.step_threads import Activity
    from harness.run.step_world import Bench
    from harness.scenario.model import Scenario
    from harness.web.message import Request, Response
    from harness.workload.operations import Operation

IDLE_SECONDS = 0.05
"""Several polls that find nothing, of all shards, before the calm phase looks at the target."""

QUIET_SECONDS_MAX = 16.0
"""Idle time that is counted: how long a program that has nothing to do is watched is not repeatable."""

ADVANCE_SECONDS = 0.5
EXPLORE_SECONDS_MAX = 30.0
CALM_SECONDS_MAX = 75.0
"""An example that takes longer ends without a verdict: a search goes on with the next."""

FRUITLESS_MAX = 4
RESHARD_WAITS = 4
REAL_SHARE = 0.2
"""A busy machine makes a program slow: so much of its quiet counts as if it were the world's."""

IDLE = 0.1
LOG_LINES_NOTED = 5
_HABITS: dict[tuple[str, ...], Habit] = {}
"""By command and folder."""


def is_program(scenario: Scenario, name: str) -> bool:
    """True when the pipeline called `name` is a program that the scenario brings."""
    return is_own(scenario, name) and scenario.pipeline.command is not None


class ExternalExample(Example):
    """An example with processes in place of threads.

    Args:
        bench: what examples share.
        scenario: names the program; somebody has made sure that it may run.
        operations: the workload, in place of the one that the scenario's seed gives.
    """

    def __init__(
        self, bench: Bench, scenario: Scenario, operations: Sequence[Operation] | None = None
    ) -> None:
        command = (*(scenario.pipeline.command or ()), str(scenario.folder))
        habit = _HABITS.setdefault(command, Habit())
        if not habit.is_learned:
            habit.is_learned = True
            plain = ExternalExample(bench, scenario)
            try:
                learn(plain, habit)
            finally:
                plain.close()
        self._run_dir = Path(tempfile.mkdtemp(prefix="harness-program-"))
        self._spare: tuple[Life, dict[str, str]] | None = None
        self._lives_made = 0
        self._servers: list[StepGateServer] = []
        self._read_to: dict[str, int] = {}
        self._noted_in: dict[str, int] = {}
        self._reads_table_stream = False
        self._reshard_waits = 0
        self._quiet_seconds = 0.0
        self._since_moved = stopwatch()
        self._starved = 0.0
        self._fruitless = 0
        self._last_words: list[str] = []
        super().__init__(bench, scenario, NoOpPipeline, operations)
        self._processes = ProcessActivities(self._taken_in)
        self._patience = Patience(habit, lambda: self._processes.waited)
        self._idleness = Idleness(self.world.aws.app, self._what_can_be_read)
        self._passed = stopwatch()
        stands_in: Any = self._processes
        self.activities = stands_in
        self._command = own_command(scenario, self._run_dir)
        self._start_ahead()

    def close(self) -> None:
        """End every process and leave nothing behind."""
        self._drop_spare()
        super().close()
        for server in self._servers:
            server.close()
        shutil.rmtree(self._run_dir, ignore_errors=True)

    def start(self) -> str:
        """Start the program's next life: the one that was started ahead, if it fits still."""
        self.incarnations += 1
        spare, self._spare = self._spare, None
        if spare is not None and spare[1] != self._variables():
            spare[0].end()
            spare = None
        life = spare[0] if spare is not None else self._live()
        self._processes.add(life)
        self.incarnation = _Incarnation(self.incarnations, life, self._processes)
        self._fruitless = 0
        self._read_to.clear()
        self._idleness.begin()
        self._patience.begin()
        self._stir()
        self.note("pipeline", incarnation=self.incarnations, state="started")
        return f"incarnation {self.incarnations}"

    def kill(self, how: str) -> str:
        """Kill the program and all that it has started."""
        saw = super().kill(how)
        self._start_ahead()
        return saw

    def notice_end(self) -> bool:
        """True when the program has just been found to have ended by itself."""
        life = self._life()
        if not super().notice_end():
            return False
        if life is not None:
            lines = life.child.last_lines()[-LOG_LINES_NOTED:]
            self._last_words = [f"incarnation {self.incarnations} said: {line}" for line in lines]
        self._start_ahead()
        return True

    def release(self, activity: Activity, how: str) -> str:
        """Answer a held request, with or without a fault, and let the program go on."""
        passage = activity.passage
        assert passage is not None
        if how != "ok":
            if self.gate.meet(passage, make_fault(how)):
                self.counts.faults += 1
            else:
                how = "ok"
        answer = self._carry_out(passage)
        if not isinstance(answer.body, bytes) and passage.asked.service == "clickhouse":
            answer = replace(answer, body=drained(answer))
        saw = self._shown(passage, answer)
        if self.moves(passage.asked, saw):
            self._stir()
        if "records" in saw:
            self._noted_in.clear()
        elif passage.asked.operation == "INSERT":
            self._noted_in.setdefault(passage.asked.subject, self.counts.inserts)
        if not saw.startswith("200"):
            self._patience.refused(passage.asked)
        elif passage.asked.operation == "INSERT":
            self._patience.stored()
        elif passage.asked.operation in ("GetRecords", "SubscribeToShard"):
            if saw == "200":
                self._patience.polled()
            else:
                self._patience.read(passage.asked.subject)
        self._idleness.told(passage, answer)
        self._pass_time(passage, saw)
        self.activities.reply(activity, answer)
        return saw

    def advance(self) -> str:
        """Let time pass until the program asks something by itself, or nothing is due."""
        if self.incarnation is None:
            return super().advance()
        before = len(self.activities.held())
        if self.activities.next_wake_us() is None:
            self._reshard_waits += 1
        if self._quiet_seconds < QUIET_SECONDS_MAX:
            self._quiet_seconds += ADVANCE_SECONDS
            self.world.clock.advance(ADVANCE_SECONDS)
        self._processes.wait(ADVANCE_SECONDS)
        came = len(self.activities.held()) > before
        self._fruitless = 0 if came else self._fruitless + 1
        return "a request" if came else ""

    def last_words(self) -> list[str]:
        """What the program printed last before it ended by itself."""
        return self._last_words

    def may_advance(self) -> bool:
        """False once waiting has often led to nothing: the calm phase waits longer."""
        if self.incarnation is not None and self.activities.next_wake_us() is None:
            # A thread that lists shards now and then may come upon new ones.
            return self.counts.reshards * RESHARD_WAITS > self._reshard_waits
        return self._fruitless < FRUITLESS_MAX and super().may_advance()

    def moves(self, asked: Asked, saw: str) -> bool:
        """As of every example; but what a program notes again and again elsewhere moves nothing."""
        if asked.operation != "INSERT" or "records" in saw:
            return super().moves(asked, saw)
        is_target = asked.subject == self.scenario.target.table
        first = self._noted_in.get(asked.subject, self.counts.inserts)
        return saw == "200" and (is_target or first == self.counts.inserts)

    def is_stalled(self, quiet_seconds: float, seconds_max: float) -> bool:
        """True when the program has done nothing for as long, in real time, as the scenario says.

        Its buffers are flushed by its own clock, so the world's cannot tell.
        """
        most = self.scenario.settle.stall_seconds
        life = self._life()
        if life is None:
            return self._since_moved() >= most
        seconds = self._patience.seconds(most, len(self.world.shard_sizes()))
        is_over = self._since_moved() >= seconds
        if is_over:
            # What it wanted to do and had no processor for, it did not do.
            starved = life.tree.waited_seconds() - self._starved
            is_over = able_seconds(self._since_moved(), starved) >= seconds
        if is_over:
            self._patience.gave_up(most)
        return is_over

    def eagerness(self, activity: Activity) -> float:
        """How soon a request should be answered: a poll that will find nothing can wait."""
        passage = activity.passage
        assert passage is not None
        if not self._idleness.is_idle(passage):
            return EAGER
        if passage.asked.service == "kinesis" and passage.asked.operation == "GetRecords":
            shard = passage.asked.subject
            self._read_to[shard] = self.world.shard_sizes().get(shard, 0)
        return IDLE

    def rolls_shards(self) -> bool:
        """Once the program has asked for records of the table's own stream."""
        return self._reads_table_stream

    def begin_calm(self) -> None:
        """Until now the scheduler may have kept its requests."""
        self._stir()

    def quiet_for(self) -> float:
        """Of real time: a program may ask on and on for what moves no clock."""
        return self._since_moved() * REAL_SHARE

    def has_all(self) -> bool:
        """True when the program was given all there is, and has stored since then or never will."""
        held = self.activities.held()
        if not held or self.activities.next_wake_us() is not None:
            return False
        if any(self.eagerness(activity) >= EAGER for activity in held):
            return False
        open_shards = self.world.open_shards()
        is_read = not self._read_to or all(
            self._read_to.get(shard) == size for shard, size in open_shards.items() if size
        )
        return is_read and self._patience.is_stored()

    def is_overdue(self, *, calm: bool) -> bool:
        """True when an example has taken so much real time that it must come to its end."""
        return self._passed() > (CALM_SECONDS_MAX if calm else EXPLORE_SECONDS_MAX)

    def empty_state_dir(self) -> None:
        """Whatever the program has written to its folder is gone; who may have read it is not used."""
        self._drop_spare()
        super().empty_state_dir()

    def _taken_in(self, request: Request, kind: Kind) -> Passage:
        passage = self.gate.open(request, kind)
        self._patience.asks(passage.asked)
        self._reads_table_stream |= passage.asked.service == "streams"
        if passage.asked.operation == "INSERT":
            is_target = passage.asked.subject == self.scenario.target.table
            self._patience.brings(is_target=is_target)
        return passage

    def _stir(self) -> None:
        self._quiet_seconds = 0.0
        self._since_moved = stopwatch()
        life = self._life()
        self._starved = life.tree.waited_seconds() if life else 0.0

    def _pass_time(self, passage: Passage, saw: str) -> None:
        """The world's clock goes on, but not for ever while nothing happens: that would not repeat."""
        if self._quiet_seconds >= QUIET_SECONDS_MAX:
            return
        is_empty = passage.asked.operation == "GetRecords" and saw == "200"
        seconds = IDLE_SECONDS if is_empty else REQUEST_SECONDS
        if seconds == IDLE_SECONDS:
            self._quiet_seconds += seconds
        self.world.clock.advance(seconds)

    def _what_can_be_read(self) -> tuple[Any, ...]:
        sizes, minute = self.world.shard_sizes(), self.world.clock.now_us() // 60_000_000
        ends = self.world.table.log.end, self.counts.reshards
        return (*sizes.items(), *self.world.open_shards(), *ends, minute)

    def _shown(self, passage: Passage, answer: Response) -> str:
        if answer.cut_after is not None:
            return "cut"
        if answer.status == 200 and passage.asked.operation == "GetRecords":
            assert isinstance(answer.body, bytes)
            count = answer.body.count(b"SequenceNumber")
            return f"200 with {count} records" if count else "200"
        return str(answer.status)

    def _life(self) -> Life | None:
        main = self.incarnation.main if self.incarnation else None
        return next((life for life in self._processes.lives if life.main is main), None)

    def _start_ahead(self) -> None:
        self._drop_spare()
        self._spare = (self._live(), self._variables())

    def _drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            spare[0].end()

    def _live(self) -> Life:
        """Start a process with ports of its own, so that a dead one's requests reach nobody."""
        server = StepGateServer(self.world.aws.app).__enter__()
        self._servers.append(server)
        variables = self._variables()
        clickhouse = VARIABLES["clickhouse_url"]
        variables[clickhouse] = server.clickhouse_url(variables[clickhouse])
        variables[VARIABLES["aws_endpoint_url"]] = server.url("aws")
        scenario = self.scenario
        child = Child(
            self._command,
            variables | own_variables(scenario),
            self._run_dir,
            _Nobody(),
            folder=scenario.folder.resolve(),
            numbers=count(self._lives_made + 1),
        )
        self._lives_made += 1
        try:
            child.start()
        except BaseException:
            server.close()
            raise
        return Life(child, server, self._lives_made)

    def _variables(self) -> dict[str, str]:
        """The documented variables, but for the ports."""
        env = self._environment()
        return {variable: str(getattr(env, name)) for name, variable in VARIABLES.items()}


class _Incarnation(Incarnation):
    """One life of the program; setting `stopping` tells it to end."""

    def __init__(self, number: int, life: Life, processes: ProcessActivities) -> None:
        self._life = life
        self._processes = processes
        super().__init__(number, life.main)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "stopping" and value:
            self._life.child.tell_to_end()
            self._processes.stir(self._life)


class _Nobody:
    """The scheduler tells of lives itself."""

    def add(self, event: str, **members: Any) -> None:
        """Nothing."""
