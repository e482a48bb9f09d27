"""Targets that are not ReplacingMergeTree(version, is_deleted), filled by small pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.run.progress import Silent
from harness.run.result import Result
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

SCENARIO = """
name = "foreign"
description = "a table that somebody else designed"

[table]
table_name = "users"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { sequence = "u-{n}" }
name = "first_name"

[snapshot]
export = false

[workload]
items = 0
changes = 120
mix = { insert = 3, replace = 1, update = 1, delete = 2, reinsert = 1 }

[settle]
stall_seconds = 3
quiet_seconds = 0.2

[pipeline]
python = "sync:run"
"""

SYNC = """
import json, os
import boto3, clickhouse_connect

def run(env):
    kinesis = boto3.client("kinesis", region_name=env.aws_region)
    sql = clickhouse_connect.get_client(dsn=env.clickhouse_url)
    apply = globals()[os.environ["MODE"]]
    iterators = {
        shard["ShardId"]: kinesis.get_shard_iterator(
            StreamARN=env.stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for shard in kinesis.list_shards(StreamARN=env.stream_arn)["Shards"]
    }
    while env.pause(0.05):
        for shard, iterator in iterators.items():
            answer = kinesis.get_records(ShardIterator=iterator)
            iterators[shard] = answer["NextShardIterator"]
            for record in answer["Records"]:
                change = json.loads(record["Data"])
                image = change["dynamodb"].get("NewImage")
                item = image and {name: next(iter(v.values())) for name, v in image.items()}
                key = change["dynamodb"]["Keys"]["id"]["S"]
                apply(sql, env.target, key, item, change["dynamodb"]["ApproximateCreationDateTime"])

def soft_delete(sql, table, key, item, at):
    item = item or {"name": "", "_w": "", "_n": 0}
    gone = at if item["_w"] == "" else None
    row = [key, item["name"], item["_w"], int(item["_n"]), at, gone]
    sql.insert(table, [row], column_names=["id", "name", "_w", "_n", "version", "deleted_at"])

def absent(sql, table, key, item, at):
    if item is None:
        sql.command(f"DELETE FROM {table} WHERE id = {{id:String}}", parameters={"id": key})
    else:
        row = [key, item["name"], item["_w"], int(item["_n"]), at]
        sql.insert(table, [row], column_names=["id", "name", "_w", "_n", "version"])

def history(sql, table, key, item, at):
    body = json.dumps(item or {})
    row = [key, "REMOVE" if item is None else "PUT", body, at]
    sql.insert(table, [row], column_names=["id", "op", "body", "at"])

def milliseconds(sql, table, key, item, at):
    # A mistake of unit: ClickHouse takes a whole number for a DateTime64 as seconds.
    if item is not None:
        body = json.dumps({**item, "at": "1700000000000", "version": str(2**100 + at)})
        sql.raw_insert(table, insert_block=body.encode(), fmt="JSONEachRow")

def keeps_deletes(sql, table, key, item, at):
    if item is not None:
        history(sql, table, key, item, at)
"""

SOFT = """
[target]
table = "users"
deleted = { predicate = "deleted_at IS NOT NULL" }
ddl = ['''
  CREATE TABLE users (
    id String, name String, _w String, _n UInt64,
    version UInt64, deleted_at Nullable(UInt64)
  ) ENGINE = ReplacingMergeTree(version) ORDER BY id
''']
"""
ABSENT = """
[target]
table = "users"
deleted = { absent = true }
"""
HISTORY = """
[target]
table = "history"
deleted = { absent = true }
ddl = ["CREATE TABLE history (id String, op String, body String, at UInt64) ENGINE = MergeTree ORDER BY (id, at)"]
view = '''
  SELECT id, JSONExtractString(last, 'name') AS name, JSONExtractString(last, '_w') AS _w,
         toUInt64OrZero(JSONExtractString(last, '_n')) AS _n
  FROM (SELECT id, argMax(body, at) AS last, argMax(op, at) AS how FROM history GROUP BY id)
  WHERE how != 'REMOVE'
'''
"""
MOMENTS = """
[target]
table = "users"
version_type = "UInt128"
deleted = { absent = true }
[item.at]
value = "2024-01-02T03:04:05"
[target.columns.at]
type = "DateTime64(3)"
"""
COLUMNS = """
[target.columns]
id = "String"
name = "String"
"""


def run(folder: Path, target: str, mode: str, *overrides: str) -> Result:
    (folder / "sync.py").write_text(SYNC, encoding="utf-8")
    (folder / "foreign.toml").write_text(SCENARIO + target + COLUMNS, encoding="utf-8")
    settings = [f"pipeline.env.MODE={mode}", *overrides]
    scenario = load_scenario(folder / "foreign.toml", overrides=settings)
    return run_scenario(scenario, Options(runs=folder / "runs", allow_command=True), Silent())


@pytest.mark.parametrize(
    ("target", "mode"), [(SOFT, "soft_delete"), (ABSENT, "absent"), (HISTORY, "history")]
)
def test_the_same_checks_apply_to_another_design(tmp_path: Path, target: str, mode: str) -> None:
    result = run(tmp_path, target, mode)
    assert result.outcome == "passed", (result.reason, result.pipeline_log)
    could_fail = {v.name for v in result.checks if v.could_fail}
    assert could_fail >= {"final_state", "no_lost_update", "no_resurrection", "type_fidelity"}
    assert result.counts["deleted"] > 0


def test_a_history_that_misses_deletes_is_caught(tmp_path: Path) -> None:
    result = run(tmp_path, HISTORY, "keeps_deletes")
    failing = {v.name for v in result.checks if v.verdict == "fail"}
    assert failing == {"convergence", "final_state", "no_resurrection"}


def test_a_moment_beyond_the_years_and_a_version_beyond_64_bits_are_a_verdict(
    tmp_path: Path,
) -> None:
    result = run(tmp_path, MOMENTS, "milliseconds", "workload.changes=20")
    wrong = {v.name: v for v in result.checks}["type_fidelity"]
    assert wrong.verdict == "fail", wrong.message
    assert result.run_dir
    _, *lines = (result.run_dir / "keys.jsonl").read_text(encoding="utf-8").splitlines()
    assert any('"version":"1267650600' in line for line in lines)


@pytest.mark.parametrize(
    ("target", "override", "said"),
    [
        (SOFT, "target.deleted.predicate='removed_at IS NOT NULL'", "[target] deleted.predicate:"),
        (HISTORY, "target.view='SELECT id FROM nothing'", "[target] view:"),
        (SOFT, "target.table='orders'", "[target] ddl makes no table"),
    ],
)
def test_a_target_that_cannot_be_read_is_named_before_anything_is_written(
    tmp_path: Path, target: str, override: str, said: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        run(tmp_path, target, "history", override)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_view_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    view = "target.view='SELECT id FROM history'"
    with pytest.raises(ScenarioError, match=r"maps name, but .* has only the columns id"):
        run(tmp_path, HISTORY, "history", view)
