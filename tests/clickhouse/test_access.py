from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clickhouse.conftest import Answer, Curl


@pytest.fixture
def granted(curl: Curl, table: str) -> str:
    """A user who may insert into and select from `shop.t` alone."""
    curl("CREATE OR REPLACE TABLE shop.other (id UInt64, name String) ENGINE=MergeTree ORDER BY id")
    for statement in (
        "DROP USER IF EXISTS pipe",
        "CREATE USER pipe IDENTIFIED WITH sha256_password BY 'secret'",
        f"GRANT INSERT, SELECT ON {table} TO pipe",
    ):
        answer = curl(statement)
        assert answer.status == 200, answer.text
    return "pipe"


def _as_pipe(curl: Curl, query: str, body: bytes = b"", *, database: str = "") -> Answer:
    return curl(query, body, user="pipe", password="secret", database=database)


@pytest.mark.usefixtures("granted")
def test_a_user_may_do_what_was_granted(curl: Curl) -> None:
    assert _as_pipe(curl, "INSERT INTO shop.t FORMAT TSV", b"1\ta\n").status == 200
    for query in (
        "SELECT count() FROM shop.t AS x FINAL",
        "SELECT name FROM shop.t WHERE id = 1 FORMAT JSONCompactEachRow",
        "SELECT name FROM shop.t FORMAT Native SETTINGS max_threads = 1",
        "WITH x AS (SELECT * FROM shop.t) SELECT count() FROM x",
        "INSERT INTO shop.t SELECT id + 1, name FROM shop.t",
        "SELECT version(), timezone()",
        "SELECT name, value, readonly FROM system.settings LIMIT 1",
        "DESCRIBE TABLE shop.t",
        "SHOW GRANTS",
    ):
        answer = _as_pipe(curl, query)
        assert answer.status == 200, (query, answer.text)


@pytest.mark.usefixtures("granted")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM shop.other",
        "SELECT * FROM shop.t WHERE id IN (SELECT id FROM shop.other)",
        "WITH t AS (SELECT 1) SELECT * FROM shop.other",
        "INSERT INTO shop.other VALUES (1, 'a')",
        "INSERT INTO shop.t SELECT * FROM shop.other",
        "SELECT * FROM merge('shop', '.*')",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT file('x')",
        "DROP TABLE shop.t",
        "TRUNCATE TABLE shop.t",
        "ALTER TABLE shop.t DELETE WHERE 1",
        "OPTIMIZE TABLE shop.t FINAL",
        "CREATE TABLE shop.mine (a Int8) ENGINE=Memory",
        "CREATE DATABASE mine",
        "CREATE VIEW shop.v AS SELECT * FROM shop.t",
        "RENAME TABLE shop.t TO shop.u",
        "SYSTEM STOP MERGES",
        "KILL QUERY WHERE 1",
        "GRANT SELECT ON shop.other TO pipe",
        "CREATE USER more",
        "DESCRIBE TABLE shop.other",
    ],
)
def test_a_user_may_do_nothing_else(curl: Curl, query: str) -> None:
    answer = _as_pipe(curl, query)
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (403, "497"), answer
    assert "pipe: Not enough privileges." in answer.text


@pytest.mark.usefixtures("granted")
def test_an_unqualified_name_means_the_current_database(curl: Curl) -> None:
    assert _as_pipe(curl, "INSERT INTO t VALUES (1, 'a')", database="shop").status == 200
    assert _as_pipe(curl, "SELECT * FROM other", database="shop").status == 403


@pytest.mark.usefixtures("granted")
def test_revoked_rights_and_dropped_users_are_gone(curl: Curl) -> None:
    curl("REVOKE SELECT ON shop.t FROM pipe")
    assert _as_pipe(curl, "SELECT * FROM shop.t").status == 403
    assert _as_pipe(curl, "INSERT INTO shop.t VALUES (1, 'a')").status == 200
    assert curl("SHOW GRANTS FOR pipe").body == b"GRANT INSERT ON shop.t TO pipe\n"
    curl("DROP USER pipe")
    refused = _as_pipe(curl, "SELECT 1")
    assert (refused.status, refused.headers["x-clickhouse-exception-code"]) == (403, "516")


@pytest.mark.usefixtures("granted")
def test_a_user_needs_its_own_password(curl: Curl) -> None:
    assert curl("SELECT 1", user="pipe", password="guess").status == 403
    curl("ALTER USER pipe IDENTIFIED BY 'new'")
    assert _as_pipe(curl, "SELECT 1").status == 403
    assert curl("SELECT 1", user="pipe", password="new").body == b"1\n"


@pytest.mark.usefixtures("granted")
def test_ddl_can_be_granted(curl: Curl) -> None:
    curl("GRANT CREATE TABLE, DROP TABLE, TRUNCATE, ALTER, OPTIMIZE ON shop.* TO pipe")
    for query in (
        "CREATE TABLE shop.mine (a Int8) ENGINE=MergeTree ORDER BY a",
        "ALTER TABLE shop.mine ADD COLUMN b String",
        "OPTIMIZE TABLE shop.mine FINAL",
        "TRUNCATE TABLE shop.mine",
        "DROP TABLE shop.mine",
    ):
        answer = _as_pipe(curl, query)
        assert answer.status == 200, (query, answer.text)
    escape = "CREATE TABLE shop.out (a String) ENGINE=File(CSV)"
    assert _as_pipe(curl, escape).status == 403
