"""HTTP/1.1 on one connection: keep-alive, pipelining, chunked bodies, 100-continue, half-close.

A request reaches the app only when its last byte has arrived, so a client that goes away in the
middle of one changes nothing. Whatever cannot be parsed is answered 400 and the connection closed.

Source: RFC 9112 (messages), RFC 9110 §10.1.1 (Expect), RFC 7540 §3.2 (the h2c upgrade, which the
caller carries on with).
"""

from __future__ import annotations

import re
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools

from harness.web.chunked import ChunkedBody
from harness.web.message import Request, Response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from harness.web.service import Service

HEADER_BYTES_MAX = 64 * 1024
PIPELINED_MAX = 64
"""Requests waiting behind one that is being answered; beyond it the socket is no longer read."""
JOINED_BODY_BYTES_MAX = 64 * 1024
"""A body up to this size is copied behind its head and sent in one write."""
LINGER_SECONDS = 2.0
"""How long a refused client may go on sending before its connection is cut."""

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
_BODYLESS = frozenset({204, 304})
_ILLEGAL_IN_HEADER = re.compile(r"[\r\n\0]")


class Http1:
    """One HTTP/1.1 connection.

    Args:
        service: who answers.
        transport: where replies are written.
        peer: `host:port` of the client.
        upgrade: called with the request and its `HTTP2-Settings` when the client asks for h2c;
            the 101 reply has then been written.
    """

    def __init__(
        self,
        service: Service,
        transport: asyncio.Transport,
        peer: str,
        upgrade: Callable[[Request, bytes, bytes], None] | None = None,
    ) -> None:
        self._service = service
        self._transport = transport
        self._peer = peer
        self._upgrade = upgrade
        self._parser: Any = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool, bool]] = deque()
        self._busy = False
        self._closing = False
        self._half_closed = False
        self._owes_continue = False
        self._writable = True
        self._sending: ChunkedBody | None = None
        self._close_after = False
        self._abandon: Callable[[], None] | None = None
        self.receiving_since: float | None = None
        """Loop time since when a request is incomplete; None between requests."""
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    # What arrives

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._after_upgrade(data[stop.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "malformed HTTP request")

    def eof(self) -> bool:
        """The client sent its last byte; True keeps the connection open for pending replies."""
        self._half_closed = True
        # A killed client looks the same as one that only finished sending. For a reply at hand the
        # latter is assumed; what may take for ever (streams, held requests) takes it for gone.
        is_endless = self._sending is not None or self._service.middleware is not None
        if self._busy and not is_endless:
            return True
        self._closing = True
        return False

    def lost(self) -> None:
        """The connection has gone."""
        self._closing = True
        self._waiting.clear()
        if self._sending is not None:
            self._sending.stop()
        if self._abandon is not None:
            self._abandon()

    def writable(self, *, is_writable: bool) -> None:
        """The send buffer is full, or has room again."""
        self._writable = is_writable
        if is_writable and self._sending is not None:
            self._sending.pump()

    def expire(self) -> None:
        """The client took too long to complete its request."""
        self._refuse(408, "request not completed in time")

    def shut_down(self) -> None:
        """Close now when idle, else after the reply that is under way."""
        if self._busy:
            self._half_closed = True
        else:
            self._transport.close()

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """A request starts."""
        self._reset()
        self.receiving_since = self._service.loop_time()

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url += url
        self._header_bytes += len(url)
        if self._header_bytes > HEADER_BYTES_MAX:
            self._refuse(414, "request target too long")

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """One header line."""
        self._header_bytes += len(name) + len(value or b"") + 4
        if self._header_bytes > HEADER_BYTES_MAX:
            self._refuse(431, "request headers too large")
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip() if value else ""
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known},{text}"

    def on_headers_complete(self) -> None:
        """All headers are there, the body follows."""
        length = self._headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._service.body_bytes_max:
            self._refuse(413, "request body too large")
        elif "100-continue" in self._headers.get("expect", "").lower():
            if self._busy or self._waiting:
                self._owes_continue = True
            else:
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(data)
        if self._body_bytes > self._service.body_bytes_max:
            self._refuse(413, "request body too large")
            return
        self._body.append(data)

    def on_message_complete(self) -> None:
        """The request is complete: answer it, or queue it behind the one being answered."""
        self.receiving_since = None
        if self._closing:
            return
        target = self._url.decode("latin-1")
        if not target.startswith("/"):
            target = _origin_form(target)
        path, _, query = target.partition("?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(
            self._parser.get_method().decode("latin-1"),
            path,
            query,
            self._headers,
            body,
            self._peer,
        )
        self._owes_continue = False
        keep_alive = self._parser.should_keep_alive()
        http_1_0 = self._parser.get_http_version() == "1.0"
        if self._parser.should_upgrade():
            if request.method == "CONNECT":
                self._refuse(405, "CONNECT is not offered")
                return
            if self._wants_h2c(request):
                self._waiting.append((request, keep_alive, http_1_0))
                return
            keep_alive = "close" not in self._headers.get("connection", "").lower()
        if self._busy:
            self._waiting.append((request, keep_alive, http_1_0))
            if len(self._waiting) == PIPELINED_MAX:
                self._transport.pause_reading()
            return
        self._answer(request, keep_alive=keep_alive, http_1_0=http_1_0)

    # Replies

    def _answer(self, request: Request, *, keep_alive: bool, http_1_0: bool) -> None:
        self._busy = True
        is_head = request.method == "HEAD"

        def reply(response: Response) -> None:
            self._abandon = None
            self._reply(response, is_head=is_head, keep_alive=keep_alive, http_1_0=http_1_0)

        abandon = self._service.answer(request, reply)
        if self._busy and self._sending is None:
            self._abandon = abandon

    def _reply(
        self, response: Response, *, is_head: bool, keep_alive: bool, http_1_0: bool
    ) -> None:
        body, cut_after = response.body, response.cut_after
        if self._transport.is_closing() or (cut_after is not None and cut_after < 0):
            if not isinstance(body, bytes):
                body.close()
            self._transport.abort()
            return
        close = not keep_alive or self._closing
        if not isinstance(body, bytes):
            self._write(self._head(response, None, close=close or http_1_0, chunked=not http_1_0))
            self._sending = ChunkedBody(self, body, framed=not http_1_0, cut_after=cut_after)
            self._close_after = close or http_1_0
            body.on_ready(self._service.waker(self._sending.pump))
            self._sending.pump()
            return
        length: int | str | None = len(body)
        if is_head:
            length = _named(response.headers, "content-length") or length
            body = b""
        elif response.status in _BODYLESS:
            length, body = None, b""
        head = self._head(response, length, close=close, chunked=False)
        if cut_after is not None:
            self._write(head + body[:cut_after])
            self._closing = True
            self._transport.close()
            return
        if len(body) <= JOINED_BODY_BYTES_MAX:
            self._write(head + body)
        else:
            self._write(head)
            self._write(body)
        self._finished(close=close)

    def _head(
        self, response: Response, length: int | str | None, *, close: bool, chunked: bool
    ) -> bytes:
        lines = [_STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} \r\n"]
        for name, value in response.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                lines.append(f"{name}: {_ILLEGAL_IN_HEADER.sub(' ', value)}\r\n")
        if chunked:
            lines.append("transfer-encoding: chunked\r\n")
        elif length is not None:
            lines.append(f"content-length: {length}\r\n")
        if close:
            lines.append("connection: close\r\n")
        lines.append(f"date: {self._service.http_date()}\r\n\r\n")
        text = "".join(lines)
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            return text.encode()

    def _finished(self, *, close: bool) -> None:
        self._busy = False
        if close:
            self._closing = True
            self._transport.close()
        elif self._waiting:
            # Not by a plain call: a thousand pipelined requests would be a thousand frames deep.
            self._busy = True
            self._service.soon(self._next)
        elif self._half_closed:
            self._transport.close()
        elif self._owes_continue:
            self._owes_continue = False
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _next(self) -> None:
        self._busy = False
        if self._closing or not self._waiting:
            return
        if len(self._waiting) == PIPELINED_MAX:
            self._transport.resume_reading()
        request, keep_alive, http_1_0 = self._waiting.popleft()
        self._answer(request, keep_alive=keep_alive, http_1_0=http_1_0)

    def stream_ended(self, *, cut: bool) -> None:
        """The streamed body of the reply under way is complete."""
        self._sending = None
        if cut:
            self._closing = True
        self._finished(close=self._close_after or self._closing)

    def write_piece(self, data: bytes) -> bool:
        """Send a piece of a streamed body; False when the client should catch up first."""
        self._write(data)
        return self._writable

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _refuse(self, status: int, message: str) -> None:
        if self._closing:
            return
        self._closing = True
        self._half_closed = True
        self._waiting.clear()
        self.receiving_since = None
        if self._busy:
            # A reply is under way: nothing may be written into it, the connection ends after it.
            return
        response = Response(status, {"content-type": "text/plain"})
        body = f"{message}\n".encode()
        self._write(self._head(response, len(body), close=True, chunked=False) + body)
        # What the client still sends is thrown away for a moment: closing at once would answer it
        # with a reset, which can destroy the reply before the client has read it.
        self._service.later(LINGER_SECONDS, self._transport.close)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # h2c

    def _wants_h2c(self, request: Request) -> bool:
        return (
            self._upgrade is not None
            and not self._busy
            and "h2c" in request.headers.get("upgrade", "").lower()
            and "http2-settings" in request.headers
        )

    def _after_upgrade(self, rest: bytes) -> None:
        if self._closing:
            return
        if self._waiting and not self._busy and self._upgrade is not None:
            request, _, _ = self._waiting.popleft()
            self._write(
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n"
            )
            settings = request.headers["http2-settings"].encode("latin-1")
            self._upgrade(request, settings, rest)
            return
        # Another protocol was offered (RFC 9110 §7.8 lets us ignore that): go on in HTTP/1.1.
        self._parser = httptools.HttpRequestParser(self)
        if rest:
            self.feed(rest)


def _origin_form(target: str) -> str:
    """The path of an absolute-form target (`http://host/path`), or `/`."""
    _, has_scheme, rest = target.partition("://")
    if not has_scheme:
        return "/"
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"


def _named(headers: dict[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)
