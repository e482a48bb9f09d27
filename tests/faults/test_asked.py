from __future__ import annotations

import gzip
import zlib
from urllib.parse import urlencode

import lz4.frame
import pytest
import zstandard

from harness.faults.asked import Identifier
from harness.web.message import Request, Response


def clickhouse(query: str = "", body: str = "", **parameters: str) -> Request:
    pairs = {"query": query} if query else {}
    return Request("POST", "/", urlencode({**pairs, **parameters}), {}, body.encode())


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        (clickhouse("INSERT INTO `shop`.`t 1` (a) FORMAT TSV", "1"), "clickhouse INSERT t 1 #0"),
        (clickhouse("insert into shop.orders FORMAT TSV"), "clickhouse INSERT orders #0"),
        (clickhouse("", "/* by x */ SELECT 1 FROM shop.t"), "clickhouse SELECT t #0"),
        (clickhouse("", "WITH 1 AS x SELECT x FROM t FINAL"), "clickhouse WITH t #0"),
        (clickhouse("CREATE TABLE IF NOT EXISTS t (a Int8)"), "clickhouse CREATE t #0"),
        (clickhouse("TRUNCATE TABLE t"), "clickhouse TRUNCATE t #0"),
        (clickhouse("SELECT 1"), "clickhouse SELECT #0"),
        (Request("GET", "/ping"), "clickhouse GET ping #0"),
    ],
)
def test_a_clickhouse_request_is_known_by_statement_and_table(
    request_: Request, shown: str
) -> None:
    assert str(Identifier().identify(request_, "clickhouse")[0]) == shown


def test_an_insert_tried_again_is_the_same_one_and_another_is_the_next() -> None:
    identifier = Identifier()
    seen = []
    for body, status, query_id in (
        ("1", 500, "a"), ("1", 200, "b"), ("1", 200, "c"), ("2", 200, "d"),
    ):  # fmt: skip
        request = clickhouse("INSERT INTO t FORMAT TSV", body, query_id=query_id)
        asked, mark = identifier.identify(request, "clickhouse")
        seen.append((asked.ordinal, asked.attempt))
        identifier.settle(asked, mark, Response(status))
    assert seen == [(0, 0), (0, 1), (1, 0), (2, 0)]


def test_an_answer_that_was_cut_is_no_answer() -> None:
    identifier = Identifier()
    for attempt in range(2):
        asked, mark = identifier.identify(clickhouse("INSERT INTO t FORMAT TSV"), "clickhouse")
        assert (asked.ordinal, asked.attempt) == (0, attempt)
        identifier.settle(asked, mark, Response(200, cut_after=1))


def test_tables_do_not_share_their_numbers() -> None:
    identifier = Identifier()
    shown: list[str] = []
    for table in "abab":
        request = clickhouse(f"INSERT INTO {table} FORMAT TSV", f"row {len(shown)}")
        asked, mark = identifier.identify(request, "clickhouse")
        identifier.settle(asked, mark, Response(200))
        shown.append(str(asked))
    assert shown == [
        "clickhouse INSERT a #0",
        "clickhouse INSERT b #0",
        "clickhouse INSERT a #1",
        "clickhouse INSERT b #1",
    ]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "lz4", "zstd"])
def test_a_compressed_insert_is_known_by_its_statement(coding: str) -> None:
    plain = b"INSERT INTO `shop`.`orders` (`id`) FORMAT Native\n" + bytes(range(256)) * 400
    packed = {
        "gzip": lambda: gzip.compress(plain),
        "deflate": lambda: zlib.compress(plain),
        "lz4": lambda: lz4.frame.compress(plain),  # type: ignore[no-untyped-call]
        "zstd": lambda: zstandard.ZstdCompressor().compress(plain),
    }[coding]()
    request = Request("POST", "/", "", {"content-encoding": coding}, packed)
    asked, _ = Identifier().identify(request, "clickhouse")
    assert (asked.operation, asked.subject) == ("INSERT", "orders")


def test_a_body_that_cannot_be_unpacked_is_a_statement_of_no_kind() -> None:
    request = Request("POST", "/", "", {"content-encoding": "lz4"}, b"not lz4")
    asked, _ = Identifier().identify(request, "clickhouse")
    assert (asked.operation, asked.subject) == ("", "")
