"""Whole runs on the real servers: the right pipeline passes, each wrong one is caught."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest

from harness.checks.check import Verdict
from harness.errors import PipelineError, ScenarioError, UsageError
from harness.history import read
from harness.run.progress import Silent
from harness.run.result import Result
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

SMALL = ["workload.items=300", "workload.changes=900", "settle.stall_seconds=2"]


def run(
    tmp_path: Path, *overrides: str, scenario: str = "quickstart", pipeline: str = ""
) -> Result:
    loaded = load_scenario(scenario, overrides=[*SMALL, *overrides])
    return run_scenario(loaded, Options(pipeline=pipeline, runs=tmp_path), Silent())


def of(result: Result, name: str) -> Verdict:
    return next(v for v in result.checks if v.name == name)


def failing(result: Result) -> set[str]:
    return {v.name for v in result.checks if v.verdict == "fail"}


def test_the_reference_passes_and_leaves_the_documented_files(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.outcome == "passed", result.reason
    # Whether a key is seen twice, and whether there is an idle time, is up to the machine's speed.
    assert {v.name for v in result.checks if not v.could_fail} <= {
        "version_order", "apply_order", "monotone_reads", "checkpoint_honesty", "idle_quiet",
        "poison_isolation",
    }  # fmt: skip
    assert of(result, "apply_order").message.endswith("versions decide")
    assert result.run_dir is not None
    names = {path.name for path in result.run_dir.iterdir()}
    assert names >= {
        "scenario.json",
        "history.jsonl",
        "verdict.json",
        "pipeline.1.log",
        "pipe.json",
    }
    assert orjson.loads((result.run_dir / "verdict.json").read_bytes())["verdict"] == "passed"
    writes = [e for e in read(result.run_dir / "history.jsonl") if e["event"] == "write"]
    assert [len(writes), {e["outcome"] for e in writes}] == [1200, {"acked"}]


@pytest.mark.parametrize(
    ("pipeline", "check", "what"),
    [
        ("drops-every-50th-record", "no_lost_update", ""),
        ("swaps-two-versions", "no_lost_update", "but w"),
        ("coerces-numbers-to-float", "type_fidelity", "payment_ref"),
        ("no-op", "no_lost_update", "ClickHouse shows no row"),
    ],
)
def test_a_broken_pipeline_is_caught_with_the_key_named(
    tmp_path: Path, pipeline: str, check: str, what: str
) -> None:
    result = run(tmp_path, pipeline=pipeline)
    assert result.outcome == "failed"
    verdict = of(result, check)
    assert verdict.verdict == "fail"
    assert set(verdict.keys[0].key) == {"customer_id", "order_id"}
    assert any(what in finding.what for finding in verdict.keys)


def test_the_published_recipe_shows_deleted_items(tmp_path: Path) -> None:
    expecting = run(tmp_path, scenario="guide-recipe")
    assert expecting.outcome == "passed"
    assert "as the scenario expects" in expecting.reason
    plain = run(tmp_path, "expect=[]", scenario="guide-recipe")
    assert plain.outcome == "failed"
    assert "no_resurrection" in plain.reason
    shown = of(plain, "no_resurrection").keys[0]
    assert shown.source is None
    assert shown.found is not None
    assert shown.key["id"] == shown.found["id"]


def test_an_expected_failure_that_does_not_come_is_a_failure(tmp_path: Path) -> None:
    wanted = 'expect=[{pipeline="clickpipes", fails=["no_resurrection"]}]'
    result = run(tmp_path, wanted)
    assert result.outcome == "failed"
    assert result.reason == "expected to fail no_resurrection, but did not"


def test_a_failure_that_nobody_expected_is_a_failure(tmp_path: Path) -> None:
    wanted = 'expect=[{pipeline="no-op", fails=["no_lost_update"]}]'
    assert run(tmp_path, wanted, pipeline="no-op").outcome == "passed"
    wanted = 'expect=[{pipeline="drops-every-50th-record", fails=["no_resurrection"]}]'
    result = run(tmp_path, wanted, pipeline="drops-every-50th-record")
    assert result.outcome == "failed"


def command(tmp_path: Path, program: str) -> str:
    path = tmp_path / "pipeline.py"
    path.write_text(program, encoding="utf-8")
    words = ", ".join(f'"{word}"' for word in (sys.executable, str(path)))
    return f'pipeline={{name="mine", command=[{words}]}}'


def test_a_pipeline_that_ends_at_once_fails_and_its_last_words_are_shown(tmp_path: Path) -> None:
    mine = command(tmp_path, "import sys; print('no config found'); sys.exit(3)")
    result = run(tmp_path, mine, "settle.stall_seconds=60")
    assert result.outcome == "failed"
    assert "the pipeline ended by itself with exit code 3" in result.notes
    assert result.pipeline_log == ["no config found"]


ENDLESS = """
import os, time, urllib.request
n = 0
while True:
    n += 1
    row = '{"customer_id":"x","order_id":1,"version":%d}' % n
    table = os.environ["HARNESS_TARGET"]
    url = os.environ["CLICKHOUSE_URL"]
    scheme, rest = url.split("://")
    login, place = rest.split("@")
    user, password = login.split(":")
    request = urllib.request.Request(
        scheme + "://" + place.split("/")[0] + "/",
        data=f"INSERT INTO {table} FORMAT JSONEachRow {row}".encode(),
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
    )
    urllib.request.urlopen(request).read()
    time.sleep(0.05)
"""


def test_a_target_that_never_comes_to_rest_is_unknown(tmp_path: Path) -> None:
    result = run(tmp_path, command(tmp_path, ENDLESS), "settle.timeout_seconds=4")
    assert result.outcome == "unknown"
    assert "still changing" in result.reason
    assert result.exit_code == 3


def test_a_pipeline_that_ignores_the_end_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    result = run(tmp_path, command(tmp_path, deaf))
    assert result.outcome == "failed"
    assert result.run_dir is not None
    ends = [e for e in read(result.run_dir / "history.jsonl") if e.get("state") == "killed"]
    assert [e["exit_code"] for e in ends] == [-9]


def test_what_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no-such-program"):
        run(tmp_path, 'pipeline={name="mine", command=["no-such-program"]}')
    with pytest.raises(UsageError, match="unknown pipeline 'clickpies'"):
        run(tmp_path, pipeline="clickpies")


def test_a_mapping_that_does_not_fit_the_table_is_named(tmp_path: Path) -> None:
    ddl = (
        'target.ddl=["CREATE TABLE default.orders (customer_id String, order_id UInt64, '
        "version UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(version, is_deleted) "
        'ORDER BY (customer_id, order_id)"]'
    )
    with pytest.raises(ScenarioError, match="has only the columns customer_id, order_id"):
        run(tmp_path, ddl, pipeline="no-op")


def test_ddl_that_clickhouse_refuses_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        run(tmp_path, 'target.ddl=["CREATE TABEL x"]')
    assert "Syntax error" in caught.value.message
    assert "CREATE TABEL x" in caught.value.hint


@pytest.mark.parametrize(
    "scenario", ["all-types", "delete-reinsert", "hot-key", "writes-during-snapshot"]
)
def test_the_reference_passes_every_scenario(tmp_path: Path, scenario: str) -> None:
    loaded = load_scenario(scenario, overrides=["settle.stall_seconds=30"])
    result = run_scenario(loaded, Options(runs=tmp_path), Silent())
    assert result.outcome == "passed", (result.reason, result.pipeline_log)
