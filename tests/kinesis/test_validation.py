from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from harness.awsjson import AwsError
from harness.kinesis.requests import REQUESTS
from tests.kinesis.app import ARN

if TYPE_CHECKING:
    from harness.kinesis.api import Kinesis

NAME = "failed to satisfy constraint: Member must"


def error_of(kinesis: Kinesis, operation: str, payload: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        kinesis.handle(operation, payload)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("operation", "payload", "faults"),
    [
        ("GetRecords", {}, [f"Value null at 'shardIterator' {NAME} not be null"]),
        (
            "GetRecords",
            {"ShardIterator": "", "Limit": 0},
            [
                f"Value '' at 'shardIterator' {NAME} have length greater than or equal to 1",
                f"Value '0' at 'limit' {NAME} have value greater than or equal to 1",
            ],
        ),
        (
            "CreateStream",
            {"StreamName": "a b", "ShardCount": 10**11},
            [
                f"Value 'a b' at 'streamName' {NAME} satisfy regular expression pattern:"
                " [a-zA-Z0-9_.-]+",
                f"Value '2147483647' at 'shardCount' {NAME} have value less than or equal to 100000",
            ],
        ),
        (
            "PutRecords",
            {
                "StreamName": "s",
                "Records": [{"PartitionKey": "", "Data": ""}, {"PartitionKey": "k"}],
            },
            [
                f"Value '' at 'records.1.member.partitionKey' {NAME} have length greater than or"
                " equal to 1",
                f"Value null at 'records.2.member.data' {NAME} not be null",
            ],
        ),
        (
            "GetShardIterator",
            {"StreamName": "s", "ShardId": "0", "ShardIteratorType": "NOW"},
            [
                f"Value 'NOW' at 'shardIteratorType' {NAME} satisfy enum value set:"
                " [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
            ],
        ),
        (
            "AddTagsToStream",
            {"StreamName": "s", "Tags": {"k": "v" * 257}},
            [
                "Value '{k="
                + "v" * 257
                + "}' at 'tags' failed to satisfy constraint: Map value must"
                " satisfy constraint: [Member must have length less than or equal to 256, Member must"
                " have length greater than or equal to 0]"
            ],
        ),
        ("DescribeStream", {}, [f"Value null at 'streamName' {NAME} not be null"]),
    ],
)
def test_every_fault_of_a_request_is_listed(
    kinesis: Kinesis, operation: str, payload: dict[str, Any], faults: list[str]
) -> None:
    code, message = error_of(kinesis, operation, payload)

    assert code == "ValidationException"
    noun = "error" if len(faults) == 1 else "errors"
    head, _, rest = message.partition(": ")
    assert head == f"{len(faults)} validation {noun} detected"
    assert sorted(rest.split("; ")) == sorted(faults)


@pytest.mark.parametrize(
    ("operation", "payload", "message"),
    [
        (
            "GetRecords",
            {"ShardIterator": 23},
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an"
            " String",
        ),
        (
            "GetRecords",
            {"ShardIterator": "x", "Limit": "23"},
            "class java.lang.String can not be converted to an Integer",
        ),
        ("PutRecords", {"Records": 5}, "Expected list or null"),
        ("PutRecords", {"Records": ["a"]}, "Expected null"),
        ("AddTagsToStream", {"Tags": []}, "Start of list found where not expected"),
        ("AddTagsToStream", {"Tags": "a"}, "Expected map or null"),
        (
            "DescribeStream",
            {"StreamName": {}},
            "Start of structure or map found where not expected.",
        ),
        (
            "PutRecord",
            {"Data": "23456"},
            "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4"
            " bytes but found: 5",
        ),
        (
            "PutRecord",
            {"Data": "=+/="},
            "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='",
        ),
        (
            "PutRecord",
            {"Data": "+/+="},
            "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
        ),
        (
            "GetShardIterator",
            {"Timestamp": True},
            "class java.lang.Boolean can not be converted to milliseconds since epoch",
        ),
    ],
)
def test_a_member_of_the_wrong_type_does_not_serialize(
    kinesis: Kinesis, operation: str, payload: dict[str, Any], message: str
) -> None:
    assert error_of(kinesis, operation, payload) == ("SerializationException", message)


def test_a_quick_check_of_records_refuses_what_the_full_one_does(kinesis: Kinesis) -> None:
    kinesis.handle("CreateStream", {"StreamName": "s", "ShardCount": 1})
    good = {"PartitionKey": "k", "Data": "YQ=="}

    for bad, code in (
        ({"PartitionKey": "k", "Data": "YR=="}, "SerializationException"),
        ({"PartitionKey": "k" * 257, "Data": "YQ=="}, "ValidationException"),
        ({"PartitionKey": "k", "Data": "YQ==", "ExplicitHashKey": "01"}, "ValidationException"),
        ({"PartitionKey": 5, "Data": "YQ=="}, "SerializationException"),
        ({"Data": "YQ=="}, "ValidationException"),
    ):
        found, _ = error_of(kinesis, "PutRecords", {"StreamName": "s", "Records": [good, bad]})
        assert found == code
    shards = kinesis.stream("s").shards
    assert shards is not None
    assert [len(shard.log) for shard in shards] == [0]


def test_every_operation_of_the_service_model_exists(kinesis: Kinesis) -> None:
    model = botocore.session.get_session().get_service_model("kinesis")

    assert set(model.operation_names) <= kinesis.operations


def test_every_member_of_the_service_model_is_known() -> None:
    model = botocore.session.get_session().get_service_model("kinesis")

    for name, request in REQUESTS.items():
        shape = model.operation_model(name).input_shape
        assert set(request.members) == set(shape.members if shape else ()), name


def test_what_is_not_emulated_says_so(kinesis: Kinesis) -> None:
    code, message = error_of(kinesis, "CreateQueue", {})

    assert code == "UnknownOperationException"
    assert message.startswith("not emulated: CreateQueue")


def test_an_arn_and_a_name_must_agree(kinesis: Kinesis) -> None:
    kinesis.handle("CreateStream", {"StreamName": "s", "ShardCount": 1})

    code, _ = error_of(kinesis, "DescribeStream", {"StreamName": "t", "StreamARN": ARN})

    assert code == "InvalidArgumentException"


@pytest.mark.parametrize("seconds", [1e308, 1.7e308, 1e20])
def test_a_moment_beyond_all_milliseconds_is_refused(kinesis: Kinesis, seconds: float) -> None:
    kinesis.handle("CreateStream", {"StreamName": "s", "ShardCount": 1})
    shard = "shardId-000000000000"
    start = {"StreamName": "s", "ShardId": shard, "ShardIteratorType": "AT_TIMESTAMP"}
    code, message = error_of(kinesis, "GetShardIterator", start | {"Timestamp": seconds})
    assert code == "InvalidArgumentException"
    assert "cannot be greater than the currentTimestampInMillis" in message
    chosen = {"Type": "AT_TIMESTAMP", "Timestamp": seconds}
    code, _ = error_of(kinesis, "ListShards", {"StreamName": "s", "ShardFilter": chosen})
    assert code == "InvalidArgumentException"
