"""Campaigns: blocks over processes, noted in a journal, resumed; and pipelines that misbehave."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.clock import WallClock, stopwatch
from harness.errors import UsageError
from harness.fuzz import workers
from harness.fuzz.block import Block, run_block
from harness.fuzz.campaign import Campaign, Findings, Interrupted, search
from harness.fuzz.database import Database
from harness.fuzz.ground import ground
from harness.fuzz.repro import read_repro
from harness.fuzz.workers import in_processes

if TYPE_CHECKING:
    from harness.fuzz.seen import Seen
    from harness.pipelines.pipeline import Environment
    from harness.run.step_world import Bench

MUTANT = "delete-event-ignored"
REPAIRED = "clickpipes"
EXAMPLES = 4
THIS = "tests.fuzz.test_campaign"
PIDS = "TEST_CAMPAIGN_PIDS"
SILENT = 15.0
"""Seconds: a worker takes some to start."""

NEVER_RESTARTED = ("stepped.kills_max=0", "stepped.zombies_max=0", "stepped.stops_max=0")


class Exits:
    """Ends the whole process at once."""

    def run(self, env: Environment) -> None:
        os._exit(7)


class Forks:
    """Leaves a child that never ends, and ends the process."""

    def run(self, env: Environment) -> None:
        if os.fork() == 0:
            while True:
                pass
        os._exit(7)


class Hangs:
    """Waits for what never comes, deaf to everything."""

    def run(self, env: Environment) -> None:
        read, _write = os.pipe()
        os.read(read, 1)


class Freezes:
    """Stops the whole process, with the interpreter's lock in its hands, and leaves a child."""

    def run(self, env: Environment) -> None:
        child = os.fork()
        if child == 0:
            while True:
                pass
        Path(os.environ[PIDS]).write_text(f"{os.getpid()} {child}")
        ctypes.PyDLL(None).sleep(600)


def campaign(
    folder: Path, pipeline: str = MUTANT, overrides: tuple[str, ...] = (), **more: object
) -> Findings:
    given: dict[str, object] = {
        "examples": 6,
        "seconds": 0.0,
        "seed": 1,
        "block_examples": EXAMPLES,
    }
    given |= more
    base = ground("crash", pipeline, overrides=overrides)
    return search(Campaign((base,), pipeline, out=folder / "repros", **given))  # type: ignore[arg-type]


def test_a_campaign_writes_each_distinct_failure_once(tmp_path: Path) -> None:
    # Both blocks of this seed find the same failure, and so does each when it is run again.
    small: dict[str, Any] = {"seed": 29, "block_examples": 1, "changes_max": 4, "defect": MUTANT}
    found = campaign(tmp_path, examples=2, **small)
    again = campaign(tmp_path, examples=1, **small)
    assert (found.examples, again.examples) == (2, 1)
    told, told_again = found.as_json(), again.as_json()
    assert [one.pop("seen") for one in told["failures"]] == [2]
    assert [one.pop("seen") for one in told_again["failures"]] == [1]
    assert told["failures"] == told_again["failures"]
    files = sorted(p.name for p in (tmp_path / "repros").iterdir())
    assert files == sorted(f"repro-{MUTANT}-{one['signature']}.toml" for one in told["failures"])
    assert {"signature", "check", "steps", "file"} <= set(told["failures"][0])


def test_the_first_failure_of_two_processes_ends_the_search(tmp_path: Path) -> None:
    found = campaign(tmp_path, seconds=60.0, examples=0, jobs=2, first_only=True)
    assert len(found.found) == 1
    assert found.first_seconds is not None


def test_what_an_interrupt_finds_half_cut_is_written_as_it_is(tmp_path: Path) -> None:
    def interrupt(seen: Seen | None) -> None:
        if seen is None:  # a failure is being cut
            raise KeyboardInterrupt

    base = ground("crash", MUTANT)
    with pytest.raises(Interrupted) as ended:
        search(Campaign((base,), MUTANT, 1, tmp_path, examples=25), see=interrupt)

    (found,) = ended.value.findings.found.values()
    assert found.shrink_runs == 0
    (file,) = tmp_path.iterdir()
    assert read_repro(file).script.steps == found.repro.script.steps


