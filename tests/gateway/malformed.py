"""Real requests and seeded ways to spoil them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cbor2
import orjson

if TYPE_CHECKING:
    import random  # noqa: TID251 - its type alone; draws come from a clock
    from collections.abc import Callable

DYNAMODB, STREAMS, KINESIS = "DynamoDB_20120810", "DynamoDBStreams_20120810", "Kinesis_20131202"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKID/20250101/us-east-1/{}/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
)
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/events"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders"

KEY = {"id": {"S": "known"}}
ITEM = {
    **KEY,
    "n": {"N": "12.5"},
    "b": {"B": "AQID"},
    "m": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}]}}},
    "set": {"SS": ["a", "b"]},
}
VALUES: dict[str, Any] = {":v": {"N": "1"}}
RANGE = {"AttributeName": "id", "KeyType": "HASH"}

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (DYNAMODB, "PutItem", {"TableName": "orders", "Item": ITEM}),
    (
        DYNAMODB,
        "UpdateItem",
        {
            "TableName": "orders",
            "Key": KEY,
            "UpdateExpression": "SET n = n + :v REMOVE b ADD c :v",
            "ConditionExpression": "attribute_exists(id) AND n < :v",
            "ExpressionAttributeValues": VALUES,
        },
    ),
    (DYNAMODB, "DeleteItem", {"TableName": "orders", "Key": KEY, "ReturnValues": "ALL_OLD"}),
    (DYNAMODB, "GetItem", {"TableName": "orders", "Key": KEY, "ProjectionExpression": "n, m.list"}),
    (
        DYNAMODB,
        "BatchWriteItem",
        {"RequestItems": {"orders": [{"PutRequest": {"Item": ITEM}}]}},
    ),
    (DYNAMODB, "BatchGetItem", {"RequestItems": {"orders": {"Keys": [KEY]}}}),
    (
        DYNAMODB,
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "orders", "Item": ITEM}},
                {"Delete": {"TableName": "orders", "Key": {"id": {"S": "other"}}}},
            ]
        },
    ),
    (
        DYNAMODB,
        "Query",
        {
            "TableName": "orders",
            "KeyConditionExpression": "id = :v",
            "ExpressionAttributeValues": {":v": {"S": "known"}},
            "Limit": 10,
        },
    ),
    (DYNAMODB, "Scan", {"TableName": "orders", "Limit": 5, "Segment": 0, "TotalSegments": 2}),
    (
        DYNAMODB,
        "CreateTable",
        {
            "TableName": "another",
            "KeySchema": [RANGE],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    ),
    (DYNAMODB, "DescribeTable", {"TableName": "orders"}),
    (DYNAMODB, "ListTables", {"Limit": 10}),
    (
        DYNAMODB,
        "EnableKinesisStreamingDestination",
        {"TableName": "orders", "StreamArn": STREAM_ARN},
    ),
    (
        DYNAMODB,
        "ExportTableToPointInTime",
        {"TableArn": TABLE_ARN, "S3Bucket": "bucket", "ExportFormat": "DYNAMODB_JSON"},
    ),
    (
        DYNAMODB,
        "UpdateTimeToLive",
        {
            "TableName": "orders",
            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"},
        },
    ),
    (STREAMS, "ListStreams", {"TableName": "orders", "Limit": 10}),
    (
        STREAMS,
        "GetShardIterator",
        {
            "StreamArn": TABLE_ARN + "/stream/2025-01-01T00:00:00.000",
            "ShardId": "shardId-00000001",
            "ShardIteratorType": "TRIM_HORIZON",
        },
    ),
    (STREAMS, "GetRecords", {"ShardIterator": TABLE_ARN + "|1|AAAA", "Limit": 10}),
    (KINESIS, "PutRecord", {"StreamName": "events", "Data": "AQID", "PartitionKey": "p"}),
    (
        KINESIS,
        "PutRecords",
        {
            "StreamARN": STREAM_ARN,
            "Records": [{"Data": "AQID", "PartitionKey": "p", "ExplicitHashKey": "0"}],
        },
    ),
    (
        KINESIS,
        "GetShardIterator",
        {
            "StreamName": "events",
            "ShardId": "shardId-000000000000",
            "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": 1735689600.5,
        },
    ),
    (KINESIS, "GetRecords", {"ShardIterator": "AAAAAAAAAAE=", "Limit": 100}),
    (KINESIS, "ListShards", {"StreamName": "events", "ShardFilter": {"Type": "AT_LATEST"}}),
    (
        KINESIS,
        "SplitShard",
        {
            "StreamName": "events",
            "ShardToSplit": "shardId-000000000000",
            "NewStartingHashKey": "170141183460469231731687303715884105728",
        },
    ),
    (KINESIS, "CreateStream", {"StreamName": "more", "ShardCount": 1}),
    (
        KINESIS,
        "SubscribeToShard",
        {
            "ConsumerARN": STREAM_ARN + "/consumer/c:1",
            "ShardId": "shardId-000000000000",
            "StartingPosition": {"Type": "LATEST"},
        },
    ),
]

STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**18,
    -(2**63),
    "",
    "x",
    "\0",
    "\u2028\U0001f600",
    "²",
    "x" * 3000,
    "9" * 500,
    "1e400",
    "-Infinity",
    "NaN",
    [],
    {},
    [[]],
    {"": {}},
    {"S": 1},
    {"N": "1", "S": "1"},
    {"N": "9" * 200},
    {"B": "%%%"},
    {"M": []},
    {"L": {}},
    {"SS": []},
    {"NS": ["1", "1.0"]},
    {"NULL": False},
    {"UNKNOWN": "x"},
    "arn:aws:kinesis:::",
    "shardId-99999999999999999999",
    "SET",
    "((((((((((",
    "a = :v AND " * 200,
    "#x" * 100,
]


DEPTH_OF_SPOTS_MAX = 20


@dataclass
class Sent:
    """One HTTP request as bytes-to-be."""

    method: str = "POST"
    target: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def raw(self) -> bytes:
        headers = {"Host": "localhost", "Content-Length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line = f"{self.method} {self.target} HTTP/1.1\r\n"
        return (line + head + "\r\n").encode("latin-1") + self.body


def call(service: str, operation: str, payload: Any) -> Sent:
    version = "1.1" if service == KINESIS else "1.0"
    scope = "kinesis" if service == KINESIS else "dynamodb"
    return Sent(
        headers={
            "X-Amz-Target": f"{service}.{operation}",
            "Content-Type": f"application/x-amz-json-{version}",
            "X-Amz-Date": "20250101T000000Z",
            "Authorization": AUTHORIZATION.format(scope),
        },
        # The standard library nests deeper than orjson does.
        body=json.dumps(payload, ensure_ascii=False).encode(),
    )


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside `node`."""
    found = [path] if path else []
    if isinstance(node, dict):
        for name, inner in node.items():
            found += places(inner, (*path, name))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            found += places(inner, (*path, index))
    return found


