"""HTTP/2 on one connection: many streams, flow control both ways, bodies that go on.

Cleartext with prior knowledge (what the Java and JavaScript Kinesis clients speak), after an h2c
upgrade, or chosen by ALPN over TLS.

Source: RFC 9113; the `h2` library keeps the protocol's state, this module its bodies.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from h2 import events as h2_events
from h2.errors import ErrorCodes
from h2.exceptions import H2Error, StreamClosedError

from harness.web.http2_connection import open_connection
from harness.web.message import Request, Response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from harness.web.message import Stream
    from harness.web.service import Service

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024
_CONNECTION_HEADERS = frozenset(
    {"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"}
)


class _Exchange:
    """One stream: the request as it arrives, then the reply as it leaves."""

    __slots__ = (
        "abandon",
        "body",
        "body_bytes",
        "cut_left",
        "ended",
        "outgoing",
        "received",
        "request",
        "stream",
    )

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.received = False
        self.abandon: Callable[[], None] | None = None
        self.outgoing: deque[memoryview] = deque()
        self.stream: Stream | None = None
        self.ended = False
        self.cut_left: int | None = None


class Http2:
    """One HTTP/2 connection.

    Args:
        service: who answers.
        transport: where frames are written.
        peer: `host:port` of the client.
    """

    def __init__(self, service: Service, transport: asyncio.Transport, peer: str) -> None:
        self._service = service
        self._transport = transport
        self._peer = peer
        self._exchanges: dict[int, _Exchange] = {}
        self._writable = True
        self._client_leaves = False
        self._connection = open_connection()
        self.receiving_since: float | None = None
        """Loop time since when some request is incomplete; None when all are complete."""

    def start(self) -> None:
        """Begin with prior knowledge: the client's preface comes by `feed`."""
        self._connection.initiate_connection()
        self._widen()

    def start_upgraded(self, request: Request, settings: bytes) -> None:
        """Begin after a 101 reply; `request` becomes stream 1 and is answered there."""
        self._connection.initiate_upgrade_connection(settings)
        self._widen()
        exchange = self._exchanges[1] = _Exchange(request)
        exchange.received = True
        self._answer(1, exchange)

    def _widen(self) -> None:
        self._connection.increment_flow_control_window(CONNECTION_WINDOW_BYTES)
        self._flush()

    # What arrives

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._transport.is_closing():
            return
        try:
            events = self._connection.receive_data(data)
            # What the client has taken back by the end of this read is not begun at all.
            taken_back = {e.stream_id for e in events if isinstance(e, h2_events.StreamReset)}
            for number in taken_back:
                self._drop(number or 0)
            for event in events:
                if getattr(event, "stream_id", None) not in taken_back:
                    self._take(event)
        except H2Error:
            # The library has put GOAWAY with the reason into its output.
            self._flush()
            self._transport.close()
            return
        self._flush()

    def eof(self) -> bool:
        """The client sent its last byte; HTTP/2 needs both directions."""
        return False

    def lost(self) -> None:
        """The connection has gone."""
        for number in list(self._exchanges):
            self._drop(number)

    def writable(self, *, is_writable: bool) -> None:
        """The send buffer is full, or has room again."""
        self._writable = is_writable
        if is_writable:
            self._pump_all()

    def expire(self) -> None:
        """The client took too long to complete a request."""
        for number, exchange in list(self._exchanges.items()):
            if not exchange.received:
                self._reset(number, ErrorCodes.CANCEL)
        self.receiving_since = None
        self._flush()

    def shut_down(self) -> None:
        """Say goodbye and close."""
        self._connection.close_connection()
        self._flush()
        self._transport.close()

    def _take(self, event: h2_events.Event) -> None:
        if isinstance(event, h2_events.RequestReceived):
            self._begin(event)
        elif isinstance(event, h2_events.DataReceived):
            self._take_data(event)
        elif isinstance(event, h2_events.StreamEnded):
            self._complete(event.stream_id)
        elif isinstance(event, h2_events.WindowUpdated):
            if event.stream_id:
                self._pump(event.stream_id)
            else:
                self._pump_all()
        elif isinstance(event, h2_events.RemoteSettingsChanged):
            self._pump_all()
        elif isinstance(event, h2_events.ConnectionTerminated):
            self._client_leaves = True
            if event.error_code or not self._exchanges:
                self._close()

    def _begin(self, event: h2_events.RequestReceived) -> None:
        request = Request("", "", peer=self._peer)
        for name, value in event.headers or ():
            key, text = str(name), str(value)
            if key == ":method":
                request.method = text
            elif key == ":path":
                request.path, _, request.query = text.partition("?")
            elif key == ":authority":
                request.headers.setdefault("host", text)
            elif not key.startswith(":"):
                known = request.headers.get(key)
                joint = "; " if key == "cookie" else ","
                request.headers[key] = text if known is None else f"{known}{joint}{text}"
        self._exchanges[event.stream_id or 0] = _Exchange(request)
        if self.receiving_since is None:
            self.receiving_since = self._service.loop_time()
        if "100-continue" in request.headers.get("expect", "").lower():
            self._connection.send_headers(event.stream_id, [(":status", "100")])

    def _take_data(self, event: h2_events.DataReceived) -> None:
        number = event.stream_id or 0
        exchange = self._exchanges.get(number)
        data = event.data or b""
        credit = event.flow_controlled_length or 0
        if exchange is not None and not exchange.ended:
            exchange.body.append(data)
            exchange.body_bytes += len(data)
            if exchange.body_bytes > self._service.body_bytes_max:
                exchange.body.clear()
                self._reply(number, exchange, Response(413, {"content-type": "text/plain"}))
        if credit:
            self._connection.acknowledge_received_data(credit, number)

    def _complete(self, number: int) -> None:
        exchange = self._exchanges.get(number)
        if exchange is None or exchange.received:
            return
        exchange.received = True
        if all(other.received for other in self._exchanges.values()):
            self.receiving_since = None
        body = exchange.body
        exchange.request.body = body[0] if len(body) == 1 else b"".join(body)
        exchange.body = []
        self._answer(number, exchange)

    # Replies

    def _answer(self, number: int, exchange: _Exchange) -> None:
        answered = False

        def reply(response: Response) -> None:
            nonlocal answered
            answered = True
            exchange.abandon = None
            self._reply(number, exchange, response)
            self._flush()

        abandon = self._service.answer(exchange.request, reply)
        if not answered:
            exchange.abandon = abandon

    def _reply(self, number: int, exchange: _Exchange, response: Response) -> None:
        body, cut_after = response.body, response.cut_after
        gone = self._exchanges.get(number) is not exchange or self._transport.is_closing()
        if gone or (cut_after is not None and cut_after < 0):
            if not isinstance(body, bytes):
                body.close()
            if not gone:
                self._transport.abort()
            return
        length: str | None = None
        if isinstance(body, bytes):
            length = str(len(body))
            if exchange.request.method == "HEAD":
                length = _named(response.headers, "content-length") or length
                body = b""
            elif response.status in (204, 304):
                length, body = None, b""
        headers = [(":status", str(response.status))]
        headers += [
            (name.lower(), value.strip())
            for name, value in response.headers.items()
            if name.lower() not in _CONNECTION_HEADERS
        ]
        headers.append(("date", self._service.http_date()))
        if length is not None:
            headers.append(("content-length", length))
        at_end = isinstance(body, bytes) and not body and cut_after is None
        try:
            self._connection.send_headers(number, headers, end_stream=at_end)
        except StreamClosedError:
            self._drop(number)
            return
        if at_end:
            self._forget(number)
            return
        exchange.cut_left = cut_after
        if isinstance(body, bytes):
            if body:
                exchange.outgoing.append(memoryview(body))
            exchange.ended = True
            self._pump(number)
        else:
            exchange.stream = body
            body.on_ready(self._service.waker(lambda: self._pump_and_flush(number)))
            self._pump(number)

    def _pump_and_flush(self, number: int) -> None:
        self._pump(number)
        self._flush()

    def _pump_all(self) -> None:
        for number in list(self._exchanges):
            self._pump(number)
        self._flush()

    def _pump(self, number: int) -> None:
        """Send what this stream has, as far as both windows and the send buffer allow."""
        exchange = self._exchanges.get(number)
        if exchange is None or not (exchange.ended or exchange.outgoing or exchange.stream):
            return
        connection = self._connection
        while self._writable and not self._transport.is_closing():
            if not exchange.outgoing and not self._refill(exchange):
                break
            if not exchange.outgoing:
                connection.end_stream(number)
                self._forget(number)
                return
            if exchange.cut_left == 0:
                self._flush()
                self._transport.close()
                return
            window = connection.local_flow_control_window(number)
            size = min(window, connection.max_outbound_frame_size, len(exchange.outgoing[0]))
            if exchange.cut_left is not None:
                size = min(size, exchange.cut_left)
                exchange.cut_left -= max(size, 0)
            if size <= 0:
                break
            piece = exchange.outgoing[0]
            is_last = exchange.ended and len(exchange.outgoing) == 1 and size == len(piece)
            is_last = is_last and exchange.cut_left is None
            connection.send_data(number, bytes(piece[:size]), end_stream=is_last)
            if size == len(piece):
                exchange.outgoing.popleft()
            else:
                exchange.outgoing[0] = piece[size:]
            if is_last:
                self._forget(number)
                return

    @staticmethod
    def _refill(exchange: _Exchange) -> bool:
        """Take more of the body; False when there is none yet, True also at its end."""
        if exchange.stream is None:
            return exchange.ended
        data = exchange.stream.read()
        if data is None:
            exchange.stream = None
            exchange.ended = True
            return True
        if data:
            exchange.outgoing.append(memoryview(data))
        return bool(data)

    def _reset(self, number: int, code: ErrorCodes) -> None:
        self._connection.reset_stream(number, code)
        self._drop(number)

    def _drop(self, number: int) -> None:
        exchange = self._exchanges.get(number)
        if exchange is None:
            return
        self._forget(number)
        if exchange.stream is not None:
            exchange.stream.close()
        if exchange.abandon is not None:
            exchange.abandon()

    def _forget(self, number: int) -> None:
        exchange = self._exchanges.pop(number, None)
        if exchange is None:
            return
        if not exchange.received:
            # Answered before its body was complete (too large): the rest is not wanted.
            self._connection.reset_stream(number, ErrorCodes.NO_ERROR)
        if not self._exchanges:
            self.receiving_since = None
            if self._client_leaves:
                # Not at once: the last frames of this stream are still to be flushed.
                self._service.soon(self._close)

    def _close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data = self._connection.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)


def _named(headers: dict[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)
