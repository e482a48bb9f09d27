"""Kinesis' CBOR: `application/x-amz-cbor-1.1`, what AWS's Java SDK sends and asks for by default.

It is the JSON protocol in CBOR's clothes with two rules: a blob is a byte string, and a timestamp is
tag 1 over whole *milliseconds* (RFC 8949 means seconds by that tag). Payloads inside the harness are
in JSON form, see `harness.awsjson`.

Source: software.amazon.awssdk.protocols.cbor; LocalStack's recorded CBOR exchanges with AWS.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import cbor2

_MILLISECONDS_SINCE_EPOCH = 1
_BLOBS = frozenset({"Data"})
"""The members of Kinesis' answers that are blobs."""


class BadCbor(ValueError):  # noqa: N818 - names what was found
    """Not CBOR, or a value that AWS's JSON has no form for."""


def decode_cbor(body: bytes) -> Any:
    """The value in `body`, in JSON form: byte strings as base64 text, timestamps as seconds.

    Raises:
        BadCbor: truncated, trailing bytes, or a type that is not in AWS's use of CBOR.
    """
    try:
        value = cbor2.loads(body, semantic_decoders={_MILLISECONDS_SINCE_EPOCH: _seconds})
    except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise BadCbor(str(error)) from error
    return _as_json(value)


def encode_cbor(payload: dict[str, Any]) -> bytes:
    """`payload` in CBOR.

    Numbers under a name that ends in `Timestamp` become tagged milliseconds, and base64 text under a
    blob's name becomes bytes.
    """
    return cbor2.dumps(_as_cbor(payload))


def _seconds(milliseconds: object, _immutable: bool) -> float:  # noqa: FBT001 - cbor2 calls it
    if not isinstance(milliseconds, int | float):
        raise BadCbor(f"a timestamp of type {type(milliseconds).__name__}")
    return milliseconds / 1000


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {_name(name): _as_json(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_json(member) for member in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if value is cbor2.undefined:
        return None
    raise BadCbor(f"a value of type {type(value).__name__}")


def _name(name: object) -> str:
    if isinstance(name, str):
        return name
    raise BadCbor(f"a member named by a {type(name).__name__}")


def _as_cbor(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _as_cbor(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_cbor(member) for member in value]
    if name.endswith("Timestamp") and isinstance(value, int | float):
        return cbor2.CBORTag(_MILLISECONDS_SINCE_EPOCH, round(value * 1000))
    if name in _BLOBS and isinstance(value, str):
        return b64decode(value)
    return value
