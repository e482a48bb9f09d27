"""Stepped runs: one action at a time, chosen by somebody, everything else waits.

    with Bench() as bench:
        result = run_stepped(bench, scenario, RandomChooser(VirtualClock(seed=7)))

The scheduler lets the pipeline run until all its threads are held at the gate or asleep, lists what
can be done next, asks the chooser, does it and logs it. When the chooser ends the run, or the
scenario's bounds do, comes the calm phase: no faults, what was in flight lands, the pipeline is
started if it is down, everything is delivered, and the target must converge. Then the checks judge.

Same scenario, same seed, same choices: the same trace, byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from harness.checks.check import as_json, judge
from harness.clock import VirtualClock, stopwatch
from harness.errors import ScenarioError
from harness.faults.fault import applies, known_faults
from harness.pipelines.pipeline import pipelines
from harness.run.collect import collect
from harness.run.gates import missing_sightings
from harness.run.pipelines import config_of
from harness.run.result import Outcome, decide, expected_failures
from harness.run.step_actions import Action, Enabled, RandomChooser, act
from harness.run.step_acts import Acts
from harness.run.step_calm import Calm
from harness.run.step_example import Example
from harness.run.step_external import ExternalExample, is_program
from harness.run.step_own import OwnExample, is_own_python
from harness.run.step_ties import Ties

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.checks.check import Verdict
    from harness.checks.evidence import Evidence
    from harness.pipelines.pipeline import Pipeline
    from harness.run.step_actions import Chooser
    from harness.run.step_threads import Activity
    from harness.run.step_world import Bench
    from harness.scenario.model import Scenario, Stepped
    from harness.workload.operations import Operation

CALM_WEIGHT = 0.8
"""Once all is written and delivered: a dozen steps more, for what the pipeline has in its hands."""

RESHARDS = frozenset({"split", "merge", "reshard"})

STORES = frozenset(
    {"INSERT", "PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems", "PUT"}
)
"""What may keep rows or positions."""

PROMPT_MS = 1000
"""A pipeline that flushes within this holds nothing back that the calm phase would have to wait for."""

STEP_SETTINGS = {
    "workers": 0,
    "poll_interval_ms": 200,
    "streaming_max_insert_wait_ms": 100,
    "retry_seconds_max": 60,
}
"""Of the pipelines that ship: one thread, and few polls; the scenario's own settings go over them."""


