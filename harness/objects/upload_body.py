r"""The body of an upload: as sent, or unwrapped from `aws-chunked` with its trailing checksums.

    400;chunk-signature=…\r\n <1024 bytes> \r\n … 0;chunk-signature=…\r\n x-amz-checksum-crc32:…\r\n\r\n

Source: S3 API reference, "Authenticating requests: chunked uploads" (with and without trailer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.objects.checksums import stated_checksums, verify
from harness.objects.errors import S3Error

if TYPE_CHECKING:
    from harness.web.message import Request

CHUNK_HEAD_BYTES_MAX = 512


def upload_of(request: Request) -> tuple[bytes, dict[str, str]]:
    """The plain body and its stated checksums, verified.

    Raises:
        S3Error: IncompleteBody, BadDigest, InvalidDigest, InvalidRequest.
    """
    headers = request.headers
    body = request.body
    trailers: dict[str, str] = {}
    if is_chunked(request):
        body, trailers = _unwrap(request.body)
        stated_length = headers.get("x-amz-decoded-content-length", "")
        if stated_length and stated_length != str(len(body)):
            raise _incomplete()
    stated = stated_checksums({**headers, **trailers} if trailers else headers)
    verify(body, headers, stated)
    return body, stated


def is_chunked(request: Request) -> bool:
    """True when the body is wrapped in `aws-chunked`."""
    return request.headers.get("x-amz-content-sha256", "").startswith(
        "STREAMING-"
    ) or "aws-chunked" in request.headers.get("content-encoding", "")


def content_encoding(request: Request) -> str:
    """The content encoding to keep: what was sent, without `aws-chunked`."""
    sent = request.headers.get("content-encoding", "")
    return ",".join(e for e in (e.strip() for e in sent.split(",")) if e and e != "aws-chunked")


def _unwrap(raw: bytes) -> tuple[bytes, dict[str, str]]:
    pieces: list[memoryview] = []
    view = memoryview(raw)
    at = 0
    while True:
        end = raw.find(b"\r\n", at, at + CHUNK_HEAD_BYTES_MAX)
        if end < 0:
            raise _incomplete()
        size_text = raw[at:end].partition(b";")[0].strip()
        try:
            size = int(size_text, 16)
        except ValueError:
            raise _incomplete() from None
        at = end + 2
        if size == 0:
            return b"".join(pieces), _trailers(raw[at:])
        if size < 0 or raw[at + size : at + size + 2] != b"\r\n":
            raise _incomplete()
        pieces.append(view[at : at + size])
        at += size + 2


def _trailers(raw: bytes) -> dict[str, str]:
    trailers = {}
    for line in raw.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            trailers[name.strip().lower()] = value.strip()
    return trailers


def _incomplete() -> S3Error:
    return S3Error(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
