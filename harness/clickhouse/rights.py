"""What a statement needs: the rights on tables that a server would ask for.

The engine itself says which tables a statement reads, by `EXPLAIN QUERY TREE`, and which it defines
or changes, by `EXPLAIN AST`. Statements of kinds other than those below are left to the
administrator: stricter than a server, never more permissive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clickhouse.statements import name_of, scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.clickhouse.engine import Connection
    from harness.clickhouse.statements import Statement

PRIVILEGES = (
    *("SELECT", "INSERT", "ALTER", "OPTIMIZE", "CREATE TABLE", "DROP TABLE", "TRUNCATE", "SHOW"),
    *("S3", "URL", "FILE", "SOURCES"),
)
_BY_QUERY_KIND = {
    "AlterQuery": "ALTER",
    "OptimizeQuery": "OPTIMIZE",
    "TruncateQuery": "TRUNCATE",
    "DropQuery": "DROP TABLE",
    "CreateQuery": "CREATE TABLE",
    "DeleteQuery": "ALTER",
    "DescribeQuery": "SHOW",
    "ShowCreateTableQuery": "SHOW",
    "ExistsTableQuery": "SHOW",
    "CheckQuery": "SELECT",
}
_FREE_KINDS = ("ShowTables", "Set", "UseQuery")
_SOURCES = {"s3": "S3", "s3Cluster": "S3", "url": "URL", "file": "FILE"}
_FREE_FUNCTIONS = {"numbers", "numbers_mt", "zeros", "zeros_mt", "values", "generate_series"}
_FREE_DATABASES = ("system", "information_schema", "_temporary_and_external_tables")
_FREE_ENGINES = ("Memory", "Null", "Log", "TinyLog", "StripeLog")
_READS_ELSEWHERE = re.compile(rb"(?i)^(dictget|dicthas|joinget|file$)")

_TREE_TABLE = re.compile(r"table_name: (.+?)(?=, [a-z_]+: |$)", re.MULTILINE)
_TREE_FUNCTION = re.compile(r"table_function_name: (\w+)")
_AST_TABLE = re.compile(r"TableIdentifier (.+)")
_AST_FUNCTION = re.compile(r"TableExpression[^\n]*\n\s*Function (\w+)")
_AST_NAME = re.compile(r"^ Identifier (.+)$", re.MULTILINE)
_AST_ENGINE = re.compile(r"Storage definition[^\n]*\n\s*Function (\w+)")


@dataclass(frozen=True, slots=True)
class Right:
    """One privilege on one table, or `*.*` for sources outside of the database."""

    privilege: str
    database: str
    table: str


ADMINISTRATION = Right("ALL", "*", "*")


def needed(statement: Statement, connection: Connection, bound: Mapping[str, str]) -> set[Right]:
    """The rights that `statement` needs on `connection`, with its current database.

    Raises:
        EngineError: the statement is not valid.
    """
    if any(t.kind == "word" and _READS_ELSEWHERE.match(t.text) for t in statement.tokens[1:]) and (
        not _is_table_function_only(statement)
    ):
        return {ADMINISTRATION}
    if statement.verb in ("SELECT", "WITH", "(") and statement.is_reading:
        return _read(statement.sql, connection, bound)
    current = connection.query(b"SELECT currentDatabase()", "TabSeparatedRaw").data.decode().strip()
    if statement.verb == "INSERT":
        return _inserted(statement, connection, bound, current)
    return _defined(statement.sql, connection, bound, current)


def _is_table_function_only(statement: Statement) -> bool:
    """`file` as a table function is seen by the engine's own answer; as a function it is not."""
    words = statement.tokens
    for before, token, after in zip(words, words[1:], words[2:], strict=False):
        if token.kind != "word" or not _READS_ELSEWHERE.match(token.text):
            continue
        if after.text == b"(" and not before.is_word(b"FROM", b"JOIN", b"FUNCTION"):
            return False
    return True


def _read(sql: bytes, connection: Connection, bound: Mapping[str, str]) -> set[Right]:
    explain = b"EXPLAIN QUERY TREE " + _without_format(sql)
    tree = connection.query(explain, "TabSeparatedRaw", bound).data.decode()
    rights = {_source(name) for name in _TREE_FUNCTION.findall(tree)} - {None}
    tables = {_split(name, "") for name in _TREE_TABLE.findall(tree)}
    return {r for r in rights if r is not None} | _on_tables("SELECT", tables)


