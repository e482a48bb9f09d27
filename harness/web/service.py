"""What a connection needs from its server: answers, the loop's time, and the Date header."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import TYPE_CHECKING

from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.clock import Clock
    from harness.web.message import App, Request

    Call = Callable[[Request], Awaitable[Response]]
    Middleware = Callable[[Request, Call], Awaitable[Response]]
    """May delay, hold, replace or refuse: `await call(request)` is what asks the app.

    A reply with `cut_after` cuts the connection. Cancelled when the client goes away.
    """

THREADS_MAX = 16
BODY_BYTES_MAX = 5 * 1024**3
"""The largest S3 PutObject; the gateway has narrower limits for each service."""

log = logging.getLogger(__name__)


class Service:
    """Answers requests on one event loop.

    Apps run on the loop's thread, so their state needs no locks; what `runs_in_thread` runs in a
    pool. With a middleware every request passes through it first.

    Args:
        app: who answers.
        clock: for the Date header.
        middleware: asked about each request; None lets all pass.
        body_bytes_max: larger request bodies are refused with 413.
    """

    def __init__(
        self,
        app: App,
        clock: Clock,
        *,
        middleware: Middleware | None = None,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self.app = app
        self.clock = clock
        self.middleware = middleware
        self.body_bytes_max = body_bytes_max
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._pool: ThreadPoolExecutor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._date_second = -1
        self._date = ""
        self.loop_time = self._loop.time
        self.soon = self._loop.call_soon
        self.later = self._loop.call_later

    def answer(
        self, request: Request, reply: Callable[[Response], None]
    ) -> Callable[[], None] | None:
        """Call `reply` with the answer, at once or later, always on the loop.

        Returns:
            None when `reply` has been called; else a call that says that nobody waits any more.
        """
        if self.middleware is None and not self.app.runs_in_thread(request):
            reply(self._ask(request))
            return None
        task = self._loop.create_task(self._answer_later(request, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        def abandon() -> None:
            self.soon(task.cancel)

        return abandon

    async def _answer_later(self, request: Request, reply: Callable[[Response], None]) -> None:
        if self.middleware is None:
            reply(await self._call(request))
            return
        try:
            response = await self.middleware(request, self._call)
        except Exception:  # the edge of the server: a broken middleware must not hang its client
            log.exception("middleware failed on %s %s", request.method, request.path)
            response = _internal_failure()
        reply(response)

    async def _call(self, request: Request) -> Response:
        if not self.app.runs_in_thread(request):
            return self._ask(request)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="web")
        return await self._loop.run_in_executor(self._pool, self._ask, request)

    def _ask(self, request: Request) -> Response:
        try:
            return self.app(request)
        except Exception:  # the edge of the server: an app that raises must not hang its client
            log.exception("app failed on %s %s", request.method, request.path)
            return _internal_failure()

    def waker(self, action: Callable[[], None]) -> Callable[[], None]:
        """`action` as a call that any thread may make; it runs on the loop, once per turn."""
        planned = False

        def run() -> None:
            nonlocal planned
            planned = False
            action()

        def wake() -> None:
            nonlocal planned
            if planned:
                return
            planned = True
            if threading.get_ident() == self._thread:
                self._loop.call_soon(run)
            elif not self._loop.is_closed():
                self._loop.call_soon_threadsafe(run)

        return wake

    def http_date(self) -> str:
        """The Date header's value, by the clock."""
        second = self.clock.now_us() // 1_000_000
        if second != self._date_second:
            self._date_second = second
            self._date = formatdate(second, usegmt=True)
        return self._date

    async def close(self) -> None:
        """Cancel what is under way and end the pool."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _internal_failure() -> Response:
    body = b'{"__type":"InternalFailure","message":"the emulator failed; its log says why"}'
    return Response(500, {"content-type": "application/json"}, body)
