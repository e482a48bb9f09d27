"""The gate of a stepped run for programs outside: two ports whose requests wait for the scheduler.

Every request of the program, on whatever connection and thread of its, is kept here until the
scheduler has an answer for it. Only what ClickHouse itself fetches from S3 passes at once: the
scheduler is waiting for that statement.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.web.message import Response
from harness.web.piped import Piped
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.faults.asked import Kind
    from harness.web.message import App, Request, Stream

ENGINE_AGENTS = ("clickhouse/", "clickhouse ", "aws-sdk-cpp")
"""How the engine's own HTTP and S3 clients call themselves."""


@dataclass(eq=False, slots=True)
class Arrival:
    """One request that waits.

    Attributes:
        kind: which port it came to.
        has_left: the client has closed the connection or given up.
    """

    request: Request
    kind: Kind
    has_left: bool = False
    _answered: asyncio.Future[Response] | None = field(default=None, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)

    def answer(self, response: Response) -> None:
        """Let it go; from any thread."""
        assert self._loop is not None

        def give() -> None:
            if self._answered is not None and not self._answered.done():
                self._answered.set_result(response)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(give)


class StepGateServer:
    """Both ports; a context manager.

    Args:
        aws: answers what passes at once.
        on_arrival: told on the server's thread that a request has come.
    """

    def __init__(self, aws: App, on_arrival: Callable[[], None] = lambda: None) -> None:
        self._on_arrival = on_arrival
        self._arrived: deque[Arrival] = deque()
        self._open: set[Arrival] = set()
        self._is_retired = False
        self._news = threading.Condition()
        self._servers: dict[Kind, ServerThread] = {
            kind: ServerThread(aws, middleware=self._keeper(kind)) for kind in _KINDS
        }

    def __enter__(self) -> StepGateServer:
        for server in self._servers.values():
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def retire(self) -> None:
        """Whoever asked is dead: its requests are cut off, and nobody's are taken in any more.

        What ClickHouse reads still passes: an INSERT of the dead one may yet land, and it names
        this port.
        """
        with self._news:
            self._is_retired = True
            self._arrived.clear()
            waiting = list(self._open)
        for arrival in waiting:
            arrival.answer(_CUT)

    def close(self) -> None:
        """Cut every connection."""
        for server in self._servers.values():
            server.stop()

    def url(self, kind: Kind) -> str:
        """Base URL of a port."""
        return self._servers[kind].url

    def clickhouse_url(self, given: str) -> str:
        """The URL that a pipeline was to be given, for the port of ClickHouse here."""
        netloc = f"default:@{urlsplit(self.url('clickhouse')).netloc}"
        return urlsplit(given)._replace(netloc=netloc).geturl()

    def take(self) -> list[Arrival]:
        """What has come since the last call and still waits."""
        with self._news:
            found = list(self._arrived)
            self._arrived.clear()
        return [arrival for arrival in found if not arrival.has_left]

    def count_waiting(self) -> int:
        """How many requests wait for their answers, taken or not."""
        with self._news:
            return len(self._open)

    def wait(self, seconds: float) -> bool:
        """Wait until something has come; False when nothing has."""
        with self._news:
            return self._news.wait_for(lambda: bool(self._arrived), seconds)

    def catch_up(self) -> None:
        """Return when all that had reached this machine's sockets has been read."""
        for server in self._servers.values():
            # The first turn polls the sockets, the second has handled what it found.
            for _ in range(2):
                server.call(_nothing)

    def _keeper(
        self, kind: Kind
    ) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
        async def keep(
            request: Request, call: Callable[[Request], Awaitable[Response]]
        ) -> Response:
            agent = request.headers.get("user-agent", "").lower()
            if kind == "aws" and agent.startswith(ENGINE_AGENTS):
                return await call(request)
            loop = asyncio.get_running_loop()
            arrival = Arrival(request, kind, False, loop.create_future(), loop)
            with self._news:
                if self._is_retired:
                    return _CUT
                self._arrived.append(arrival)
                self._open.add(arrival)
                self._news.notify_all()
            self._on_arrival()
            assert arrival._answered is not None  # noqa: SLF001 - of this module
            try:
                return await arrival._answered  # noqa: SLF001 - of this module
            except asyncio.CancelledError:
                arrival.has_left = True
                raise
            finally:
                with self._news:
                    self._open.discard(arrival)

        return keep


class Pumped(Piped):
    """A body that goes on, read by the scheduler and sent by the server's thread.

    Args:
        stream: of the emulator; touched only by `pump`.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self._has_left = False
        stream.on_ready(_nothing)

    def pump(self) -> bool:
        """Move what is there on its way; False when nothing more will come."""
        if self._has_left:
            self._stream.close()
            return False
        while piece := self._stream.read():
            self.put(piece)
        if piece is None:
            self.end()
        return piece is not None

    def close(self) -> None:
        """The reader has gone; the scheduler tells the emulator."""
        self._has_left = True


def _nothing() -> None:
    """Nothing to do."""


_KINDS: tuple[Kind, ...] = ("aws", "clickhouse")
_CUT = Response(200, {}, b"", cut_after=-1)
