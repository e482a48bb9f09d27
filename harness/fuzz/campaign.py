"""A campaign: blocks of examples over processes or a cluster, until time or number is up.

Failures are the same when they were cut down to the same steps; each is written once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from harness.clock import stopwatch
from harness.fuzz.block import BLOCK_EXAMPLES, Block, BlockReport, Found, run_block
from harness.fuzz.failure import digest
from harness.fuzz.journal import Journal
from harness.fuzz.repro import write_repro
from harness.fuzz.search import TURN
from harness.fuzz.workers import in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from harness.fuzz.database import Database
    from harness.fuzz.seen import Seen
    from harness.scenario.model import Scenario

KNOWN_BLOCK = -1
"""The block that plays what failed before."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What to search.

    Attributes:
        bases: what examples are drawn from, in turn.
        pipeline: under test.
        seed: decides every example.
        examples: how many; 0 for as many as there is time.
        seconds: how long; 0 for as long as it takes.
        jobs: processes.
        out: where repro files go.
        journal: where finished blocks are noted; None for nowhere.
        database: what failed before; None for none.
        first_only: end with the first failure.
        changes_max: most writes of an example.
        defect: what repro files are called after.
        dask: address of a Dask scheduler, in place of processes.
        block_examples: examples of one block.
    """

    bases: tuple[Scenario, ...]
    pipeline: str
    seed: int
    out: Path
    examples: int = 0
    seconds: float = 60.0
    jobs: int = 1
    journal: Path | None = None
    database: Database | None = None
    first_only: bool = False
    changes_max: int = 20
    defect: str = ""
    dask: str = ""
    block_examples: int = BLOCK_EXAMPLES

    def identity(self) -> dict[str, Any]:
        """What must be equal for a journal to go on."""
        told = [base.model_dump(mode="json") for base in self.bases]
        return {
            "pipeline": self.pipeline,
            "seed": self.seed,
            "scenario": self.bases[0].name,
            "examples_per_block": self.block_examples,
            "changes_max": self.changes_max,
            "scenario_digest": digest(told),
        }


@dataclass(slots=True)
class Findings:
    """What a campaign came to.

    Attributes:
        examples: run by this command or, by its journal, before.
        found: distinct failures by their signatures.
        files: where each was written.
        unknown: reasons of examples without a verdict, with how many.
        steps: of all examples.
        repaired: how many known failures pass now.
        resumed: blocks that the journal had already.
        first_seconds: when the first failure was met; None without one.
    """

    seed: int = 0
    examples: int = 0
    seconds: float = 0.0
    example_seconds: float = 0.0
    shrink_seconds: float = 0.0
    steps: int = 0
    found: dict[str, Found] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    sightings: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    resumed: int = 0
    first_seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints; members are only ever added."""
        return {
            "examples": self.examples,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "failures": [
                {
                    "signature": found.signature,
                    "check": found.failure.check,
                    "steps": found.steps,
                    "file": str(self.files.get(found.signature, "")),
                    "key": found.failure.key,
                    "message": found.failure.message,
                    "seen": found.seen,
                }
                for found in self.found.values()
            ],
            "unknown": dict(self.unknown),
            "sightings": dict(sorted(self.sightings.items())),
            "repaired": self.repaired,
            "resumed_blocks": self.resumed,
        }


class Interrupted(KeyboardInterrupt):
    """Somebody has ended a search.

    Attributes:
        findings: what it had found by then; the files are written.
    """

    def __init__(self, findings: Findings) -> None:
        super().__init__()
        self.findings = findings


def search(
    campaign: Campaign,
    *,
    tell: Callable[[Findings], Any] = lambda _: None,
    see: Callable[[Seen | None], Any] = lambda _: None,
) -> Findings:
    """Run a campaign to its end.

    Args:
        campaign: what.
        tell: told the findings so far, at every example.
        see: told what each example met; None each time that a failure is cut further. A cluster
            tells of whole blocks alone.

    Raises:
        Interrupted: with the findings so far, what was not cut to its end as it is.
        HarnessError: an example cannot be run at all, or files cannot be written.
    """
    return _Search(campaign, tell, see).run()


