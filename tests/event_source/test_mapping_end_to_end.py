"""The mapping as a process over both streams: killed, resharded, poisoned, and still equal."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import boto3
import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import WallClock
from harness.history import History
from harness.run.child import Child
from harness.run.progress import Silent
from harness.run.result import Result
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

SCENARIO = """
name = "behind-a-mapping"
description = "a handler fed from the table's own stream"

[table]
table_name = "users"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]
stream_view_type = "NEW_AND_OLD_IMAGES"

[item]
id = { sequence = "u-{n}" }
name = "first_name"

[snapshot]
export = false

[workload]
items = 0
changes = 200
mix = { insert = 2, replace = 1, update = 2, delete = 1, reinsert = 1 }

[target]
table = "users"

[target.columns]
id = "String"
name = "String"

[settle]
stall_seconds = 5

[pipeline.lambda]
handler = "function:handle"
source = "dynamodb"
batch_size = 20
parallelization_factor = 3
"""

# Seconds are too coarse a version: the sequence number is the order that DynamoDB Streams keeps.
FUNCTION = """
import os
import clickhouse_connect

COLUMNS = ["id", "name", "_w", "_n", "version", "is_deleted"]

def handle(event, context):
    rows = []
    for record in event["Records"]:
        change = record["dynamodb"]
        image = change.get("NewImage")
        version = int(change["SequenceNumber"][-19:])
        if image is None:
            rows.append([change["Keys"]["id"]["S"], "", "", 0, version, 1])
        else:
            name = image["name"]["S"]
            row = [image["id"]["S"], name, image["_w"]["S"], int(image["_n"]["N"]), version, 0]
            rows.append(row)
    client = clickhouse_connect.get_client(dsn=os.environ["CLICKHOUSE_URL"])
    client.insert(os.environ["HARNESS_TARGET"], rows, column_names=COLUMNS)
"""


def run(folder: Path, function: str, *overrides: str) -> Result:
    (folder / "function.py").write_text(function, encoding="utf-8")
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    scenario = load_scenario(folder / "scenario.toml", overrides=overrides)
    return run_scenario(scenario, Options(runs=folder / "runs", allow_command=True), Silent())


def test_a_function_behind_the_tables_stream_passes(tmp_path: Path) -> None:
    result = run(tmp_path, FUNCTION)
    assert result.outcome == "passed", (result.reason, result.pipeline_log)
    assert result.counts["deleted"] > 0


def test_a_filter_that_drops_deletes_is_caught(tmp_path: Path) -> None:
    patterns = """[{pattern='{"eventName":["INSERT","MODIFY"]}'}]"""
    override = f"pipeline.lambda.filter_criteria={{filters={patterns}}}"
    result = run(tmp_path, FUNCTION, override)
    failing = {v.name for v in result.checks if v.verdict == "fail"}
    assert failing == {"convergence", "final_state", "no_resurrection"}


def test_a_handler_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path, FUNCTION, "pipeline.lambda.handler='function:handel'")
    assert result.outcome == "failed"
    assert result.pipeline_log == ["error: function:handel: function has no handel"]


RECORDER = """
import json, os, pathlib

def handle(event, context):
    lines = pathlib.Path(os.environ["SEEN"])
    with lines.open("a") as out:
        for record in event["Records"]:
            kinesis = record["kinesis"]
            out.write(json.dumps([kinesis["partitionKey"], kinesis["data"]]) + "\\n")
"""


class Lab:
    """A stream, and a mapping process that can be killed and started again."""

    def __init__(self, aws: EmbeddedAws, folder: Path, **settings: object) -> None:
        self.clock = WallClock()
        self.seen = folder / "seen.jsonl"
        (folder / "function.py").write_text(RECORDER, encoding="utf-8")
        config = {"handler": "function:handle", "discarded_dir": str(folder), **settings}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / "state").mkdir()
        self.kinesis = boto3.client(
            "kinesis",
            endpoint_url=aws.endpoint,
            region_name=aws.region,
            aws_access_key_id=aws.access_key,
            aws_secret_access_key=aws.secret_key,
        )
        self.kinesis.create_stream(StreamName="s", ShardCount=1)
        arn = self.kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]
        variables = {
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": aws.access_key,
            "AWS_SECRET_ACCESS_KEY": aws.secret_key,
            "AWS_REGION": aws.region,
            "HARNESS_STREAM_ARN": arn["StreamARN"],
            "HARNESS_STATE_DIR": str(folder / "state"),
            "CLICKHOUSE_URL": "http://unused",
            "HARNESS_TARGET": "unused",
            "SEEN": str(self.seen),
        }

        command = [sys.executable, "-P", "-m", "harness.pipelines.event_source"]
        self.history = History(folder / "history.jsonl", self.clock)
        self.child = Child(
            [*command, "--config", str(folder / "config.json")],
            variables,
            folder,
            self.history,
            folder=folder,
        )

    def put(self, first: int, last: int) -> None:
        records = [
            {"Data": str(n).encode(), "PartitionKey": f"k{n % 5}"} for n in range(first, last)
        ]
        self.kinesis.put_records(StreamName="s", Records=records)  # type: ignore[arg-type]

    def split(self) -> None:
        half = str(2**127)
        shard = self.kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
        self.kinesis.split_shard(StreamName="s", ShardToSplit=shard, NewStartingHashKey=half)

    def values(self) -> list[tuple[str, int]]:
        if not self.seen.exists():
            return []

        lines = [json.loads(line) for line in self.seen.read_text().splitlines()]
        return [(key, int(base64.b64decode(data))) for key, data in lines]

    def wait_for(self, count: int) -> None:
        self.clock.wait_until(
            lambda: len({n for _, n in self.values()}) >= count,
            timeout_seconds=30,
            what=f"{count} records",
        )


@pytest.mark.parametrize("factor", [1, 4])
def test_a_killed_mapping_loses_nothing_and_keeps_each_keys_order(
    tmp_path: Path, factor: int
) -> None:
    settings = {"create_seconds": 0, "update_seconds": 0}
    with EmbeddedAws(settings={"kinesis": settings}) as aws:
        lab = Lab(aws, tmp_path, parallelization_factor=factor, batch_size=7)
        lab.put(0, 100)
        lab.child.start()
        lab.wait_for(20)
        lab.child.kill()
        lab.split()
        lab.put(100, 200)
        lab.child.start()
        lab.wait_for(200)
        assert lab.child.stop() == 0
        lab.history.close()
    assert {n for _, n in lab.values()} == set(range(200))
    for key in range(5):
        mine = [n for k, n in lab.values() if k == f"k{key}"]
        # A restart may deliver again from the checkpoint on; it never skips ahead.
        newest = key - 5
        for n in mine:
            assert n <= newest + 5
            newest = max(newest, n)
