"""A run from beginning to end: every phase in the order it happens.

    start     DynamoDB, Kinesis and S3, and ClickHouse, side by side
    setup     stream, table, bucket; the target's DDL
    load      the items that exist before anybody listens
    snapshot  the streaming destination is enabled, then the export is requested; writes go on, and
              the pipeline starts on the finished export
    changes   the rest of the changes
    settle    until the target has come to rest
    check     the source is scanned, FINAL is read, every check judges

The destination is enabled after the load, so that only the export carries those items, and before
the export. Between, the operator acts, as `harness.run.operator` says.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import count
from threading import Event
from typing import TYPE_CHECKING, Any

from harness.backends.world import Backends, World
from harness.checks.check import judge
from harness.clock import WallClock, stopwatch
from harness.errors import ScenarioError
from harness.history import History
from harness.run.background import Background
from harness.run.collect import Collected, collect
from harness.run.gates import (
    endpoint_settings,
    events_so_far,
    gates_of,
    merge_events,
    missing_sightings,
    sightings_of,
)
from harness.run.kept import FILE as KEYS_FILE
from harness.run.kept import write_keys
from harness.run.monitor import Monitor
from harness.run.operator import Operator
from harness.run.operator_acts import Hands
from harness.run.pipelines import require_pipeline, start_pipeline
from harness.run.progress import Figures, Observer
from harness.run.result import Result, decide, expected_failures
from harness.run.sampling import Sampler
from harness.run.settle import Expected, Settled, settle
from harness.run.source import Source
from harness.run.store import RUNS, create_run_dir, write_scenario, write_verdict
from harness.run.surroundings import find_lacking, leave_database, own_database
from harness.run.target import Target
from harness.run.writing import Writing
from harness.scenario.ddl import create_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.clock import Clock
    from harness.run.child import Child
    from harness.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Options:
    """How to run, apart from the scenario.

    Attributes:
        pipeline: what to put under test instead of the scenario's pipeline; empty keeps that.
        runs: where the run directory is made.
        backends: what stands for AWS and for ClickHouse; the scenario says where this does not.
        allow_command: code that a scenario brings from outside of this project may run.
        stepped: one action at a time, instead of live; see `harness.run.stepped_run`.
    """

    pipeline: str = ""
    runs: Path = RUNS
    backends: Backends = field(default_factory=lambda: Backends(aws="", clickhouse=""))
    allow_command: bool = False
    stepped: bool = False


def run_scenario(scenario: Scenario, options: Options, observer: Observer) -> Result:
    """Run one scenario to its verdict.

    Raises:
        ScenarioError: the scenario does not fit the servers it meets (DDL, mapping).
        BackendError: a server did not start, or broke.
        PipelineError: the pipeline cannot be started.
    """
    name = options.pipeline or scenario.pipeline.name
    require_pipeline(scenario, name, allow_command=options.allow_command)
    clock = WallClock(seed=scenario.seed)
    run_dir = create_run_dir(options.runs, scenario.name, scenario.seed, clock.datetime())
    with ExitStack() as stack:
        run = _Run(scenario, options, observer, clock, run_dir, stack)
        result = run.go()
    write_verdict(result)
    return result


class _Run:
    def __init__(
        self,
        scenario: Scenario,
        options: Options,
        observer: Observer,
        clock: Clock,
        run_dir: Path,
        stack: ExitStack,
    ) -> None:
        self.scenario = scenario
        self.options = options
        self.observer = observer
        self.clock = clock
        self.run_dir = run_dir
        self.stack = stack
        self.figures = Figures()
        self.elapsed = stopwatch()
        self.pipeline_name = options.pipeline or scenario.pipeline.name
        self.result = Result(scenario.name, self.pipeline_name, scenario.seed, run_dir=run_dir)
        self.history = History(run_dir / "history.jsonl", clock)
        stack.callback(merge_events, run_dir)
        stack.callback(self.history.close)

    def go(self) -> Result:
        write_scenario(self.scenario, self.run_dir)
        headline = (
            f"{self.scenario.name} with {self.pipeline_name}, seed {self.scenario.seed}  "
            f"(harness {version('cdc-harness')})"
        )
        self.history.add("run", headline=headline, seed=self.scenario.seed)
        self.observer.started(headline, self.figures)
        writing = Writing(self.scenario, self.clock, self.history, self.figures)
        world = self.start()
        operator = Operator(self.scenario, self.history, world.gate_urls())
        self.operator = self.stack.enter_context(operator)
        writing.pause_at(operator.moments(), operator.reached)
        source, target = self.set_up(world, writing)
        if self.observer.is_live:
            monitor = Monitor(self.figures, world.stats, target.sample)
            monitor.start()
            self.stack.callback(monitor.stop)
        sampler = Sampler(self.scenario, world.clickhouse_url, self.history)
        self.stack.callback(sampler.stop)
        sampler.start()
        self.load(writing)
        child = self.snapshot(world, source, target, writing)
        self.write_changes(writing)
        settled, items = self.settle(world, source, target, child)
        if settled.how != "equal":
            world.require_health()
            source.require_health()
        sampler.stop()
        self.check(writing, items, target, settled)
        self.end(child)
        return self.result

    @contextmanager
    def phase(self, name: str) -> Iterator[list[str]]:
        """Time a phase; what is put into the yielded list is its line's detail."""
        self.figures.phase = name
        self.observer.phase(name)
        self.history.add("phase", name=name, state="started")
        seconds = stopwatch()
        detail: list[str] = []
        yield detail
        self.result.seconds[name] = seconds()
        self.history.add("phase", name=name, state="ended")
        self.observer.phase_ended(name, self.result.seconds[name], ", ".join(detail))

    def start(self) -> World:
        with self.phase("start") as detail:
            wanted = self.scenario.backends
            backends = self.options.backends.or_else(wanted.aws, wanted.clickhouse)
            world = self.stack.enter_context(
                World(
                    backends,
                    self.clock,
                    aws_settings=endpoint_settings(self.scenario),
                    gates=gates_of(self.scenario, backends, self.run_dir),
                )
            )
            self.result.backends = world.describe()
            self.result.notes += world.notes
            detail += [f"{name} {what}" for name, what in self.result.backends.items()]
        return world

    def set_up(self, world: World, writing: Writing) -> tuple[Source, Target]:
        with self.phase("setup") as detail:
            lacks = find_lacking(self.scenario, world, self.clock, self.result)
            self.scenario = own_database(self.scenario, world)
            self.stack.callback(lambda: leave_database(self.scenario, world, self.result))
            source = Source(
                self.scenario, world.aws, self.clock, lacks=lacks, tell=self.history.add
            )
            if world.aws_is_lasting:
                source.require_free()
                self.stack.callback(source.remove)
            self.stack.callback(source.close)
            world.count_delivered = source.delivered
            source.create()
            writing.open(world.aws)
            self.stack.callback(writing.close)
            target = Target(self.scenario, world.clickhouse_url)
            self.stack.callback(target.close)
            target.create(create_table(self.scenario))
            target.keep_log(self.scenario)
            self.result.backends["clickhouse"] = world.clickhouse_name(target.version())
            shards = self.scenario.stream.shard_count
            detail += [f"table {source.table}", f"{shards} shards", f"target {target.table}"]
            detail += [f"{feature} supplied" for feature in lacks]
        return source, target

    def load(self, writing: Writing) -> None:
        with self.phase("load") as detail:
            count = writing.write("before")
            detail.append(f"{count:,} items")
        self.rate("load", count)

    def snapshot(self, world: World, source: Source, target: Target, writing: Writing) -> Child:
        with self.phase("snapshot") as detail:
            location = export_time = ""
            source.start_streaming()
            loading = Event()
            during = Background(lambda: writing.write_during(loading))
            # A run that ends early must not leave it writing into a closed history.
            self.stack.callback(during.wait)
            self.stack.callback(loading.set)
            self.stack.callback(writing.stop)
            if self.scenario.snapshot.export:
                export_arn, export_time = source.export()
                during.start()
                items = source.wait_for_export(export_arn)
                location = source.export_location(export_arn)
                self.history.add("export", state="COMPLETED", export_arn=export_arn, items=items)
                detail.append(f"{items:,} items exported")
            else:
                during.start()
            make_child = partial(
                start_pipeline,
                self.scenario,
                self.pipeline_name,
                world=world,
                source=source,
                export=location,
                export_time=export_time,
                run_dir=self.run_dir,
                history=self.history,
                numbers=count(1),
            )
            child = make_child()
            self.stack.callback(child.kill)
            hands = Hands(
                self.scenario,
                world,
                source,
                target,
                self.clock,
                state_dir=self.run_dir / "state",
                make_child=make_child,
            )
            self.give_hands(hands, child)
            loading.set()
            during.join()
            detail.append(f"{during.count:,} changes meanwhile")
        return child

    def give_hands(self, hands: Hands, child: Child) -> None:
        """The operator may act from now on."""
        hands.children.append(child)
        self.stack.callback(lambda: [other.kill() for other in hands.children[1:]])
        self.operator.take(hands)
        self.operator.phase("snapshot")

    def write_changes(self, writing: Writing) -> None:
        with self.phase("changes") as detail:
            self.operator.phase("changes")
            count = writing.write("after")
            detail.append(f"{count:,} changes")
            if writing.refused:
                detail.append(f"{writing.refused:,} refused")
        self.rate("changes", count)

    def rate(self, phase: str, count: int) -> None:
        if count and (seconds := self.result.seconds[phase]):
            self.result.rates[f"{phase}_per_second"] = count / seconds

    def settle(
        self, world: World, source: Source, target: Target, child: Child
    ) -> tuple[Settled, list[dict[str, Any]]]:
        with self.phase("settle") as detail:
            self.operator.phase("settle")
            settled, items = self.rest(world, source, target, child)
            if self.operator.phase("settled"):
                settled, items = self.rest(world, source, target, child)
            self.history.add("settled", how=settled.how, seconds=settled.seconds)
            detail += [settled.how, f"{max(0, settled.sample.live):,} of {len(items):,} rows"]
        return settled, items

    def rest(
        self, world: World, source: Source, target: Target, child: Child
    ) -> tuple[Settled, list[dict[str, Any]]]:
        """Scan and wait; once more when the operator has changed something meanwhile."""
        while True:
            acted = self.operator.acted
            items = list(source.scan())
            counter = self.scenario.workload.markers.counter
            expected = Expected(len(items), sum(_counter(item, counter) for item in items))
            self.figures.expected = expected.items
            wait = partial(
                settle,
                Monitor(self.figures, world.stats, target.sample).look,
                expected,
                clock=self.clock,
                rules=self.scenario.settle,
                activity=lambda: self.figures.read + self.figures.busy,
                has_ended=lambda: child.exit_code() is not None,
                starved=child.starved_seconds,
            )
            settled = wait()
            if settled.how != "equal" and (self.scenario.faults.plan or self.operator.is_waiting):
                # It is excused under faults; without them it must converge.
                world.calm()
                settled = wait()
            if acted == self.operator.acted:
                return settled, items

    def check(
        self, writing: Writing, items: list[dict[str, Any]], target: Target, settled: Settled
    ) -> None:
        with self.phase("check") as detail:
            try:
                collected = collect(
                    self.scenario,
                    target,
                    items,
                    writing.writes,
                    settled=settled.at_rest,
                    barriers=[settled.how],
                    history=lambda: events_so_far(self.run_dir),
                )
            except ScenarioError as error:
                # It could be read when the pipeline began.
                why = f"the pipeline has left no target to read: {error.message}"
                self.result.outcome, self.result.reason = "failed", why
                return
            self.history.flush()
            verdicts = judge(collected.evidence)
            detail.append(f"{len(verdicts)} checks")
            write_keys(self.run_dir / KEYS_FILE, collected.evidence, verdicts)
        self.conclude(writing, collected, verdicts, settled)

    def conclude(
        self, writing: Writing, collected: Collected, verdicts: list[Any], settled: Settled
    ) -> None:
        result = self.result
        result.checks = verdicts
        result.notes += collected.notes
        self.history.flush()
        result.sightings = sightings_of(self.scenario, self.run_dir)
        result.expected_failures = expected_failures(self.scenario, self.pipeline_name)
        result.outcome, result.reason = decide(
            verdicts,
            result.expected_failures,
            settled=settled.at_rest,
            missing_sightings=missing_sightings(self.scenario, result.sightings),
        )
        evidence = collected.evidence
        result.counts = {
            "items": len(evidence.source),
            "changes": writing.changes,
            "deliveries": self.figures.delivered,
            "rows": len(evidence.rows),
            "deleted": writing.deleted,
            "stored_rows": max(0, settled.sample.stored),
        }
        if writing.changes:
            carried = result.seconds["snapshot"] + result.seconds["changes"] + settled.seconds
            result.rates["us_per_change"] = carried / writing.changes * 1_000_000

    def end(self, child: Child) -> None:
        if why := child.said_why_it_ended():
            self.result.notes.append(f"the pipeline {why.removeprefix('it ')}")
        self.result.notes += self.operator.notes(self.result.sightings)
        self.operator.halt()
        child.stop()
        self.operator.close()
        self.operator.raise_if_failed()
        self.result.pipeline_log = child.last_lines()
        self.result.seconds["total"] = self.elapsed()
        self.history.add("verdict", verdict=self.result.outcome, reason=self.result.reason)


def _counter(item: dict[str, Any], name: str) -> int:
    return int(item[name]["N"]) if name in item else 0
