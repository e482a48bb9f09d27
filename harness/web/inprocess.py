"""A boto3 client that asks an `App` by a plain call: no socket, no port, no thread.

The client signs, serialises, parses and retries as ever; only the sending is replaced, at botocore's
`before-send` event. This is how a stepped run holds and releases what an in-process pipeline asks.

Source: botocore's event hierarchy, `before-send.<service>.<operation>`: a handler's answer is taken
in place of the network's.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from harness.web.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient

    from harness.web.message import App, Stream


def attach(client: BaseClient, app: App) -> Callable[[], None]:
    """Make `client` ask `app`; it may then be used from any thread that `app` allows.

    An event stream (SubscribeToShard) works: reading it waits until the app has something, at most
    the client's own read timeout.

    Args:
        client: any boto3 client; its endpoint URL may be anything.
        app: who answers.

    Returns:
        The call that takes it back.
    """
    # Typed loosely where botocore's stubs are narrower than botocore.
    config: Any = client.meta.config
    events: Any = client.meta.events
    timeout = float(config.read_timeout)

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        url = str(request.url)
        response = app(_request(request))
        return _response(url, response, timeout=timeout, has_stream=bool(request.stream_output))

    def detach() -> None:
        events.unregister("before-send", answer)

    events.register("before-send", answer)
    return detach


def _request(prepared: AWSPreparedRequest) -> Request:
    parts = urlsplit(str(prepared.url))
    headers: dict[str, str] = {"host": parts.netloc}
    for name, value in prepared.headers.items():
        headers[name.lower()] = _text(value)
    body: Any = prepared.body
    if body is None:
        body = b""
    elif isinstance(body, str):
        body = body.encode()
    elif hasattr(body, "read"):
        body = body.read()
    return Request(
        str(prepared.method).upper(), parts.path or "/", parts.query, headers, bytes(body)
    )


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _response(url: str, response: Response, *, timeout: float, has_stream: bool) -> AWSResponse:
    body, cut_after = response.body, response.cut_after
    if cut_after is not None and (cut_after < 0 or not has_stream):
        if not isinstance(body, bytes):
            body.close()
        raise ConnectionClosedError(endpoint_url=url)
    headers: Any = HeadersDict(response.headers)
    raw: _Body | _StreamBody
    if isinstance(body, bytes):
        if "content-length" not in headers:
            headers["content-length"] = str(len(body))
        raw = _Body(url, body, cut_after)
    else:
        raw = _StreamBody(url, body, timeout)
    return AWSResponse(url, response.status, headers, raw)


class _Body:
    """What botocore and its `StreamingBody` read: bytes, perhaps cut off by a fault."""

    def __init__(self, url: str, body: bytes, cut_after: int | None) -> None:
        self._url = url
        self._body = body
        self._end = len(body) if cut_after is None else cut_after
        self._at = 0

    def read(self, amt: int | None = None, **_: object) -> bytes:
        """Up to `amt` bytes; all that is left by default."""
        if self._at >= self._end and self._end < len(self._body):
            raise ConnectionClosedError(endpoint_url=self._url)
        start = self._at
        self._at = self._end if amt is None else min(start + amt, self._end)
        if amt is None and self._end < len(self._body):
            raise ConnectionClosedError(endpoint_url=self._url)
        return self._body[start : self._at]

    def stream(self, amt: int | None = None, **_: object) -> Iterator[bytes]:
        """The pieces in order."""
        while piece := self.read(amt):
            yield piece

    def close(self) -> None:
        """Nothing is held."""

    def release_conn(self) -> None:
        """Nothing is held."""


class _StreamBody:
    """What botocore's `EventStream` reads: pieces as the app has them."""

    def __init__(self, url: str, stream: Stream, timeout: float) -> None:
        self._url = url
        self._stream = stream
        self._timeout = timeout
        self._ready = threading.Event()
        stream.on_ready(self._ready.set)

    def stream(self, amt: int | None = None, **_: object) -> Iterator[bytes]:
        """The pieces in order, however large; waits for each.

        Raises:
            ReadTimeoutError: none came within the client's read timeout.
        """
        while True:
            self._ready.clear()
            piece = self._stream.read()
            if piece is None:
                return
            if piece:
                yield piece
            elif not self._ready.wait(self._timeout):
                raise ReadTimeoutError(endpoint_url=self._url)

    def close(self) -> None:
        """The reader goes."""
        self._stream.close()

    def release_conn(self) -> None:
        """No connection to give back."""
