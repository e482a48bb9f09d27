"""What the Java and JavaScript clients speak: CBOR bodies, and subscriptions over HTTP/2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import cbor2
from botocore.eventstream import EventStreamBuffer

from tests.gateway.malformed import AUTHORIZATION
from tests.web.echo import connect
from tests.web.http2_client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.gateway.aws import Aws

    Clients = Callable[..., Any]

SHARD = "shardId-000000000000"
CBOR = "application/x-amz-cbor-1.1"


def headers(operation: str, content_type: str) -> dict[str, str]:
    return {
        "x-amz-target": f"Kinesis_20131202.{operation}",
        "content-type": content_type,
        "x-amz-date": "20250101T000000Z",
        "authorization": AUTHORIZATION.format("kinesis"),
    }


def ask_in_cbor(url: str, operation: str, payload: dict[str, Any]) -> bytes:
    sent = Request(url, data=cbor2.dumps(payload), headers=headers(operation, CBOR))
    with urlopen(sent, timeout=10) as answer:
        assert answer.headers["content-type"] == CBOR
        return bytes(answer.read())


def test_records_pass_in_cbor_as_bytes(url: str, clients: Clients) -> None:
    clients("kinesis").create_stream(StreamName="changes", ShardCount=1)
    data = bytes(range(256))
    put = cbor2.loads(
        ask_in_cbor(url, "PutRecord", {"StreamName": "changes", "Data": data, "PartitionKey": "p"})
    )
    assert put["ShardId"] == SHARD
    wish = {"StreamName": "changes", "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = cbor2.loads(ask_in_cbor(url, "GetShardIterator", wish))["ShardIterator"]
    page = ask_in_cbor(url, "GetRecords", {"ShardIterator": iterator})
    # Searched, not decoded: AWS' time stamps are tagged milliseconds, which cbor2 reads as seconds.
    assert cbor2.dumps(data) in page
    assert cbor2.dumps(put["SequenceNumber"]) in page


def test_a_subscription_delivers_over_http_2(url: str, clients: Clients, aws: Aws) -> None:
    kinesis = clients("kinesis")
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    stream_arn = aws.region().kinesis.stream("changes").arn
    consumer = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")
    body = b'{"ConsumerARN":"%b","ShardId":"%b","StartingPosition":{"Type":"TRIM_HORIZON"}}' % (
        consumer["Consumer"]["ConsumerARN"].encode(),
        SHARD.encode(),
    )
    with connect(url) as s:
        client = Client(s).start()
        more = headers("SubscribeToShard", "application/x-amz-json-1.1")
        stream = client.ask("/", "POST", body, more)
        client.until(lambda: stream in client.status)
        assert client.status[stream] == "200"
        kinesis.put_record(StreamName="changes", Data=b"hello", PartitionKey="p")
        client.until(lambda: b"aGVsbG8=" in client.bodies.get(stream, b""))
        # A second stream of the connection is answered while the first goes on.
        listed = client.ask("/", "POST", b"{}", headers("ListStreams", more["content-type"]))
        client.wait([listed])
        assert b'"changes"' in client.bodies[listed]
        assert stream not in client.ended
    # Typed loosely: botocore's stubs are wrong about the headers of an event.
    events: Any = EventStreamBuffer()
    events.add_data(client.bodies[stream])
    kinds = [event.headers[":event-type"] for event in events]
    assert str(kinds[0]) == "initial-response"
    assert {str(kind) for kind in kinds[1:]} == {"SubscribeToShardEvent"}
