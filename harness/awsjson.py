"""AWS's JSON protocols over HTTP: which operation a request names, and how an answer looks.

Serves awsJson1_0 (DynamoDB, DynamoDB Streams) and awsJson1_1 (Kinesis), and Kinesis' CBOR form
(`application/x-amz-cbor-1.1`, what the Java SDK sends by default). A payload looks the same whatever
carried it: blobs of a request are base64 text and its timestamps are epoch seconds; an answer holds
blobs as `bytes` and timestamps as epoch seconds under names that end in `Timestamp`.

    try:
        call = decode(request)
    except Rejected as rejected:
        return rejected.response
    try:
        return encode(call, service.handle(call.operation, call.payload))
    except AwsError as error:
        return encode_error(call, error)

Signatures are looked at for their form only; nobody's secret is checked.

Source: Smithy AWS JSON 1.0/1.1 protocol pages; botocore's service models; the order of the checks is
what the connection tests of kinesalite and dynalite found on AWS.
"""

from __future__ import annotations

import itertools
import zlib
from base64 import b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable
from urllib.parse import parse_qs

import orjson

from harness.awscbor import BadCbor, decode_cbor, encode_cbor
from harness.web.message import Response, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.web.message import Request

Json = dict[str, Any]

Codec = Literal[
    "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/x-amz-cbor-1.1"
]
JSON_1_0: Codec = "application/x-amz-json-1.0"
JSON_1_1: Codec = "application/x-amz-json-1.1"
CBOR: Codec = "application/x-amz-cbor-1.1"
EVENT_STREAM = "application/vnd.amazon.eventstream"
CORAL = "com.amazon.coral.service"

_CAPITAL_MESSAGE = frozenset({"SerializationException", "AccessDeniedException"})
_SIGNATURE_IN_QUERY = "X-Amz-Algorithm"
_request_numbers = itertools.count()


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


class Rejected(Exception):  # noqa: N818 - an answer on its way, not a failure of the harness
    """The request names no operation that could be called; `response` says so in AWS's words."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Call:
    """One operation asked for.

    Attributes:
        service: what stands before the dot of X-Amz-Target, e.g. `Kinesis_20131202`.
        operation: what stands behind it, e.g. `PutRecord`.
        payload: the members sent, in JSON form.
        codec: the media type that the answer must have.
        headers: what every answer to this request carries.
    """

    service: str
    operation: str
    payload: Json
    codec: Codec
    headers: dict[str, str]


@runtime_checkable
class EventStream(Stream, Protocol):
    """A body of events, which must be in the codec of the request."""

    def speak(self, codec: Codec) -> None:
        """Use `codec` for all events; called once, before the first `read`."""
        ...


def decode(request: Request, *, knows: Callable[[str, str], bool] | None = None) -> Call:
    """The operation and payload that `request` carries.

    Args:
        request: a POST with X-Amz-Target; anything else is rejected as AWS does.
        knows: says whether (service, operation) exists. AWS looks before it asks for a signature.

    Raises:
        Rejected: unparsable body, unknown operation or a request without a complete signature.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    service, _, operation = request.headers.get("x-amz-target", "").partition(".")
    dynamodb = speaks_dynamodb(request, service, content_type)
    headers = answer_headers(request, dynamodb=dynamodb)
    if not dynamodb:
        headers["x-amz-id-2"] = b64encode(
            blake2b(headers["x-amzn-RequestId"].encode()).digest()
        ).decode()
    if request.method != "POST":
        raise Rejected(_not_a_call(request, headers, dynamodb=dynamodb))
    known = bool(service and operation) and (knows is None or knows(service, operation))
    call = Call(service, operation, {}, _codec(content_type, dynamodb=dynamodb), headers)
    if not request.body and not dynamodb:
        code = "SerializationException" if known else "UnknownOperationException"
        codec = JSON_1_1 if content_type == JSON_1_1 else CBOR
        raise Rejected(encode_error(Call(service, operation, {}, codec, headers), AwsError(code)))
    if request.body and content_type not in _accepted(dynamodb=dynamodb):
        raise Rejected(_foreign_media_type(headers, service, operation, dynamodb=dynamodb))
    namespace = CORAL if dynamodb else ""
    payload = _parsed(request.body, content_type)
    if payload is None and (request.body or known):
        unsigned = signature_fault(request, missing_text=_missing_token(dynamodb=dynamodb))
        if unsigned is not None and not request.body:
            unsigned.namespace = namespace
            raise Rejected(encode_error(call, unsigned))
        raise Rejected(_refuse(call, content_type, "SerializationException", namespace, 400))
    if not known or (content_type == "application/json" and not dynamodb):
        status = 404 if content_type == "application/json" and not dynamodb else 400
        raise Rejected(_refuse(call, content_type, "UnknownOperationException", namespace, status))
    fault = signature_fault(request, missing_text=_missing_token(dynamodb=dynamodb))
    if fault is not None:
        fault.namespace = namespace
        raise Rejected(encode_error(call, fault))
    return Call(service, operation, payload or {}, call.codec, headers)


