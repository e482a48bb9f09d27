"""An insert that fails after its rows were read must fail for the client, and store nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clickhouse.conftest import Answer, Curl


def make(curl: Curl, *statements: str) -> None:
    for statement in statements:
        answer = curl(statement)
        assert answer.status == 200, answer.text


def failed(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.headers["x-clickhouse-exception-code"]


@pytest.fixture
def checked(curl: Curl) -> str:
    """A table that takes any `a` but 3."""
    make(
        curl,
        "CREATE OR REPLACE TABLE shop.checked (a Int8, b Int8 DEFAULT a + 1, "
        "CONSTRAINT not_three CHECK a != 3) ENGINE = MergeTree ORDER BY a",
    )
    return "shop.checked"


@pytest.mark.parametrize(
    ("insert_format", "body"),
    [
        ("JSONCompactEachRow", b"[1]\n[3]"),
        ("JSONEachRow", b'{"a":1}\n{"a":3}'),
        ("TabSeparated", b"1\n3\n"),
        ("Values", b"(1), (3)"),
    ],
)
def test_a_violated_constraint_is_answered_with_469(
    curl: Curl, checked: str, insert_format: str, body: bytes
) -> None:
    answer = curl(f"INSERT INTO {checked} (a) FORMAT {insert_format}", body)
    assert failed(answer) == (500, "469")
    assert answer.text.startswith(
        "Code: 469. DB::Exception: Constraint `not_three` for table shop.checked"
    )
    assert "violated at row 2." in answer.text
    assert "/proc/" not in answer.text
    assert curl(f"SELECT count() FROM {checked}").body == b"0\n"


def test_rows_that_satisfy_the_constraint_are_stored_with_their_defaults(
    curl: Curl, checked: str
) -> None:
    assert curl(f"INSERT INTO {checked} (a) FORMAT JSONEachRow", b'{"a":1}').status == 200
    assert curl(f"INSERT INTO {checked} FORMAT JSONEachRow", b'{"a":2}').status == 200
    assert curl(f"SELECT * FROM {checked} ORDER BY a").body == b"1\t2\n2\t3\n"


def test_settings_of_the_statement_and_parameters_reach_a_checked_insert(
    curl: Curl, checked: str
) -> None:
    strict = "SETTINGS input_format_skip_unknown_fields = 0"
    answer = curl(f"INSERT INTO {checked} (a) {strict} FORMAT JSONEachRow", b'{"a":1,"c":2}')
    assert failed(answer) == (400, "117")
    named = "INSERT INTO {table:Identifier}.checked (a) FORMAT JSONEachRow"
    assert curl(named, b'{"a":1}', param_table="shop").status == 200
    assert curl(f"SELECT a FROM {checked}").body == b"1\n"


def test_a_row_that_cannot_be_read_is_named_without_the_engines_own_file(
    curl: Curl, checked: str
) -> None:
    answer = curl(f"INSERT INTO {checked} (a) FORMAT JSONEachRow", b'{"a":1}\n{"a":"x"}')
    assert failed(answer) == (400, "27")
    assert "(at row 2)" in answer.text
    assert "/proc/" not in answer.text
    assert "INSERT was parsed from file" not in answer.text


def test_an_insert_without_rows_stores_nothing_and_succeeds(curl: Curl, checked: str) -> None:
    assert curl(f"INSERT INTO {checked} FORMAT JSONEachRow").status == 200
    assert curl(f"SELECT count() FROM {checked}").body == b"0\n"
    missing = curl("INSERT INTO shop.nowhere FORMAT JSONEachRow")
    assert failed(missing) == (404, "60")


def test_a_partition_expression_that_throws_is_answered_with_395(curl: Curl) -> None:
    make(
        curl,
        "CREATE OR REPLACE TABLE shop.parted (a Int8) ENGINE = MergeTree "
        "PARTITION BY if(a = 3, throwIf(a = 3, 'no three'), 1) ORDER BY a",
    )
    answer = curl("INSERT INTO shop.parted FORMAT JSONEachRow", b'{"a":1}\n{"a":3}')
    assert failed(answer) == (500, "395")
    assert answer.text.startswith("Code: 395. DB::Exception: no three")
    assert curl("SELECT count() FROM shop.parted").body == b"0\n"


def test_a_materialized_view_that_throws_fails_the_insert(curl: Curl) -> None:
    make(
        curl,
        "CREATE OR REPLACE TABLE shop.seen (a Int8) ENGINE = MergeTree ORDER BY a",
        "CREATE OR REPLACE TABLE shop.derived (a Int8) ENGINE = MergeTree ORDER BY a",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS shop.deriving TO shop.derived AS "
        "SELECT toInt8(a + throwIf(a = 3, 'view')) AS a FROM shop.seen",
    )
    answer = curl("INSERT INTO shop.seen FORMAT JSONEachRow", b'{"a":1}\n{"a":3}')
    assert failed(answer) == (500, "395")
    assert "while pushing to view shop.deriving" in answer.text
    assert curl("SELECT count() FROM shop.derived").body == b"0\n"
    assert curl("INSERT INTO shop.seen FORMAT JSONEachRow", b'{"a":4}').status == 200
    assert curl("SELECT a FROM shop.derived").body == b"4\n"


def test_an_asynchronous_insert_that_is_waited_for_is_refused_too(curl: Curl, checked: str) -> None:
    query = f"INSERT INTO {checked} (a) FORMAT JSONEachRow"
    answer = curl(query, b'{"a":3}', async_insert=1, wait_for_async_insert=1)
    assert failed(answer) == (500, "469")
    assert curl(query, b'{"a":4}', async_insert=1, wait_for_async_insert=1).status == 200
    assert curl(f"SELECT a FROM {checked}").body == b"4\n"


def test_insert_select_from_input_is_held_to_the_constraint(curl: Curl, checked: str) -> None:
    query = f"INSERT INTO {checked} (a) SELECT n + 2 FROM input('n Int8') FORMAT JSONEachRow"
    assert failed(curl(query, b'{"n":1}')) == (500, "469")
    assert curl(query, b'{"n":2}').status == 200
    assert curl(f"SELECT a FROM {checked}").body == b"4\n"


def test_a_repeated_insert_with_one_token_counts_once(curl: Curl) -> None:
    make(
        curl,
        "CREATE OR REPLACE TABLE shop.once (a Int8) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100",
    )
    query = "INSERT INTO shop.once FORMAT JSONEachRow"
    for _ in range(2):
        assert curl(query, b'{"a":1}', insert_deduplication_token="first").status == 200
    assert curl(query, b'{"a":1}', insert_deduplication_token="second").status == 200
    assert curl("SELECT count() FROM shop.once").body == b"2\n"
