from __future__ import annotations

import pytest

from harness.clickhouse.cityhash import cityhash128
from harness.clickhouse.errors import EngineError
from harness.clickhouse.statements import parse


@pytest.mark.parametrize(
    ("text", "sql", "insert_format", "data"),
    [
        (b"INSERT INTO t VALUES (1);", b"INSERT INTO t ", "Values", b" (1);"),
        (
            b"insert into `a`.`b` (`x`, `format`) FORMAT Native\n\x00\xff';",
            b"insert into `a`.`b` (`x`, `format`) ",
            "Native",
            b"\x00\xff';",
        ),
        (
            b"INSERT INTO t SETTINGS a = 1 FORMAT CSV 1,2\n",
            b"INSERT INTO t SETTINGS a = 1 ",
            "CSV",
            b"1,2\n",
        ),
        (b"INSERT INTO values VALUES (1)", b"INSERT INTO values ", "Values", b" (1)"),
        (b"INSERT INTO db.format FORMAT TSV\n1", b"INSERT INTO db.format ", "TSV", b"1"),
        (
            b"/* INSERT */ INSERT INTO t FORMAT TSV\n--x",
            b"/* INSERT */ INSERT INTO t ",
            "TSV",
            b"--x",
        ),
        (b"INSERT INTO t SELECT 1; ", b"INSERT INTO t SELECT 1", None, b""),
    ],
)
def test_data_begin_where_the_insert_ends(
    text: bytes, sql: bytes, insert_format: str | None, data: bytes
) -> None:
    statement = parse(text)
    assert (statement.sql, statement.insert_format, statement.data) == (sql, insert_format, data)


@pytest.mark.parametrize(
    ("text", "output_format"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 FORMAT CSV SETTINGS a = 'x'", "CSV"),
        (b"SELECT format FROM t", None),
        (b"SELECT 'FORMAT CSV'", None),
        (b"SELECT 1 -- FORMAT CSV", None),
        (b"SELECT * FROM (SELECT 1 FORMAT CSV)", None),
    ],
)
def test_the_format_asked_for_is_that_of_the_last_clause(
    text: bytes, output_format: str | None
) -> None:
    assert parse(text).output_format == output_format


@pytest.mark.parametrize(
    ("text", "is_reading"),
    [
        (b"SELECT 1", True),
        (b"(SELECT 1)", True),
        (b"WITH 1 AS x SELECT x", True),
        (b"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", False),
        (b"INSERT INTO t VALUES (1)", False),
        (b"DROP TABLE t", False),
        (b"SET a = 1", True),
    ],
)
def test_reading_statements_are_told_from_others(text: bytes, is_reading: bool) -> None:
    assert parse(text).is_reading is is_reading


@pytest.mark.parametrize("text", [b"", b" -- nothing", b"SELECT 1; SELECT 2", b"SELECT ';'; x"])
def test_nothing_and_several_statements_are_syntax_errors(text: bytes) -> None:
    with pytest.raises(EngineError, match="SYNTAX_ERROR"):
        parse(text)


def test_an_exception_wrapped_in_another_is_taken_out() -> None:
    error = EngineError.parse(
        "Code: 115. DB::Exception: Code: 115. DB::Exception: Unknown setting 'bogus'. "
        "(UNKNOWN_SETTING) (version 26.9.2.1). (UNKNOWN_SETTING)"
    )
    assert error.text("1.2") == (
        "Code: 115. DB::Exception: Unknown setting 'bogus'. (UNKNOWN_SETTING) (version 1.2)"
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "2b9ac064fc9df03d291ee592c340b53c"),
        (1, "2264de61ab714ba07039e237496868f7"),
        (3, "e07a891e44244c90a549af712c7dd3ea"),
        (7, "3e03a3791ecbc12a880d3e33b91d511a"),
        (8, "b5c979d1e19b8f4fe6407d93197ce37a"),
        (12, "6abf4d05f54f6180c0b4b73a73f7ee04"),
        (15, "8d2dcf3705a810a785ee956f49a733e5"),
        (16, "7b836449ac0fec835248a3ab5f5775d2"),
        (17, "3c942c52e8b1346683c83eaa0f0a4584"),
        (31, "ad277a5163383190dbb031cc04831032"),
        (33, "9c663edf20930b46a4e25008869d8407"),
        (100, "712bff0b79cf2fe8e532359671fe9c52"),
        (143, "4067457b175f7668ceacba9e07e1911f"),
        (144, "0964db4a2304fb0c3617c325f89d93d4"),
        (160, "855fedd24f888181b83aed928032a889"),
        (200, "1440557aac2a9b8f919b3b66f8fd2aa9"),
        (271, "c5446bb9ca232d028e91faf6b692af50"),
        (272, "5ed49931112f248b50cc2f28bfd5bee2"),
        (300, "c71cfe8493f410e71c69c26b123b990e"),
        (1000, "568966b32a79884ed610c8300421a6d4"),
        (4096, "83bcf8cf352c5b7be440cf5b0116d7e4"),
    ],
)
def test_cityhash_gives_the_values_of_the_original(size: int, expected: str) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    assert cityhash128(data).hex() == expected
