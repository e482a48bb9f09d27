"""A reply's body that goes on, sent over HTTP/1.1 as fast as the client reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from harness.web.message import Stream


class Sink(Protocol):
    """The connection that the body leaves by."""

    def write_piece(self, data: bytes) -> bool:
        """Send; False when the client should catch up first."""
        ...

    def stream_ended(self, *, cut: bool) -> None:
        """Nothing follows; `cut` when the connection is to be cut here."""
        ...


class ChunkedBody:
    """Moves a `Stream` to a connection.

    Args:
        sink: where to.
        stream: what.
        framed: in chunks; else plain, ended by the end of the connection (HTTP/1.0).
        cut_after: cut the connection after that many bytes.
    """

    def __init__(self, sink: Sink, stream: Stream, *, framed: bool, cut_after: int | None) -> None:
        self._sink = sink
        self._stream = stream
        self._framed = framed
        self._left = cut_after
        self._ended = False

    def stop(self) -> None:
        """The client has gone."""
        if not self._ended:
            self._ended = True
            self._stream.close()

    def pump(self) -> None:
        """Send what is ready, until the client is behind."""
        while not self._ended:
            if self._left == 0:
                self.stop()
                self._sink.stream_ended(cut=True)
                return
            data = self._stream.read()
            if data is None:
                self._ended = True
                if self._framed:
                    self._sink.write_piece(b"0\r\n\r\n")
                self._sink.stream_ended(cut=False)
                return
            if not data:
                return
            if self._left is not None:
                data = data[: self._left]
                self._left -= len(data)
            piece = b"%x\r\n%b\r\n" % (len(data), data) if self._framed else data
            if not self._sink.write_piece(piece) and self._left != 0:
                return
