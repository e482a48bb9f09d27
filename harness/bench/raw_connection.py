"""AWS JSON over one keep-alive connection, without an SDK: what is left is the server's own cost.

Bodies come prepared and the Authorization header is a constant that names a key and a region; the
signature in it is not one. Emulators take that, AWS would not: nothing but a bench may use this.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPResponse

OK = 200
SHOWN_CHARACTERS = 160
_SERVICES = {
    "DynamoDB_20120810": ("dynamodb", "application/x-amz-json-1.0"),
    "DynamoDBStreams_20120810": ("dynamodb", "application/x-amz-json-1.0"),
    "Kinesis_20131202": ("kinesis", "application/x-amz-json-1.1"),
}


class RefusedError(Exception):
    """The endpoint answered with another status than 200."""


class RawConnection:
    """One connection, opened when first used and again when the server has closed it.

    Args:
        host: where.
        port: where.
        access_key: named in the credential scope.
        region: named in the credential scope.
        timeout_seconds: the longest wait for bytes.
    """

    def __init__(
        self, host: str, port: int, *, access_key: str, region: str, timeout_seconds: float
    ) -> None:
        self._connection = HTTPConnection(host, port, timeout=timeout_seconds)
        self._scope = (access_key, region)
        self._headers: dict[str, dict[str, str]] = {}

    def ask(self, target: str, body: bytes) -> bytes:
        """One request, one answer.

        Args:
            target: X-Amz-Target, e.g. `DynamoDB_20120810.Scan`.
            body: the JSON body.

        Raises:
            RefusedError: any status but 200.
        """
        headers = self._headers.get(target) or self._make_headers(target)
        is_reused = self._connection.sock is not None
        try:
            response = self._send(body, headers)
        except ConnectionError:
            # A server may close a connection that was idle while others were measured.
            self._connection.close()
            if not is_reused:
                raise
            response = self._send(body, headers)
        answer = response.read()
        if response.status != OK:
            shown = answer[:SHOWN_CHARACTERS].decode("utf-8", "replace")
            raise RefusedError(f"{target}: HTTP {response.status} {shown}")
        return answer

    def _send(self, body: bytes, headers: dict[str, str]) -> HTTPResponse:
        self._connection.request("POST", "/", body, headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _make_headers(self, target: str) -> dict[str, str]:
        service, content_type = _SERVICES[target.partition(".")[0]]
        access_key, region = self._scope
        self._headers[target] = {
            "X-Amz-Target": target,
            "Content-Type": content_type,
            "X-Amz-Date": "20260101T000000Z",
            "Accept-Encoding": "identity",
            "Authorization": (
                f"AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/{service}/aws4_request,"
                " SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + "0" * 64
            ),
        }
        return self._headers[target]
