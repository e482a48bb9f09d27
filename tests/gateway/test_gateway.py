from __future__ import annotations

import gzip
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import pytest
from botocore.exceptions import ClientError

from tests.gateway.malformed import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.dynamodb.change_log import Change
    from harness.gateway.aws import Aws

    Clients = Callable[..., Any]

TABLE: dict[str, Any] = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def ask(url: str, headers: dict[str, str], body: bytes | None = b"{}") -> tuple[int, Any, Any]:
    """Status, headers and body of one plain request."""
    request = Request(url, data=body, headers=headers)
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, error.read()


def signed(target: str, service: str = "dynamodb", version: str = "1.0") -> dict[str, str]:
    return {
        "x-amz-target": target,
        "content-type": f"application/x-amz-json-{version}",
        "x-amz-date": "20250101T000000Z",
        "authorization": AUTHORIZATION.format(service),
    }


def test_a_write_reaches_kinesis_through_the_streaming_destination(
    clients: Clients, aws: Aws
) -> None:
    dynamodb, kinesis = clients("dynamodb"), clients("kinesis")
    dynamodb.create_table(**TABLE)
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    summary = kinesis.describe_stream_summary(StreamName="changes")
    arn = summary["StreamDescriptionSummary"]["StreamARN"]
    dynamodb.enable_kinesis_streaming_destination(TableName="orders", StreamArn=arn)

    def destination() -> str:
        described = dynamodb.describe_kinesis_streaming_destination(TableName="orders")
        return str(described["KinesisDataStreamDestinations"][0]["DestinationStatus"])

    aws.clock.wait_until(
        lambda: destination() == "ACTIVE", timeout_seconds=10, what="the destination"
    )
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "one"}})
    iterator = kinesis.get_shard_iterator(
        StreamName="changes", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    records = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [orjson.loads(r["Data"])["dynamodb"]["NewImage"] for r in records] == [
        {"id": {"S": "one"}}
    ]
    assert aws.stats()["kinesis_records_put"] == 1
    assert aws.stats()["kinesis_records_read"] == 1


def test_each_region_has_tables_of_its_own(clients: Clients) -> None:
    clients("dynamodb", region="eu-central-1").create_table(**TABLE)
    assert clients("dynamodb").list_tables()["TableNames"] == []
    described = clients("dynamodb", region="eu-central-1").describe_table(TableName="orders")
    assert described["Table"]["TableArn"] == (
        "arn:aws:dynamodb:eu-central-1:000000000000:table/orders"
    )


def test_the_checksum_of_a_dynamodb_answer_is_that_of_its_body(url: str) -> None:
    status, headers, body = ask(url, signed("DynamoDB_20120810.ListTables"))
    assert status == 200
    assert body == b'{"TableNames":[]}'
    assert headers["x-amz-crc32"] == str(zlib.crc32(body))


def test_a_gzipped_request_body_is_understood(url: str) -> None:
    body = gzip.compress(orjson.dumps({"Limit": 0}))
    headers = {**signed("DynamoDB_20120810.ListTables"), "content-encoding": "gzip"}
    status, _, answer = ask(url, headers, body)
    assert status == 400
    assert b"Value '0' at 'limit' failed" in answer


@pytest.mark.parametrize(
    ("headers", "body", "status", "error"),
    [
        (
            signed("DynamoDB_20120810.Nonsense"),
            b"{}",
            400,
            "com.amazon.coral.service#UnknownOperationException",
        ),
        (
            signed("DynamoDB_20120810.ListTables"),
            b"{",
            400,
            "com.amazon.coral.service#SerializationException",
        ),
        (
            {k: v for k, v in signed("DynamoDB_20120810.ListTables").items() if k[0] != "a"},
            b"{}",
            400,
            "com.amazon.coral.service#MissingAuthenticationTokenException",
        ),
        (signed("Kinesis_20131202.Nonsense", "kinesis", "1.1"), b"{}", 400, None),
    ],
)
def test_what_cannot_be_a_request_is_refused_in_awss_words(
    url: str, headers: dict[str, str], body: bytes, status: int, error: str | None
) -> None:
    got, _, answer = ask(url, headers, body)
    assert got == status
    assert orjson.loads(answer)["__type"] == (error or "UnknownOperationException")


def test_sts_and_sqs_are_answered_by_the_long_tail(clients: Clients) -> None:
    assert clients("sts").get_caller_identity()["Account"] == "000000000000"
    queue = clients("sqs").create_queue(QueueName="letters")["QueueUrl"]
    clients("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    received = clients("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert [m["Body"] for m in received] == ["hello"]


def test_cloudwatch_takes_the_metrics_of_a_consumer_library(clients: Clients) -> None:
    cloudwatch = clients("cloudwatch")
    cloudwatch.put_metric_data(
        Namespace="consumer", MetricData=[{"MetricName": "RecordsProcessed", "Value": 3.0}]
    )
    listed = cloudwatch.list_metrics(Namespace="consumer")["Metrics"]
    assert [m["MetricName"] for m in listed] == ["RecordsProcessed"]


def test_an_export_lands_in_s3(clients: Clients, aws: Aws) -> None:
    dynamodb, s3 = clients("dynamodb"), clients("s3")
    dynamodb.create_table(**TABLE)
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "one"}})
    dynamodb.update_continuous_backups(
        TableName="orders",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    s3.create_bucket(Bucket="exports")
    arn = aws.region().dynamodb.tables.get("orders").arn
    export = dynamodb.export_table_to_point_in_time(
        TableArn=arn, S3Bucket="exports", S3Prefix="here"
    )["ExportDescription"]["ExportArn"]

    def status() -> str:
        described = dynamodb.describe_export(ExportArn=export)["ExportDescription"]
        return str(described["ExportStatus"])

    aws.clock.wait_until(lambda: status() == "COMPLETED", timeout_seconds=10, what="the export")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="exports", Prefix="here/")["Contents"]]
    data = [key for key in keys if "/data/" in key]
    lines = b"".join(
        gzip.decompress(s3.get_object(Bucket="exports", Key=key)["Body"].read()) for key in data
    )
    assert orjson.loads(lines) == {"Item": {"id": {"S": "one"}}}


