"""A pipeline as strangers write them: clients, threads, a queue, a pool and sleeps of its own."""

import gzip
import json
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import clickhouse_connect
import requests

COLUMNS = ["id", "status", "total", "note", "_w", "_n", "version", "is_deleted"]
FLUSH_SECONDS = 0.5
ENDED = "ended"


def run(env):
    """Load the export, then follow every shard on a thread of its own."""
    kinesis = client(env, "kinesis")
    path = Path(env.state_dir) / "checkpoints.json"
    state = json.loads(path.read_text()) if path.exists() else {"loaded": False, "shards": {}}
    if not state["loaded"] and env.export:
        load(env)
        state["loaded"] = True
        save(path, state)
    found, stop, readers = queue.Queue(), threading.Event(), {}
    listed, stored = 0, time.monotonic()
    rows, reached = [], {}
    pool = ThreadPoolExecutor(2)
    while not env.stopping():
        if time.monotonic() - listed > 1:
            listed = time.monotonic()
            for shard_id in readable(kinesis, env, state["shards"], readers):
                told = (kinesis, env, shard_id, state["shards"].get(shard_id), found, stop)
                readers[shard_id] = threading.Thread(target=follow, args=told, daemon=True)
                readers[shard_id].start()
        try:
            shard_id, changes, position = found.get(timeout=0.1)
        except queue.Empty:
            pass
        else:
            rows += [row_of(change["dynamodb"]) for change in changes]
            reached[shard_id] = position
        if reached and time.monotonic() - stored > FLUSH_SECONDS:
            parts = [part for part in (rows[::2], rows[1::2]) if part]
            for inserted in [pool.submit(insert, env, part) for part in parts]:
                inserted.result()
            state["shards"].update(reached)
            save(path, state)
            rows, reached, stored = [], {}, time.monotonic()
    stop.set()
    for reader in readers.values():
        reader.join()


def client(env, service):
    return boto3.client(service, endpoint_url=env.aws_endpoint_url, region_name=env.aws_region)


def load(env):
    s3 = client(env, "s3")
    bucket, _, prefix = env.export.removeprefix("s3://").partition("/")
    rows = []
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/data/").get("Contents", []):
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        lines = gzip.decompress(body).decode().splitlines()
        rows += [row(json.loads(line)["Item"], 0) for line in lines]
    if rows:
        clickhouse = clickhouse_connect.get_client(dsn=env.clickhouse_url)
        clickhouse.insert(env.target, rows, column_names=COLUMNS)


def readable(kinesis, env, positions, readers):
    shards = {s["ShardId"]: s for s in kinesis.list_shards(StreamARN=env.stream_arn)["Shards"]}
    for shard_id, shard in shards.items():
        parents = [shard.get("ParentShardId"), shard.get("AdjacentParentShardId")]
        waits = any(p in shards and positions.get(p) != ENDED for p in parents)
        if shard_id not in readers and positions.get(shard_id) != ENDED and not waits:
            yield shard_id


def follow(kinesis, env, shard_id, position, found, stop):
    iterator = ""
    while not env.stopping() and not stop.is_set():
        try:
            iterator = iterator or open_shard(kinesis, env, shard_id, position)
            answer = kinesis.get_records(ShardIterator=iterator, Limit=1000)
        except Exception as error:  # noqa: BLE001 - as it is written
            print("read", error)
            iterator = ""
            time.sleep(0.2)
            continue
        if answer["Records"]:
            position = answer["Records"][-1]["SequenceNumber"]
            found.put((shard_id, [json.loads(r["Data"]) for r in answer["Records"]], position))
        iterator = answer.get("NextShardIterator")
        if iterator is None:
            found.put((shard_id, [], ENDED))
            return
        if not answer["Records"]:
            time.sleep(0.2)


def open_shard(kinesis, env, shard_id, position):
    start = {"ShardIteratorType": "TRIM_HORIZON"}
    if position:
        start = {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": position,
        }
    answer = kinesis.get_shard_iterator(StreamARN=env.stream_arn, ShardId=shard_id, **start)
    return answer["ShardIterator"]


def insert(env, rows):
    body = "\n".join(json.dumps(dict(zip(COLUMNS, one, strict=True))) for one in rows)
    url = env.clickhouse_url.rpartition("/")[0] + "/"
    query = f"INSERT INTO {env.target} FORMAT JSONEachRow"
    for attempt in range(5):
        try:
            answer = requests.post(url, params={"query": query}, data=body.encode(), timeout=30)
            if answer.status_code == 200:
                return
            print("insert", answer.status_code, answer.text[:80])
        except requests.RequestException as error:
            print("insert", error)
        time.sleep(0.5 * 2**attempt)
    raise RuntimeError("cannot insert")


def row_of(change):
    version = change["ApproximateCreationDateTime"]
    if "NewImage" in change:
        return row(change["NewImage"], version)
    return [change["Keys"]["id"]["S"], "", "0", None, "", 0, version, 1]


def row(item, version):
    return [
        item["id"]["S"],
        item.get("status", {}).get("S", ""),
        item.get("total", {}).get("N", "0"),
        item.get("note", {}).get("S"),
        item.get("_w", {}).get("S", ""),
        int(item.get("_n", {}).get("N", "0")),
        version,
        0,
    ]


def save(path, state):
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.replace(path)
