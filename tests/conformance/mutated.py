"""An embedded endpoint that answers wrongly on purpose, so that checks have something to catch."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cbor2
import orjson

from harness.clock import WallClock
from harness.conformance.run import EMBEDDED_SETTINGS
from harness.gateway.aws import Aws
from harness.web.message import Request, Response
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.web.message import App

    Json = dict[str, Any]
    Answer = Callable[[Json, Json], Json | None]
    """Request and right answer to a wrong one; None leaves it."""
    Asked = Callable[[Json], Json | None]
    """Right request to a wrong one; None leaves it."""
    Whole = Callable[[Request, App], Response]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way of being wrong.

    Attributes:
        name: what is wrong.
        operations: whose answers or requests are changed; empty for all.
        answer: changes a successful answer.
        asked: changes the request before it is done.
        refused: changes an error.
        whole: takes the request in place of all that.
    """

    name: str
    operations: tuple[str, ...] = ()
    answer: Answer | None = None
    asked: Asked | None = None
    refused: Answer | None = None
    whole: Whole | None = None


class MutatedApp:
    """An app in front of another one, with one mutation."""

    def __init__(self, inner: App, mutation: Mutation) -> None:
        self._inner = inner
        self._mutation = mutation

    def runs_in_thread(self, request: Request) -> bool:
        return self._inner.runs_in_thread(request)

    def __call__(self, request: Request) -> Response:
        mutation = self._mutation
        if mutation.whole is not None:
            return mutation.whole(request, self._inner)
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if not operation or (mutation.operations and operation not in mutation.operations):
            return self._inner(request)
        codec = _codec(request)
        payload = codec.loads(request.body) if request.body else {}
        if mutation.asked is not None and isinstance(payload, dict):
            changed = mutation.asked(dict(payload))
            if changed is not None:
                request.body = codec.dumps(changed)
        response = self._inner(request)
        change = mutation.answer if response.status == 200 else mutation.refused
        if change is None or not isinstance(response.body, bytes) or not isinstance(payload, dict):
            return response
        answer = codec.loads(response.body) if response.body else {}
        told = change(payload, answer)
        if told is None:
            return response
        body = codec.dumps({k: v for k, v in told.items() if k != "status"})
        headers = {**response.headers}
        if "x-amz-crc32" in headers:
            headers["x-amz-crc32"] = str(zlib.crc32(body))
        return Response(told.get("status", response.status), headers, body)


class _Cbor:
    @staticmethod
    def loads(body: bytes) -> Any:
        return cbor2.loads(body, semantic_decoders={1: lambda ms, _: cbor2.CBORTag(1, ms)})

    dumps = staticmethod(cbor2.dumps)


def _codec(request: Request) -> Any:
    return _Cbor if "cbor" in request.headers.get("content-type", "") else orjson


class MutatedAws:
    """The endpoint as a context manager: `url` while it runs."""

    def __init__(self, mutation: Mutation) -> None:
        clock = WallClock()
        aws = Aws(clock)
        kinesis = {**EMBEDDED_SETTINGS["kinesis"], "heartbeat_seconds": 0.2}
        aws.apply(aws.settings.changed({"kinesis": kinesis}))
        self._server = ServerThread(MutatedApp(aws.app, mutation), clock=clock)

    def __enter__(self) -> str:
        self._server.start()
        return self._server.url

    def __exit__(self, *_: object) -> None:
        self._server.stop()


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value, the outer ones first."""
    if isinstance(value, dict):
        yield value
        for member in list(value.values()):
            yield from walk(member)
    elif isinstance(value, list):
        for member in value:
            yield from walk(member)