def spoiled_payload(draw: random.Random, payload: dict[str, Any]) -> Any:
    copy = orjson.loads(orjson.dumps(payload))
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        spots = [spot for spot in places(copy) if len(spot) < DEPTH_OF_SPOTS_MAX]
        if not spots:
            break
        path = draw.choice(spots)
        parent = copy
        for step in path[:-1]:
            parent = parent[step]
        match draw.randrange(5):
            case 0 if isinstance(parent, dict):
                del parent[path[-1]]
            case 1 if isinstance(parent, dict):
                parent[draw.choice(("", "Unknown", "tableName", "x" * 300))] = parent[path[-1]]
            case 2:
                nested: Any = {"S": "deep"}
                for _ in range(draw.choice((33, 100, 200))):
                    nested = {"M": {"x": nested}} if draw.random() < 0.5 else {"L": [nested]}
                parent[path[-1]] = nested
            case _:
                # A copy: the next round may spoil what this one put in.
                parent[path[-1]] = json.loads(json.dumps(draw.choice(STRANGE)))
    return copy


def spoil_structure(draw: random.Random) -> Sent:
    service, operation, payload = draw.choice(CALLS)
    return call(service, operation, spoiled_payload(draw, payload))


def spoil_bytes(draw: random.Random) -> Sent:
    sent = call(*draw.choice(CALLS))
    body = bytearray(sent.body)
    match draw.randrange(5):
        case 4:
            depth = draw.choice((20, 300, 480, 600))
            deep = '{"L":[' * depth + "]}" * depth
            item = f'{{"TableName":"orders","Item":{{"id":{{"S":"deep"}},"x":{deep}}}}}'
            return replace(call(DYNAMODB, "PutItem", {}), body=item.encode())
        case 0:
            del body[draw.randrange(len(body)) :]
        case 1:
            for _ in range(draw.randrange(1, 8)):
                body[draw.randrange(len(body))] = draw.randrange(256)
        case 2:
            body = bytearray(draw.randbytes(draw.randrange(200)))
        case _:
            body = bytearray(b"[" * draw.choice((10, 2000, 100_000)))
    return replace(sent, body=bytes(body))


