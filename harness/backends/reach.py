"""At which address of this machine can ClickHouse reach a server of ours?

ClickHouse reads exports by itself, with `s3()`. One that runs in a container, or on another
machine, does not find this machine at 127.0.0.1. Which address it does find depends on Docker's
network, the platform and the firewall, so ClickHouse is asked: a server with a token listens for a
moment on one address after the other, narrowest first, and ClickHouse fetches from it.

The address that is found is this machine's own, so programs on this machine reach it too: one
endpoint URL serves the pipeline and ClickHouse.
"""

from __future__ import annotations

import secrets
import socket
import struct
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.backends.clickhouse_url import query
from harness.errors import BackendError
from harness.web.message import Response
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from harness.web.message import Request

LOOPBACK = "127.0.0.1"
ASK_SECONDS_MAX = 10.0
BRIDGES = ("docker", "br-", "podman", "cni", "virbr", "bridge")
_SIOCGIFADDR = 0x8915


class Token:
    """Answers every request with one secret line."""

    def __init__(self) -> None:
        self.text = secrets.token_hex(16)

    def runs_in_thread(self, request: Request) -> bool:
        """Never: there is nothing to wait for."""
        return False

    def __call__(self, request: Request) -> Response:
        """The line."""
        return Response(200, {"content-type": "text/plain"}, f"{self.text}\n".encode())


def address_for(clickhouse_url: str) -> str:
    """The narrowest address of this machine that this ClickHouse reaches; empty when there is none.

    Args:
        clickhouse_url: `http(s)://user:password@host:port/database`.
    """
    for address in addresses(clickhouse_url):
        token = Token()
        try:
            with ServerThread(token, host=address) as server:
                if _fetches(clickhouse_url, server.url, token.text):
                    return address
        except BackendError:
            # Not an address to listen on: Docker Desktop's bridge is inside of its own machine.
            continue
    return ""


def addresses(clickhouse_url: str) -> list[str]:
    """Addresses of this machine: its own, container bridges, the one that leads to ClickHouse, others."""
    interfaces = _interfaces()
    bridges = [a for name, a in interfaces if name.startswith(BRIDGES)]
    others = [a for name, a in interfaces if not name.startswith(BRIDGES)]
    found = [LOOPBACK, *bridges, _towards(clickhouse_url), *others]
    return list(dict.fromkeys(a for a in found if a))


def _fetches(clickhouse_url: str, url: str, token: str) -> bool:
    settings = "http_connection_timeout = 1, http_receive_timeout = 2, http_max_tries = 1"
    statement = (
        f"SELECT line FROM url('{url}/token', 'LineAsString', 'line String') SETTINGS {settings}"
    )
    try:
        return query(clickhouse_url, statement, seconds=ASK_SECONDS_MAX).strip() == token
    except (BackendError, OSError):
        return False


def _towards(url: str) -> str:
    """This machine's end of a way to the host of a URL."""
    host = urlsplit(url).hostname or ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: a datagram socket that is connected only chooses its way.
            probe.connect((host, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _interfaces() -> list[tuple[str, str]]:
    """Interface names with their IPv4 address, where this system tells."""
    if sys.platform != "linux":
        return [("", _towards("http://192.0.2.1"))]
    import fcntl

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue
            found.append((name, socket.inet_ntoa(answer[20:24])))
    return found