def encode(call: Call, payload: Json | bytes | Stream | None) -> Response:
    """The answer to `call`.

    Args:
        call: what was asked.
        payload: members; or the members as JSON text already; or an event stream. None, and `{}` of
            Kinesis, are an empty body, as AWS answers writes.
    """
    if isinstance(payload, bytes):
        body = encode_cbor(orjson.loads(payload)) if call.codec == CBOR else payload
        return _response(call, 200, body)
    if payload is None or isinstance(payload, dict):
        if payload is None or (not payload and call.codec != JSON_1_0):
            return _response(call, 200, b"")
        return _response(call, 200, encode_body(call.codec, payload))
    if isinstance(payload, EventStream):
        payload.speak(call.codec)
    return Response(200, {**call.headers, "content-type": EVENT_STREAM}, payload)


def encode_error(call: Call, error: AwsError) -> Response:
    """The answer that carries `error`, in the call's codec."""
    body: Json = {"__type": f"{error.namespace}#{error.code}" if error.namespace else error.code}
    if error.message:
        body["Message" if error.code in _CAPITAL_MESSAGE else "message"] = error.message
    body.update(error.fields)
    return _response(call, error.status, encode_body(call.codec, body))


def encode_body(codec: Codec, payload: Json) -> bytes:
    """`payload` in `codec`; `bytes` become base64 text in JSON and stay bytes in CBOR."""
    if codec == CBOR:
        return encode_cbor(payload)
    return orjson.dumps(payload, default=_blob_as_text)


def signature_fault(request: Request, *, missing_text: str) -> AwsError | None:
    """What AWS says of a request whose signature is missing or lacks a part; None when it is whole.

    Args:
        request: any request.
        missing_text: the service's sentence for a request without any signature.
    """
    header = request.headers.get("authorization", "")
    in_query = _SIGNATURE_IN_QUERY in request.query
    query = parse_qs(request.query, keep_blank_values=True) if in_query else {}
    if header and _SIGNATURE_IN_QUERY in query:
        return AwsError(
            "InvalidSignatureException",
            f"Found both '{_SIGNATURE_IN_QUERY}' as a query-string param and 'Authorization' as HTTP header.",
        )
    if header:
        lacking = _lacking_in_header(request, header)
    elif _SIGNATURE_IN_QUERY in query:
        names = ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date")
        lacking = "".join(
            f"AWS query-string parameters must include 'X-Amz-{name}'. "
            for name in names
            if not query.get(f"X-Amz-{name}", [""])[0]
        )
        lacking += "Re-examine the query-string parameters." if lacking else ""
    else:
        return AwsError("MissingAuthenticationTokenException", missing_text)
    return AwsError("IncompleteSignatureException", lacking) if lacking else None


def _lacking_in_header(request: Request, header: str) -> str:
    parts = dict(
        part.strip().partition("=")[::2] for part in header.replace(" ", ",").split(",")[1:] if part
    )
    lacking = "".join(
        f"Authorization header requires '{name}' parameter. "
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    )
    if not request.headers.get("x-amz-date") and not request.headers.get("date"):
        lacking += (
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        )
    return f"{lacking}Authorization={header}" if lacking else ""


def _missing_token(*, dynamodb: bool) -> str:
    return "Request is missing Authentication Token" if dynamodb else "Missing Authentication Token"


