"""One stepped example: the world, the pipeline in it, and what has happened so far.

Everything is touched by the scheduler's thread alone; the pipeline's threads only hand requests in
and take answers out.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.checks.evidence import Write
from harness.faults.carried import carried
from harness.faults.fault import make_fault
from harness.faults.gate import Gate
from harness.faults.sightings import SightingCounter
from harness.pipelines.pipeline import Environment
from harness.run.sampling import Sampling
from harness.run.step_answers import OK, TurnStream, one_line, shown
from harness.run.step_counts import Counts, Incarnation
from harness.run.step_paces import Paces
from harness.run.step_threads import Activities, PipelineClock
from harness.run.step_transport import InProcessHttp
from harness.run.step_world import CLICKHOUSE_URL, StepWorld
from harness.workload.mixes import generate
from harness.workload.operations import marker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.dynamodb.relay import Delivery, Pending, Relay
    from harness.faults.asked import Kind
    from harness.faults.gate import Passage
    from harness.pipelines.pipeline import Pipeline
    from harness.run.step_threads import Activity
    from harness.run.step_world import Bench, Export
    from harness.scenario.model import Scenario
    from harness.web.message import Request, Response
    from harness.workload.operations import Operation

WRITE_SECONDS = 1e-6
REQUEST_SECONDS = 0.0005
ADVANCE_WAKES_MAX = 2_000
ADVANCE_SECONDS_MAX = 5.0


@dataclass(slots=True)
class Example(Paces):
    """The state of one example.

    Args:
        bench: what examples share.
        scenario: what is written, and to where.
        make: makes the pipeline for each incarnation.
        workload: what is written; None generates it from the scenario.
        purpose: as of `StepWorld`.
    """

    bench: Bench
    scenario: Scenario
    make: Callable[[], Pipeline]
    workload: Sequence[Operation] | None = None
    purpose: str = ""
    world: StepWorld = field(init=False)
    gate: Gate = field(init=False)
    sampling: Sampling = field(init=False)
    activities: Activities = field(init=False)
    operations: list[Operation] = field(init=False)
    incarnation: Incarnation | None = None
    incarnations: int = 0
    ends: list[str] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    in_flight: list[Passage] = field(default_factory=list)
    inserted: set[str] = field(default_factory=set)
    sightings: SightingCounter = field(init=False)
    export: Export | None = None
    _state_dir: Path = field(init=False)
    _wrote: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = StepWorld(self.bench, self.scenario, purpose=self.purpose)
        self.sightings = SightingCounter(self.scenario.target.table)
        self.sampling = Sampling(self.scenario, self.world.target.texts, self.note)
        self.gate = Gate(record=self._note_request)
        self.gate.on_restart = self._restarts
        self.bench.clickhouse.queued.begin(self.world.clock)
        self.activities = Activities()
        given = self.workload
        self.operations = generate(self.scenario, self.world.clock) if given is None else [*given]
        self.bench.transport.ask = self.ask
        self._state_dir = Path(tempfile.mkdtemp(prefix="state-", dir=self.bench.folder))
        for operation in self.operations:
            if operation.phase == "before":
                self.write(operation)
        self.world.start_streaming()
        if self.scenario.snapshot.export:
            self.export = self.world.request_export()

    def close(self) -> None:
        """End the pipeline and leave nothing behind."""
        self.activities.kill()
        self.world.close(self.inserted)
        shutil.rmtree(self._state_dir, ignore_errors=True)

    def note(self, event: str, **members: Any) -> None:
        """One more event of the history."""
        line = {"at": self.world.clock.now_us(), "event": event, **members}
        self.events.append(line)
        self.sightings.feed(line)

    # What the pipeline does: called on its own threads.

    def ask(self, request: Request, kind: Kind) -> Response:
        """Hand a request in; returns when the scheduler has released it."""
        passage = self.gate.open(request, kind)
        answer = self.activities.ask(passage)
        if not isinstance(answer.body, bytes):
            tells = passage.asked.operation == "SubscribeToShard"
            now_us = self.world.clock.now_us
            answer.body = TurnStream(answer.body, self.activities, now_us, tells=tells)
        return answer

    # What the scheduler does.

    def write(self, operation: Operation) -> str:
        """Do one write of the workload."""
        self.world.clock.advance(WRITE_SECONDS)
        table = self.world.table
        first = table.log.end
        name, body = operation.request(self.world.table_name)
        try:
            self.world.dynamodb(name, **body)
            outcome = "acked"
        except AwsError as error:
            outcome = f"refused: {error.code}"
        marker = "" if operation.kind == "delete" else operation.marker
        came, _, refusal = outcome.partition(": ")
        self.note(
            "write",
            number=operation.number,
            kind=operation.kind,
            phase=operation.phase,
            key=operation.key,
            id=marker,
            counter=operation.counter,
            started_us=self.world.clock.now_us(),
            outcome=came,
            error=refusal,
        )
        self.writes.append(
            Write(
                operation.number,
                operation.key,
                operation.kind,
                marker,
                operation.counter,
                "acked" if outcome == "acked" else "refused",
            )
        )
        if table.log.end > first:
            self._wrote[first] = marker_id(operation.number)
            changed = table.log.read(first, 1)
            event = {"put": "PUT", "update": "PUT", "delete": "REMOVE"}[operation.kind]
            self.note(
                "change",
                number=first,
                key=operation.key,
                kind=event,
                write=operation.number,
                time_us=changed[0].time_us if changed else self.world.aws_clock.now_us(),
            )
        return outcome

    def label(self, pending: Pending) -> str:
        """The write that a delivery carries."""
        return self._wrote.get(pending.change.number, f"change {pending.change.number}")

    def deliver(self, relay: Relay, entry: Pending, *, again: bool) -> str:
        """Deliver one change to the stream; with `again` it stays to be delivered once more."""
        index = next(i for i, p in enumerate(relay.pending()) if p is entry)
        heard: list[Delivery] = []
        self.world.region.deliveries[:] = [heard.append]
        if not relay.deliver(index, again=again):
            return "throttled"
        self.counts.deliveries += 1
        change = entry.change
        kind = "REMOVE" if change.event == "REMOVE" else "PUT"
        shard = heard[0].shard
        self.note(
            "delivery",
            number=change.number,
            copy=entry.copy,
            key=change.keys,
            kind=kind,
            outcome="delivered" if shard else "oversized",
            shard=shard,
            sequence_number=heard[0].sequence_number,
            **({"expired_us": change.time_us} if change.by_service else {}),
        )
        return shard

    def deliver_all(self) -> bool:
        """Deliver everything in order, or as much as the stream takes; False if there was nothing."""
        moved = False
        for relay in self.world.relays():
            while pending := relay.pending():
                before = len(pending)
                self.deliver(relay, pending[0], again=False)
                if len(relay.pending()) == before:
                    break
                moved = True
        return moved

    def release(self, activity: Activity, how: str) -> str:
        """Answer a held request, with or without a fault, and let its thread go on."""
        passage = activity.passage
        assert passage is not None
        if how != "ok":
            if not self.gate.meet(passage, make_fault(how)):
                how = "ok"
            else:
                self.counts.faults += 1
        answer = self._carry_out(passage)
        self.world.clock.advance(REQUEST_SECONDS)
        self.activities.reply(activity, answer)
        saw = shown(answer)
        if saw == "200" and passage.asked.operation == "GetRecords":
            assert isinstance(answer.body, bytes)
            count = answer.body.count(b"SequenceNumber")
            saw = f"200 with {count} records" if count else saw
        return saw

    def _carry_out(self, passage: Passage) -> Response:
        app, asked = self._app(passage), passage.asked
        answer = self.gate.through(passage, app, self.world.clock.advance)
        if asked.operation == "INSERT" and asked.subject == self.scenario.target.table:
            self.sampling.take(self.world.target.live())
        return answer

    def _app(self, passage: Passage) -> Callable[[Request], Response]:
        self.counts.requests += 1
        if passage.asked.service != "clickhouse":
            return self.world.aws.app
        self.bench.tables.meets(passage.asked, passage.request)
        if passage.asked.operation == "INSERT":
            self.counts.inserts += 1
            self.inserted.add(passage.asked.subject)
        return self.bench.tables.answer

    def start(self) -> str:
        """Start the pipeline's next incarnation."""
        self.incarnations += 1
        number = self.incarnations
        pipeline = self.make()
        env = self._environment()
        self.activities.start(lambda: pipeline.run(env), f"pipeline {number}")
        incarnation = Incarnation(number, self.activities.all[-1])
        self.incarnation = incarnation
        env.stopping = lambda: incarnation.stopping
        self.note("pipeline", incarnation=number, state="started")
        return f"incarnation {number}"

    def start_second(self) -> str:
        """Start an instance beside the running one, which does not know of it: a zombie's return.

        From now on the two compete; how long the older one sleeps is up to who releases requests.
        """
        assert self.incarnation is not None
        first = self.incarnation
        told = self.start()
        self.incarnation = first
        self.counts.zombies += 1
        self.note("operator", act="second-instance")
        return told

    def kill(self, how: str) -> str:
        """Kill the pipeline; `how` says what becomes of the requests that it was waiting for."""
        assert self.incarnation is not None
        landed = False
        told: dict[str, Any] = {}
        for activity in self.activities.held():
            passage = activity.passage
            assert passage is not None
            is_insert = passage.asked.operation == "INSERT"
            if how == "after":
                answer = self._app(passage)(passage.request)
                landed |= is_insert and answer.status == OK
                told |= carried(passage.asked, passage.request, answer)
            elif how == "in-flight" and is_insert:
                self.in_flight.append(passage)
        self.note(
            "pipeline",
            incarnation=self.incarnation.number,
            state="killed",
            insert_landed=landed,
            from_export=bool(told.get("from_export")),
        )
        self.activities.kill()
        self.incarnation = None
        self.counts.kills += 1
        return ""

    def land(self, passage: Passage) -> str:
        """An INSERT of a killed pipeline takes effect."""
        self.in_flight.remove(passage)
        answer = self._app(passage)(passage.request)
        told = carried(passage.asked, passage.request, answer)
        self.note("operator", act="land", request=str(passage.asked), status=answer.status, **told)
        return shown(answer)

    def notice_end(self) -> bool:
        """True when the pipeline has just been found to have ended by itself."""
        incarnation = self.incarnation
        if incarnation is None or incarnation.main.state != "ended":
            return False
        failure = incarnation.main.failure
        said = "returned" if failure is None else one_line(failure)
        self.ends.append(said)
        self.note("pipeline", incarnation=incarnation.number, state="exited", said=said)
        self.activities.kill()
        self.incarnation = None
        return True

    def advance(self) -> str:
        """Let the clock go from timer to timer until a request is held, or nothing is due."""
        clock = self.world.clock
        start_us = clock.now_us()
        for _ in range(ADVANCE_WAKES_MAX):
            due = [t for t in (self.activities.next_wake_us(), clock.next_timer_us()) if t]
            if not due:
                break
            held = len(self.activities.held())
            end_us = start_us + round(ADVANCE_SECONDS_MAX * 1e6)
            next_us = self.activities.pass_turns(min(due), end_us)
            clock.advance(max(0, next_us - clock.now_us()) / 1e6)
            self.activities.run_ready(clock.now_us())
            if len(self.activities.held()) > held or self._is_over():
                break
            if clock.now_us() - start_us >= ADVANCE_SECONDS_MAX * 1e6:
                break
        return f"+{(clock.now_us() - start_us) / 1000:g} ms"

    def _is_over(self) -> bool:
        return self.incarnation is not None and self.incarnation.main.state == "ended"

    def may_advance(self) -> bool:
        """True when letting time pass may lead to something."""
        has_wake = self.activities.next_wake_us() is not None
        return has_wake or self.world.clock.next_timer_us() is not None

    @property
    def state_dir(self) -> Path:
        """The folder that survives restarts."""
        return self._state_dir

    def empty_state_dir(self) -> None:
        """Whatever the pipeline has written to its folder is gone."""
        shutil.rmtree(self._state_dir, ignore_errors=True)
        self._state_dir.mkdir()

    def _environment(self) -> Environment:
        world = self.world
        location = world.export_location(self.export) if self.export else ""
        return Environment(
            aws_endpoint_url=world.endpoint,
            aws_access_key_id="pipeline",
            aws_secret_access_key="pipeline",
            table=world.table_name,
            table_stream_arn=world.table_stream_arn,
            stream=world.stream_name,
            stream_arn=world.stream_arn,
            export=location,
            export_time=self.export.time if self.export else "",
            clickhouse_url=f"{CLICKHOUSE_URL}/{self.scenario.target.database}",
            target=self.scenario.target.table,
            state_dir=str(self._state_dir),
            clock=PipelineClock(world.clock, self.activities),
            start_thread=self.activities.start,
            aws_client=self.bench.transport.aws_client,
            http=InProcessHttp(lambda request: self.ask(request, "clickhouse")),
        )

    def _restarts(self, service: str) -> None:
        if service == "clickhouse":
            self.bench.clickhouse.queued.drop()

    def _note_request(self, event: str, members: dict[str, Any]) -> None:
        self.note(event, **members)
