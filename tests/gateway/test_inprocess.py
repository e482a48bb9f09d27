"""boto3 without a socket: `harness.web.inprocess` before the whole emulated AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from harness.clock import VirtualClock
from harness.gateway.aws import Aws
from harness.kinesis.settings import Settings as KinesisSettings
from harness.web.inprocess import attach
from harness.web.message import Request, Response

if TYPE_CHECKING:
    from harness.web.message import App


def client(service: str, app: App, *, attempts: int = 1, timeout: float = 0.05) -> Any:
    made = boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url="http://in.process:1",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            read_timeout=timeout,
            s3={"addressing_style": "path"},
        ),
    )
    attach(made, app)
    return made


@pytest.fixture
def aws() -> Aws:
    aws = Aws(VirtualClock())
    aws.region().kinesis.settings = KinesisSettings.instant()
    return aws


def test_every_service_answers_without_a_socket(aws: Aws) -> None:
    client("kinesis", aws.app).create_stream(StreamName="changes", ShardCount=1)
    assert client("kinesis", aws.app).list_streams()["StreamNames"] == ["changes"]
    s3 = client("s3", aws.app)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a b", Body=b"content")
    assert s3.get_object(Bucket="bucket", Key="a b")["Body"].read() == b"content"
    assert s3.head_object(Bucket="bucket", Key="a b")["ContentLength"] == 7
    with pytest.raises(ClientError, match="Requested resource not found"):
        client("dynamodb", aws.app).get_item(TableName="absent", Key={"id": {"S": "1"}})


def test_a_subscription_works_and_silence_is_a_read_timeout(aws: Aws) -> None:
    kinesis = client("kinesis", aws.app)
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    events = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "LATEST"},
    )["EventStream"]
    kinesis.put_record(StreamName="changes", Data=b"hello", PartitionKey="p")
    first = next(iter(events))["SubscribeToShardEvent"]
    assert [record["Data"] for record in first["Records"]] == [b"hello"]
    with pytest.raises(ReadTimeoutError):
        list(events)


class Cutting:
    """Cuts the first answers of another app."""

    def __init__(self, app: App, times: int) -> None:
        self.app = app
        self.left = times
        self.asked = 0

    def __call__(self, request: Request) -> Response:
        self.asked += 1
        response = self.app(request)
        if self.left:
            self.left -= 1
            response.cut_after = -1
        return response

    def runs_in_thread(self, request: Request) -> bool:
        return False


def test_a_lost_answer_is_asked_for_again_and_its_effect_has_stayed(aws: Aws) -> None:
    cutting = Cutting(aws.app, 1)
    kinesis = client("kinesis", cutting, attempts=2)
    with pytest.raises(ClientError, match="Stream one under account 000000000000 already exists"):
        kinesis.create_stream(StreamName="one", ShardCount=1)
    assert cutting.asked == 2


def test_an_answer_lost_for_good_is_a_closed_connection(aws: Aws) -> None:
    with pytest.raises(ConnectionClosedError):
        client("kinesis", Cutting(aws.app, 9)).create_stream(StreamName="one", ShardCount=1)
    assert client("kinesis", aws.app).list_streams()["StreamNames"] == ["one"]
