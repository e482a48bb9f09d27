"""The gate before a server that is not ours to change: the emulated AWS, reached by a proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import WallClock
from harness.faults.live import LiveGate
from harness.faults.proxy import ProxyApp
from harness.gateway.aws import Aws
from harness.history import read
from harness.kinesis.settings import Settings as KinesisSettings
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PLAN = [{"fault": "error-before", "operation": "ListShards", "at": [0]}]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    clock = WallClock()
    aws = Aws(clock)
    aws.region().kinesis.settings = KinesisSettings.instant()
    option = {"faults": {"plan": PLAN}, "seed": 1, "events": str(tmp_path / "events.jsonl")}
    gate = LiveGate(json.dumps(option), "aws", clock)
    with ServerThread(aws.app, clock=clock) as server:
        proxy = ProxyApp(server.url)
        with ServerThread(proxy, middleware=gate.middleware) as gated:
            yield lambda service: boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=gated.url,
                region_name="us-east-1",
                aws_access_key_id="a",
                aws_secret_access_key="b",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        proxy.close()
    gate.close()


def test_faults_strike_before_a_foreign_server(client: Any, tmp_path: Path) -> None:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="changes", ShardCount=2)
    with pytest.raises(ClientError, match="InternalFailure"):
        kinesis.list_shards(StreamName="changes")
    assert len(kinesis.list_shards(StreamName="changes")["Shards"]) == 2
    events = [(e["event"], e["operation"]) for e in read(tmp_path / "events.jsonl")]
    assert events == [
        ("request", "CreateStream"),
        ("fault", "ListShards"),
        ("request", "ListShards"),
        ("request", "ListShards"),
    ]


def test_objects_pass_byte_by_byte(client: Any) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="bucket")
    body = bytes(range(256)) * 1000
    s3.put_object(Bucket="bucket", Key="a b/ü", Body=body)
    assert s3.head_object(Bucket="bucket", Key="a b/ü")["ContentLength"] == len(body)
    assert s3.get_object(Bucket="bucket", Key="a b/ü")["Body"].read() == body


def test_an_event_stream_comes_piece_by_piece(client: Any) -> None:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    kinesis.put_record(StreamName="changes", Data=b"x", PartitionKey="k")
    stream = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"},
    )["EventStream"]
    found: list[bytes] = []
    for event in stream:
        found += [r["Data"] for r in event["SubscribeToShardEvent"]["Records"]]
        if found:
            break
    stream.close()
    assert found == [b"x"]
