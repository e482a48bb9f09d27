"""Errors in each service's own words: what a client gets when a fault answers for the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.awsjson import CBOR, JSON_1_0, JSON_1_1, AwsError, Call, encode_error
from harness.web.message import Response

if TYPE_CHECKING:
    from harness.faults.asked import Asked
    from harness.web.message import Request

CUT = -1
"""`cut_after` of an answer whose connection ends before the status line."""

REQUEST_ID = "FAULT000000000000000000000000000000000000000000000000"
_NAMESPACE = "com.amazonaws.dynamodb.v20120810"
_UNAVAILABLE = 503
_FAILED = 500


def cut() -> Response:
    """No answer at all: the connection ends."""
    return Response(_FAILED, cut_after=CUT)


def aws_error(
    asked: Asked, request: Request, code: str, message: str, *, status: int = 400
) -> Response:
    """An error of DynamoDB, DynamoDB Streams or Kinesis, in the request's own codec."""
    content_type = request.headers.get("content-type", "")
    codec = CBOR if content_type == CBOR else JSON_1_1 if asked.service == "kinesis" else JSON_1_0
    namespace = "" if asked.service == "kinesis" else _NAMESPACE
    call = Call(asked.service, asked.operation, {}, codec, {"x-amzn-RequestId": REQUEST_ID})
    return encode_error(call, AwsError(code, message, status=status, namespace=namespace))


def s3_error(code: str, message: str, *, status: int) -> Response:
    """An error of S3."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        f"<RequestId>{REQUEST_ID}</RequestId></Error>"
    )
    return Response(status, {"content-type": "application/xml"}, body.encode())


def clickhouse_error(code: int, name: str, message: str, *, status: int = _FAILED) -> Response:
    """An exception of ClickHouse, as its HTTP interface shows it."""
    text = f"Code: {code}. DB::Exception: {message} ({name}) (version 26.9.2.1)\n"
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "X-ClickHouse-Exception-Code": str(code),
    }
    return Response(status, headers, text.encode())


def failure(asked: Asked, request: Request) -> Response:
    """The service's own error for something that went wrong inside it."""
    if asked.service == "clickhouse":
        return clickhouse_error(
            210, "NETWORK_ERROR", "Connection reset by peer, while writing to socket"
        )
    if asked.service == "s3":
        return s3_error(
            "InternalError", "We encountered an internal error. Please try again.", status=_FAILED
        )
    code = "InternalFailure" if asked.service == "kinesis" else "InternalServerError"
    message = "" if asked.service == "kinesis" else "Internal server error"
    return aws_error(asked, request, code, message, status=_FAILED)


def throttle(asked: Asked, request: Request) -> Response:
    """The service's own error for too many requests.

    Source: API references of Kinesis, DynamoDB and DynamoDB Streams; S3's SlowDown; ClickHouse's
    `max_concurrent_queries`.
    """
    if asked.service == "clickhouse":
        return clickhouse_error(
            202,
            "TOO_MANY_SIMULTANEOUS_QUERIES",
            "Too many simultaneous queries. Maximum: 100",
        )
    if asked.service == "s3":
        return s3_error("SlowDown", "Please reduce your request rate.", status=_UNAVAILABLE)
    if asked.service == "kinesis":
        if asked.operation in ("GetRecords", "GetShardIterator", "PutRecord", "PutRecords"):
            code = "ProvisionedThroughputExceededException"
            return aws_error(asked, request, code, f"Rate exceeded for shard {asked.subject}")
        message = f"Rate exceeded for stream {asked.subject}"
        return aws_error(asked, request, "LimitExceededException", message)
    if asked.service == "streams":
        return aws_error(asked, request, "LimitExceededException", "Rate exceeded")
    return aws_error(
        asked,
        request,
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded. Consider "
        "increasing your provisioning level with the UpdateTable API.",
    )
