"""The apply log: every row that enters the target, in the order in which it came.

FINAL shows one row a key, merges drop the others, and rows of one key within one INSERT are dropped
before anything is stored. A materialized view on the target sees them all, whoever inserts, in
whatever format, directly or through a view of its own; its rows are kept in a table of a database
that pipelines have no business with.

A pipeline must not notice. So a statement that would meet the view (a column dropped, the table
renamed) goes past it, the view is made anew after it, and an INSERT's answer counts the target's
rows alone. Where a pipeline hangs a view of its own on the target, the two cannot be told apart
there, and the log ends: whoever reads it learns that it is not whole.

Deviations that remain: the log's database is listed by `SHOW DATABASES`; an INSERT into another
table, whose view then writes into the target, counts the target's rows twice in `written_rows`.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.clickhouse.errors import EngineError
from harness.clickhouse.statements import name_of, quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.clickhouse.engine import Connection, Engine, Result
    from harness.clickhouse.statements import Statement

DATABASE = "_harness"
ROWS = f"{DATABASE}.applied"
VIEW = f"{DATABASE}.applied_view"
PATH = "/_harness/apply-log"
ORDER = "_block_number, _block_offset"
"""Of the rows of a kept log: as they came, whatever has been merged since."""

_KEPT = (
    "MergeTree ORDER BY tuple() "
    "SETTINGS enable_block_number_column = 1, enable_block_offset_column = 1"
)
_CHANGES_TABLE = frozenset({"CREATE", "DROP", "RENAME", "EXCHANGE", "REPLACE", "ATTACH", "UNDROP"})
_MEETS_VIEW = (b"DROP", b"RENAME", b"MODIFY")


@dataclass(frozen=True, slots=True)
class Watched:
    """A target, and what of its rows is kept.

    Attributes:
        keys: the key's columns.
        version: the version column; empty when there is none. Where the table lacks it, 0 is kept.
        deleted: a SQL condition that is true for a row of a deleted item.
        id: the column of the write marker.
        counter: the column of the write counter.
    """

    database: str
    table: str
    keys: tuple[str, ...]
    version: str
    deleted: str
    id: str
    counter: str

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Watched:
        """The target of a request body; `as_json`'s inverse.

        Raises:
            KeyError: a member is missing.
        """
        return cls(
            str(members["database"]),
            str(members["table"]),
            tuple(str(key) for key in members["keys"]),
            *(str(members[name]) for name in ("version", "deleted", "id", "counter")),
        )

    def as_json(self) -> dict[str, Any]:
        """Its members by name."""
        return {
            "database": self.database, "table": self.table, "keys": list(self.keys),
            "version": self.version, "deleted": self.deleted,
            "id": self.id, "counter": self.counter,
        }  # fmt: skip

    def select(self) -> str:
        """The rows as they are kept: keys, version, deleted, id, counter."""
        kept = [quote_name(name) for name in self.keys]
        kept.append(quote_name(self.version) if self.version else "0")
        kept += [f"({self.deleted})", quote_name(self.id), quote_name(self.counter)]
        # An alias hides a column of its name from the other expressions.
        columns = ", ".join(f"{what} AS _harness_{at}" for at, what in enumerate(kept))
        return f"SELECT {columns} FROM {quote_name(self.database)}.{quote_name(self.table)}"


class ApplyLog:
    """Keeps the log of one target, from now on.

    Args:
        engine: where the target is, or will be.
        watched: the target.
        in_memory: keep the rows in memory, for a log that is short and read once.

    Attributes:
        is_attached: rows are being kept.
    """

    def __init__(self, engine: Engine, watched: Watched, *, in_memory: bool = False) -> None:
        self._connection: Connection = engine.connect()
        self._watched = watched
        self._storage = "Memory" if in_memory else _KEPT
        self._lock = threading.Lock()
        self._has_ended = False
        self.is_attached = False
        self._run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        self._run(f"DROP VIEW IF EXISTS {VIEW} SYNC")
        self._run(f"DROP TABLE IF EXISTS {ROWS} SYNC")
        self._attach()

    def close(self) -> None:
        """Take the view off the target, and forget the rows."""
        with self._lock:
            self._detach()
            self._run(f"DROP TABLE IF EXISTS {ROWS} SYNC")
            self._connection.close()

    @contextmanager
    def around(self, statement: Statement) -> Iterator[None]:
        """What a statement that is about the target itself needs before it runs, and after."""
        if not self._is_about_target(statement):
            yield
            return
        with self._lock:
            if statement.verb == "ALTER":
                self._detach()
            try:
                yield
            finally:
                self._detach()
                self._attach()

    def own_rows(self, statement: Statement, result: Result) -> Result:
        """An INSERT's counts without those of the log."""
        if not self.is_attached or not result.written_rows or not self._goes_in(statement):
            return result
        # Each row of the target is counted once more for the view that keeps it.
        return replace(result, written_rows=(result.written_rows + 1) // 2)

    def _is_about_target(self, statement: Statement) -> bool:
        if statement.verb == "ALTER":
            if not any(token.is_word(*_MEETS_VIEW) for token in statement.tokens):
                return False
        elif statement.verb not in _CHANGES_TABLE:
            return False
        return any(
            token.kind in ("word", "quoted") and name_of(token) == self._watched.table
            for token in statement.tokens
        )

    def _goes_in(self, statement: Statement) -> bool:
        """Whether an INSERT's table is the target itself."""
        names = [t for t in statement.tokens[1:7] if not t.is_word(b"INTO", b"TABLE")]
        if len(names) > 2 and names[1].text == b".":
            return (
                name_of(names[0]) == self._watched.database
                and name_of(names[2]) == self._watched.table
            )
        return bool(names) and name_of(names[0]) == self._watched.table

    def _attach(self) -> None:
        """Hang the view on the target, if it is there and has what is to be kept."""
        if self._has_ended:
            return
        select = self._watched.select()
        try:
            if self._others():
                self._has_ended = True
                return
            self._run(
                f"CREATE TABLE IF NOT EXISTS {ROWS} ENGINE = {self._storage} EMPTY AS {select}"
            )
            self._run(f"CREATE MATERIALIZED VIEW {VIEW} TO {ROWS} AS {select}")
        except EngineError:
            # No such table yet, or not these columns: the log is then not whole, and says so.
            return
        self.is_attached = True

    def _detach(self) -> None:
        if self.is_attached:
            self.is_attached = False
            self._run(f"DROP VIEW IF EXISTS {VIEW} SYNC")

    def _others(self) -> bool:
        """Whether somebody else's views hang on the target."""
        found = self._run(
            "SELECT length(dependencies_table) FROM system.tables "
            f"WHERE database = {quote_text(self._watched.database)} "
            f"AND name = {quote_text(self._watched.table)}"
        )
        return found.strip() not in (b"", b"0")

    def _run(self, statement: str) -> bytes:
        return self._connection.query(statement.encode(), "TabSeparated").data