class _Search:
    def __init__(
        self,
        campaign: Campaign,
        tell: Callable[[Findings], Any],
        see: Callable[[Seen | None], Any],
    ) -> None:
        self.campaign = campaign
        self.tell = tell
        self.see = see
        self.elapsed = stopwatch()
        self.findings = Findings(campaign.seed)
        self.running = 0
        self.journal = Journal(campaign.journal, campaign.identity())

    def run(self) -> Findings:
        findings = self.findings
        for report in self.journal.finished.values():
            findings.resumed += 1
            self.add(report)
        try:
            for report in self.reports():
                if report.number == KNOWN_BLOCK or self.journal.add(report):
                    self.add(report)
                self.tell(findings)
                if self.campaign.first_only and findings.found:
                    break
        except KeyboardInterrupt:
            findings.seconds = self.elapsed()
            raise Interrupted(findings) from None
        findings.seconds = self.elapsed()
        return findings

    def reports(self) -> Iterator[BlockReport]:
        campaign = self.campaign
        if campaign.dask:
            from harness.run.cluster import on_cluster

            return on_cluster(campaign.dask, run_block, self.blocks())
        return in_processes(self.blocks(), campaign.jobs, tell=self.one_more)

    def one_more(self, seen: Seen | None) -> None:
        self.see(seen)
        if seen is not None:
            self.running += 1
            self.tell(self.findings)

    def blocks(self) -> Iterator[Block]:
        campaign = self.campaign
        known = campaign.database.known() if campaign.database else []
        if known:
            yield Block(
                KNOWN_BLOCK,
                campaign.seed,
                campaign.bases[0],
                campaign.pipeline,
                known=tuple(known),
                defect=campaign.defect,
            )
        for number, examples in self.sizes():
            left = campaign.seconds - self.elapsed() if campaign.seconds else 0.0
            if campaign.seconds and left <= 0:
                return
            if number in self.journal.finished:
                continue
            bases = self.bases(number)
            yield Block(
                number,
                campaign.seed,
                bases[0],
                campaign.pipeline,
                examples,
                seconds_max=left,
                changes_max=campaign.changes_max,
                first_only=campaign.first_only,
                defect=campaign.defect,
                others=bases[1:],
            )

    def bases(self, number: int) -> tuple[Scenario, ...]:
        """What a block's examples are drawn from: the next few of all."""
        bases = self.campaign.bases
        share = min(len(bases), max(1, self.campaign.block_examples // TURN))
        return tuple(bases[(number * share + place) % len(bases)] for place in range(share))

    def sizes(self) -> Iterable[tuple[int, int]]:
        """Each block's number and examples."""
        wanted, size = self.campaign.examples, self.campaign.block_examples
        if not wanted:
            return ((number, size) for number in count())
        firsts = range(0, wanted, size)
        return ((n, min(size, wanted - at)) for n, at in enumerate(firsts))

    def add(self, report: BlockReport) -> None:
        findings, campaign = self.findings, self.campaign
        findings.examples += report.examples
        findings.example_seconds += report.seconds - report.shrink_seconds
        findings.shrink_seconds += report.shrink_seconds
        findings.steps += report.steps
        findings.unknown += report.unknown
        findings.sightings += report.sightings
        findings.repaired += len(report.repaired)
        if campaign.database:
            for one in report.repaired:
                campaign.database.forget(one)
        for found in report.found:
            self.add_failure(found)

    def add_failure(self, found: Found) -> None:
        findings, campaign = self.findings, self.campaign
        known = findings.found.get(found.signature)
        if known is not None:
            known.seen += found.seen
            return
        if findings.first_seconds is None:
            findings.first_seconds = self.elapsed()
        findings.found[found.signature] = found
        path = campaign.out / found.file
        write_repro(found.repro, path)
        findings.files[found.signature] = path
        if campaign.database:
            campaign.database.keep(found.repro)
