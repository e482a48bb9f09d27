"""AWS's JSON protocols over HTTP: which operation a request names, and how an answer looks.

Serves awsJson1_0 (DynamoDB, DynamoDB Streams) and awsJson1_1 (Kinesis), and Kinesis' CBOR form
(`application/x-amz-cbor-1.1`, what the Java SDK sends by default).

Source: Smithy AWS JSON 1.0/1.1 protocol pages; botocore's service models.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class AwsError(Exception):
    """An error as AWS answers it.

    Args:
        code: the exception's name on the wire, e.g. `ResourceNotFoundException`.
        message: AWS's own sentence.
        status: HTTP status; 400 for almost everything.
        namespace: what stands before `#` in `__type`; empty for Kinesis.
        fields: further members of the body, e.g. `CancellationReasons` or `Item`.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        namespace: str = "",
        fields: Json | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.namespace = namespace
        self.fields = fields or {}
