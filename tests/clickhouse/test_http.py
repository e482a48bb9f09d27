from __future__ import annotations

import gzip
import http.client
import importlib
import json
import threading
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard

from harness.clickhouse import native_blocks
from harness.clock import WallClock

if TYPE_CHECKING:
    from tests.clickhouse.conftest import Curl

LZ4 = importlib.import_module("lz4.frame")


def test_ping_and_root_say_ok_without_credentials(curl: Curl) -> None:
    for path in ("/", "/ping", "/replicas_status"):
        answer = curl(method="GET", path=path, user="")
        assert (answer.status, answer.body.rstrip(b"\n")) == (200, b"Ok.")


def test_an_unknown_path_is_answered_with_404_and_directions(curl: Curl) -> None:
    answer = curl(method="GET", path="/nowhere")
    assert answer.status == 404
    assert answer.text.startswith(
        "There is no handle /nowhere\n\nUse / or /ping for health checks."
    )


def test_query_and_body_are_one_text(curl: Curl) -> None:
    assert curl("SELECT", b"1 + 1").body == b"2\n"
    assert curl("", b"SELECT 1 + 1").body == b"2\n"
    assert curl("SELECT 1", method="GET").body == b"1\n"


def test_each_way_to_say_a_password_is_accepted(curl: Curl) -> None:
    basic = {"Authorization": "Basic ZGVmYXVsdDpwIHcvMQ=="}
    own = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "p w/1"}
    assert curl("SELECT 1", headers=basic, user="").body == b"1\n"
    assert curl("SELECT 1", headers=own, user="").body == b"1\n"
    path = "/?user=default&password=p%20w%2F1"
    assert curl("", b"SELECT 1", path=path, user="").body == b"1\n"


