"""The operator of a live run: each act happens, the reference survives what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.history import read
from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path

    from harness.run.result import Result

SMALL = ("workload.items=30", "workload.changes=120", "settle.stall_seconds=8")
QUIET = ("workload.during_snapshot=0",)
# What stays different must stay so for thirty times as long as the reference keeps rows in its hands.
PATIENCE = "settle.stall_seconds=3"


def run(tmp_path: Path, *acts: str, more: tuple[str, ...] = (), pipeline: str = "") -> Result:
    overrides = [*SMALL, f"operator=[{', '.join(acts)}]", *more]
    told = load_scenario("quickstart", overrides=overrides)
    return run_scenario(told, Options(runs=tmp_path, pipeline=pipeline), Silent())


def events(result: Result, kind: str) -> list[dict[str, Any]]:
    assert result.run_dir is not None
    return [e for e in read(result.run_dir / "history.jsonl") if e["event"] == kind]


def acts_of(result: Result) -> list[str]:
    return [e["act"] for e in events(result, "operator")]


KILL_AFTER_INSERT = (
    '{act="kill", on_request={service="clickhouse", operation="INSERT", subject="orders"}}'
)


def test_a_kill_strikes_between_an_insert_and_its_checkpoint(tmp_path: Path) -> None:
    result = run(
        tmp_path, KILL_AFTER_INSERT, more=("snapshot.export=false", "workload.items=0", *QUIET)
    )
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    assert acts_of(result) == ["kill"]
    states = [(e["incarnation"], e["state"]) for e in events(result, "pipeline")]
    assert states[:3] == [(1, "started"), (1, "killed"), (2, "started")]
    assert result.sightings["kill-between-insert-and-checkpoint"] == 1


def test_a_checkpoint_ahead_of_its_insert_is_red_where_the_reference_is_not(
    tmp_path: Path,
) -> None:
    told = load_scenario("kill-at-insert", overrides=[PATIENCE, "workload.changes=120"])
    for pipeline, outcome in (("", "passed"), ("checkpoint-before-durable-write", "failed")):
        result = run_scenario(told, Options(runs=tmp_path, pipeline=pipeline), Silent())
        assert result.outcome == outcome, (result.reason, result.notes, result.pipeline_log)
        if outcome == "passed":
            assert acts_of(result) == ["pause", "resume", "kill", "kill"]
            assert result.sightings["kill-between-insert-and-checkpoint"] == 1


def test_stops_pauses_and_rivals_do_the_reference_no_harm(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        '{act="restart", after_changes=20}',
        '{act="pause", after_changes=40}',
        '{act="second-instance", after_changes=60}',
        '{act="resume", after_changes=90}',
        more=QUIET,
    )
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    assert acts_of(result) == ["restart", "pause", "second-instance", "resume"]
    states = [e["state"] for e in events(result, "pipeline")]
    assert states[:6] == ["started", "stopped", "started", "paused", "started", "resumed"]
    assert result.sightings["second-instance"] == 1


def test_lost_and_older_checkpoints_do_the_reference_no_harm(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        '{act="save-checkpoints", on_request={operation="INSERT", subject="orders", at=1}}',
        '{act="roll-back-checkpoints", phase="settled"}',
        '{act="lose-checkpoints", phase="settled"}',
        more=QUIET,
    )
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    told = {e["act"]: e["tables"] for e in events(result, "operator")}
    assert told["save-checkpoints"]
    assert told["roll-back-checkpoints"] == told["save-checkpoints"]
    assert result.sightings["checkpoint-lost"] == 1


def test_the_stream_is_resharded_under_load(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        '{act="pause", after_changes=10}',
        '{act="split", after_changes=30}',
        '{act="merge", after_changes=60, settings={place=1}}',
        '{act="update-shard-count", after_changes=80, settings={count=4}}',
        '{act="resume", phase="settle"}',
        more=QUIET,
    )
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    told = events(result, "operator")
    split = next(e for e in told if e["act"] == "split")
    assert (len(split["parents"]), len(split["children"])) == (1, 2)
    merge = next(e for e in told if e["act"] == "merge")
    assert (len(merge["parents"]), len(merge["children"])) == (2, 1)
    # One of the four had its range already.
    assert len(next(e for e in told if e["act"] == "reshard")["children"]) == 3
    assert result.sightings["reshard"] == 3
    assert result.sightings["split-with-unread-parent"] >= 1


def test_a_second_export_and_an_incremental_one_do_the_reference_no_harm(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        '{act="clock-step", after_changes=20, settings={seconds=1000}}',
        '{act="incremental-export", after_changes=30}',
        '{act="second-export", after_changes=60}',
        more=QUIET,
    )
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    told = {e["act"]: e for e in events(result, "operator")}
    assert told["export"]["items"] > 30
    assert told["incremental-export"]["export_arn"] != told["export"]["export_arn"]
    assert result.sightings["second-export"] == 1


def test_servers_restart_and_clocks_step_without_harm(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        '{act="restart-clickhouse", phase="settle"}',
        '{act="drop-connections", phase="settled"}',
        '{act="clock-step", after_changes=90, settings={seconds=600}}',
        '{act="add-column", after_changes=100}',
        more=QUIET,
    )
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    told = {e["act"]: e for e in events(result, "operator")}
    assert list(told) == ["clock-step", "add-column", "restart-clickhouse", "drop-connections"]
    assert told["drop-connections"]["connections"] > 0


@pytest.mark.parametrize(
    ("acts", "check"),
    [
        (['{act="truncate-target", phase="settled"}'], "no_lost_update"),
        (['{act="recreate-table", phase="settled"}'], "final_state"),
        (
            ['{act="destination-off", after_changes=40}', '{act="destination-on", phase="settle"}'],
            "no_lost_update",
        ),
    ],
    ids=["truncated", "recreated", "destination-off"],
)
def test_a_loss_that_nobody_repairs_is_red(tmp_path: Path, acts: list[str], check: str) -> None:
    more = (*QUIET, PATIENCE, "faults.breaks_promises=true")
    result = run(tmp_path, *acts, more=more)
    assert result.outcome == "failed", (result.reason, result.notes)
    assert check in {v.name for v in result.checks if v.verdict == "fail"}


def test_an_act_whose_moment_never_comes_is_told(tmp_path: Path) -> None:
    act = '{act="kill", on_request={operation="INSERT", subject="nowhere"}}'
    result = run(tmp_path, act)
    assert result.outcome == "passed"
    assert "act 'kill' waited for INSERT nowhere, which never came" in result.notes


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ('{act="kil", phase="changes"}', "unknown act 'kil'"),
        ('{act="kill"}', "expected exactly one of phase, after_changes and on_request"),
        ('{act="split", phase="changes", settings={plac=1}}', "act 'split' has no setting 'plac'"),
        ('{act="truncate-target", phase="changes"}', "a loss that no pipeline can repair"),
        ('{act="kill", after_changes=121}', "expected at most workload.changes (120)"),
    ],
)
def test_a_wrong_act_is_found_before_the_run(act: str, message: str) -> None:
    with pytest.raises(ValueError, match="quickstart") as caught:
        load_scenario("quickstart", overrides=[*SMALL, f"operator=[{act}]"])
    assert message in str(caught.value)
