from __future__ import annotations

import asyncio
import ssl
import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.clock import VirtualClock, WallClock
from harness.errors import BackendError
from harness.web.message import Request, Response
from harness.web.server import ServerThread
from tests.web.echo import connect, read_all, read_until
from tests.web.http2_client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from harness.web.service import Call
    from tests.web.echo import Echo

GET = b"GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n"


def test_a_taken_port_is_one_clear_line(url: str, echo: Echo) -> None:
    port = urlsplit(url).port
    assert port is not None
    second = ServerThread(echo, port=port)
    with pytest.raises(BackendError) as caught:
        second.start()
    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is taken (choose another, or 0 for any free port)"
    )


def test_a_stopped_server_frees_its_port_and_its_connections(echo: Echo) -> None:
    server = ServerThread(echo)
    url = server.start()
    with connect(url) as idle:
        server.stop()
        assert read_all(idle) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(url)


def test_timers_of_a_wall_clock_run_on_the_servers_thread(echo: Echo) -> None:
    clock = WallClock()
    ran: list[str] = []
    done = threading.Event()
    with ServerThread(echo, clock=clock) as server:

        def fail() -> None:
            raise RuntimeError("a broken timer")

        def plan() -> None:
            clock.call_later(0.02, lambda: ran.append(threading.current_thread().name))
            clock.call_later(0.01, fail)
            clock.call_later(0.03, done.set)

        server.call(plan)
        assert done.wait(10)
    assert ran == ["server"]


def test_a_timer_added_by_another_thread_runs_too(echo: Echo) -> None:
    clock = WallClock()
    done = threading.Event()
    with ServerThread(echo, clock=clock):
        clock.call_later(0.01, done.set)
        assert done.wait(10)


def test_timers_of_a_virtual_clock_wait_for_its_advance(echo: Echo) -> None:
    clock = VirtualClock()
    done = threading.Event()
    with ServerThread(echo, clock=clock) as server:
        clock.call_later(0.001, done.set)
        with connect(server.url) as s:
            s.sendall(GET)
            read_all(s)
        assert not done.is_set()
        clock.advance(1)
        assert done.is_set()


def test_the_date_header_follows_the_clock(echo: Echo) -> None:
    clock = VirtualClock()
    with ServerThread(echo, clock=clock) as server, connect(server.url) as s:
        s.sendall(GET)
        assert b"date: Wed, 01 Jan 2025 00:00:00 GMT\r\n" in read_all(s)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = WallClock().datetime()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)]
)
def test_tls_clients_choose_the_protocol_by_alpn(
    echo: Echo, certificate: Path, offered: list[str], chosen: str | None
) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    if offered:
        context.set_alpn_protocols(offered)
    with ServerThread(echo, certificate=certificate) as server:
        assert server.url.startswith("https://")
        with context.wrap_socket(connect(server.url), server_hostname="localhost") as s:
            assert s.selected_alpn_protocol() == chosen
            if chosen == "h2":
                client = Client(s).start()
                stream = client.ask("/echo?tls")
                client.wait([stream])
                assert client.bodies[stream] == b"GET /echo?tls "
            else:
                s.sendall(GET)
                assert read_until(s, b"GET /echo? ").startswith(b"HTTP/1.1 200 ")


def test_a_certificate_that_cannot_be_used_is_one_clear_line(echo: Echo, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing")
    with pytest.raises(BackendError, match=r"cannot use the TLS certificate .*wrong\.pem"):
        ServerThread(echo, certificate=wrong).start()


def test_a_middleware_can_hold_replace_and_cut(echo: Echo) -> None:
    release: list[asyncio.Event] = []
    held = threading.Event()

    async def gate(request: Request, call: Call) -> Response:
        if request.query == "held":
            release.append(asyncio.Event())
            held.set()
            await release[0].wait()
        if request.query == "replaced":
            return Response(503, {}, b"no")
        if request.query == "lost":
            response = await call(request)
            response.cut_after = -1
            return response
        return await call(request)

    with ServerThread(echo, middleware=gate) as server:
        with connect(server.url) as first, connect(server.url) as second:
            first.sendall(GET.replace(b"/echo", b"/echo?held"))
            assert held.wait(10)
            second.sendall(GET.replace(b"/echo", b"/echo?replaced"))
            assert read_all(second).startswith(b"HTTP/1.1 503 ")
            server.call(lambda: release[0].set())
            assert read_all(first).endswith(b"GET /echo?held ")
        with connect(server.url) as third:
            third.sendall(GET.replace(b"/echo", b"/echo?lost"))
            assert read_all(third) == b""
    assert [r.query for r in echo.seen] == ["held", "lost"]


def test_a_held_request_is_cancelled_when_its_client_is_gone(echo: Echo) -> None:
    held, cancelled = threading.Event(), threading.Event()

    async def gate(request: Request, call: Call) -> Response:
        held.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return await call(request)

    with ServerThread(echo, middleware=gate) as server:
        with connect(server.url) as s:
            s.sendall(GET)
            assert held.wait(10)
        assert cancelled.wait(10)
    assert echo.seen == []


def test_stopping_with_a_held_request_does_not_hang(echo: Echo) -> None:
    held = threading.Event()

    async def gate(request: Request, call: Call) -> Response:
        held.set()
        await asyncio.Event().wait()
        return await call(request)

    server = ServerThread(echo, middleware=gate)
    with connect(server.start()) as s:
        s.sendall(GET)
        assert held.wait(10)
        server.stop()
        assert read_all(s) == b""


def test_an_unfinished_request_is_ended_in_bounded_time(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.web.connection.REQUEST_SECONDS_MAX", 0.01)
    monkeypatch.setattr("harness.web.server.SWEEP_SECONDS", 0.01)
    with ServerThread(echo) as server, connect(server.url) as s:
        s.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        assert read_until(s, b"\r\n\r\n").startswith(b"HTTP/1.1 408 ")
    assert echo.seen == []
