"""How an in-process pipeline reaches its servers in a stepped run: every request goes to the gate.

Making a botocore client costs more than a whole example, so each is made once and asks whatever
world is the current one.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from harness.errors import PipelineError
from harness.web.inprocess import attach
from harness.web.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.faults.asked import Kind


class Transport:
    """The clients of pipelines, kept over many examples.

    Attributes:
        ask: answers a request of the pipeline; set by each example.
    """

    def __init__(self) -> None:
        self.ask: Callable[[Request, Kind], Response] = _nobody
        self._clients: dict[str, Any] = {}

    def aws_client(self, service: str, make: Callable[[], Any]) -> Any:
        """The client of a service, made by `make` when it is first asked for."""
        if service not in self._clients:
            client = make()
            attach(client, _AwsDoor(self))
            _lighten(client, service)
            self._clients[service] = client
        return self._clients[service]


def _lighten(client: Any, service: str) -> None:
    """Leave out what botocore works out for each request and nobody here looks at.

    S3's client keeps it all: where it sends a request to is part of what it works out.
    """
    if service == "s3":
        return
    creator = client._user_agent_creator  # noqa: SLF001 - no other way in
    told = creator.to_string()
    creator.to_string = lambda: told
    # Without rules the endpoint is the one that the client was given.
    client._ruleset_resolver = None  # noqa: SLF001
    name = client.meta.service_model.signing_name
    region = client.meta.region_name
    signature = (
        f"AWS4-HMAC-SHA256 Credential=pipeline/20250101/{region}/{name}/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=0"
    )

    def sign(request: Any, **_: object) -> None:
        request.headers["Authorization"] = signature
        request.headers["X-Amz-Date"] = "20250101T000000Z"

    created = f"request-created.{client.meta.service_model.service_id.hyphenize()}"
    client.meta.events.unregister(created, client._request_signer.handler)  # noqa: SLF001
    client.meta.events.register(created, sign)


class _AwsDoor:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(self, request: Request) -> Response:
        return self._transport.ask(request, "aws")

    def runs_in_thread(self, request: Request) -> bool:
        return False


class InProcessHttp:
    """What a ClickHouse client takes for an urllib3 pool.

    Args:
        ask: answers a request.
    """

    def __init__(self, ask: Callable[[Request], Response]) -> None:
        self._ask = ask

    def request(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        preload_content: bool = True,
        **_: Any,
    ) -> urllib3.HTTPResponse:
        """Send one request.

        Raises:
            urllib3.exceptions.ProtocolError: the connection ended before or within the answer.
        """
        parts = urlsplit(url)
        if isinstance(body, str):
            body = body.encode()
        elif body is not None and not isinstance(body, bytes):
            body = bytes(body) if isinstance(body, bytearray) else b"".join(body)
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        response = self._ask(
            Request(method.upper(), parts.path or "/", parts.query, lowered, body or b"")
        )
        if response.cut_after is not None:
            raise urllib3.exceptions.ProtocolError("Connection broken: the peer closed it")
        data = response.body if isinstance(response.body, bytes) else drained(response)
        return urllib3.HTTPResponse(
            io.BytesIO(data),
            headers=response.headers,
            status=response.status,
            preload_content=preload_content,
            request_method=method,
        )

    def clear(self) -> None:
        """No connections to let go."""


def drained(response: Response) -> bytes:
    """A body that goes on, read to its end."""
    stream = response.body
    assert not isinstance(stream, bytes)
    ready = threading.Event()
    stream.on_ready(ready.set)
    pieces: list[bytes] = []
    while True:
        ready.clear()
        piece = stream.read()
        if piece is None:
            return b"".join(pieces)
        if piece:
            pieces.append(piece)
        else:
            ready.wait()


def _nobody(request: Request, kind: Kind) -> Response:
    raise PipelineError("a pipeline asked a server outside of any example")
