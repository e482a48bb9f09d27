"""The apply log sees every row that enters the target, and nobody who inserts sees the log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from harness.clickhouse.access import Access
from harness.clickhouse.apply_log import ORDER, PATH, ROWS, Watched
from harness.clickhouse.engine import Engine
from harness.clickhouse.http import ClickHouseApp
from harness.clock import VirtualClock
from harness.web.message import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = """CREATE TABLE orders (id String, total Int64, _w String, _n UInt64, version UInt64,
    is_deleted UInt8 DEFAULT 0) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id"""
WATCHED = Watched("default", "orders", ("id",), "version", "is_deleted = 1", "_w", "_n")


class Server:
    """The interface, asked in this process."""

    def __init__(self, engine: Engine) -> None:
        self.app = ClickHouseApp(engine, Access(password="secret"), VirtualClock())
        self.summary: dict[str, str] = {}

    def ask(self, statement: str, data: bytes = b"", query: str = "") -> str:
        headers = {"x-clickhouse-user": "default", "x-clickhouse-key": "secret"}
        body = statement.encode() + (b"\n" + data if data else b"")
        answer = self.app(Request("POST", "/", query, headers, body))
        assert isinstance(answer.body, bytes)
        assert answer.status == 200, answer.body
        self.summary = json.loads(answer.headers["X-ClickHouse-Summary"])
        return answer.body.decode()

    def keep(self, password: str = "secret") -> int:
        headers = {"x-clickhouse-user": "default", "x-clickhouse-key": password}
        body = json.dumps(WATCHED.as_json()).encode()
        return self.app(Request("POST", PATH, "", headers, body)).status

    def insert(self, *rows: tuple[str, int, str]) -> None:
        lines = [
            json.dumps({"id": key, "version": version, "_w": marker, "_n": 1})
            for key, version, marker in rows
        ]
        self.ask("INSERT INTO orders FORMAT JSONEachRow", "\n".join(lines).encode())

    def logged(self) -> list[str]:
        return self.ask(f"SELECT _harness_3 FROM {ROWS} ORDER BY {ORDER}").split()

    def logged_keys(self) -> list[str]:
        return self.ask(f"SELECT _harness_0 FROM {ROWS} ORDER BY {ORDER}").split()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path: Path = tmp_path_factory.mktemp("apply-log")
    engine = Engine(path)
    yield engine
    engine.close()


@pytest.fixture
def server(engine: Engine) -> Iterator[Server]:
    server = Server(engine)
    server.ask(TARGET)
    yield server
    server.app.keep_log(None)
    for name in ("orders", "raw", "other"):
        server.ask(f"DROP TABLE IF EXISTS {name} SYNC")
    server.app.close()


def test_rows_of_one_insert_are_kept_though_only_one_of_them_is_stored(server: Server) -> None:
    assert server.keep() == 200
    server.insert(("a", 1, "w1"), ("a", 3, "w3"), ("a", 2, "w2"))
    assert server.ask("SELECT _w FROM orders").split() == ["w3"]
    assert server.logged() == ["w1", "w3", "w2"]
    assert server.logged_keys() == ["a", "a", "a"]


def test_rows_stay_in_their_order_after_the_log_was_merged(server: Server) -> None:
    server.keep()
    for number in range(4):
        server.insert(("a", 9 - number, f"w{number}"), ("b", number, f"x{number}"))
    server.ask(f"OPTIMIZE TABLE {ROWS} FINAL")
    assert server.logged() == ["w0", "x0", "w1", "x1", "w2", "x2", "w3", "x3"]


def test_an_insert_counts_the_rows_of_the_target_alone(server: Server) -> None:
    server.insert(("a", 1, "w1"), ("b", 1, "w2"), ("c", 1, "w3"))
    before = server.summary["written_rows"]
    server.keep()
    server.insert(("a", 2, "w4"), ("b", 2, "w5"), ("c", 2, "w6"))
    assert (before, server.summary["written_rows"]) == ("3", "3")
    server.ask("INSERT INTO default.orders SELECT 'z', 1, 'w7', 1, 1, 0 FROM numbers(5)")
    assert server.summary["written_rows"] == "5"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders DROP COLUMN _n",
        "ALTER TABLE orders RENAME COLUMN _w TO marker",
        "ALTER TABLE orders MODIFY COLUMN _n UInt32",
        "ALTER TABLE orders ADD COLUMN note String",
        "TRUNCATE TABLE orders",
    ],
)
def test_a_statement_that_would_meet_the_view_does_what_it_says(
    server: Server, change: str
) -> None:
    server.keep()
    server.insert(("a", 1, "w1"))
    server.ask(change)
    server.ask("INSERT INTO orders (id, version) VALUES ('b', 2)")
    assert server.ask("SELECT count() FROM orders WHERE id = 'b'").strip() == "1"
    assert server.logged()[0] == "w1"


def test_a_target_that_is_made_again_goes_on_being_kept(server: Server) -> None:
    server.keep()
    server.insert(("a", 1, "w1"))
    server.ask("DROP TABLE orders SYNC")
    server.ask(TARGET)
    server.insert(("a", 1, "w2"))
    server.ask("RENAME TABLE orders TO other")
    server.ask(TARGET)
    server.insert(("a", 1, "w3"))
    assert server.logged() == ["w1", "w2", "w3"]


def test_a_target_that_the_pipeline_makes_is_kept_from_its_first_row(server: Server) -> None:
    server.ask("DROP TABLE orders SYNC")
    server.keep()
    server.ask(TARGET.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
    server.insert(("a", 1, "w1"))
    assert server.logged() == ["w1"]


def test_rows_that_come_through_a_view_of_the_pipeline_are_kept(server: Server) -> None:
    server.keep()
    server.ask("CREATE TABLE raw (pk String) ENGINE = Null")
    server.ask(
        "CREATE MATERIALIZED VIEW other TO orders AS "
        "SELECT pk AS id, 0 AS total, 'w' AS _w, 1 AS _n, 7 AS version FROM raw"
    )
    server.ask("INSERT INTO raw VALUES ('a'), ('b')")
    assert server.logged() == ["w", "w"]


def test_the_log_ends_where_a_pipeline_hangs_a_view_of_its_own_on_the_target(
    server: Server,
) -> None:
    server.keep()
    server.ask("CREATE MATERIALIZED VIEW other ENGINE = Memory AS SELECT id FROM orders")
    server.insert(("a", 1, "w1"), ("b", 1, "w2"))
    assert server.summary["written_rows"] == "4"
    assert server.app.log is not None
    assert not server.app.log.is_attached


def test_a_user_who_may_only_insert_into_the_target_still_may(server: Server) -> None:
    server.keep()
    server.ask("CREATE USER IF NOT EXISTS loader IDENTIFIED WITH plaintext_password BY 'x'")
    server.ask("GRANT INSERT ON default.orders TO loader")
    headers = {"x-clickhouse-user": "loader", "x-clickhouse-key": "x"}
    body = b"INSERT INTO orders (id, version) VALUES ('u', 1)"
    assert server.app(Request("POST", "/", "", headers, body)).status == 200
    assert server.ask("SELECT count() FROM orders WHERE id = 'u'").strip() == "1"


def test_only_the_administrator_begins_a_log(server: Server) -> None:
    assert server.keep(password="wrong") == 403
    server.keep()
