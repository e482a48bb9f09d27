"""Carries a DynamoDB table into ClickHouse: the S3 export first, then the Kinesis stream.

    python pipeline.py

Everything it needs stands in its environment (docs/pipeline-contract.md). It may be killed at any
moment: rows are versioned, so doing the same work twice changes nothing.

BUG=1 forgets deletes, to show what a failing run looks like.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import clickhouse_connect

BUG = os.environ.get("BUG") == "1"
TARGET = os.environ["HARNESS_TARGET"]
STREAM = os.environ["HARNESS_STREAM_ARN"]
STATE = Path(os.environ["HARNESS_STATE_DIR"]) / "checkpoints.json"
COLUMNS = ["id", "status", "total", "note", "_w", "_n", "version", "is_deleted"]
ENDED = "ended"

stop = threading.Event()


def main():
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    clickhouse = clickhouse_connect.get_client(dsn=os.environ["CLICKHOUSE_URL"])
    kinesis = boto3.client("kinesis", region_name=os.environ["AWS_REGION"])
    state = json.loads(STATE.read_text()) if STATE.exists() else {"snapshot": False, "shards": {}}
    if not state["snapshot"] and os.environ["HARNESS_EXPORT"]:
        load_snapshot(clickhouse, os.environ["HARNESS_EXPORT"])
        state["snapshot"] = True
        save(state)
    follow(kinesis, clickhouse, state)


def load_snapshot(clickhouse, export):
    """ClickHouse reads the export by itself. What it may lack is newer than five minutes before it."""
    place = urlsplit(export)
    endpoint = os.environ["AWS_ENDPOINT_URL"].rstrip("/")
    clickhouse.command(
        f"""
        INSERT INTO {TARGET} ({", ".join(COLUMNS)})
        SELECT
            JSONExtractString(json, 'Item', 'id', 'S'),
            JSONExtractString(json, 'Item', 'status', 'S'),
            toDecimal64(JSONExtractString(json, 'Item', 'total', 'N'), 2),
            JSONExtract(json, 'Item', 'note', 'S', 'Nullable(String)'),
            JSONExtractString(json, 'Item', '_w', 'S'),
            toUInt64(JSONExtractString(json, 'Item', '_n', 'N')),
            toUnixTimestamp64Micro(parseDateTime64BestEffort({{time:String}}, 6)) - 300000000,
            0
        FROM s3({{url:String}}, {{key:String}}, {{secret:String}}, 'JSONAsString')
        """,
        parameters={
            "url": f"{endpoint}/{place.netloc}{place.path}/data/*.json.gz",
            "time": os.environ["HARNESS_EXPORT_TIME"],
            "key": os.environ["AWS_ACCESS_KEY_ID"],
            "secret": os.environ["AWS_SECRET_ACCESS_KEY"],
        },
    )


def follow(kinesis, clickhouse, state):
    """Read every shard forward; a child only after its parents, so that a key stays in order."""
    iterators = {}
    while not stop.is_set():
        rows = []
        reached = {}
        for shard_id in readable(kinesis, state["shards"]):
            if shard_id not in iterators:
                iterators[shard_id] = open_shard(kinesis, shard_id, state["shards"].get(shard_id))
            try:
                answer = kinesis.get_records(ShardIterator=iterators[shard_id], Limit=1000)
            except kinesis.exceptions.ExpiredIteratorException:
                del iterators[shard_id]
                continue
            for record in answer["Records"]:
                row = to_row(json.loads(record["Data"]))
                if row is not None:
                    rows.append(row)
                reached[shard_id] = record["SequenceNumber"]
            iterators[shard_id] = answer.get("NextShardIterator")
            if iterators[shard_id] is None:
                reached[shard_id] = ENDED
        if rows:
            clickhouse.insert(TARGET, rows, column_names=COLUMNS)
        if reached:
            # Only after the insert: what was not stored must be read again.
            state["shards"].update(reached)
            save(state)
        if not rows:
            stop.wait(0.1)


def readable(kinesis, positions):
    """Shards that have not ended and whose parents have (or have expired)."""
    shards = {}
    for page in kinesis.get_paginator("list_shards").paginate(StreamARN=STREAM):
        shards.update({shard["ShardId"]: shard for shard in page["Shards"]})
    for shard_id, shard in shards.items():
        parents = [shard.get("ParentShardId"), shard.get("AdjacentParentShardId")]
        waits = any(p in shards and positions.get(p) != ENDED for p in parents)
        if positions.get(shard_id) != ENDED and not waits:
            yield shard_id


def open_shard(kinesis, shard_id, position):
    start = {"ShardIteratorType": "TRIM_HORIZON"}
    if position:
        start = {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": position,
        }
    answer = kinesis.get_shard_iterator(StreamARN=STREAM, ShardId=shard_id, **start)
    return answer["ShardIterator"]


def to_row(change):
    """A change record as a row. The newest version of a key wins, a delete is a row too."""
    image = change["dynamodb"].get("NewImage")
    version = change["dynamodb"]["ApproximateCreationDateTime"]
    if image is None:
        if BUG:
            return None
        return [plain(change["dynamodb"]["Keys"]["id"]), "", 0, None, "", 0, version, 1]
    item = {name: plain(value) for name, value in image.items()}
    return [
        item["id"],
        item.get("status", ""),
        item.get("total", "0"),
        item.get("note"),
        item.get("_w", ""),
        int(item.get("_n", 0)),
        version,
        0,
    ]


def plain(value):
    """`{"S": "x"}` as "x"; numbers stay text, so that no digit is lost."""
    kind, inner = next(iter(value.items()))
    return None if kind == "NULL" else inner


def save(state):
    """Replace the file at once: a kill leaves the old or the new one, never half of it."""
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.replace(STATE)


if __name__ == "__main__":
    sys.exit(main())
