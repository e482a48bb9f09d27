"""`harness bench fuzz`: how many examples a minute, how long until each mutant fails, and in how few steps.

Each mutant is searched for until its first failure, on two processes, in the scenarios of the library
in turn, as `harness fuzz` does it; nothing tells the search which scenario suits which mutant.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.bench.engine_alone import engine_alone
from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.clock import VirtualClock, stopwatch
from harness.errors import HarnessError, ScenarioError, UsageError
from harness.fuzz.campaign import Campaign, search
from harness.fuzz.ground import ground, grounds
from harness.fuzz.replay import replay
from harness.fuzz.repro import read_repro
from harness.pipelines.mutants.zoo import zoo
from harness.run.step_actions import RandomChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REFERENCE = "clickpipes"
WRITES = 20
SEED = 1
ENGINE_EVERY = 10
"""Examples from one round of the engine alone to the next."""
PER_MINUTE_BAR = 500.0
KILL_SECONDS_BAR = 60.0
STEPS_BAR = 6.0
REPLAYS = 20

EXAMPLES = Row("examples", "/min", "process", budget=PER_MINUTE_BAR)
BY_PROCESSOR = Row("examples_by_processor_time", "/min", "process", budget=PER_MINUTE_BAR)
OTHERS = {
    "clickpipes-efo": Row("examples_efo_by_processor_time", "/min", "process", bar=None),
    "clickpipes-streams": Row("examples_streams_by_processor_time", "/min", "process", bar=None),
}
ENGINE = Row("engine_alone", "ms", "process", bar=None, lower_is_better=True)
KILL_MEDIAN = Row("time_to_kill_median", "s", "process", bar=None, lower_is_better=True)
KILL_WORST = Row(
    "time_to_kill_worst", "s", "process", lower_is_better=True, budget=KILL_SECONDS_BAR
)
REPLAYED = Row("replays_alike_least", f"of {REPLAYS}", "process", budget=float(REPLAYS))
SHRUNK = Row("shrunk_steps_median", "steps", "process", lower_is_better=True, budget=STEPS_BAR)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look.

    Attributes:
        examples: timed ones.
        seconds_max: for each mutant.
        jobs: processes that search.
        replays: of each repro file.
    """

    examples: int = 200
    seconds_max: float = KILL_SECONDS_BAR
    jobs: int = 2
    replays: int = REPLAYS


QUICK = Effort(examples=40, seconds_max=15.0)


@dataclass(frozen=True, slots=True)
class Rate:
    """Examples a minute.

    Attributes:
        real: as time passes.
        by_processor: of processor time, which others on the machine take little from.
        engine_ms: what a round of ClickHouse's engine alone took meanwhile, see engine_alone.py.
    """

    real: float
    by_processor: float
    engine_ms: float


@dataclass(frozen=True, slots=True)
class Kill:
    """One mutant's first failure.

    Attributes:
        mutant: which.
        seconds: until its first failure was met, before it was cut; None when it was not found.
        steps: what was left of it.
        check: that failed.
        examples: that were run, by all processes.
        alike: how many of the replays of its file failed the same check on the same key.
    """

    mutant: str
    seconds: float | None
    steps: int = 0
    check: str = ""
    examples: int = 0
    alike: int = 0