def test_a_wrong_password_is_refused_with_516_and_a_missing_one_with_194(curl: Curl) -> None:
    wrong = curl("SELECT 1", password="guess")
    assert (wrong.status, wrong.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert wrong.text.startswith(
        "Code: 516. DB::Exception: default: Authentication failed: password is incorrect, "
        "or there is no user with such name. (AUTHENTICATION_FAILED) (version "
    )
    missing = curl("SELECT 1", user="")
    assert (missing.status, missing.headers["x-clickhouse-exception-code"]) == (401, "194")
    assert missing.headers["www-authenticate"] == 'Basic realm="ClickHouse server HTTP API"'
    twice = curl("SELECT 1", headers={"Authorization": "Basic ZGVmYXVsdDpwIHcvMQ=="})
    assert twice.status == 403


@pytest.mark.parametrize(
    ("query", "status", "code", "name"),
    [
        ("SELECT * FROM nope", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM nope.t", 404, 81, "UNKNOWN_DATABASE"),
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("SELECT nope(1)", 404, 46, "UNKNOWN_FUNCTION"),
        ("SELECT toInt32('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("SELECT 1 FORMAT Nope", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT 1 SETTINGS nope = 1", 404, 115, "UNKNOWN_SETTING"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 INTO OUTFILE 'x'", 500, 358, "INTO_OUTFILE_NOT_ALLOWED"),
        ("CREATE USER x SETTINGS a = 1", 501, 48, "NOT_IMPLEMENTED"),
    ],
)
def test_errors_carry_code_name_version_and_status(
    curl: Curl, query: str, status: int, code: int, name: str
) -> None:
    answer = curl(query)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name}) (version " in answer.text
    assert answer.text.count("DB::Exception") == 1


def test_an_unknown_parameter_is_an_unknown_setting(curl: Curl) -> None:
    answer = curl("SELECT 1", no_such_setting=1)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (404, "115")
    assert "Unknown setting 'no_such_setting'" in answer.text


def test_get_is_read_only(curl: Curl, table: str) -> None:
    answer = curl(f"INSERT INTO {table} VALUES (1, 'a')", method="GET")
    assert answer.headers["x-clickhouse-exception-code"] == "164"
    assert curl(f"SELECT count() FROM {table}").body == b"0\n"


def test_headers_tell_id_format_time_zone_and_summary(curl: Curl) -> None:
    answer = curl("SELECT number FROM numbers(10)", query_id="my id", default_format="JSONEachRow")
    assert answer.headers["x-clickhouse-query-id"] == "my id"
    assert answer.headers["x-clickhouse-format"] == "JSONEachRow"
    assert answer.headers["content-type"] == "application/x-ndjson; charset=UTF-8"
    assert "x-clickhouse-timezone" in answer.headers
    tag = answer.headers["x-clickhouse-exception-tag"]
    assert len(tag) == 16
    assert tag.isalnum()
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("10", "10")


def test_the_statement_s_format_wins_over_the_default(curl: Curl) -> None:
    answer = curl("SELECT 'a' AS x FORMAT JSONEachRow", default_format="CSV")
    assert (answer.body, answer.headers["x-clickhouse-format"]) == (b'{"x":"a"}\n', "JSONEachRow")
    named = curl("SELECT 'a'", headers={"X-ClickHouse-Format": "CSV"})
    assert named.body == b'"a"\n'


def test_bound_parameters_are_tsv_escaped(curl: Curl) -> None:
    answer = curl(
        "SELECT {a:String}, {b:Array(Int8)}, {n:Nullable(String)} FORMAT JSONCompactEachRow",
        param_a="it's\\ta tab",
        param_b="[1,2]",
        param_n="\\N",
    )
    assert json.loads(answer.body) == ["it's\ta tab", [1, 2], None]


def test_settings_hold_for_one_request_even_in_a_session(curl: Curl) -> None:
    ask = "SELECT getSetting('max_block_size')"
    usual = curl(ask).body
    assert curl(ask, max_block_size=123, session_id="s").body == b"123\n"
    assert curl(ask, session_id="s").body == usual
    curl("SET max_block_size = 77", session_id="s")
    assert curl(ask, session_id="s").body == b"77\n"
    assert curl(ask, session_id="s", max_block_size=123).body == b"123\n"
    assert curl(ask, session_id="s").body == b"77\n"
    assert curl(ask).body == usual


def test_a_session_keeps_temporary_tables_and_database(curl: Curl) -> None:
    curl("CREATE TEMPORARY TABLE mine (a Int8)", session_id="keeps")
    curl("INSERT INTO mine VALUES (1), (2)", session_id="keeps")
    assert curl("SELECT sum(a) FROM mine", session_id="keeps").body == b"3\n"
    assert curl("SELECT sum(a) FROM mine", session_id="other").status == 404
    assert curl("SELECT sum(a) FROM mine").status == 404
    curl("USE shop", session_id="keeps")
    assert curl("SELECT currentDatabase()", session_id="keeps").body == b"shop\n"
    assert curl("SELECT currentDatabase()", session_id="keeps", database="system").body == (
        b"system\n"
    )
    assert curl("SELECT currentDatabase()", session_id="keeps").body == b"shop\n"


def test_without_a_session_nothing_is_kept(curl: Curl) -> None:
    usual = curl("SELECT getSetting('max_block_size')").body
    curl("SET max_block_size = 77")
    curl("USE shop")
    curl("CREATE TEMPORARY TABLE gone (a Int8)")
    for _ in range(3):
        assert curl("SELECT getSetting('max_block_size')").body == usual
        assert curl("SELECT currentDatabase()").body == b"default\n"
        assert curl("SELECT * FROM gone").headers["x-clickhouse-exception-code"] == "60"


def test_session_check_and_timeout_are_validated(curl: Curl) -> None:
    missing = curl("SELECT 1", session_id="never", session_check=1)
    assert missing.headers["x-clickhouse-exception-code"] == "372"
    long = curl("SELECT 1", session_id="x", session_timeout=999999)
    assert long.headers["x-clickhouse-exception-code"] == "374"


def test_a_session_runs_one_query_at_a_time_and_kill_query_ends_it(curl: Curl) -> None:
    answers: list[tuple[int, str]] = []

    def run() -> None:
        answer = curl("SELECT count() FROM system.numbers", session_id="busy", query_id="long one")
        answers.append((answer.status, answer.headers["x-clickhouse-exception-code"]))

    thread = threading.Thread(target=run)
    thread.start()
    ask = "SELECT Settings['log_comment'] FROM system.processes"
    WallClock().wait_until(
        lambda: b"long one" in curl(ask).body, timeout_seconds=20, what="the query to run"
    )
    locked = curl("SELECT 1", session_id="busy")
    assert locked.headers["x-clickhouse-exception-code"] == "373"
    again = curl("SELECT 1", query_id="long one")
    assert again.headers["x-clickhouse-exception-code"] == "216"
    assert curl(method="GET", path="/ping").status == 200
    curl("KILL QUERY WHERE query_id = 'long one' SYNC")
    thread.join(20)
    assert answers == [(500, "394")]
    assert curl("SELECT 1", session_id="busy").body == b"1\n"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4"])
def test_bodies_and_answers_are_compressed_as_asked(curl: Curl, table: str, coding: str) -> None:
    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.compress,
        "lz4": LZ4.compress,
    }[coding]
    rows = b"".join(b"%d\tname\n" % i for i in range(1000))
    sent = curl(f"INSERT INTO {table} FORMAT TSV", pack(rows), headers={"Content-Encoding": coding})
    assert json.loads(sent.headers["x-clickhouse-summary"])["written_rows"] == "1000"
    answer = curl(
        f"SELECT * FROM {table} ORDER BY id",
        headers={"Accept-Encoding": coding},
        enable_http_compression=1,
    )
    assert answer.headers["content-encoding"] == coding
    unpack = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "zstd": lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
        "lz4": LZ4.decompress,
    }[coding]
    assert unpack(answer.body) == rows
    plain = curl("SELECT 1", headers={"Accept-Encoding": coding}, enable_http_compression=0)
    assert "content-encoding" not in plain.headers


