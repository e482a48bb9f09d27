"""A stranger's program: a thread and a keep-alive connection for each shard, sleeps of its own.

It knows nothing of the harness but its environment. BUG=1 forgets deletes; BEGIN=LATEST reads from
the stream's end; CRASH=1 ends by itself when ClickHouse refuses something; NOTES=1 stores a row in a
table of its own at every poll; TICKS=1 looks at the clock every 20 ms in a thread that asked once.
"""

import base64
import http.client
import json
import os
import threading
import time
import urllib.parse

AWS = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
CLICKHOUSE = urllib.parse.urlsplit(os.environ["CLICKHOUSE_URL"])
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


class Kinesis:
    def __init__(self):
        self.connection = http.client.HTTPConnection(AWS.hostname, AWS.port)

    def __call__(self, operation, **asked):
        headers = {
            "x-amz-target": f"Kinesis_20131202.{operation}",
            "content-type": "application/x-amz-json-1.1",
            "authorization": SIGNED,
            "x-amz-date": "20250101T000000Z",
        }
        while True:
            try:
                self.connection.request("POST", "/", json.dumps(asked), headers)
                answer = self.connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                self.connection.close()
                time.sleep(0.02)
                continue
            if answer.status == 200:
                return told
            time.sleep(0.02)


def insert(connection, rows, table=os.environ["HARNESS_TARGET"]):
    body = "\n".join(json.dumps(row) for row in rows)
    ask(connection, f"INSERT INTO {table} FORMAT JSONEachRow", body)


def ask(connection, statement, body=""):
    path = "/?" + urllib.parse.urlencode({"query": statement})
    while True:
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.02)
            continue
        if answer.status == 200:
            return
        if os.environ.get("CRASH"):
            os._exit(7)
        time.sleep(0.02)


def row_of(record):
    change = json.loads(base64.b64decode(record["Data"]))
    version = change["dynamodb"]["ApproximateCreationDateTime"]
    image = change["dynamodb"].get("NewImage")
    if image is None:
        if os.environ.get("BUG"):
            return None
        return {"id": change["dynamodb"]["Keys"]["id"]["S"], "version": version, "is_deleted": 1}
    return {
        "id": image["id"]["S"],
        "value": image["value"]["N"],
        "label": image["label"]["S"],
        "seen_by": image.get("seen_by", {}).get("SS", []),
        "_w": image["_w"]["S"],
        "_n": image["_n"]["N"],
        "version": version,
        "is_deleted": 0,
    }


def follow(shard):
    kinesis = Kinesis()
    clickhouse = http.client.HTTPConnection(CLICKHOUSE.hostname, CLICKHOUSE.port)
    iterator = kinesis(
        "GetShardIterator",
        StreamARN=os.environ["HARNESS_STREAM_ARN"],
        ShardId=shard,
        ShardIteratorType=os.environ.get("BEGIN", "TRIM_HORIZON"),
    )["ShardIterator"]
    while iterator:
        page = kinesis("GetRecords", ShardIterator=iterator)
        rows = [row for row in map(row_of, page["Records"]) if row]
        if rows:
            insert(clickhouse, rows)
        else:
            time.sleep(0.03)
        if os.environ.get("NOTES"):
            insert(clickhouse, [{"position": iterator}], "notes")
        iterator = page.get("NextShardIterator")


def tick():
    Kinesis()("ListShards", StreamARN=os.environ["HARNESS_STREAM_ARN"])
    while True:
        time.sleep(0.02)


def main():
    if os.environ.get("NOTES"):
        columns = "(position String) ENGINE = MergeTree ORDER BY position"
        connection = http.client.HTTPConnection(CLICKHOUSE.hostname, CLICKHOUSE.port)
        ask(connection, f"CREATE TABLE IF NOT EXISTS notes {columns}")
    shards = Kinesis()("ListShards", StreamARN=os.environ["HARNESS_STREAM_ARN"])["Shards"]
    threads = [threading.Thread(target=follow, args=(shard["ShardId"],)) for shard in shards]
    if os.environ.get("TICKS"):
        threading.Thread(target=tick, daemon=True).start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