def bench(
    effort: Effort,
    *,
    mutants: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[list[Measured], list[Kill]]:
    """Measure.

    Args:
        effort: how long.
        mutants: which; none for all that something can tell from the reference.
        tell: told a line for each figure as it comes.

    Raises:
        UsageError: no such mutant.
    """
    names = list(mutants) or [m.name for m in zoo().values() if not m.equivalent]
    for name in names:
        if name not in zoo():
            raise UsageError(f"no mutant {name!r}", hint="harness matrix names them")
    rates = {name: examples_per_minute(effort.examples, name) for name in (REFERENCE, *OTHERS)}
    for name, rate in rates.items():
        told = f"{rate.real:,.0f} examples a minute, {rate.by_processor:,.0f} of processor time"
        tell(f"{name}: {told}; the engine alone {rate.engine_ms:.0f} ms")
    kills = []
    for name in names:
        kill = time_to_kill(name, effort)
        kills.append(kill)
        if kill.seconds is None:
            tell(f"{name}: not found in {kill.examples} examples")
        else:
            again = f"{kill.alike} of {effort.replays} replays alike"
            tell(f"{name}: {kill.seconds:.1f} s, {kill.check}, {kill.steps} steps, {again}")
    return rows(rates, kills), kills


def examples_per_minute(count: int, pipeline: str = REFERENCE) -> Rate:
    """Of 20 writes each, faults, kills, reshards and duplicates among them, in one process.

    Raises:
        HarnessError: an example does not pass, so that its time says nothing.
    """
    own = ("snapshot.export=false", f"workload.changes={WRITES}")
    base = ground("", pipeline, overrides=own)
    base = base.model_copy(update={"workload": base.workload.model_copy(update={"items": 0})})
    with Bench() as made, engine_alone() as engine_round:

        def run(seed: int) -> None:
            scenario = base.model_copy(update={"seed": seed})
            chooser = RandomChooser(VirtualClock(seed=seed))
            result = run_stepped(made, scenario, chooser, pipeline=pipeline)
            if result.outcome != "passed":
                raise HarnessError(f"{pipeline}, seed {seed}: {result.outcome}, {result.reason}")

        run(0)
        seconds, spent, engine = 0.0, 0.0, []
        for seed in range(1, count + 1):
            if seed % ENGINE_EVERY == 1:
                engine.append(engine_round())
            elapsed, before = stopwatch(), _processor_seconds()
            run(seed)
            seconds += elapsed()
            spent += _processor_seconds() - before
        return Rate(count / seconds * 60, count / spent * 60, median(engine))


def _processor_seconds() -> float:
    """What this process has had of all processors, the engine's threads and the kernel included."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def time_to_kill(mutant: str, effort: Effort) -> Kill:
    """Search for a mutant until its first failure, and play the file that comes of it."""
    with TemporaryDirectory() as folder:
        findings = search(
            Campaign(
                tuple(grounds("", mutant)),
                mutant,
                SEED,
                Path(folder),
                seconds=effort.seconds_max,
                jobs=effort.jobs,
                first_only=True,
                defect=mutant,
            )
        )
        if not findings.found or findings.first_seconds is None:
            return Kill(mutant, None, examples=findings.examples)
        signature, found = next(iter(findings.found.items()))
        alike = replays_alike(findings.files[signature], effort.replays)
    # Cutting it down is no part of finding it.
    seconds = max(0.0, findings.first_seconds - found.shrink_seconds)
    return Kill(mutant, seconds, found.steps, found.failure.check, findings.examples, alike)


def replays_alike(file: Path, times: int) -> int:
    """How many of so many replays of a repro file fail the same check on the same key."""
    try:
        repro = read_repro(file)
        with Bench() as made:
            return sum(replay(made, repro).same_key for _ in range(times))
    except ScenarioError:
        # It cannot be read, or a step of it cannot be done: not once was it alike.
        return 0


def rows(rates: Mapping[str, Rate], kills: Sequence[Kill]) -> list[Measured]:
    """The rows of what was measured, by pipeline and by mutant."""
    seconds = [k.seconds for k in kills if k.seconds is not None]
    steps = [k.steps for k in kills if k.seconds is not None]
    missed = [k.mutant for k in kills if k.seconds is None]
    why = {"embedded": f"not found: {', '.join(missed)}"} if missed else {}
    killed = Row("mutants_killed", f"of {len(kills)}", "process", budget=float(len(kills)))
    return [
        Measured(EXAMPLES, rates[REFERENCE].real, {}),
        Measured(BY_PROCESSOR, rates[REFERENCE].by_processor, {}),
        *(Measured(row, rates[name].by_processor, {}) for name, row in OTHERS.items()),
        Measured(ENGINE, rates[REFERENCE].engine_ms, {}),
        Measured(KILL_MEDIAN, median(seconds) if seconds else None, {}),
        Measured(KILL_WORST, max(seconds) if seconds and not missed else None, {}, why),
        Measured(killed, float(len(seconds)), {}),
        Measured(SHRUNK, float(median(steps)) if steps else None, {}),
        Measured(REPLAYED, min((float(k.alike) for k in kills if k.seconds), default=None), {}),
    ]


def markdown(kills: Sequence[Kill]) -> str:
    """A table of the mutants."""
    lines = ["| mutant | found after | check | steps | replays alike |", "|---|---:|---|---:|---:|"]
    for kill in kills:
        if kill.seconds is None:
            lines.append(f"| `{kill.mutant}` | not found in {kill.examples} examples | | | |")
        else:
            took, alike = f"{kill.seconds:.1f} s", f"{kill.alike} of {REPLAYS}"
            lines.append(f"| `{kill.mutant}` | {took} | {kill.check} | {kill.steps} | {alike} |")
    return "\n".join(lines) + "\n"