def test_what_failed_is_tried_first_and_forgotten_when_repaired(
    bench: Bench, tmp_path: Path
) -> None:
    database = Database(tmp_path, MUTANT, "crash")
    base = ground("crash", MUTANT)
    found = run_block(bench, Block(0, 1, base, MUTANT, 10, first_only=True)).found[0]
    database.keep(found.repro)
    known = tuple(database.known())
    assert [one.script.steps for one in known] == [found.repro.script.steps]
    report = run_block(bench, Block(-1, 1, base, MUTANT, known=known))
    assert [one.signature for one in report.found] == [known[0].signature]
    assert report.repaired == []
    from dataclasses import replace

    repaired = tuple(replace(k, script=replace(k.script, pipeline=REPAIRED)) for k in known)
    report = run_block(bench, Block(-1, 1, base, REPAIRED, known=repaired))
    assert (report.found, report.repaired) == ([], [repaired[0].signature])
    database.forget(known[0].signature)
    assert database.known() == []


def test_an_interrupted_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    journal = tmp_path / "campaign.jsonl"
    first = campaign(tmp_path, REPAIRED, examples=EXAMPLES, journal=journal)
    assert (first.examples, first.resumed) == (EXAMPLES, 0)
    # The last line of an interrupted run may be cut short.
    journal.write_bytes(journal.read_bytes() + b'{"block": 1, "exa')
    whole = campaign(tmp_path, REPAIRED, examples=EXAMPLES + 3, journal=journal)
    assert (whole.examples, whole.resumed) == (EXAMPLES + 3, 1)
    blocks = [orjson.loads(line)["block"] for line in journal.read_bytes().splitlines()[1:]]
    assert blocks == [0, 1]
    with pytest.raises(UsageError, match="the journal of another campaign: seed differs"):
        campaign(tmp_path, REPAIRED, seed=2, journal=journal)


@pytest.mark.parametrize(
    ("misbehaves", "how", "overrides"),
    [("Exits", "ended by itself with exit code 7", ()),
     ("Forks", "ended by itself with exit code 7", ()),
     # Each start of it is waited for: more than one an example proves no more.
     ("Hangs", "neither asks a server nor sleeps", NEVER_RESTARTED)],
    ids=["exits", "forks", "hangs"],
)  # fmt: skip
def test_a_pipeline_that_misbehaves_is_unknown_in_bounded_time(
    tmp_path: Path, misbehaves: str, how: str, overrides: tuple[str, ...]
) -> None:
    found = campaign(tmp_path, f"{THIS}:{misbehaves}", overrides, examples=EXAMPLES)
    assert found.found == {}
    assert found.unknown
    assert all(how in reason for reason in found.unknown), found.unknown
    assert found.examples <= 4


def test_a_pipeline_that_freezes_its_worker_is_killed_with_all_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pids"
    monkeypatch.setenv(PIDS, str(note))
    name = f"{THIS}:Freezes"
    passed = stopwatch()
    blocks = [Block(0, 1, ground("crash", name), name, examples=1000)]
    reports = list(in_processes(blocks, 1, silent_seconds_max=SILENT))
    assert passed() < SILENT + 30
    assert [(r.number, r.is_whole) for r in reports] == [(0, False)]
    assert [f"silent for {SILENT:g} s" in why for why in reports[0].unknown] == [True]
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 2
    # What is killed ends when the kernel comes to it.
    WallClock().wait_until(
        lambda: not any(map(is_running, pids)), timeout_seconds=30, what="the end of both"
    )


def is_running(pid: int) -> bool:
    """Whether there is such a process that is more than an entry in the kernel's table."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state not in ("Z", "X")


def test_a_worker_that_says_nothing_is_ended() -> None:
    blocks = [Block(0, 1, ground("crash", REPAIRED), REPAIRED, examples=1000)]
    reports = list(in_processes(blocks, 1, silent_seconds_max=0.0))
    assert [r.is_whole for r in reports] == [False]
    assert "silent for 0 s" in next(iter(reports[0].unknown))


def test_a_block_that_cannot_be_run_at_all_is_an_error() -> None:
    blocks = [Block(0, 1, ground("crash"), "no-such-pipeline")]
    with pytest.raises(UsageError, match="unknown pipeline 'no-such-pipeline'"):
        list(in_processes(blocks, 1))
    assert workers.LOST_MAX == 3
