"""The frames of `application/vnd.amazon.eventstream`, as SubscribeToShard sends them.

    total length (4) | header length (4) | CRC32 of these eight | headers | payload | CRC32 of all

Source: Amazon event stream specification of Smithy; botocore.eventstream, which reads it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import orjson

from harness.awscbor import encode_cbor
from harness.awsjson import CBOR, encode_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.awsjson import AwsError, Codec

_STRING = b"\x07"
_LENGTHS_AND_CHECKS = 16


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string headers."""
    encoded = b"".join(
        len(name).to_bytes(1, "big")
        + name.encode()
        + _STRING
        + len(value.encode()).to_bytes(2, "big")
        + value.encode()
        for name, value in headers.items()
    )
    total = _LENGTHS_AND_CHECKS + len(encoded) + len(payload)
    prelude = total.to_bytes(4, "big") + len(encoded).to_bytes(4, "big")
    message = prelude + zlib.crc32(prelude).to_bytes(4, "big") + encoded + payload
    return message + zlib.crc32(message).to_bytes(4, "big")


def initial_response(codec: Codec) -> bytes:
    """The frame that must come first: the operation's answer, which has no members."""
    headers = {
        ":message-type": "event",
        ":event-type": "initial-response",
        ":content-type": codec,
    }
    return frame(headers, encode_body(codec, {}))


def event(codec: Codec, fragments: list[bytes], fields: dict[str, Any]) -> bytes:
    """A SubscribeToShardEvent.

    Args:
        codec: of the request; its events follow it.
        fragments: records as JSON text.
        fields: the other members.
    """
    payload = b'{"Records":[' + b",".join(fragments) + b"]," + orjson.dumps(fields)[1:]
    if codec == CBOR:
        payload = encode_cbor(orjson.loads(payload))
    headers = {
        ":message-type": "event",
        ":event-type": "SubscribeToShardEvent",
        ":content-type": codec,
    }
    return frame(headers, payload)


def exception(codec: Codec, error: AwsError) -> bytes:
    """An error that ends a stream which had begun well."""
    headers = {
        ":message-type": "exception",
        ":exception-type": error.code,
        ":content-type": codec,
    }
    return frame(headers, encode_body(codec, {"message": error.message}))
