"""Many connections over the one that an old chDB release has.

Up to chDB 3 a second connection closes the first, and takes its tables along. So all share one: each
remembers its database, settings and parameters, puts them in force for each of its statements, and
takes them back. What a client itself SETs, and temporary tables, are therefore everybody's.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from harness.clickhouse.engine import Connection
from harness.clickhouse.statements import quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "default"


class SharedConnection(Connection):
    """One of many users of a chDB connection.

    Args:
        handle: the connection.
        lock: held while a statement runs.
    """

    def __init__(self, handle: Any, lock: threading.Lock) -> None:
        super().__init__(handle, streams=False)
        self._lock = lock
        self._database = DEFAULT
        self._settings: dict[str, str] = {}
        self._params: dict[str, str] = {}

    def set(self, settings: Mapping[str, str], params: Mapping[str, str] | None = None) -> None:
        """Remember settings and parameters for the statements to come."""
        with self._lock:
            self._put(settings)
            self._take_back(settings)
        self._settings |= settings
        self._params |= params or {}

    def use(self, database: str) -> None:
        """Remember the current database."""
        with self._lock:
            self._say(f"USE {quote_name(database)}")
            self._say(f"USE {DEFAULT}")
        self._database = database

    def close(self) -> None:
        """Nothing ends: the connection is everybody's."""

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        with self._lock:
            if self._database != DEFAULT:
                self._say(f"USE {quote_name(self._database)}")
            self._put({**self._settings, **{f"param_{k}": v for k, v in self._params.items()}})
            try:
                return super()._call(method, *arguments, **named)
            finally:
                self._take_back(self._settings)
                if self._database != DEFAULT:
                    self._say(f"USE {DEFAULT}")

    def _put(self, settings: Mapping[str, str]) -> None:
        if settings:
            pairs = (f"{name} = {quote_text(value)}" for name, value in settings.items())
            self._say("SET " + ", ".join(pairs))

    def _take_back(self, settings: Mapping[str, str]) -> None:
        if settings:
            self._say("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))

    def _say(self, statement: str) -> None:
        super()._call("query", statement, "Null")
