"""A server of somebody else's as an app, so that the gate can stand before it too.

Requests go on as they came, signatures included: the `host` header stays the client's own, as it is
signed. Answers that go on (SubscribeToShard) are passed on piece by piece.

Not for real AWS: its endpoints refuse a foreign host.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import urllib3

from harness.awsjson import EVENT_STREAM
from harness.web.message import Response
from harness.web.piped import Piped

if TYPE_CHECKING:
    from harness.web.message import Request

CONNECT_SECONDS = 5.0
READ_SECONDS = 600.0
CONNECTIONS_MAX = 32
PIECE_BYTES = 65_536
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te", "trailer"}
)


class ProxyApp:
    """Forwards each request.

    Args:
        base_url: of the server, with scheme, host and port alone.
    """

    def __init__(self, base_url: str) -> None:
        self._base = base_url.rstrip("/")
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS_MAX, timeout=timeout, retries=False)

    def runs_in_thread(self, request: Request) -> bool:
        """Always: it waits for another server."""
        return True

    def __call__(self, request: Request) -> Response:
        """Ask the server; a server that does not answer is a connection that ends."""
        target = request.path + (f"?{request.query}" if request.query else "")
        headers = {n: v for n, v in request.headers.items() if n.lower() not in _HOP_BY_HOP}
        try:
            answer = self._pool.request(
                request.method,
                self._base + target,
                body=request.body,
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            kept = {n: v for n, v in answer.headers.items() if n.lower() not in _HOP_BY_HOP}
            if answer.headers.get("content-type", "").startswith(EVENT_STREAM):
                return Response(answer.status, kept, _Piped(answer))
            if request.method == "HEAD" and "content-length" in answer.headers:
                # There is no body to count: the length is the one that a GET would have.
                kept["content-length"] = answer.headers["content-length"]
            body = answer.read(decode_content=False)
        except urllib3.exceptions.HTTPError:
            return Response(502, cut_after=-1)
        answer.release_conn()
        return Response(answer.status, kept, body)

    def close(self) -> None:
        """Let the connections go."""
        self._pool.clear()


class _Piped(Piped):
    """A body that goes on, read by a thread of its own."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        super().__init__()
        self._answer = answer
        threading.Thread(target=self._run, name="proxied body", daemon=True).start()

    def _run(self) -> None:
        try:
            for piece in self._answer.stream(PIECE_BYTES, decode_content=False):
                self.put(piece)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
            # The server cut it, or `close` took the connection away: either way it has ended.
            pass
        self.end()

    def close(self) -> None:
        """The reader has gone."""
        self._answer.close()
