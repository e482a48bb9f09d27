"""The events a function gets, member by member."""

from __future__ import annotations

from harness.pipelines.event_source.records import dynamodb_record, kinesis_record

STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
TABLE_STREAM = "arn:aws:dynamodb:us-west-2:123456789012:table/t/stream/2026-01-01T00:00:00.000"


def test_a_kinesis_record_has_exactly_these_members() -> None:
    wire = {
        "SequenceNumber": "4959",
        "PartitionKey": "1",
        "Data": "SGVsbG8=",
        "ApproximateArrivalTimestamp": 1545084650.9871,
    }
    made = kinesis_record(
        wire, shard_id="shardId-000000000006", stream_arn=STREAM, role_arn="arn:aws:iam::1:role/r"
    )
    assert made.event == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": "4959",
            "data": "SGVsbG8=",
            "approximateArrivalTimestamp": 1545084650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000006:4959",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::1:role/r",
        "awsRegion": "us-east-2",
        "eventSourceARN": STREAM,
    }


def test_a_dynamodb_record_has_exactly_these_members() -> None:
    change = {
        "ApproximateCreationDateTime": 1479499740.0,
        "Keys": {"Id": {"B": "AAE="}},
        "OldImage": {"Id": {"B": "AAE="}},
        "SequenceNumber": "333",
        "SizeBytes": 38,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    wire = {
        "eventID": "3",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-west-2",
        "dynamodb": change,
        "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
    }
    made = dynamodb_record(wire, stream_arn=TABLE_STREAM)
    assert made.event == {
        "eventID": "3",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-west-2",
        "dynamodb": {**change, "ApproximateCreationDateTime": 1479499740},
        "eventSourceARN": TABLE_STREAM,
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
    }
    assert isinstance(made.event["dynamodb"]["ApproximateCreationDateTime"], int)
    assert made.key == '{"Id":{"B":"AAE="}}'
