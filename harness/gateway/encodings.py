"""Compressed bodies: requests undone, answers of DynamoDB compressed for clients that ask.

DynamoDB takes `gzip` and `deflate`, and compresses answers above 4 KB when Accept-Encoding names a
coding. Kinesis is not known to do either: there a body that is not what its header says stays as it
is and fails as unreadable.

Deviation: AWS answers 500 to a body that is not in its Content-Encoding. Clients repeat such a request,
and here a 500 always means a fault of the emulator, so it is a 400.

Source: ScyllaDB's test_compressed_request.py and test_compressed_response.py, run against AWS.
"""

from __future__ import annotations

import re
import zlib

from harness.awsjson import CORAL, AwsError

BODY_BYTES_MAX = 16 * 1024 * 1024
KINESIS_BODY_BYTES_MAX = 64 * 1024 * 1024
"""Far above what Kinesis takes (10 MiB and base64), against a runaway gzip."""
COMPRESSED_FROM_BYTES = 4096
LEVEL = 6
_GZIP, _ZLIB = 31, 15
_WINDOW = {"gzip": _GZIP, "deflate": _ZLIB}
_QUALITY = re.compile(r"q=([^;]*)")


def inflated(body: bytes, encoding: str, *, dynamodb: bool) -> bytes:
    """A request's body with its Content-Encoding undone.

    Args:
        body: as sent.
        encoding: the header's value.
        dynamodb: as DynamoDB does it; otherwise as Kinesis.

    Raises:
        AwsError: DynamoDB alone: SerializationException for an unknown coding or a body that is
            not in it; status 413 for one of more than 16 MiB.
    """
    window = _WINDOW.get(encoding.strip().lower())
    if not dynamodb:
        plain = _gunzip(body, KINESIS_BODY_BYTES_MAX) if window == _GZIP else None
        return body if plain is None or len(plain) > KINESIS_BODY_BYTES_MAX else plain
    if window is None:
        raise _unreadable()
    plain = _gunzip(body, BODY_BYTES_MAX) if window == _GZIP else _inflate(body, BODY_BYTES_MAX)
    if plain is None:
        raise _unreadable()
    if len(plain) > BODY_BYTES_MAX:
        raise AwsError("RequestEntityTooLarge", status=413, namespace=CORAL)
    return plain


def coding_for(accepted: str) -> str | None:
    """`gzip`, `deflate` or None: how an answer may be compressed.

    Args:
        accepted: the Accept-Encoding of the request. A quality above 1 or one that is no number
            counts as 1; `*` stands for what is not named.
    """
    named: dict[str, float] = {}
    rest = 0.0
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        quality = _quality(parameters)
        name = name.strip()
        if name in _WINDOW:
            named[name] = max(named.get(name, 0.0), quality)
        elif name == "*":
            rest = quality
    wishes = [*named.items(), *((name, rest) for name in _WINDOW if name not in named)]
    # Of equal wishes the first stays the best.
    best, quality = max(wishes, key=lambda wish: wish[1])
    return best if quality > 0 else None


def compressed(body: bytes, coding: str) -> bytes:
    """`body` in `gzip` or `deflate` (which is zlib's format)."""
    packer = zlib.compressobj(LEVEL, wbits=_WINDOW[coding])
    return packer.compress(body) + packer.flush()


def _quality(parameters: str) -> float:
    found = _QUALITY.search(parameters)
    if found is None:
        return 1.0
    try:
        return min(1.0, float(found[1]))
    except ValueError:
        return 1.0


def _gunzip(body: bytes, bytes_max: int) -> bytes | None:
    """One gzip stream or several; what follows the last is ignored, as DynamoDB does."""
    plain = b""
    while body[:2] == b"\x1f\x8b":
        inflater = zlib.decompressobj(wbits=_GZIP)
        try:
            plain += inflater.decompress(body, bytes_max - len(plain) + 1)
        except zlib.error:
            return None
        if len(plain) > bytes_max:
            return plain
        if not inflater.eof:
            return None
        body = inflater.unused_data
    return plain or None


def _inflate(body: bytes, bytes_max: int) -> bytes | None:
    inflater = zlib.decompressobj(wbits=_ZLIB)
    try:
        plain = inflater.decompress(body, bytes_max + 1)
    except zlib.error:
        return None
    return plain if inflater.eof or len(plain) > bytes_max else None


def _unreadable() -> AwsError:
    return AwsError("SerializationException", namespace=CORAL)
