"""S3's errors: code, status and sentence as S3 answers them, in XML.

Source: S3 API reference, "Error responses".
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha512

from harness.objects.xml import document, in_xml
from harness.web.message import Response

DELETE_MARKER = "DeleteMarker"
HOST_ID = b64encode(sha512(b"the only host").digest()[:57]).decode()
"""Which of S3's hosts answered; clients report it to the support."""


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
                "HostId": HOST_ID,
            },
            namespace="",
        )
        return in_xml(body, self.headers, status=self.status)


def no_such_bucket(name: str) -> S3Error:
    """The bucket does not exist."""
    return S3Error(
        404, "NoSuchBucket", "The specified bucket does not exist", fields={"BucketName": name}
    )


def no_such_key(key: str) -> S3Error:
    """The object does not exist."""
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", fields={"Key": key})


def no_such_version(key: str, version_id: str) -> S3Error:
    """The key has no version of this id any more."""
    return S3Error(
        404,
        "NoSuchVersion",
        "The specified version does not exist.",
        fields={"Key": key, "VersionId": version_id},
    )


def invalid_version(version_id: str) -> S3Error:
    """S3 never gave this version id."""
    return invalid_argument("Invalid version id specified", name="versionId", value=version_id)


def not_implemented(what: str) -> S3Error:
    """S3 has it, the emulator has not."""
    return header_not_implemented(what, "It is not emulated")


def header_not_implemented(names: str, why: str) -> S3Error:
    """These headers, or parameters, are not taken in this way."""
    return S3Error(
        501,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
        fields={"Header": names, "additionalMessage": why},
    )


def method_not_allowed(method: str, resource: str = "") -> S3Error:
    """The resource has no such operation; `resource` names its type."""
    fields = {"Method": method}
    headers = {}
    if resource == DELETE_MARKER:
        headers = {"x-amz-delete-marker": "true", "allow": "DELETE"}
    if resource:
        fields["ResourceType"] = resource
    return S3Error(
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        fields=fields,
        headers=headers,
    )


def invalid_request(message: str) -> S3Error:
    """The request as a whole cannot be taken."""
    return S3Error(400, "InvalidRequest", message)


def access_denied(message: str = "Access Denied") -> S3Error:
    """Something forbids it."""
    return S3Error(403, "AccessDenied", message)


def invalid_argument(message: str, *, name: str = "", value: str | None = "") -> S3Error:
    """A parameter cannot be taken; `name` and `value` say which, if S3 says it."""
    fields = {"ArgumentName": name} if name else {}
    if name and value is not None:
        fields["ArgumentValue"] = value
    return S3Error(400, "InvalidArgument", message, fields=fields)


def malformed_xml() -> S3Error:
    """The body is not the XML that S3 expects."""
    return S3Error(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
