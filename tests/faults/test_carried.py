"""The history says which records a page held, however the page is written."""

from __future__ import annotations

from typing import Any

import cbor2
import orjson

from harness.faults.asked import Asked
from harness.faults.carried import Watched, carried, records_in
from harness.web.message import Request, Response

NUMBERS = ["4967" + "0" * 51 + str(n) for n in (3, 4, 9)]
PAGE = {
    "NextShardIterator": "AAA",
    "Records": [{"Data": "eA==", "SequenceNumber": number} for number in NUMBERS],
}
OUTER = {"records": 3, "first": NUMBERS[0], "last": NUMBERS[2]}


def test_a_page_of_json_gives_its_outermost_sequence_numbers() -> None:
    assert records_in(orjson.dumps(PAGE)) == OUTER
    assert records_in(orjson.dumps(PAGE, option=orjson.OPT_INDENT_2)) == OUTER


def test_a_page_of_cbor_gives_its_outermost_sequence_numbers() -> None:
    assert records_in(cbor2.dumps(PAGE)) == OUTER


def test_a_page_without_records_says_so() -> None:
    assert records_in(orjson.dumps({"NextShardIterator": "AAA", "Records": []})) == {"records": 0}


def test_the_number_to_go_on_from_is_no_record() -> None:
    event = {**PAGE, "ContinuationSequenceNumber": "7" * 56}
    assert records_in(orjson.dumps(event)) == OUTER
    assert records_in(cbor2.dumps(event)) == OUTER
    assert records_in(cbor2.dumps({"Records": [], "ContinuationSequenceNumber": "7" * 56})) == {
        "records": 0
    }


def test_an_insert_tells_its_rows_and_whether_they_come_from_an_export() -> None:
    asked = Asked("clickhouse", "INSERT", "orders")
    answer = Response(200, {"X-ClickHouse-Summary": '{"written_rows":"12"}'})
    plain = Request("POST", "/", "query=INSERT+INTO+orders+FORMAT+JSONEachRow")
    loading = Request("POST", "/", "", {}, b"INSERT INTO orders SELECT * FROM s3('x')")
    assert carried(asked, plain, answer) == {"rows": 12}
    assert carried(asked, loading, answer) == {"rows": 12, "from_export": True}
    reading = Request("POST", "/", "", {}, b"SELECT json FROM s3('x')")
    select = Asked("clickhouse", "SELECT", "")
    assert carried(select, reading, answer) == {"from_export": True}
    assert carried(select, Request("POST", "/", "", {}, b"SELECT 1"), answer) == {}


def test_a_subscription_is_heard_each_time_it_carries_records() -> None:
    pieces: list[bytes | None] = [b"hello", orjson.dumps(PAGE), b"", None]
    heard: list[tuple[str, dict[str, Any]]] = []

    class Pieces:
        def read(self) -> bytes | None:
            return pieces.pop(0)

        def on_ready(self, wake: Any) -> None:
            wake()

        def close(self) -> None:
            pieces.clear()

    asked = Asked("kinesis", "SubscribeToShard", "shardId-000000000001", 2)
    stream = Watched(Pieces(), asked, lambda event, members: heard.append((event, members)))
    assert stream.read() == b"hello"
    while stream.read() is not None:
        pass
    assert heard == [("records", {**asked.as_json(), **OUTER})]
