"""A bare HTTP/2 client, so that the tests see frames and windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable


class Client:
    """A bare HTTP/2 client on one socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.bodies: dict[int, bytes] = {}
        self.status: dict[int, str] = {}
        self.ended: set[int] = set()
        self.gone = False
        self.credits = True

    def start(self) -> Client:
        self.h2.initiate_connection()
        self.flush()
        return self

    def flush(self) -> None:
        try:
            self.socket.sendall(self.h2.data_to_send())
        except (BrokenPipeError, ConnectionResetError):
            self.gone = True

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes = b"",
        more: dict[str, str] | None = None,
    ) -> int:
        stream = self.h2.get_next_available_stream_id()
        headers = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "x")]
        headers += (more or {}).items()
        self.h2.send_headers(stream, headers, end_stream=not body)
        while body:
            size = min(self.h2.local_flow_control_window(stream), 16384, len(body))
            if size <= 0:
                self.flush()
                self.pump()
                continue
            self.h2.send_data(stream, body[:size], end_stream=size == len(body))
            body = body[size:]
        self.flush()
        return stream

    def pump(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:  # a cut connection may say so, or just end
            data = b""
        if not data:
            self.gone = True
            return
        self.take(data)

    def take(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                status = {str(name): str(value) for name, value in event.headers or ()}[":status"]
                self.status[event.stream_id or 0] = status
            elif isinstance(event, h2.events.DataReceived):
                stream = event.stream_id or 0
                self.bodies[stream] = self.bodies.get(stream, b"") + (event.data or b"")
                if self.credits:
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id or 0)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.gone = True
        self.flush()

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert not self.gone, "the server closed"
            self.pump()

    def wait(self, streams: Iterable[int]) -> None:
        wanted = set(streams)
        self.until(lambda: wanted <= self.ended)
