"""ClickHouse's tables over many stepped examples: emptied when the next example needs the same ones.

Making and dropping tables costs more than all the rows of an example. So what one example leaves is
emptied and kept, when it is known that the next one would make the very same; else it is dropped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from harness.clickhouse.errors import EngineError
from harness.errors import BackendError
from harness.web.message import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from harness.clickhouse.apply_log import Watched
    from harness.clickhouse.engine import Engine
    from harness.clickhouse.http import ClickHouseApp
    from harness.faults.asked import Asked
    from harness.web.message import Response

_SYSTEM = "('system', 'INFORMATION_SCHEMA', 'information_schema')"
_FOUND = (
    "SELECT database, name, engine, create_table_query, ifNull(total_rows, 1) "
    f"FROM system.tables WHERE database NOT IN {_SYSTEM} "
    "ORDER BY engine LIKE '%View' DESC, database, name"
)
_LOG_DATABASE = "_harness"
_KEEPS_TABLES = frozenset({"INSERT", "SELECT", "WITH", "DESCRIBE", "SHOW", "EXISTS"})
_REMEMBERS = ("deduplication_window", "TTL ")
"""A table with these that was inserted into knows more of its past than its rows."""


_CREATES = re.compile(r"\s*CREATE\s", re.IGNORECASE)
_MAKES_MISSING = re.compile(rb"\s*CREATE (?:TABLE|DATABASE) IF NOT EXISTS ", re.IGNORECASE)

_Found = tuple[str, str, str, str, int]


class Tables:
    """The tables of the engine that all examples share.

    Args:
        engine: where they are.
        clickhouse: the interface that pipelines use, which keeps the apply log.

    Attributes:
        facts: what somebody has asked of the tables, as long as they stay what they are.
    """

    def __init__(self, engine: Engine, clickhouse: ClickHouseApp) -> None:
        self._connection = engine.connect()
        self._clickhouse = clickhouse
        self._purpose = ""
        self._made: dict[tuple[str, str], str] = {}
        self._is_spoilt = False
        self._ships = False
        self._watched: Watched | None = None
        self._met: set[tuple[str, bytes]] = set()
        self._made_already: dict[tuple[Any, ...], Response] = {}
        self._has_news = True
        self._left: list[_Found] = []
        self.facts: dict[str, Any] = {}

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def read(self, statement: str) -> bytes:
        """The answer of a SELECT of the harness's own, past the interface.

        Raises:
            BackendError: ClickHouse refuses it.
        """
        try:
            # Streamed, though it is short: the engine then makes fewer threads.
            blocks = self._connection.stream(statement.encode(), "JSONCompactEachRow")
            return b"".join(block.data for block in blocks)
        except EngineError as error:
            told = error.message[:300]
            raise BackendError(f"ClickHouse refuses {statement[:100]!r}: {told}") from None

    def sql(self, statement: str) -> bytes:
        """Run a statement of the harness's own as a pipeline would.

        Raises:
            BackendError: ClickHouse refuses it.
        """
        self._made_already.clear()
        answer = self._clickhouse(Request("POST", "/", "", {}, statement.encode()))
        body = answer.body if isinstance(answer.body, bytes) else b""
        if answer.status != 200:
            raise BackendError(f"ClickHouse refuses {statement[:100]!r}: {body.decode()[:300]}")
        return body

    def prepare(self, purpose: str, statements: Sequence[str], *, ships: bool) -> None:
        """Have the tables that an example begins with.

        Args:
            purpose: equal for examples that make the same tables; empty for one that is alone.
            statements: what makes them, where they are not there already.
            ships: the pipeline is known to make its own tables where they are missing; of another,
                whatever it makes is dropped after each example.

        Raises:
            BackendError: ClickHouse refuses a statement.
        """
        if purpose and purpose == self._purpose:
            return
        self.drop()
        for statement in statements:
            self.sql(statement)
        if not all(_CREATES.match(statement) for statement in statements):
            return
        found = [] if ships or not purpose else self._found()
        # What has rows from the beginning cannot be emptied for the next example.
        if not any(rows for *_, rows in found):
            self._purpose, self._ships = purpose, ships
            self._made = {(database, name): query for database, name, _, query, _ in found}

    def keep_log(self, watched: Watched | None) -> None:
        """Have an apply log of the target that is empty."""
        log = self._clickhouse.log
        if log is not None and watched == self._watched and log.is_attached:
            return
        self._clickhouse.keep_log(watched, in_memory=True)
        self._watched = watched

    def spoil(self) -> None:
        """A table was altered: nothing is kept."""
        self._is_spoilt = True
        self._made_already.clear()
        self.facts.clear()

    def meets(self, asked: Asked, request: Request) -> None:
        """A pipeline sends a statement, after which other tables may be there than were left.

        One that makes a table as in an example before, where the table was left, makes nothing.
        """
        if asked.operation in _KEEPS_TABLES:
            return
        if _as_asked(request) in self._made_already:
            return
        makes_missing = bool(_MAKES_MISSING.match(request.body))
        if not makes_missing:
            self._made_already.clear()
        statement = (request.query, request.body)
        is_there = any(name == asked.subject for _, name, *_ in self._left)
        if asked.operation == "CREATE" and is_there and statement in self._met:
            return
        self._met.add(statement)
        self._has_news = True
        if not makes_missing:
            self.facts.clear()

    def answer(self, request: Request) -> Response:
        """ClickHouse's answer to a pipeline, whose statement `meets` was told of.

        What makes a table if it is missing was asked by the same bytes before, and nobody has dropped
        anything since: then it makes nothing, and its answer is known.
        """
        asked = _as_asked(request)
        known = self._made_already.get(asked)
        if known is not None:
            return replace(known, headers=dict(known.headers))
        answer = self._clickhouse(request)
        if answer.status == 200 and not answer.body and _MAKES_MISSING.match(request.body):
            self._made_already[asked] = replace(answer, headers=dict(answer.headers))
        return answer

    def leave(self, inserted: Collection[str]) -> None:
        """An example ends: empty its tables, or drop them.

        Args:
            inserted: names of the tables that INSERTs were sent to.
        """
        found = self._as_left() if self._purpose and not self._is_spoilt else []
        left = [table for table in found if self._may_stay(table)]
        if not left or not self._is_whole(left) or _remembers(left, inserted):
            self.drop()
            return
        gone = [table for table in found if table not in left]
        if any(engine.endswith("View") for _, _, engine, *_ in gone):
            self.drop()
            return
        for database, name, *_ in gone:
            self._run(f"DROP TABLE IF EXISTS `{database}`.`{name}` SYNC")
            self._made_already.clear()
        for database, name, engine, _, rows in left:
            is_filled = rows if self._has_news else name in inserted or database == _LOG_DATABASE
            if is_filled and not engine.endswith("View"):
                self._run(f"TRUNCATE TABLE `{database}`.`{name}` SYNC")
        self._left, self._has_news = left, False

    def drop(self) -> None:
        """Leave nothing of any example."""
        self._clickhouse.keep_log(None)
        self._made_already.clear()
        self._watched = None
        for database, name, *_ in self._as_left():
            if database != _LOG_DATABASE:
                # A view has taken its inner table with it.
                self._run(f"DROP TABLE IF EXISTS `{database}`.`{name}` SYNC")
        self._made.clear()
        self._met.clear()
        self._left.clear()
        self.facts.clear()
        self._purpose, self._is_spoilt, self._has_news = "", False, True

    def _as_left(self) -> list[_Found]:
        """The tables that are there now; asked for only when there may be others than before."""
        return self._found() if self._has_news else self._left

    def _found(self) -> list[_Found]:
        return [tuple(orjson.loads(line)) for line in self.read(_FOUND).splitlines()]

    def _may_stay(self, table: _Found) -> bool:
        """False of what a pipeline has made that may not find it in the next example."""
        return self._ships or table[0] == _LOG_DATABASE or table[:2] in self._made

    def _is_whole(self, left: Sequence[_Found]) -> bool:
        """Whether all that is to be there is, and as it was made."""
        names = {table[:2] for table in left}
        return names >= self._made.keys() and all(self._is_known(*table[:4]) for table in left)

    def _is_known(self, database: str, name: str, engine: str, query: str) -> bool:
        if database == _LOG_DATABASE:
            return self._clickhouse.log is not None and self._clickhouse.log.is_attached
        if engine.endswith("View"):
            return False
        return self._made.setdefault((database, name), query) == query

    def _run(self, statement: str) -> None:
        self._connection.query(statement.encode(), "Null")


def _as_asked(request: Request) -> tuple[Any, ...]:
    """All of a request that ClickHouse looks at."""
    headers = tuple(sorted(request.headers.items()))
    return request.method, request.path, request.query, headers, request.body


def _remembers(tables: Sequence[_Found], inserted: Collection[str]) -> bool:
    """Whether some of them know of rows that are no longer there."""
    return any(
        name in inserted and any(word in query for word in _REMEMBERS)
        for _, name, _, query, _ in tables
    )
