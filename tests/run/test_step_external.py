"""Programs outside, in stepped runs: every request held, killed and started, and it repeats."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.run import step_external, step_process
from harness.run.step_actions import Action, RecordedChooser
from harness.run.step_repeat import repeats
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Scenario

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


def scenario(seed: int, *more: str, program: str = "threads.py", changes: int = 10) -> Scenario:
    command = json.dumps([sys.executable, str(PROGRAMS / program)])
    overrides = [
        "workload.items=0",
        "snapshot.export=false",
        "workload.mix.insert=0.3",
        "workload.keys.distribution=uniform",
        "stepped.reshards_max=0",
        "settle.stall_seconds=1",
        "pipeline.name=stranger",
        f"pipeline.command={command}",
        f"seed={seed}",
        f"workload.changes={changes}",
    ]
    return load_scenario("hot-key", overrides=[*overrides, *more])


def test_a_program_with_threads_is_stepped_and_passes(bench: Bench) -> None:
    kills = 0
    for seed in range(4):
        result = run_stepped(bench, scenario(seed))
        assert result.outcome == "passed", (seed, result.reason, result.notes, result.trace)
        assert result.counts["inserts"] > 0
        kills += result.counts["kills"]
    assert kills > 0


def test_the_ticks_of_a_timer_are_no_work(bench: Bench) -> None:
    steps = [Action("write", "w000000"), Action("deliver", "w000000"), Action("start")]
    told = scenario(1, "pipeline.env.TICKS=1", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps))
    assert result.outcome == "passed", result.reason
    assert result.seconds < step_process.BUSY_SECONDS_MAX


def test_a_program_s_schedule_repeats(bench: Bench) -> None:
    first = run_stepped(bench, scenario(3))
    again = repeats(bench, scenario(3), first, times=3)
    assert again.same_verdict == 3
    assert again.same_trace >= 2, again


def test_a_program_that_forgets_deletes_is_caught(bench: Bench) -> None:
    steps = [
        Action("write", "w000000"),
        Action("write", "w000001"),
        Action("deliver", "w000000"),
        Action("deliver", "w000001"),
    ]
    for seed in range(20):
        told = scenario(seed, "pipeline.env.BUG=1", "workload.mix.delete=1", changes=2)
        result = run_stepped(bench, told, RecordedChooser(steps))
        if [e["kind"] for e in result.events if e["event"] == "change"] == ["PUT", "REMOVE"]:
            assert result.outcome == "failed"
            assert "no_resurrection" in result.failing
            return
    pytest.fail("no seed wrote a put and a delete")


def test_a_program_that_begins_at_the_stream_s_end_loses_what_came_before(bench: Bench) -> None:
    steps = [Action("write", "w000000"), Action("deliver", "w000000"), Action("start")]
    told = scenario(1, "pipeline.env.BEGIN=LATEST", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps))
    assert result.outcome == "failed"
    assert "no_lost_update" in result.failing


def test_faults_meet_a_program_s_requests_one_by_one(bench: Bench) -> None:
    steps = [
        Action("write", "w000000"),
        Action("deliver", "w000000"),
        Action("start"),
        Action("release", "clickhouse INSERT counters #0", "lost-answer"),
        Action("release", "clickhouse INSERT counters #0 try 2", "error-before"),
    ]
    chooser = RecordedChooser(steps, strict=False)
    result = run_stepped(bench, scenario(1, changes=1), chooser)
    assert chooser.left_out == []
    assert result.outcome == "passed", result.reason
    assert result.sightings["ambiguous-insert"] == 1
    assert result.sightings["repeated-insert"] == 2


def test_a_kill_that_names_a_request_waits_until_it_is_held(bench: Bench) -> None:
    steps = [
        Action("write", "w000000"),
        Action("deliver", "w000000"),
        Action("kill", "clickhouse INSERT counters", "before"),
    ]
    chooser = RecordedChooser(steps, strict=False)
    result = run_stepped(bench, scenario(1, changes=1), chooser)
    assert chooser.left_out == []
    assert [s["do"] for s in result.trace if s["do"] in ("start", "kill")] == ["start", "kill"]
    asked = [e["operation"] for e in result.events if e["event"] == "request"]
    killed = next(n for n, e in enumerate(result.events) if e.get("state") == "killed")
    before = [e["operation"] for e in result.events[:killed] if e["event"] == "request"]
    # It had been given the record, and nothing was stored yet.
    assert "GetRecords" in before
    assert "INSERT" not in before
    assert "INSERT" in asked
    assert result.outcome == "passed", result.reason


def test_a_poll_that_finds_nothing_is_not_given_first(bench: Bench) -> None:
    steps = [Action("start"), Action("write", "w000000"), Action("deliver", "w000000")]
    result = run_stepped(bench, scenario(1, changes=1), RecordedChooser(steps))
    empty = [e for e in result.events if e["event"] == "request" and e.get("records") == 0]
    assert result.outcome == "passed", result.reason
    assert len(empty) <= 6, [e["subject"] for e in empty]


def test_a_loss_is_seen_though_the_program_notes_something_at_every_poll(bench: Bench) -> None:
    steps = [Action("write", "w000000"), Action("deliver", "w000000"), Action("start")]
    told = scenario(1, "pipeline.env.BEGIN=LATEST", "pipeline.env.NOTES=1", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps))
    noted = [e for e in result.events if e.get("operation") == "INSERT"]
    assert {e["subject"] for e in noted} == {"notes"}
    assert len(noted) > 3
    assert result.outcome == "failed", result.reason
    assert "no_lost_update" in result.failing


def test_an_example_that_takes_too_long_ends_without_a_verdict(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_external, "CALM_SECONDS_MAX", 0.0)
    steps = [Action("write", "w000000"), Action("deliver", "w000000"), Action("start")]
    told = scenario(1, "pipeline.env.BEGIN=LATEST", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps))
    assert result.trace[-1]["saw"] == "timeout"
    assert result.outcome == "unknown"


def test_a_program_that_ends_by_itself_is_started_again(bench: Bench) -> None:
    steps = [
        Action("write", "w000000"),
        Action("deliver", "w000000"),
        Action("start"),
        Action("release", "clickhouse INSERT counters #0", "error-before"),
    ]
    told = scenario(1, "pipeline.env.CRASH=1", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps, strict=False))
    assert result.pipeline_ends == ["it ended by itself with exit code 7"]
    assert result.outcome == "passed", result.reason


def test_a_program_that_asks_nothing_proves_nothing(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text("raise SystemExit('no such module')", encoding="utf-8")
    steps = [Action("write", "w000000"), Action("write", "w000001"), Action("start")]
    command = json.dumps([sys.executable, str(tmp_path / "gone.py")])
    for seed in range(20):
        told = scenario(seed, f"pipeline.command={command}", "workload.mix.delete=1", changes=2)
        result = run_stepped(bench, told, RecordedChooser(steps, strict=False))
        if [e["kind"] for e in result.events if e["event"] == "change"] == ["PUT", "REMOVE"]:
            assert result.outcome == "unknown"
            assert "asked nothing and ended by itself with exit code 1" in result.reason
            assert any("no such module" in note for note in result.notes)
            return
    pytest.fail("no seed wrote a put and a delete")


def test_two_programs_at_once_do_no_harm_to_one_that_is_right(bench: Bench) -> None:
    steps = [
        Action("start"),
        Action("start", how="second"),
        Action("write", "w000000"),
        Action("deliver", "w000000"),
    ]
    told = scenario(1, "stepped.zombies_max=1", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps))
    assert result.sightings["second-instance"] == 1
    assert result.outcome == "passed", result.reason


def test_a_program_that_is_told_to_end_ends_and_is_started_again(bench: Bench) -> None:
    steps = [
        Action("start"),
        Action("write", "w000000"),
        Action("deliver", "w000000"),
        Action("stop"),
        Action("start"),
    ]
    told = scenario(1, "stepped.stops_max=1", changes=1)
    result = run_stepped(bench, told, RecordedChooser(steps))
    assert [s.get("saw") for s in result.trace if s["do"] == "stop"] == ["ended"]
    assert result.sightings["graceful-restart"] == 1
    assert result.outcome == "passed", result.reason


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "program.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "limit", "outcome", "reason"),
    [
        ("while True: pass", "BUSY_SECONDS_MAX", "unknown", "neither asks a server nor sleeps"),
        (
            "import time\nwhile True: time.sleep(60)",
            "START_SECONDS_MAX",
            "failed",
            "no_lost_update",
        ),
        ("raise SystemExit(3)", "START_SECONDS_MAX", "failed", "no_lost_update"),
    ],
    ids=["spins", "sleeps", "exits"],
)
def test_a_program_that_never_asks_ends_in_bounded_time(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    limit: str,
    outcome: str,
    reason: str,
) -> None:
    # How long is waited for a request that may yet come; here none ever does.
    monkeypatch.setattr(step_process, limit, 1.0)
    told = scenario(1, changes=1, program=program(tmp_path, text))
    result = run_stepped(bench, told)
    assert result.outcome == outcome
    assert reason in f"{result.reason} {result.failing}"
    assert result.seconds < 30
