"""Several requests on one connection without waiting for answers: HTTP/1.1 pipelining.

A server answers such requests in the order they were sent, so changes of one item keep their order
and still meet the table within one millisecond, which no client can do that waits for each answer.
Source: RFC 9112, section 9.3.2.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader

TIMEOUT_SECONDS = 30
HEADERS_MOST = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        body: complete.
    """

    status: int
    headers: dict[str, str]
    body: bytes


def send_together(requests: Sequence[Any]) -> tuple[list[Answer], bool]:
    """Send signed requests at once and read their answers.

    Args:
        requests: botocore's prepared requests, all to one plain `http` address.

    Returns:
        The answers in order, fewer than requests when the connection ended; and whether the server
        had said that it would close it, so that it surely did not look at the rest.
    """
    parts = urlsplit(requests[0].url)
    answers: list[Answer] = []
    try:
        address = (parts.hostname or "", parts.port or 80)
        with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(
                b"".join(_on_the_wire(request, parts.netloc) for request in requests)
            )
            with connection.makefile("rb") as reader:
                for _ in requests:
                    answer = _read(reader)
                    if answer is None:
                        return answers, False
                    answers.append(answer)
                    if answer.headers.get("connection", "").lower() == "close":
                        return answers, True
    except OSError:
        return answers, False
    return answers, False


def _on_the_wire(request: Any, host: str) -> bytes:
    parts = urlsplit(request.url)
    body = request.body or b""
    lines = [f"{request.method} {parts.path or '/'} HTTP/1.1", f"Host: {host}"]
    for name, value in request.headers.items():
        if name.lower() not in ("host", "content-length"):
            lines.append(f"{name}: {value.decode() if isinstance(value, bytes) else value}")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _read(reader: BufferedReader) -> Answer | None:
    """The next answer; None when the connection ended, or its length cannot be told."""
    status_line = reader.readline().split(maxsplit=2)
    if len(status_line) < 2:
        return None
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MOST):
        line = reader.readline().strip()
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if "content-length" not in headers:
        return None
    length = int(headers["content-length"])
    body = reader.read(length)
    return Answer(int(status_line[1]), headers, body) if len(body) == length else None