def spoil_headers(draw: random.Random) -> Sent:
    sent = call(*draw.choice(CALLS))
    headers = dict(sent.headers)
    target = headers["X-Amz-Target"]
    changes: list[tuple[str, str | None]] = [
        ("X-Amz-Target", "Nonsense"),
        ("X-Amz-Target", target.replace(".", "")),
        ("X-Amz-Target", target + "s"),
        ("X-Amz-Target", "Kinesis_20131202.handle"),
        ("X-Amz-Target", "DynamoDB_20120810.__init__"),
        ("X-Amz-Target", "DynamoDB_29990101." + target.partition(".")[2]),
        ("X-Amz-Target", "." * 50),
        ("X-Amz-Target", None),
        ("Content-Type", None),
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/x-amz-cbor-1.1"),
        ("Content-Type", "application/x-amz-json-9.9; charset=\xff"),
        ("Authorization", None),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=a"),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=////////, Signature=, SignedHeaders="),
        ("Authorization", "Basic \xe4\xf6"),
        ("Content-Encoding", "gzip"),
        ("X-Amz-Date", None),
    ]
    for name, value in draw.sample(changes, draw.choice((1, 1, 2))):
        if value is None:
            headers.pop(name, None)
        else:
            headers[name] = value
    method = draw.choice(("POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS", "HEAD"))
    # Without anything wrong in the payload a mild change of headers would still be a valid write.
    body = orjson.dumps({"TableName": 1, "StreamName": [], "ShardIterator": {}})
    return Sent(method, "/", headers, body)


def spoil_encoding(draw: random.Random) -> Sent:
    service, operation, payload = draw.choice([c for c in CALLS if c[0] == KINESIS])
    sent = call(service, operation, spoiled_payload(draw, payload))
    if draw.random() < 0.3:
        packed = gzip.compress(sent.body)
        sent.headers["Content-Encoding"] = "gzip"
        return replace(sent, body=packed[: draw.randrange(1, len(packed) + 1)])
    sent.headers["Content-Type"] = "application/x-amz-cbor-1.1"
    body = bytearray(cbor2.dumps(json.loads(sent.body)))
    if draw.random() < 0.6:
        for _ in range(draw.randrange(1, 6)):
            body[draw.randrange(len(body))] = draw.randrange(256)
    if draw.random() < 0.2:
        body = bytearray(draw.randbytes(draw.randrange(60)))
    return replace(sent, body=bytes(body))


