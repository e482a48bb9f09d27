"""The connection without an SDK: kept alive, made anew, and no answer but a good one."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from harness.bench.raw_connection import RawConnection, RefusedError

if TYPE_CHECKING:
    from harness.bench.endpoint import Endpoint

LIST_TABLES = "DynamoDB_20120810.ListTables"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_one_connection_serves_many_requests(endpoint: Endpoint) -> None:
    first = endpoint.raw.ask(LIST_TABLES, b"{}")
    used = endpoint.raw._connection.sock
    second = endpoint.raw.ask(LIST_TABLES, b"{}")

    assert first == second == b'{"TableNames":[]}'
    assert endpoint.raw._connection.sock is used


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once_a_connection() -> None:
            for _ in range(2):
                client, _ = listener.accept()
                with client:
                    client.recv(65536)
                    client.sendall(ANSWER)

        server = threading.Thread(target=answer_once_a_connection, daemon=True)
        server.start()
        raw = RawConnection(
            "127.0.0.1", listener.getsockname()[1], access_key="k", region="r", timeout_seconds=5
        )
        assert raw.ask(LIST_TABLES, b"{}") == b"{}"
        assert raw.ask(LIST_TABLES, b"{}") == b"{}"
        raw.close()
        server.join(5)


def test_nobody_there_is_an_error() -> None:
    raw = RawConnection("127.0.0.1", 1, access_key="k", region="r", timeout_seconds=1)

    with pytest.raises(ConnectionRefusedError):
        raw.ask(LIST_TABLES, b"{}")


def test_any_other_status_is_a_refusal_that_shows_the_answer(endpoint: Endpoint) -> None:
    with pytest.raises(RefusedError, match=r"Scan: HTTP 400 .*ResourceNotFoundException"):
        endpoint.raw.ask("DynamoDB_20120810.Scan", b'{"TableName":"none"}')