def test_an_unknown_coding_is_refused_with_415(curl: Curl) -> None:
    assert curl("SELECT 1", b" ", headers={"Content-Encoding": "squash"}).status == 415
    broken = curl("SELECT 1", b"not gzip", headers={"Content-Encoding": "gzip"})
    assert broken.headers["x-clickhouse-exception-code"] == "271"


def test_native_blocks_go_both_ways_and_a_wrong_checksum_is_refused(curl: Curl, table: str) -> None:
    rows = b"".join(b"%d\tname\n" % i for i in range(1000))
    packed = native_blocks.pack(rows)
    assert curl(f"INSERT INTO {table} FORMAT TSV", packed, decompress=1).status == 200
    answer = curl(f"SELECT * FROM {table} ORDER BY id", compress=1)
    assert answer.body != rows
    assert native_blocks.unpack(answer.body) == rows
    broken = bytes([packed[0] ^ 1]) + packed[1:]
    refused = curl(f"INSERT INTO {table} FORMAT TSV", broken, decompress=1)
    assert refused.headers["x-clickhouse-exception-code"] == "40"
    assert curl(f"SELECT count() FROM {table}").body == b"1000\n"


@pytest.mark.parametrize(
    "name", ["Native", "RowBinary", "JSONEachRow", "Parquet", "CSV", "Values", "TSV", "Arrow"]
)
def test_what_a_format_gives_it_takes(curl: Curl, table: str, name: str) -> None:
    rows = curl(
        f"SELECT number + 1 AS id, concat('n;', char(39), toString(number)) AS name "
        f"FROM numbers(5) FORMAT {name}"
    ).body
    sent = curl(f"INSERT INTO {table} (id, name) FORMAT {name}", rows)
    assert sent.status == 200, sent.text
    assert json.loads(sent.headers["x-clickhouse-summary"])["written_rows"] == "5"
    assert curl(f"SELECT sum(id), max(name) FROM {table}").body == b"15\tn;\\'4\n"


def test_insert_data_may_begin_in_the_query_and_go_on_in_the_body(curl: Curl, table: str) -> None:
    curl(f"INSERT INTO {table} VALUES (1, 'a;b'),", b"(2, 'c')")
    curl("", f"INSERT INTO {table} FORMAT JSONEachRow\n".encode() + b'{"id":3,"name":"x"}')
    curl(
        f"INSERT INTO {table} SELECT id + 1, name FROM input('id UInt64, name String') FORMAT CSV",
        b"3,y\n",
    )
    assert curl(f"SELECT groupArray((id, name)) FROM (SELECT * FROM {table} ORDER BY id)").body == (
        b"[(1,'a;b'),(2,'c'),(3,'x'),(4,'y')]\n"
    )


