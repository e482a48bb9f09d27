"""Serves an `App`: HTTP/1.1 and HTTP/2 on one port, the clock's timers on the same loop.

`ServerThread` is for tests and for use inside a process that does other things; `serve` is the
foreground of a process of its own.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import ssl
import threading
from typing import TYPE_CHECKING, Any, cast

from harness.clock import WallClock
from harness.errors import BackendError
from harness.web.connection import Connection
from harness.web.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.clock import Clock
    from harness.web.message import App
    from harness.web.service import Middleware

SWEEP_SECONDS = 1.0
BACKLOG = 1024
READY_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 10.0

log = logging.getLogger(__name__)


class Server:
    """Listens on one address and serves one app; to be made and used on its event loop.

    Args:
        app: who answers.
        clock: timers that the app sets on it run on this loop (a `WallClock`'s; those of a
            virtual clock run when it is advanced).
        middleware: asked about each request, see `harness.web.service`.
        certificate: PEM file with certificate and key, or the certificate alone with `key`; None
            serves plain text.
        key: PEM file with the private key.
        runs_timers: False for a second server beside one that runs the clock's timers.
    """

    def __init__(
        self,
        app: App,
        *,
        clock: Clock | None = None,
        middleware: Middleware | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        runs_timers: bool = True,
    ) -> None:
        self._runs_timers = runs_timers
        self.clock = clock or WallClock()
        self.service = Service(app, self.clock, middleware=middleware)
        self.connections: set[Connection] = set()
        self._certificate = certificate
        self._key = key
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()
        self._wake_up: asyncio.TimerHandle | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen; port 0 takes a free one.

        Returns:
            The base URL, without a slash at its end.

        Raises:
            BackendError: the port is taken, or the certificate cannot be read.
        """
        context = self._tls_context()
        try:
            self._listener = await self._loop.create_server(
                lambda: Connection(self.service, self.connections),
                host,
                port,
                ssl=context,
                backlog=BACKLOG,
            )
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        port = self._listener.sockets[0].getsockname()[1]
        if self._runs_timers and isinstance(self.clock, WallClock):
            self.clock.on_timer_added(self.service.waker(self._run_timers))
            self._run_timers()
        self._sweep()
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if context else 'http'}://{shown}:{port}"

    async def stop(self) -> None:
        """Stop listening, drop what is held or still being answered, close every connection."""
        for handle in (self._wake_up, self._sweeper):
            if handle is not None:
                handle.cancel()
        if self._listener is not None:
            self._listener.close()
        if self._runs_timers and isinstance(self.clock, WallClock):
            self.clock.on_timer_added(lambda: None)
        for connection in list(self.connections):
            connection.shut_down()
        await self.service.close()
        await asyncio.sleep(0)
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(0)

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self._certificate, self._key)
        except OSError as error:
            raise BackendError(
                f"cannot use the TLS certificate {self._certificate}: {error}",
                hint="give a PEM file that holds certificate and private key",
            ) from None
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def _run_timers(self) -> None:
        """Run what is due and plan the next wake-up."""
        try:
            self.clock.run_due()
        except Exception:  # the edge of the server: one broken timer must not stop all others
            log.exception("a timer failed")
            self._loop.call_soon(self._run_timers)
            return
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
        due = self.clock.next_timer_us()
        if due is not None:
            delay = max(0.0, (due - self.clock.now_us()) / 1e6)
            self._wake_up = self._loop.call_later(delay, self._run_timers)

    def _sweep(self) -> None:
        now = self.service.loop_time()
        for connection in list(self.connections):
            connection.sweep(now)
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)


class ServerThread:
    """A server on a thread of its own: `start()` returns when it serves, `stop()` when it is gone.

    Args:
        app: who answers.
        host: the address to bind.
        port: 0 takes a free one.
        clock, middleware, certificate, key: as for `Server`.
    """

    def __init__(
        self,
        app: App,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        middleware: Middleware | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:

        def make() -> Server:
            return Server(app, clock=clock, middleware=middleware, certificate=certificate, key=key)

        self._make = make
        self._address = (host, port)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self.url = ""

    def start(self) -> str:
        """Start serving; returns the base URL.

        Raises:
            BackendError: the port is taken.
        """
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._thread.start()
        if not self._ready.wait(READY_SECONDS_MAX):
            raise BackendError(f"the server was not ready after {READY_SECONDS_MAX:g} s")
        if self._error is not None:
            raise self._error
        return self.url

    def stop(self) -> None:
        """Stop serving and wait until the thread has ended; harmless when called again."""
        if self._loop is not None and self._ended is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS_MAX)

    def call(self, action: Callable[[], Any]) -> Any:
        """Run `action` on the server's loop, where the app's state lives; returns its result."""
        assert self._loop is not None

        async def run() -> Any:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(STOP_SECONDS_MAX)

    def __enter__(self) -> ServerThread:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        try:
            server = self._make()
            self.url = await server.start(*self._address)
        except BackendError as error:
            self._error = error
            return
        finally:
            self._ready.set()
        await self._ended.wait()
        await server.stop()


def serve(
    app: App,
    *,
    ready: Callable[[str], None],
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
    middleware: Middleware | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    until: Callable[[Callable[[], None]], None] | None = None,
    gate: tuple[Middleware, int, Callable[[str], None]] | None = None,
    gate_host: str = "",
) -> None:
    """Serve in the foreground until SIGTERM or SIGINT; `ready` is called with the base URL.

    The other arguments are those of `ServerThread`. `until` is called with a thread-safe call that
    ends the server, for further reasons to end. `gate` opens a second port (0: any free one)
    whose requests pass its middleware; its call is told the base URL before `ready` is called.
    `gate_host` is where that port listens, when not on `host`.

    Raises:
        BackendError: the port is taken.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        server = Server(app, clock=clock, middleware=middleware, certificate=certificate, key=key)
        url = await server.start(host, port)
        gated: Server | None = None
        if gate is not None:
            gated = Server(
                app,
                clock=clock,
                middleware=gate[0],
                certificate=certificate,
                key=key,
                runs_timers=False,
            )
            gate[2](await gated.start(gate_host or host, gate[1]))
        if until is not None:
            until(lambda: _from_any_thread(loop, ended.set))
        ready(url)
        await ended.wait()
        if gated is not None:
            await gated.stop()
        await server.stop()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Uvloop's event loop where it is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    make = cast("Callable[[], asyncio.AbstractEventLoop]", uvloop.new_event_loop)
    return make()


def _from_any_thread(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(action)


def _cannot_listen(host: str, port: int, error: OSError) -> BackendError:
    if error.errno == errno.EADDRINUSE:
        return BackendError(
            f"port {port} on {host} is taken", hint="choose another, or 0 for any free port"
        )
    if error.errno == errno.EACCES:
        return BackendError(
            f"port {port} on {host} needs more rights", hint="choose one above 1023"
        )
    return BackendError(
        f"cannot listen on {host}:{port}: {error.strerror or error}",
        hint="bind 127.0.0.1, or an address of this machine",
    )
