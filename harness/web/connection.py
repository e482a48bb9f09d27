"""One accepted connection: tells HTTP/1.1 from HTTP/2 by its first bytes, on the same port."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from harness.web.http1 import Http1
from harness.web.http2 import PREFACE, Http2

if TYPE_CHECKING:
    from harness.web.message import Request
    from harness.web.service import Service

REQUEST_SECONDS_MAX = 20.0
"""How long a client may take to complete a request; AWS closes such connections alike."""
SEND_BUFFER_BYTES = 1024 * 1024


class Connection(asyncio.Protocol):
    """One accepted connection: it finds out which HTTP it speaks, then passes everything on.

    Args:
        service: who answers.
        connections: the open ones; this one adds and removes itself.
    """

    def __init__(self, service: Service, connections: set[Connection]) -> None:
        self._service = service
        self._connections = connections
        self._speaks: Http1 | Http2 | None = None
        self._first = b""
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self.opened_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has connected."""
        # Not asserted: uvloop's transports do not derive from asyncio's.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        transport.set_write_buffer_limits(SEND_BUFFER_BYTES)
        host = transport.get_extra_info("peername")
        self._peer = f"{host[0]}:{host[1]}" if host else ""
        self._connections.add(self)
        self.opened_at = self._service.loop_time()
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._begin_http2(b"")

    def data_received(self, data: bytes) -> None:
        """The client sent something."""
        if self._speaks is not None:
            self._speaks.feed(data)
            return
        self._first += data
        if self._first.startswith(PREFACE):
            self._begin_http2(self._first)
        elif not PREFACE.startswith(self._first):
            assert self._transport is not None
            http1 = Http1(self._service, self._transport, self._peer, self._upgrade)
            self._speaks = http1
            http1.feed(self._first)

    def eof_received(self) -> bool:
        """The client will send no more; True keeps our direction open."""
        is_tls = self._transport is not None and self._transport.get_extra_info("ssl_object")
        return self._speaks is not None and self._speaks.eof() and not is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has gone."""
        self._connections.discard(self)
        if self._speaks is not None:
            self._speaks.lost()

    def pause_writing(self) -> None:
        """The client reads slower than we send."""
        if self._speaks is not None:
            self._speaks.writable(is_writable=False)

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._speaks is not None:
            self._speaks.writable(is_writable=True)

    def sweep(self, now: float) -> None:
        """End a request that has been incomplete for too long."""
        if self._speaks is None:
            if self._first and now - self.opened_at > REQUEST_SECONDS_MAX:
                self.abort()
            return
        since = self._speaks.receiving_since
        if since is not None and now - since > REQUEST_SECONDS_MAX:
            self._speaks.expire()

    def shut_down(self) -> None:
        """Close when the replies under way are out."""
        if self._speaks is not None:
            self._speaks.shut_down()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _begin_http2(self, received: bytes) -> None:
        assert self._transport is not None
        http2 = Http2(self._service, self._transport, self._peer)
        self._speaks = http2
        http2.start()
        if received:
            http2.feed(received)

    def _upgrade(self, request: Request, settings: bytes, rest: bytes) -> None:
        assert self._transport is not None
        http2 = Http2(self._service, self._transport, self._peer)
        self._speaks = http2
        http2.start_upgraded(request, settings)
        if rest:
            http2.feed(rest)