def test_a_bad_row_refuses_the_whole_body(curl: Curl, table: str) -> None:
    refused = curl(f"INSERT INTO {table} FORMAT JSONEachRow", b'{"id":1}\n{"id":"abc"}\n')
    assert (refused.status, refused.headers["x-clickhouse-exception-code"]) == (400, "27")
    assert curl(f"SELECT count() FROM {table}").body == b"0\n"


def test_a_deduplication_token_stores_a_repeated_insert_once(curl: Curl) -> None:
    curl(
        "CREATE OR REPLACE TABLE shop.once (a Int8) ENGINE=MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    for token in ("x", "x", "y"):
        curl("INSERT INTO shop.once FORMAT TSV", b"1\n", insert_deduplication_token=token)
    assert curl("SELECT count() FROM shop.once").body == b"2\n"


def test_a_failure_after_the_answer_began_is_appended_to_it(curl: Curl) -> None:
    query = "SELECT throwIf(number = 3000000, 'late'), repeat('x', 50) FROM numbers(4000000)"
    answer = curl(query, max_block_size=65536)
    tag = answer.headers["x-clickhouse-exception-tag"].encode()
    assert answer.status == 200
    end = answer.body[answer.body.index(b"\r\n__exception__\r\n" + tag + b"\r\n") :]
    assert b"Code: 395. DB::Exception: late" in end
    assert end.endswith(b" " + tag + b"\r\n__exception__\r\n")
    waited = curl(query, max_block_size=65536, wait_end_of_query=1)
    assert (waited.status, waited.headers["x-clickhouse-exception-code"]) == (500, "395")


def test_a_reader_that_leaves_ends_its_query(curl: Curl) -> None:
    connection = http.client.HTTPConnection(curl.address, timeout=30)
    connection.request(
        "POST",
        "/?session_id=left&query=SELECT+*+FROM+system.numbers",
        headers={"X-ClickHouse-User": "default", "X-ClickHouse-Key": "p w/1"},
    )
    answer = connection.getresponse()
    assert answer.read(10) == b"0\n1\n2\n3\n4\n"
    answer.close()
    connection.close()
    WallClock().wait_until(
        lambda: curl("SELECT 1", session_id="left").status == 200,
        timeout_seconds=20,
        what="the session to be free",
    )
    running = curl("SELECT count() FROM system.processes WHERE query LIKE '%system.numbers'")
    assert running.body == b"0\n"


def test_external_tables_come_as_parts_of_a_form(curl: Curl) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="mine"; filename="mine.csv"\r\n\r\n'
        b'1,"x"\n2,"y"\n\r\n--b--\r\n'
    )
    answer = curl(
        "SELECT sum(a), max(b) FROM mine",
        form,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        mine_structure="a Int8, b String",
        mine_format="CSV",
    )
    assert answer.body == b"3\ty\n"


def test_roles_are_unknown(curl: Curl) -> None:
    assert curl("SELECT 1", role="boss").headers["x-clickhouse-exception-code"] == "511"


NATIVE_ONE_ROW = (
    b"\x03\x01"  # three columns, one row
    b"\x01a\x05UInt8%b\x07"
    b"\x01s\x16LowCardinality(String)%b"
    b"\x01\0\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\x01x\x01\0\0\0\0\0\0\0\x01"
    b"\x01m\x12Map(String, UInt8)%b\x01\0\0\0\0\0\0\0\x01k\x09"
)
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        ("0", NATIVE_ONE_ROW % (b"", b"", b"")),
        ("54405", BLOCK_INFO + NATIVE_ONE_ROW % (b"", b"", b"")),
        ("54454", BLOCK_INFO + NATIVE_ONE_ROW % (b"\0", b"\0", b"\0")),
    ],
)
def test_native_blocks_are_written_for_the_client_s_revision(
    curl: Curl, revision: str, expected: bytes
) -> None:
    answer = curl(
        "SELECT 7::UInt8 AS a, 'x'::LowCardinality(String) AS s, map('k', 9::UInt8) AS m "
        "FORMAT Native",
        client_protocol_version=revision,
    )
    assert answer.body == expected
