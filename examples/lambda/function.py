"""A Lambda function that keeps ClickHouse equal to a DynamoDB table.

`handle` gets Kinesis events, as an event-source mapping sends them. `load_snapshot` is called once
before that, with the place of the S3 export.

BUG=1 keeps the first image of a key in a batch instead of the newest.
"""

import base64
import json
import os
from urllib.parse import urlsplit

import clickhouse_connect

BUG = os.environ.get("BUG") == "1"
TARGET = os.environ["HARNESS_TARGET"]
COLUMNS = ["id", "status", "total", "note", "_w", "_n", "version", "is_deleted"]
VERSION = COLUMNS.index("version")


def connect():
    """A client for each call: invocations of different keys run side by side."""
    return clickhouse_connect.get_client(dsn=os.environ["CLICKHOUSE_URL"])


def handle(event, context):
    rows, failed = {}, []
    for record in event["Records"]:
        try:
            row = to_row(json.loads(base64.b64decode(record["kinesis"]["data"])))
            # One row for each key is enough: the newest. It need not be the last of the batch.
            newest = rows.setdefault(row[0], row)
            if not BUG and row[VERSION] >= newest[VERSION]:
                rows[row[0]] = row
        except (KeyError, ValueError) as error:
            # Everything before it is stored, everything from it on is delivered again.
            print(f"{context.aws_request_id}: {error!r}")
            failed.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
            break
    if rows:
        connect().insert(TARGET, list(rows.values()), column_names=COLUMNS)
    return {"batchItemFailures": failed}


def to_row(change):
    image = change["dynamodb"].get("NewImage")
    version = change["dynamodb"]["ApproximateCreationDateTime"]
    if image is None:
        return [change["dynamodb"]["Keys"]["id"]["S"], "", 0, None, "", 0, version, 1]
    return [
        image["id"]["S"],
        image.get("status", {}).get("S", ""),
        image.get("total", {}).get("N", "0"),
        image.get("note", {}).get("S"),
        image.get("_w", {}).get("S", ""),
        int(image.get("_n", {}).get("N", "0")),
        version,
        0,
    ]


def load_snapshot(event, context):
    """What the export may lack is newer than five minutes before it."""
    place = urlsplit(event["export"])
    endpoint = os.environ["AWS_ENDPOINT_URL"].rstrip("/")
    connect().command(
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
            "time": event["exportTime"],
            "key": os.environ["AWS_ACCESS_KEY_ID"],
            "secret": os.environ["AWS_SECRET_ACCESS_KEY"],
        },
    )
