"""Apps and raw sockets that the tests of the server share."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.web.message import Request

TIMEOUT_SECONDS = 10.0


class Feed:
    """A stream that the test fills."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended = False
        self.closed = threading.Event()
        self.wake: Callable[[], None] = lambda: None

    def read(self) -> bytes | None:
        if self.pieces:
            return self.pieces.pop(0)
        return None if self.ended else b""

    def on_ready(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def close(self) -> None:
        self.closed.set()


class Echo:
    """Answers with what it was asked; the path says how.

    /echo method, path, query and body · /slow the same from a thread, once `go` is set ·
    /feed the stream `feed` · /cut/N cut after N bytes · /big/N a body of N bytes · /fail raises ·
    /head/N a HEAD-like answer
    """

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.feed = Feed()
        self.go = threading.Event()

    def __call__(self, request: Request) -> Response:
        self.seen.append(request)
        _, name, *rest = request.path.split("/")
        if name == "fail":
            raise RuntimeError("the app is broken")
        if name == "slow":
            assert self.go.wait(TIMEOUT_SECONDS)
        if name == "feed":
            return Response(200, {"content-type": "x/stream"}, self.feed)
        if name == "cut":
            return Response(200, {}, b"0123456789", cut_after=int(rest[0]))
        if name == "big":
            return Response(200, {}, bytes(int(rest[0])))
        if name == "length":
            return Response(200, {"content-length": "77"}, b"")
        text = f"{request.method} {request.path}?{request.query} ".encode()
        return Response(200, {"content-type": "text/plain"}, text + request.body)

    def runs_in_thread(self, request: Request) -> bool:
        return request.path.startswith("/slow")


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_SECONDS)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        piece = connection.recv(65536)
        assert piece, f"the server closed before {mark!r}; got {got!r}"
        got += piece
    return got
