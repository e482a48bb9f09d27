from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cbor2
import orjson
import pytest

from harness.awsjson import CBOR, JSON_1_1
from harness.web.message import Request
from tests.kinesis.app import KinesisApp

if TYPE_CHECKING:
    from harness.kinesis.api import Kinesis
    from harness.web.message import Response

SIGNED = {
    "authorization": "AWS4-HMAC-SHA256 Credential=k/20250101/us-east-1/kinesis/aws4_request,"
    " SignedHeaders=host, Signature=0",
    "x-amz-date": "20250101T000000Z",
}


def ask(
    kinesis: Kinesis, operation: str, body: bytes, content_type: str, **headers: str
) -> Response:
    sent = {"content-type": content_type, **(headers or SIGNED)}
    if operation:
        sent["x-amz-target"] = f"Kinesis_20131202.{operation}"
    return KinesisApp(kinesis)(Request("POST", "/", headers=sent, body=body))


def cbor(kinesis: Kinesis, operation: str, **members: Any) -> Any:
    response = ask(kinesis, operation, cbor2.dumps(members), CBOR)
    assert response.headers["content-type"] == CBOR
    body = response.body
    assert isinstance(body, bytes)
    # A timestamp of AWS is tag 1 over milliseconds, which no date library would take.
    return cbor2.loads(body, semantic_decoders={1: lambda ms, _: ("ms", ms)}) if body else None


def test_the_java_sdks_cbor_is_spoken(kinesis: Kinesis) -> None:
    assert cbor(kinesis, "CreateStream", StreamName="s", ShardCount=1) is None
    cbor(kinesis, "PutRecord", StreamName="s", Data=b"\x00\xff", PartitionKey="k")
    place = cbor(
        kinesis,
        "GetShardIterator",
        StreamName="s",
        ShardId="0",
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=cbor2.CBORTag(1, 1_735_689_600_000),
    )["ShardIterator"]

    [record] = cbor(kinesis, "GetRecords", ShardIterator=place)["Records"]

    assert record["Data"] == b"\x00\xff"
    assert record["ApproximateArrivalTimestamp"] == ("ms", 1_735_689_600_000)
    described = cbor(kinesis, "DescribeStreamSummary", StreamName="s")["StreamDescriptionSummary"]
    assert described["StreamCreationTimestamp"] == ("ms", 1_735_689_600_000)


def test_errors_come_in_the_codec_of_the_request(kinesis: Kinesis) -> None:
    expected = {
        "__type": "ResourceNotFoundException",
        "message": "Stream s under account 000000000000 not found.",
    }
    members = {"StreamName": "s"}

    assert cbor(kinesis, "DescribeStream", **members) == expected
    response = ask(kinesis, "DescribeStream", orjson.dumps(members), JSON_1_1)
    assert response.status == 400
    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body) == expected


def test_a_write_is_answered_with_an_empty_body(kinesis: Kinesis) -> None:
    body = orjson.dumps({"StreamName": "s", "ShardCount": 1})

    response = ask(kinesis, "CreateStream", body, JSON_1_1)

    assert (response.status, response.body) == (200, b"")
    assert len(response.headers["x-amzn-RequestId"]) == 36
    assert len(response.headers["x-amz-id-2"]) == 88


@pytest.mark.parametrize(
    ("operation", "body", "content_type", "status", "error"),
    [
        ("ListStreams", b"not json", JSON_1_1, 400, "SerializationException"),
        ("ListStreams", b"[]", JSON_1_1, 400, "SerializationException"),
        ("ListStreams", b"", JSON_1_1, 400, "SerializationException"),
        ("ListStreams", b"\xff", CBOR, 400, "SerializationException"),
        ("ListStream", b"{}", JSON_1_1, 400, "UnknownOperationException"),
        ("", b"{}", JSON_1_1, 400, "UnknownOperationException"),
    ],
)
def test_what_names_no_operation_is_refused(
    kinesis: Kinesis, operation: str, body: bytes, content_type: str, status: int, error: str
) -> None:
    response = ask(kinesis, operation, body, content_type)

    assert response.status == status
    assert isinstance(response.body, bytes)
    decoded = (cbor2 if content_type == CBOR else orjson).loads(response.body)
    assert decoded == {"__type": error}


def test_an_unsigned_request_is_refused(kinesis: Kinesis) -> None:
    response = ask(kinesis, "ListStreams", b"{}", JSON_1_1, host="localhost")

    assert response.body == (
        b'{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}'
    )


def test_a_signature_must_have_all_its_parts(kinesis: Kinesis) -> None:
    response = ask(kinesis, "ListStreams", b"{}", JSON_1_1, authorization="AWS4 Credential=a")

    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body) == {
        "__type": "IncompleteSignatureException",
        "message": "Authorization header requires 'Signature' parameter. Authorization header requires"
        " 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date'"
        " or a 'Date' header. Authorization=AWS4 Credential=a",
    }


def test_a_foreign_media_type_is_answered_in_xml(kinesis: Kinesis) -> None:
    response = ask(kinesis, "", b"{}", "text/plain")

    assert response.status == 403
    assert response.body == (
        b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be"
        b" authorized</Message>\n</AccessDeniedException>\n"
    )