def _without_format(sql: bytes) -> bytes:
    """Without its FORMAT clause, which would hold for the explanation too."""
    tokens = list(scan(sql))
    for index in range(len(tokens) - 2, 0, -1):
        token, name = tokens[index], tokens[index + 1]
        is_last = index + 2 == len(tokens) or tokens[index + 2].is_word(b"SETTINGS")
        if token.depth == 0 and token.is_word(b"FORMAT") and name.kind == "word" and is_last:
            return sql[: token.start] + sql[name.end :]
    return sql


def _inserted(
    statement: Statement, connection: Connection, bound: Mapping[str, str], current: str
) -> set[Right]:
    tokens = list(statement.tokens[1:])
    while tokens and tokens[0].is_word(b"INTO", b"TABLE"):
        tokens.pop(0)
    if not tokens:
        return {ADMINISTRATION}
    if tokens[0].is_word(b"FUNCTION"):
        source = _source(name_of(tokens[1])) if len(tokens) > 1 else None
        rights = {source or ADMINISTRATION}
    else:
        if tokens[0].kind not in ("word", "quoted"):
            return {ADMINISTRATION}
        table = (current, name_of(tokens[0]))
        if len(tokens) > 2 and tokens[1].text == b".":
            table = (name_of(tokens[0]), name_of(tokens[2]))
        rights = _on_tables("INSERT", {table})
    select = next((t for t in tokens if t.is_word(b"SELECT", b"WITH")), None)
    if select is not None and statement.input_call is None:
        inner = statement.sql[select.start :]
        while inner.count(b")") > inner.count(b"("):
            inner = inner[: inner.rindex(b")")]
        rights |= _read(inner, connection, bound)
    elif statement.input_call is not None:
        rights |= {ADMINISTRATION}
    return rights


def _defined(
    sql: bytes, connection: Connection, bound: Mapping[str, str], current: str
) -> set[Right]:
    tree = connection.query(b"EXPLAIN AST " + sql, "TabSeparatedRaw", bound).data.decode()
    kind = tree.split(maxsplit=1)[0] if tree.strip() else ""
    if kind in _FREE_KINDS:
        return set()
    rights = _on_tables("SELECT", {_split(n, current) for n in _table_names(tree)})
    for function in _AST_FUNCTION.findall(tree):
        rights.add(_source(function) or Right("SELECT", current, "*"))
    if kind == "Explain":
        return rights
    privilege = _BY_QUERY_KIND.get(kind)
    engines = _AST_ENGINE.findall(tree)
    if (
        privilege is None
        or "ViewTargets" in tree
        or re.match(rb"(?i)\s*(create|drop|truncate)\s+(?!table|temporary|or)", sql)
        or any(e not in _FREE_ENGINES and not e.endswith("MergeTree") for e in engines)
    ):
        return {ADMINISTRATION}
    if re.match(rb"(?i)\s*create\s+temporary", sql):
        return rights
    if kind == "DescribeQuery":
        return {Right("SHOW", r.database, r.table) for r in rights if r.privilege == "SELECT"} | {
            r for r in rights if r.privilege != "SELECT"
        }
    names = [_unquoted(name) for name in _AST_NAME.findall(tree)][:2]
    table = (names[0], names[1]) if len(names) == 2 else (current, *names)
    return rights | (_on_tables(privilege, {table}) if len(table) == 2 else {ADMINISTRATION})


def _table_names(tree: str) -> list[str]:
    names = [re.sub(r" \((?:alias|children) [^()]*\)$", "", n) for n in _AST_TABLE.findall(tree)]
    return [name.strip() for name in names]


def _on_tables(privilege: str, tables: set[tuple[str, str]]) -> set[Right]:
    return {
        Right(privilege, database, table)
        for database, table in tables
        if not (privilege in ("SELECT", "SHOW") and database.lower() in _FREE_DATABASES)
    }


def _source(function: str) -> Right | None:
    if function in _FREE_FUNCTIONS:
        return None
    return Right(_SOURCES[function], "*", "*") if function in _SOURCES else ADMINISTRATION


def _split(name: str, current: str) -> tuple[str, str]:
    found = re.match(r"(`[^`]*`|[^.`]+)\.(.+)\Z", name)
    if found is None:
        return current, _unquoted(name)
    return _unquoted(found[1]), _unquoted(found[2])


def _unquoted(name: str) -> str:
    return name[1:-1] if name.startswith("`") and name.endswith("`") else name.split(" (")[0]
