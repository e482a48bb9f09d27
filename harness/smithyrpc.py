"""Smithy RPC v2 CBOR, which SDKs send to CloudWatch, in the words of AWS JSON, which moto reads.

    POST /service/<target prefix>/operation/<operation>, smithy-protocol: rpc-v2-cbor, a CBOR map

Timestamps are tag 1 over *seconds* here, as RFC 8949 says; Kinesis' own CBOR (`harness.awscbor`) has
milliseconds. Which members of an answer are timestamps, the service's model says.

Source: Smithy 2.0, "Smithy RPC v2 CBOR protocol".
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode, b64encode
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import cbor2
import orjson

from harness.web.message import Response

if TYPE_CHECKING:
    from harness.web.message import Request

PROTOCOL = "rpc-v2-cbor"
SERVICES = {"GraniteServiceVersion20100801": "cloudwatch"}
"""The services that take it here: target prefix to botocore's name."""
BODY_BYTES_MAX = 16 * 1024 * 1024
_EPOCH_SECONDS = 1
_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")
_GZIP = 31


class BadRpc(ValueError):  # noqa: N818 - names what was found
    """Not this protocol, or for a service that does not take it."""


def is_rpc(request: Request) -> bool:
    """True when the request says that it is of this protocol."""
    return request.headers.get("smithy-protocol") == PROTOCOL


def to_json(request: Request) -> Request:
    """The same call in AWS JSON 1.0.

    Raises:
        BadRpc: the path names no known service, or the body is not a CBOR map.
    """
    match = _PATH.fullmatch(request.path)
    if match is None or match[1] not in SERVICES:
        raise BadRpc(f"{PROTOCOL} on {request.path}")
    try:
        body = request.body
        if request.headers.get("content-encoding", "").lower() == "gzip":
            body = zlib.decompressobj(wbits=_GZIP).decompress(body, BODY_BYTES_MAX)
        payload = orjson.dumps(_as_json(cbor2.loads(body) if body else {}))
    except (cbor2.CBORDecodeError, zlib.error, TypeError, ValueError, RecursionError) as error:
        raise BadRpc(f"a body that is not CBOR: {error}") from error
    dropped = ("smithy-protocol", "content-type", "content-encoding", "content-length", "accept")
    headers = {name: value for name, value in request.headers.items() if name not in dropped}
    headers["content-type"] = "application/x-amz-json-1.0"
    headers["x-amz-target"] = f"{match[1]}.{match[2]}"
    return type(request)(request.method, "/", "", headers, payload, request.peer)


def from_json(call: Request, answer: Response) -> Response:
    """The answer to `call`, which `to_json` made, in this protocol."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() not in ("content-type", "content-length")
    }
    headers |= {"smithy-protocol": PROTOCOL, "content-type": "application/cbor"}
    assert isinstance(answer.body, bytes)
    payload = orjson.loads(answer.body or b"{}")
    if answer.status < 300:
        prefix, _, operation = call.headers["x-amz-target"].partition(".")
        payload = _as_cbor(payload, _output_shape(SERVICES[prefix], operation))
    return Response(answer.status, headers, cbor2.dumps(payload))


def refusal(error: BadRpc) -> Response:
    """What a request of this protocol gets that cannot be put into AWS JSON."""
    payload = {"__type": "NotImplemented", "message": f"not emulated: {error}"}
    headers = {"smithy-protocol": PROTOCOL, "content-type": "application/cbor"}
    return Response(501, headers, cbor2.dumps(payload))


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_json(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_json(member) for member in value]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value


def _as_cbor(value: Any, shape: Any) -> Any:
    if value is None or shape is None:
        return value
    match shape.type_name:
        case "structure":
            members = shape.members
            return {name: _as_cbor(one, members.get(name)) for name, one in value.items()}
        case "list":
            return [_as_cbor(one, shape.member) for one in value]
        case "map":
            return {name: _as_cbor(one, shape.value) for name, one in value.items()}
        case "timestamp":
            return cbor2.CBORTag(_EPOCH_SECONDS, value)
        case "double" | "float":
            return float(value)
        case "blob":
            return b64decode(value)
        case _:
            return value


@cache
def _output_shape(service: str, operation: str) -> Any:
    # Imported here: botocore is slow to import, and few requests come this way.
    import botocore.session

    return (
        botocore.session.get_session()
        .get_service_model(service)
        .operation_model(operation)
        .output_shape
    )
