from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import TYPE_CHECKING
from uuid import UUID

from harness.clickhouse.tables import Column, read_final

if TYPE_CHECKING:
    from harness.backends.embedded_clickhouse import EmbeddedClickHouse
    from tests.clickhouse.conftest import Curl


def test_every_type_comes_back_exactly(server: EmbeddedClickHouse) -> None:
    query = """SELECT
        'a\\xff\\0' AS s, toFixedString('ab', 3) AS f, CAST('l\\xff', 'LowCardinality(String)') AS l,
        CAST(NULL, 'Nullable(String)') AS n, toInt256('-5') AS i, toUInt64('18446744073709551615') AS u,
        toDecimal256('12345678901234567890123456789012345678.1234567890', 10) AS d, true AS b,
        toDateTime64('2025-01-02 03:04:05.678901', 6, 'UTC') AS t, toDate('2025-01-02') AS y,
        toUUID('00000000-0000-0000-0000-000000000007') AS k, toIPv4('1.2.3.4') AS ip,
        ['x\\xff'] AS a, map('k', 1) AS m, toFloat64('0.1') AS fl,
        CAST('{"n": 9007199254740993, "f": 1.1, "s": ["x"]}', 'JSON') AS j"""
    with read_final(server.url, query) as reading:
        names = [column.name for column in reading.columns]
        rows = list(reading.rows)
    assert rows == [
        (
            *(b"a\xff\0", b"ab\0", b"l\xff", None, -5, 18446744073709551615),
            Decimal("12345678901234567890123456789012345678.1234567890"),
            *(True, datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), date(2025, 1, 2)),
            *(UUID(int=7), IPv4Address("1.2.3.4"), [b"x\xff"], {b"k": 1}, 0.1),
            {"n": 9007199254740993, "f": Decimal("1.1"), "s": ["x"]},
        )
    ]
    assert names == [
        "s",
        "f",
        "l",
        "n",
        "i",
        "u",
        "d",
        "b",
        "t",
        "y",
        "k",
        "ip",
        "a",
        "m",
        "fl",
        "j",
    ]


def test_final_is_read_where_the_engine_merges(server: EmbeddedClickHouse, curl: Curl) -> None:
    curl(
        "CREATE OR REPLACE TABLE shop.versions (k String, v UInt64, is_deleted UInt8) "
        "ENGINE=ReplacingMergeTree(v, is_deleted) ORDER BY k"
    )
    for row in ("('a', 1, 0)", "('a', 2, 0)", "('b', 1, 0)", "('b', 2, 1)"):
        curl(f"INSERT INTO shop.versions VALUES {row}")
    with read_final(server.url, "shop.versions") as reading:
        assert reading.columns[1] == Column("v", "UInt64")
        assert list(reading.rows) == [(b"a", 2, 0)]
    with read_final(server.url, "versions", final=False) as reading:
        assert len(list(reading.rows)) == 4


def test_a_plain_table_is_read_as_it_is(server: EmbeddedClickHouse, curl: Curl) -> None:
    curl("CREATE OR REPLACE TABLE shop.plain (k UInt8) ENGINE=MergeTree ORDER BY k")
    curl("INSERT INTO shop.plain VALUES (1), (1)")
    with read_final(server.url, "shop.plain") as reading:
        assert list(reading.rows) == [(1,), (1,)]


def test_a_table_without_rows_has_columns(server: EmbeddedClickHouse, table: str) -> None:
    with read_final(server.url, table) as reading:
        assert [c.type for c in reading.columns] == ["UInt64", "String"]
        assert list(reading.rows) == []
