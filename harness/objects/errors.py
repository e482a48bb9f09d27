"""S3's errors: code, status and sentence as S3 answers them, in XML.

Source: S3 API reference, "Error responses".
"""

from __future__ import annotations

from harness.objects.xml import document
from harness.web.message import Response


class S3Error(Exception):
    """An error as S3 answers it.

    Args:
        status: HTTP status.
        code: e.g. `NoSuchKey`.
        message: S3's own sentence.
        fields: further elements of the error, e.g. `Key`.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields or {}
        self.headers = headers or {}

    def response(self, *, method: str, request_id: str) -> Response:
        """The answer; without a body to HEAD."""
        if method == "HEAD" or self.status in (204, 304):
            return Response(self.status, dict(self.headers))
        body = document(
            "Error",
            {
                "Code": self.code,
                "Message": self.message,
                **self.fields,
                "RequestId": request_id,
            },
            namespace="",
        )
        return Response(self.status, {"content-type": "application/xml", **self.headers}, body)


def no_such_bucket(name: str) -> S3Error:
    """The bucket does not exist."""
    return S3Error(
        404, "NoSuchBucket", "The specified bucket does not exist", fields={"BucketName": name}
    )


def no_such_key(key: str) -> S3Error:
    """The object does not exist."""
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", fields={"Key": key})


def not_implemented(what: str) -> S3Error:
    """S3 has it, the emulator has not."""
    return S3Error(
        501,
        "NotImplemented",
        f"A header or query you provided implies functionality that is not emulated: {what}",
    )


def header_not_implemented(names: str, why: str) -> S3Error:
    """S3 itself does not take these headers in this way."""
    return S3Error(
        501,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
        fields={"Header": names, "additionalMessage": why},
    )


def invalid_argument(message: str, *, name: str = "", value: str = "") -> S3Error:
    """A parameter cannot be taken; `name` says which, if S3 says it."""
    fields = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return S3Error(400, "InvalidArgument", message, fields=fields)


def malformed_xml() -> S3Error:
    """The body is not the XML that S3 expects."""
    return S3Error(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