def answer_headers(request: Request, *, dynamodb: bool) -> dict[str, str]:
    """What every answer to `request` carries."""
    # Derived from a count, not drawn: the same run gives the same ids.
    seed = b"request %d" % next(_request_numbers)
    if dynamodb:
        request_id = blake2b(seed, digest_size=26).hexdigest().upper()
    else:
        digest = blake2b(seed, digest_size=16).hexdigest()
        request_id = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
    headers = {"x-amzn-RequestId": request_id}
    if dynamodb:
        headers["server"] = "Server"
    if "origin" in request.headers:
        headers["access-control-allow-origin"] = "*"
        headers["access-control-expose-headers"] = (
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"
        )
    return headers


def speaks_dynamodb(request: Request, service: str, content_type: str) -> bool:
    """True when a request means DynamoDB or Streams rather than Kinesis.

    Args:
        request: its signature tells, too.
        service: what stands before the dot of X-Amz-Target.
        content_type: the media type alone.
    """
    if service.startswith("Kinesis"):
        return False
    if service.startswith("DynamoDB") or content_type == JSON_1_0:
        return True
    scope = request.headers.get("authorization", "").partition("Credential=")[2].split(",")[0]
    return "/dynamodb/" in scope


def not_found(request: Request) -> Response:
    """DynamoDB's answer to a path that it does not have."""
    headers = answer_headers(request, dynamodb=True)
    return _xml(headers, "UnknownOperationException", "", 404)


def _accepted(*, dynamodb: bool) -> tuple[str, ...]:
    if dynamodb:
        return (JSON_1_0, "application/json")
    return (JSON_1_1, CBOR, "application/json")


def _codec(content_type: str, *, dynamodb: bool) -> Codec:
    if dynamodb:
        return JSON_1_0
    return CBOR if content_type == CBOR else JSON_1_1


def _parsed(body: bytes, content_type: str) -> Json | None:
    try:
        payload = decode_cbor(body) if content_type == CBOR else orjson.loads(body)
    except (orjson.JSONDecodeError, BadCbor):
        return None
    return payload if isinstance(payload, dict) else None


def _blob_as_text(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _response(call: Call, status: int, body: bytes) -> Response:
    headers = {**call.headers, "content-type": call.codec}
    if call.codec == JSON_1_0:
        headers["x-amz-crc32"] = str(zlib.crc32(body))
    return Response(status, headers, body)


def _refuse(call: Call, content_type: str, code: str, namespace: str, status: int) -> Response:
    """A refusal before the service is reached; Kinesis answers `application/json` in an old form."""
    if content_type == "application/json" and not namespace:
        body = {"Output": {"__type": f"{CORAL}#{code}"}, "Version": "1.0"}
        headers = {**call.headers, "content-type": content_type}
        return Response(status, headers, orjson.dumps(body))
    return encode_error(call, AwsError(code, namespace=namespace))


def _foreign_media_type(
    headers: dict[str, str], service: str, operation: str, *, dynamodb: bool
) -> Response:
    if dynamodb or (service and operation):
        return _xml(headers, "UnknownOperationException", "", 404)
    return _no_operation_named(headers)


def _not_a_call(request: Request, headers: dict[str, str], *, dynamodb: bool) -> Response:
    """The answer to a request that is no POST: a browser's preflight, or a refusal."""
    if request.method == "OPTIONS" and "origin" in request.headers:
        headers.pop("x-amz-id-2", None)
        for asked, allowed in (("headers", "headers"), ("method", "methods")):
            if wish := request.headers.get(f"access-control-request-{asked}"):
                headers[f"access-control-allow-{allowed}"] = wish
        headers["access-control-max-age"] = "172800"
        return Response(200, headers)
    if dynamodb:
        return _xml(headers, "UnknownOperationException", "", 404)
    return _no_operation_named(headers)


def _no_operation_named(headers: dict[str, str]) -> Response:
    text = "Unable to determine service/operation name to be authorized"
    return _xml(headers, "AccessDeniedException", text, 403)


def _xml(headers: dict[str, str], code: str, message: str, status: int) -> Response:
    inner = f"<{code}>\n  <Message>{message}</Message>\n</{code}>\n" if message else f"<{code}/>\n"
    return Response(status, headers, inner.encode())