def test_a_browser_gets_the_headers_it_asks_for(url: str) -> None:
    request = Request(
        url,
        method="OPTIONS",
        headers={
            "origin": "http://here",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-amz-target",
        },
    )
    with urlopen(request, timeout=10) as answer:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-headers"] == "x-amz-target"


def test_a_subscription_delivers_over_http_1_1_too(clients: Clients, aws: Aws) -> None:
    kinesis = clients("kinesis")
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"]
    consumer = kinesis.register_stream_consumer(
        StreamARN=stream["StreamARN"], ConsumerName="reader"
    )["Consumer"]["ConsumerARN"]

    def status() -> str:
        described = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
        return str(described["ConsumerStatus"])

    aws.clock.wait_until(lambda: status() == "ACTIVE", timeout_seconds=10, what="the consumer")
    subscription = kinesis.subscribe_to_shard(
        ConsumerARN=consumer,
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"},
    )["EventStream"]
    kinesis.put_record(StreamName="changes", Data=b"hello", PartitionKey="p")
    for event in subscription:
        records = event["SubscribeToShardEvent"]["Records"]
        if records:
            assert [r["Data"] for r in records] == [b"hello"]
            break
    subscription.close()


def test_an_unknown_stream_is_an_error_of_the_sdk(clients: Clients) -> None:
    with pytest.raises(ClientError) as caught:
        clients("kinesis").describe_stream(StreamName="absent")
    assert caught.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Stream absent under account 000000000000 not found.",
    }


def test_two_writers_of_one_item_leave_log_and_table_consistent(clients: Clients, aws: Aws) -> None:
    clients("dynamodb").create_table(**TABLE)
    changes: list[Change] = []
    aws.region().dynamodb.tables.get("orders").log.subscribe(changes.append)

    def write(writer: Any) -> None:
        for _ in range(100):
            writer.update_item(
                TableName="orders",
                Key={"id": {"S": "one"}},
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    with ThreadPoolExecutor(2) as pool:
        for written in [pool.submit(write, clients("dynamodb")) for _ in range(2)]:
            written.result()
    item = clients("dynamodb").get_item(TableName="orders", Key={"id": {"S": "one"}})["Item"]
    assert item["n"] == {"N": "200"}
    images = [change.new["n"]["N"] for change in changes if change.new is not None]
    assert images == [str(number) for number in range(1, 201)]
