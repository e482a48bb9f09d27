"""The AWS app: by X-Amz-Target to an emulator, `/_harness/…` to the controls, the rest by service.

Emulators are asked on the event loop; S3 objects too, as they are quick; what moto answers runs in
a thread.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import orjson

from harness.awsjson import (
    CBOR,
    CORAL,
    JSON_1_0,
    AwsError,
    Call,
    Rejected,
    answer_headers,
    decode,
    encode,
    encode_error,
)
from harness.gateway.caller import caller_of
from harness.gateway.encodings import COMPRESSED_FROM_BYTES, coding_for, compressed, inflated
from harness.gateway.front import health, is_for_json_services, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.awsjson import Json
    from harness.gateway.caller import Caller
    from harness.gateway.signature import KeyRing
    from harness.web.message import App, Request, Response, Stream

CONTROL_PREFIX = "/_harness/"
EMULATED = frozenset({"DynamoDB_20120810", "DynamoDBStreams_20120810", "Kinesis_20131202"})
DEPTH_MAX = 200
OURS = frozenset({"dynamodb", "kinesis"})
"""The names of the emulators' services in a credential scope; Streams signs as dynamodb."""
FORM = "application/x-www-form-urlencoded"
PREFLIGHT = "access-control-request-headers"


class Emulator(Protocol):
    """One service that speaks AWS JSON."""

    def knows(self, name: str, /) -> bool:
        """True when the service has an operation of this name."""
        ...

    def handle(
        self, operation: str, payload: Json, caller: Caller, /
    ) -> Json | bytes | Stream | None:
        """Do one operation.

        Raises:
            AwsError: AWS's own answer to a request that it refuses.
        """
        ...


class Gateway:
    """Answers every request to the AWS endpoint.

    Args:
        emulators: of a region, by what stands before the dot of X-Amz-Target.
        objects: S3.
        long_tail: every other service.
        control: what `/_harness/…` reaches.
        keys: when given, each signature is verified; otherwise any well-formed one is taken.
    """

    def __init__(
        self,
        emulators: Callable[[str], Mapping[str, Emulator]],
        *,
        objects: App,
        long_tail: App,
        control: App,
        keys: KeyRing | None = None,
    ) -> None:
        self._emulators = emulators
        self._objects = objects
        self._long_tail = long_tail
        self._control = control
        self._keys = keys

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        app = self._app_for(request)
        if app is None and _asks_for_health(request):
            # As on AWS, nobody needs a key for it.
            return health(request)
        if self._keys is not None and app is not self._control:
            refused = self._keys.refusal(request)
            if refused is not None:
                return refused
        return self._ask_emulator(request) if app is None else app(request)

    def runs_in_thread(self, request: Request) -> bool:
        """What moto answers does."""
        app = self._app_for(request)
        return app is not None and app.runs_in_thread(request)

    def _app_for(self, request: Request) -> App | None:
        """The app that a request means; None for the emulators."""
        target = request.headers.get("x-amz-target")
        if target is not None and target.partition(".")[0] in EMULATED:
            return None
        if request.path.startswith(CONTROL_PREFIX):
            return self._control
        service = caller_of(request).service
        if service == "s3":
            return self._objects
        if service in OURS:
            return None
        if service:
            return self._long_tail
        if target is not None or "x-amz-target" in request.headers.get(PREFLIGHT, "").lower():
            return None
        if request.headers.get("content-type", "").startswith(FORM):
            return self._long_tail
        return None if is_for_json_services(request) else self._objects

    def _ask_emulator(self, request: Request) -> Response:
        target = request.headers.get("x-amz-target", "")
        dynamodb = target.startswith("DynamoDB")
        if dynamodb:
            refused = refusal(request)
            if refused is not None:
                return refused
        caller = caller_of(request)
        emulators = self._emulators(caller.region)

        def knows(service: str, operation: str) -> bool:
            return service in emulators and emulators[service].knows(operation)

        encoding = request.headers.get("content-encoding")
        try:
            if encoding:
                request.body = inflated(request.body, encoding, dynamodb=dynamodb)
            call = decode(request, knows=knows)
        except Rejected as rejected:
            return rejected.response
        except AwsError as error:
            return encode_error(
                Call("", "", {}, JSON_1_0, answer_headers(request, dynamodb=True)), error
            )
        if _is_too_deep(call, request.body):
            return encode_error(call, AwsError("SerializationException", namespace=_space(call)))
        try:
            answer = emulators[call.service].handle(call.operation, call.payload, caller)
        except AwsError as error:
            return encode_error(call, error)
        response = encode(call, answer)
        if dynamodb and "accept-encoding" in request.headers:
            _compress(request, response)
        return response


def _is_too_deep(call: Call, body: bytes) -> bool:
    """True when the payload nests so deep that walking it could end Python's stack.

    DynamoDB's own limit, 32 levels of attributes, is far below and left to the item engine.
    """
    if call.codec != CBOR and body.count(b"{") + body.count(b"[") < DEPTH_MAX:
        return False
    try:
        # The quickest walk there is; it gives up at 254 levels.
        orjson.dumps(call.payload, default=str)
    except TypeError:
        return True
    return False


def _space(call: Call) -> str:
    return CORAL if call.codec == JSON_1_0 else ""


def _compress(request: Request, response: Response) -> None:
    """Put the body into the coding that the client prefers, if it is worth it."""
    body = response.body
    if not isinstance(body, bytes) or len(body) <= COMPRESSED_FROM_BYTES:
        return
    coding = coding_for(request.headers["accept-encoding"])
    if coding is None:
        return
    response.body = compressed(body, coding)
    response.headers["content-encoding"] = coding
    response.headers["x-amz-crc32"] = str(zlib.crc32(response.body))


def _asks_for_health(request: Request) -> bool:
    asks = request.method == "GET" and not request.headers.get("x-amz-target")
    return asks and is_for_json_services(request)
