"""Asynchronous inserts that nobody waits for: answered from memory, stored later, lost with the server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from harness.clickhouse.access import Access
from harness.clickhouse.engine import Engine
from harness.clickhouse.http import ClickHouseApp
from harness.clock import VirtualClock
from harness.web.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNAWAITED = {"async_insert": "1", "wait_for_async_insert": "0"}
INSERT = "INSERT INTO queued (a) FORMAT JSONEachRow"


class Server:
    """The interface on a clock that the test lets go."""

    def __init__(self, engine: Engine) -> None:
        self.clock = VirtualClock()
        self.app = ClickHouseApp(engine, Access(), self.clock)
        self.ask("CREATE OR REPLACE TABLE queued (a Int8) ENGINE = MergeTree ORDER BY a")

    def ask(self, query: str, data: bytes = b"", /, **settings: str) -> Response:
        text = urlencode({"query": query, **settings})
        return self.app(Request("POST", "/", text, {}, data))

    def rows(self) -> bytes:
        body = self.ask("SELECT a FROM queued ORDER BY a").body
        assert isinstance(body, bytes)
        return body


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("queued")
    made = Engine(folder / "data")
    yield made
    made.close()


@pytest.fixture
def server(engine: Engine) -> Iterator[Server]:
    made = Server(engine)
    yield made
    made.app.close()


def test_rows_show_once_the_queue_has_waited(server: Server) -> None:
    assert server.ask(INSERT, b'{"a":1}', **UNAWAITED).status == 200
    server.clock.advance(0.1)
    assert server.ask(INSERT, b'{"a":2}', **UNAWAITED).status == 200
    assert server.rows() == b""
    server.clock.advance(0.1)
    assert server.rows() == b"1\n2\n"


def test_the_settings_may_stand_in_the_statement(server: Server) -> None:
    query = "INSERT INTO queued (a) SETTINGS async_insert=1, wait_for_async_insert=0 VALUES (7)"
    assert server.ask("", query.encode()).status == 200
    assert server.rows() == b""
    server.clock.advance(0.2)
    assert server.rows() == b"7\n"


def test_a_server_that_dies_loses_what_it_had_acknowledged(server: Server) -> None:
    assert server.ask(INSERT, b'{"a":1}', **UNAWAITED).status == 200
    server.app.queued.drop()
    server.clock.advance(1.0)
    assert server.rows() == b""


def test_a_server_that_is_told_to_end_stores_them(server: Server) -> None:
    assert server.ask(INSERT, b'{"a":1}', **UNAWAITED).status == 200
    server.app.close()
    assert server.rows() == b"1\n"


def test_the_queue_can_be_flushed(server: Server) -> None:
    assert server.ask(INSERT, b'{"a":1}', **UNAWAITED).status == 200
    assert server.ask("SYSTEM FLUSH ASYNC INSERT QUEUE").status == 200
    assert server.rows() == b"1\n"


def test_nobody_hears_of_a_row_that_is_refused_later(server: Server) -> None:
    assert server.ask(INSERT, b'{"a":"x"}', **UNAWAITED).status == 200
    assert server.ask(INSERT, b'{"a":5}', **UNAWAITED).status == 200
    server.clock.advance(0.2)
    assert server.rows() == b"5\n"


@pytest.mark.parametrize(
    "settings", [{"async_insert": "1"}, {"wait_for_async_insert": "0", "async_insert": "0"}]
)
def test_others_are_stored_when_they_are_answered(server: Server, settings: dict[str, str]) -> None:
    assert server.ask(INSERT, b'{"a":1}', **settings).status == 200
    assert server.rows() == b"1\n"


def test_an_insert_of_a_select_is_never_queued(server: Server) -> None:
    assert server.ask("INSERT INTO queued SELECT 3", **UNAWAITED).status == 200
    assert server.rows() == b"3\n"