@dataclass(slots=True)
class StepResult:
    """What one example came to.

    Attributes:
        trace: each step: `do`, `what`, `how` as in `Action`, `at_us` since the start, `saw`.
        trace_hash: of the trace, and of how the run ended.
        outcome: passed, failed, or unknown.
        reason: one sentence that says why.
        verdicts: each check's.
        sightings: what was met, with how often.
        events: the history: changes, deliveries, requests, faults, the pipeline's lives.
        counts: steps, requests, inserts, deliveries, faults, kills and more.
        pipeline_ends: how incarnations that were not killed ended.
        notes: what the reader should know.
        seconds: real time that it took.
        evidence: what the checks looked at; None when the target could not be read.
    """

    seed: int
    trace: list[dict[str, Any]] = field(default_factory=list)
    trace_hash: str = ""
    outcome: Outcome = "unknown"
    reason: str = ""
    verdicts: list[Verdict] = field(default_factory=list)
    sightings: dict[str, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    pipeline_ends: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    evidence: Evidence | None = None

    @property
    def failing(self) -> list[str]:
        """Names of the checks that fail."""
        return [v.name for v in self.verdicts if v.verdict == "fail"]

    def as_json(self) -> dict[str, Any]:
        """Everything but the events and the time it took."""
        return {
            "seed": self.seed,
            "verdict": self.outcome,
            "reason": self.reason,
            "checks": [as_json(v) for v in self.verdicts],
            "sightings": self.sightings,
            "counts": self.counts,
            "pipeline_ends": self.pipeline_ends,
            "notes": self.notes,
            "trace_hash": self.trace_hash,
            "trace": self.trace,
        }


def run_stepped(
    bench: Bench,
    scenario: Scenario,
    chooser: Chooser | None = None,
    *,
    pipeline: str = "",
    make: Callable[[dict[str, Any]], Pipeline] | None = None,
    operations: Sequence[Operation] | None = None,
) -> StepResult:
    """Run one example to its verdict.

    Args:
        bench: what examples share.
        scenario: what is written, and the bounds of the schedule; its seed decides the workload.
        chooser: who takes the steps; None draws them from the scenario's seed.
        pipeline: name of a pipeline that ships; empty takes the scenario's.
        make: makes the pipeline from its config, in place of one that ships.
        operations: the workload, in place of the one that the scenario's seed gives.

    Raises:
        UsageError: no such pipeline.
        PipelineError: there is no module of the scenario's class or function.
        ScenarioError: the scenario does not fit its target.
        DidNotReplay: a recorded step is not possible.
    """
    name = pipeline or scenario.pipeline.name
    elapsed = stopwatch()
    is_brief = False
    if make is None and is_program(scenario, name):
        example: Example = ExternalExample(bench, scenario, operations)
    elif make is None and is_own_python(scenario, name):
        example = OwnExample(bench, scenario, operations)
    else:
        maker = make or pipelines().get(name)
        own = scenario.pipeline.settings if name == scenario.pipeline.name else {}
        config = config_of(scenario, {**STEP_SETTINGS, **own})
        ships = make is None
        is_brief = ships and config["settings"]["streaming_max_insert_wait_ms"] <= PROMPT_MS
        purpose = f"{name} {config['settings']}" if ships else ""
        example = Example(bench, scenario, lambda: maker(config), operations, purpose)
    chooser = chooser or RandomChooser(VirtualClock(seed=scenario.seed))
    run = _Run(example, chooser, is_brief=is_brief)
    try:
        run.explore()
        run.calm()
        run.judge(name)
    finally:
        run.acts.close()
        example.close()
    run.result.seconds = elapsed()
    return run.result


def _row_of(held: Sequence[Activity], target: str) -> str:
    """The request that counts most among some, without its place among its like."""
    asked = [a.passage.asked for a in held if a.passage]
    asked.sort(key=lambda one: (one.subject != target, one.operation != "INSERT"))
    return str(asked[0]).split(" #")[0] if asked else ""


class _Run:
    def __init__(self, example: Example, chooser: Chooser, *, is_brief: bool) -> None:
        self.example = example
        self.chooser = chooser
        self.bounds: Stepped = example.scenario.stepped
        self.result = StepResult(example.scenario.seed)
        self.start_us = example.world.clock.now_us()
        self.ties = Ties(example, is_kept=not example.scenario.faults.breaks_promises)
        self.todo = [o for o in example.operations if o.phase != "before"]
        self.fault_kinds = [(name, known_faults().get(name)) for name in self.bounds.faults]
        self.acts = Acts(example, self.bounds, lambda: Calm(example, is_brief=is_brief).run())
        self.calm_phase = Calm(example, is_brief=is_brief)

    def explore(self) -> None:
        """The phase with faults: the chooser decides."""
        example = self.example
        for _ in range(self.bounds.steps_max):
            self.ties.deliver_overdue()
            example.activities.run_ready(example.world.clock.now_us())
            if example.notice_end():
                self.log(Action("ended"), example.ends[-1])
            if example.is_overdue(calm=False):
                return
            enabled = self.enabled()
            action = self.chooser.choose([e.action for e in enabled])
            if action is None or action.do == "calm":
                return
            chosen = next(e for e in enabled if e.action == action)
            if action.do in RESHARDS:
                self.ties.before_reshard()
            self.log(action, chosen.perform())

    def log(self, action: Action, saw: str) -> None:
        at_us = self.example.world.clock.now_us() - self.start_us
        step = {"step": len(self.result.trace) + 1, **action.as_json(), "at_us": at_us}
        if saw:
            step["saw"] = saw
        self.result.trace.append(step)

    def enabled(self) -> Sequence[Enabled]:
        """Everything that can be done now, in an order that depends on nothing else."""
        return [
            *self._writes(),
            *self._deliveries(),
            *self._releases(),
            *self._lives(),
            *self.acts.enabled(),
            self._end(),
        ]

    def _end(self) -> Enabled:
        is_done = not self.todo and not any(len(r.pending()) for r in self.example.world.relays())
        return Enabled(act("calm", weight=CALM_WEIGHT if is_done else 0.0), lambda: "")

    def _writes(self) -> list[Enabled]:
        if not self.todo:
            return []
        operation = self.todo[0]
        what = f"w{operation.number:06d}"

        def perform() -> str:
            self.todo.remove(operation)
            key = "/".join(str(next(iter(v.values()))) for v in operation.key.values())
            return f"{operation.kind} {key} {self.example.write(operation)}"

        def skip() -> str:
            self.todo.remove(operation)
            return ""

        # Never drawn at random: a recording leaves writes out with it.
        return [
            Enabled(act("write", what, weight=4.0), perform),
            Enabled(act("skip", what, weight=0.0), skip),
        ]

    def _deliveries(self) -> list[Enabled]:
        example, found = self.example, []
        for relay in example.world.relays():
            waiting = list(relay.pending())
            for place, entry in enumerate(waiting[: self.bounds.reorder_window]):
                if not self.ties.may_deliver(entry, waiting[:place]):
                    continue
                what = example.label(entry)
                weight = 3.0 if place == 0 else 0.7

                def deliver(relay: Any = relay, entry: Any = entry) -> str:
                    self.ties.began(entry)
                    return example.deliver(relay, entry, again=False)

                def deliver_copy(relay: Any = relay, entry: Any = entry) -> str:
                    example.counts.copies += 1
                    return example.deliver(relay, entry, again=True)

                how = "again" if entry.copy else ""
                found.append(Enabled(act("deliver", what, how, weight), deliver))
                if example.counts.copies < self.bounds.copies_max:
                    found.append(Enabled(act("deliver", what, "copy", 0.25), deliver_copy))
        return found

    def _releases(self) -> list[Enabled]:
        example, found = self.example, []
        may_fail = example.counts.faults < self.bounds.faults_max
        for activity in example.activities.held():
            assert activity.passage is not None
            asked = activity.passage.asked
            is_insert = asked.operation == "INSERT"
            hows = [("ok", example.eagerness(activity))]
            if may_fail:
                weight = 0.6 if is_insert else 0.15
                hows += [(name, weight) for name, kind in self.fault_kinds if applies(kind, asked)]
            for how, weight in hows:

                def release(activity: Any = activity, how: str = how) -> str:
                    return example.release(activity, how)

                found.append(Enabled(act("release", str(asked), how, weight), release))
        return found

    def _lives(self) -> list[Enabled]:
        """Start, kill, what killed ones left in flight, and the clock."""
        example, found = self.example, []
        if example.incarnation is None and self._may_start():
            found.append(Enabled(act("start", weight=3.0), example.start))
        held = example.activities.held()
        inserts = [a for a in held if a.passage and a.passage.asked.operation == "INSERT"]
        stores = [a for a in held if a.passage and a.passage.asked.operation in STORES]
        if example.incarnation is not None and example.counts.kills < self.bounds.kills_max:
            # The windows that matter are those around an INSERT.
            weight = 0.35 if inserts else 0.04
            at = _row_of(stores, example.scenario.target.table)
            hows = ("before", "after", "in-flight") if inserts else ("before", "after")
            for how in hows if stores else hows[:1]:

                def kill(how: str = how) -> str:
                    return example.kill(how)

                found.append(Enabled(act("kill", at, how, weight), kill))
        if example.incarnation is not None and example.counts.zombies < self.bounds.zombies_max:
            action = Action("start", how="second", weight=0.4)
            found.append(Enabled(action, example.start_second))
        for passage in list(example.in_flight):

            def land(passage: Any = passage) -> str:
                return example.land(passage)

            found.append(Enabled(act("land", str(passage.asked)), land))
        if example.may_advance():
            found.append(Enabled(act("advance", weight=0.3 if held else 2.0), example.advance))
        return found

    def _may_start(self) -> bool:
        export = self.example.export
        return export is None or self.example.world.export_is_complete(export)

    def calm(self) -> None:
        """No faults any more: everything is delivered, and the target must come to rest."""
        self.acts.settle()
        self.calm_phase.run()
        self.log(Action("calm"), self.calm_phase.how)

    def judge(self, pipeline: str) -> None:
        """The checks' verdicts, and what the example comes to."""
        example, result = self.example, self.result
        items = example.world.scan()
        settled = self.calm_phase.at_rest
        try:
            collected = collect(
                example.scenario,
                example.world.target,
                items,
                example.writes,
                settled=settled,
                barriers=[self.calm_phase.how],
                history=lambda: example.events,
            )
        except ScenarioError as error:
            result.outcome, result.reason = "unknown", error.message
        else:
            result.evidence = collected.evidence
            result.verdicts = judge(collected.evidence)
            result.notes += collected.notes
            result.outcome, result.reason = decide(
                result.verdicts,
                expected_failures(example.scenario, pipeline),
                settled=settled,
                missing_sightings=missing_sightings(
                    example.scenario, dict(example.sightings.counts)
                ),
            )
        if self.calm_phase.how == "stuck":
            result.reason = "the pipeline neither asks a server nor sleeps by its clock"
        if example.activities.went_away:
            result.notes.append(
                f"{example.activities.went_away} times a thread neither asked nor slept: "
                "this example may not repeat"
            )
        result.sightings = dict(sorted(example.sightings.counts.items()))
        result.events = example.events
        result.pipeline_ends = example.ends
        result.notes += example.last_words()
        if example.scenario.operator:
            result.notes.append(
                "[[operator]] is for live runs: here [stepped] bounds what may happen"
            )
        counts = example.counts
        result.counts = {name: getattr(counts, name) for name in counts.__slots__}
        result.counts |= {"steps": len(result.trace), "writes": len(example.writes)}
        if result.outcome == "passed" and example.ends and not counts.requests:
            result.outcome = "unknown"
            result.reason = f"the pipeline asked nothing and {example.ends[-1].removeprefix('it ')}"
        end = [[v.name, v.verdict] for v in result.verdicts]
        told = orjson.dumps([result.trace, end, result.outcome], option=orjson.OPT_SORT_KEYS)
        result.trace_hash = blake2b(told, digest_size=12).hexdigest()
