"""Inserts with data: at once, or in the queue of asynchronous inserts that nobody waits for.

With `async_insert` and without `wait_for_async_insert` a server answers as soon as it has the data in
memory, unparsed. It stores them when the queue has waited long enough, and whoever sent them learns
nothing of what goes wrong then: a row that is refused, or a server that dies before.

Source: ClickHouse docs, optimize/asynchronous-inserts.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from harness.clickhouse.engine import Result
from harness.clickhouse.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clickhouse.engine import Connection
    from harness.clickhouse.parameters import Parameters
    from harness.clickhouse.statements import Statement
    from harness.clock import Clock

BUSY_SECONDS = 0.2
"""`async_insert_busy_timeout_max_ms`: how long the first of a queue waits at most."""
QUEUED_BYTES_MAX = 10 * 1024 * 1024
"""`async_insert_max_data_size`: more than this goes at once."""
ON_SINCE = (26, 3)
"""From this release on `async_insert` is on unless a client says otherwise."""

_SETTING = re.compile(rb"\b(async_insert|wait_for_async_insert)\s*=\s*'?(\w+)")
_FLUSH = re.compile(rb"SYSTEM\s+FLUSH\s+ASYNC\s+INSERT\s+QUEUE\b", re.IGNORECASE)


class QueuedInserts:
    """The queue of one server.

    Args:
        clock: says when its time has come.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []

    def begin(self, clock: Clock) -> None:
        """Go by another clock from now on, with an empty queue."""
        self.drop()
        self._clock = clock

    def add(self, store: Callable[[], None]) -> Result:
        """Keep an insert for later; what a client is told of it."""
        with self._lock:
            self._waiting.append(store)
            is_first = len(self._waiting) == 1
        if is_first:
            self._clock.call_later(BUSY_SECONDS, self.flush)
        return Result()

    def flush(self) -> None:
        """Store all of it, in order; nobody hears of what is refused."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for store in waiting:
            try:
                store()
            except EngineError:
                continue

    def drop(self) -> None:
        """The server dies: what it had in memory is gone."""
        with self._lock:
            self._waiting.clear()


def is_queued(statement: Statement, asked: Parameters, version: str) -> bool:
    """Whether an insert is answered before it is stored."""
    if statement.insert_format is None or statement.input_call is not None:
        return False
    if len(statement.data) > QUEUED_BYTES_MAX:
        return False
    said = dict(asked.settings)
    if statement.settings_at is not None:
        clause = statement.sql[statement.settings_at :]
        said |= {name.decode(): value.decode() for name, value in _SETTING.findall(clause)}
    year, month = version.split(".")[:2]
    is_on_anyhow = (int(year), int(month)) >= ON_SINCE
    return _is_on(said.get("async_insert", str(int(is_on_anyhow)))) and not _is_on(
        said.get("wait_for_async_insert", "1")
    )


def is_flush(statement: Statement) -> bool:
    """Whether this is `SYSTEM FLUSH ASYNC INSERT QUEUE`."""
    return statement.verb == "SYSTEM" and _FLUSH.match(statement.sql.lstrip()) is not None


def insert(connection: Connection, statement: Statement, asked: Parameters) -> Result:
    """Store what an INSERT brings.

    Raises:
        EngineError: it is refused.
    """
    if statement.insert_format is None:
        return connection.query(statement.sql, "Null", asked.bound)
    if statement.input_call is not None:
        return connection.insert_through_input(
            statement.sql,
            statement.input_call,
            statement.insert_format,
            statement.data,
            asked.bound,
        )
    return connection.insert(
        statement.sql,
        statement.insert_format,
        statement.data,
        asked.bound,
        settings_at=statement.settings_at,
    )


def _is_on(value: str) -> bool:
    return value.lower() not in ("0", "false")
