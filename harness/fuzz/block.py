"""A block of examples: the unit of work of a campaign. The same block finds the same anywhere.

What fails is cut down and told as a repro. Of failures that look alike only the first few of a block
are cut: the others would end as the same file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.clock import stopwatch
from harness.fuzz.failure import Failure, digest, same_failure, signature
from harness.fuzz.repro import Repro, file_name
from harness.fuzz.script import play
from harness.fuzz.search import Search
from harness.fuzz.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.fuzz.script import Make, Script
    from harness.fuzz.search import Example
    from harness.run.step_world import Bench
    from harness.run.stepped import StepResult
    from harness.scenario.model import Scenario

BLOCK_EXAMPLES = 25
SHRINKS_MAX = 2
TRAPS_APART = 7
"""Blocks of a program's examples begin at other traps: side by side they try different ones first."""

UNKNOWN_MAX = 3
"""So many examples in a row without a verdict end a block: the pipeline does not work at all."""

NOT_REPEATED = "failed once, but not when it was played again: the pipeline is not deterministic"


@dataclass(frozen=True, slots=True)
class Block:
    """What to do.

    Attributes:
        number: in the campaign, from 0.
        seed: of the campaign.
        base: what examples are drawn from.
        pipeline: under test.
        examples: how many.
        seconds_max: begin no example after so long; 0 for no bound.
        changes_max: most writes of an example.
        first_only: end with the first failure.
        defect: what repro files are called after; empty takes the check that fails.
        shrinks: cut down what fails; without it failures are told as they were drawn.
        known: failures of earlier runs: played instead of drawing examples.
        others: what examples are drawn from beside `base`, in turn.
    """

    number: int
    seed: int
    base: Scenario
    pipeline: str
    examples: int = BLOCK_EXAMPLES
    seconds_max: float = 0.0
    changes_max: int = 20
    first_only: bool = False
    defect: str = ""
    shrinks: bool = True
    known: tuple[Repro, ...] = ()
    others: tuple[Scenario, ...] = ()


@dataclass(slots=True)
class Found:
    """A failure, cut down.

    Attributes:
        repro: the file's contents.
        seen: how many examples of the block failed alike.
        example: the first of them, in its block.
        seconds: from the block's beginning to the failure, before it was cut.
        shrink_runs: examples played to cut it.
        shrink_seconds: how long that took.
    """

    repro: Repro
    signature: str
    file: str
    example: int
    seconds: float
    seen: int = 1
    shrink_runs: int = 0
    shrink_seconds: float = 0.0

    @property
    def failure(self) -> Failure:
        """What failed."""
        return self.repro.expected

    @property
    def steps(self) -> int:
        """Of the repro."""
        return self.repro.script.length


@dataclass(slots=True)
class BlockReport:
    """What a block came to.

    Attributes:
        is_whole: every example was run; otherwise it is not finished.
        steps: of all examples.
        repaired: signatures of known failures that pass now.
    """

    number: int
    examples: int = 0
    is_whole: bool = True
    seconds: float = 0.0
    shrink_seconds: float = 0.0
    found: list[Found] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    sightings: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    repaired: list[str] = field(default_factory=list)


def run_block(
    bench: Bench,
    block: Block,
    *,
    make: Make | None = None,
    tell: Callable[[Example], Any] = lambda _: None,
    beat: Callable[[], Any] = lambda: None,
    keep: Callable[[Found], Any] = lambda _: None,
) -> BlockReport:
    """Run a block.

    Args:
        bench: where.
        block: what.
        make: makes the pipeline, in place of one that ships.
        tell: told each example.
        beat: called before each candidate while a failure is cut down.
        keep: told each failure before it is cut, and again when it is: cutting may be interrupted.
    """
    if block.known:
        return _play_known(bench, block, make)
    return _BlockRun(bench, block, make, tell, beat, keep).run()


def _play_known(bench: Bench, block: Block, make: Make | None) -> BlockReport:
    report, elapsed = BlockReport(block.number, is_whole=False), stopwatch()
    for repro in block.known:
        report.examples += 1
        played = play(bench, repro.script, make=make)
        failure = same_failure(played.result, repro.expected)
        if failure is None:
            report.repaired.append(repro.signature)
            continue
        name = file_name(repro.script, failure, defect=block.defect)
        again = replace(repro, expected=failure)
        report.found.append(Found(again, again.signature, name, -1, elapsed()))
    report.seconds = elapsed()
    return report


class _BlockRun:
    def __init__(
        self,
        bench: Bench,
        block: Block,
        make: Make | None,
        tell: Callable[[Example], Any],
        beat: Callable[[], Any],
        keep: Callable[[Found], Any],
    ) -> None:
        self.bench = bench
        self.block = block
        self.make = make
        self.tell = tell
        self.beat = beat
        self.keep = keep
        self.elapsed = stopwatch()
        self.report = BlockReport(block.number)
        self.alike: Counter[tuple[str, str]] = Counter()

    def run(self) -> BlockReport:
        block, report = self.block, self.report
        search = Search(
            self.bench,
            (block.base, *block.others),
            block.pipeline,
            _seed_of(block),
            make=self.make,
            changes_max=block.changes_max,
            first=block.number * TRAPS_APART,
        )
        in_vain = 0
        for example in search.examples(block.examples):
            report.examples += 1
            report.steps += len(example.result.trace)
            self.tell(example)
            if example.failure is not None:
                self.failed(example, example.failure)
                if block.first_only:
                    break
            in_doubt = example.result.outcome == "unknown" and _had_to_say(example.result)
            in_vain = in_vain + 1 if in_doubt else 0
            if in_doubt:
                report.unknown[example.result.reason] += 1
            spent = self.elapsed()
            late = bool(block.seconds_max) and spent >= block.seconds_max
            if (late or in_vain >= UNKNOWN_MAX) and report.examples < block.examples:
                report.is_whole = False
                break
        report.seconds = self.elapsed()
        report.sightings = search.sightings
        return report

    def failed(self, example: Example, failure: Failure) -> None:
        kind = (failure.check, failure.shape)
        self.alike[kind] += 1
        same = [f for f in self.report.found if f.failure.is_like(failure)]
        if self.alike[kind] > SHRINKS_MAX and same:
            same[0].seen += 1
            return
        at = self.elapsed()
        script, runs = example.script, 0
        self.keep(self.found(script, failure, example.number, at))
        if self.block.shrinks:
            cut = shrink(self.bench, example.script, failure, make=self.make, tell=self.beat)
            if cut is None:
                self.report.unknown[NOT_REPEATED] += 1
                return
            script, failure, runs = cut.script, cut.failure, cut.runs
        spent = self.elapsed() - at
        self.report.shrink_seconds += spent
        found = self.found(script, failure, example.number, at)
        found.shrink_runs, found.shrink_seconds = runs, spent
        self.keep(found)
        for known in self.report.found:
            if known.signature == found.signature:
                known.seen += 1
                return
        self.report.found.append(found)

    def found(self, script: Script, failure: Failure, example: int, at: float) -> Found:
        name = file_name(script, failure, defect=self.block.defect)
        return Found(Repro(script, failure), signature(script, failure), name, example, at)


def _had_to_say(result: StepResult) -> bool:
    """False for an example that ended before its first write, or with nothing here and nothing there."""
    evidence = result.evidence
    is_empty = evidence is not None and not evidence.source and not evidence.rows
    return bool(result.counts["writes"]) and not is_empty


def _seed_of(block: Block) -> int:
    return int(digest([block.seed, block.number]), 16)