S3_TARGETS = (
    *("/", "//", "/bucket", "/bucket/", "/bucket/key", "/absent/key", "/BAD_NAME", "/%ff%fe/%00"),
    *("/bucket/" + "k" * 1100, "/bucket/a%2f..%2f", "/bucket/%", "/.."),
)
S3_QUERIES = (
    *("", "list-type=2", "list-type=2&max-keys=x", "max-keys=99999999999999999999", "uploads"),
    *("list-type=2&continuation-token=%25%25", "encoding-type=x", "uploadId=x&partNumber=1"),
    *("partNumber=0", "partNumber=9999999", "partNumber=%C2%B2", "delete", "tagging", "versioning"),
    *("versions", "acl", "versionId=1", "location", "select&select-type=2", "restore", "=&=&&;"),
)
S3_HEADERS: tuple[tuple[str, str], ...] = (
    ("Range", "bytes=5-1"),
    ("Range", "bytes=" + "9" * 40 + "-"),
    ("Range", "bytes=-0"),
    ("Range", "lines=1-2"),
    ("If-Match", '"no"'),
    ("If-None-Match", '"no"'),
    ("If-Modified-Since", "yesterday"),
    ("x-amz-copy-source", "bucket"),
    ("x-amz-copy-source", "%ff/%ff?versionId=3"),
    ("x-amz-checksum-crc32", "AAAA"),
    ("x-amz-checksum-sha256", "!"),
    ("x-amz-sdk-checksum-algorithm", "MD6"),
    ("Content-MD5", "!"),
    ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    ("x-amz-tagging", "a=1&a=2"),
    ("x-amz-meta-x", "y" * 3000),
    ("x-amz-decoded-content-length", "7"),
)
S3_BODIES = (
    b"",
    b"<",
    b"<Delete><Object><Key>key</Key></Delete>",
    b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><Delete>&a;</Delete>",
    b"<Delete></Delete>",
    b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
    b"5;chunk-signature=0\r\nab",
    b"zz\r\n\r\n",
    b"-5\r\nabcde\r\n0\r\n\r\n",
)


def spoil_s3(draw: random.Random) -> Sent:
    query = draw.choice(S3_QUERIES)
    target = draw.choice(S3_TARGETS) + (f"?{query}" if query else "")
    method = draw.choice(("GET", "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"))
    headers = {"Authorization": AUTHORIZATION.format("s3"), "X-Amz-Date": "20250101T000000Z"}
    headers.update(draw.sample(S3_HEADERS, draw.randrange(3)))
    if draw.random() < 0.1:
        headers["Host"] = draw.choice(("a.localhost", ".s3.", "[::1]:80", ":", "\xff.localhost"))
    return Sent(method, target, headers, draw.choice(S3_BODIES))


def spoil_control(draw: random.Random) -> Sent:
    name = draw.choice(("health", "stats", "clock", "settings", "", "x", "../clock"))
    bodies: list[Any] = [
        *({"advance_seconds": "1"}, {"advance_seconds": -1}, {"advance_seconds": 1e300}),
        *({"advance_seconds": True}, {"advance_seconds": None}, {"x": 1}, [], 1, None, "x"),
        *({"kinesis": 1}, {"kinesis": {"x": 1}}, {"relay": {"burst": 0}}, {"nope": {}}),
        *({"relay": {"duplicate_probability": 2}}, {"kinesis": {"throttled": "perhaps"}}),
    ]
    body = orjson.dumps(draw.choice(bodies)) if draw.random() < 0.8 else b"\xff{"
    method = draw.choice(("GET", "POST", "PUT", "DELETE"))
    return Sent(method, f"/_harness/{name}", {}, body)


def spoil_http(draw: random.Random) -> bytes:
    raw = bytearray(call(*draw.choice(CALLS)).raw())
    match draw.randrange(5):
        case 0:
            return bytes(raw[: draw.randrange(1, len(raw))])
        case 1:
            return bytes(raw).replace(b"Content-Length: ", b"Content-Length: 9", 1)
        case 2:
            line = draw.choice((b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1\r\n"))
            return bytes(raw).replace(b"Host:", line + b"Host:", 1)
        case 3:
            head_end = raw.index(b"\r\n\r\n")
            for _ in range(draw.randrange(1, 4)):
                raw[draw.randrange(head_end)] = draw.choice(b"\0\r\n\x80\xff :")
            return bytes(raw)
        case _:
            return draw.randbytes(draw.randrange(1, 300)) + b"\r\n\r\n"


SPOILERS: tuple[Callable[[random.Random], Sent], ...] = (
    *(spoil_structure, spoil_structure, spoil_structure, spoil_bytes),
    *(spoil_headers, spoil_encoding, spoil_s3, spoil_control),
)
