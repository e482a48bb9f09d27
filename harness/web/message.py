"""What passes between the server and an app: one request in, one response out.

An `App` is synchronous and knows nothing of sockets, so the same object serves HTTP clients through
`harness.web.server` and in-process clients by a plain call (stepped mode, tests).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Request:
    """One HTTP request, body complete.

    Attributes:
        method: upper case.
        path: as sent, still percent-encoded, without the query.
        query: what followed `?`, still encoded; empty when there was none.
        headers: names in lower case; repeated headers joined by a comma.
        body: as sent, after transfer decoding and before content decoding.
        peer: `host:port` of the client; empty in-process.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""


@runtime_checkable
class Stream(Protocol):
    """A response body that goes on: the server reads what is ready and waits for more."""

    def read(self) -> bytes | None:
        """Bytes that are ready now; empty when there are none yet; None once it has ended."""
        ...

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever `read` may have something to give, or has ended."""
        ...

    def close(self) -> None:
        """The reader has gone."""
        ...


@dataclass(slots=True)
class Response:
    """One HTTP response.

    Attributes:
        status: HTTP status.
        headers: in the order they are sent; `content-length` is the server's business.
        body: bytes, or a `Stream` (sent chunked on HTTP/1.1, as DATA frames on HTTP/2).
        cut_after: when set, the connection is cut after that many bytes of the body (a fault;
            -1 cuts before the status line).
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Stream = b""
    cut_after: int | None = None


class App(Protocol):
    """Answers requests. Must not block for long, unless `runs_in_thread` says so."""

    def __call__(self, request: Request) -> Response:
        """Answer one request; never raises."""
        ...

    def runs_in_thread(self, request: Request) -> bool:
        """True when this request may take long: the server then calls from a worker thread."""
        ...
