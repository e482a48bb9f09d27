"""Connections that nobody uses now, for the next request of the same settings and database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.clickhouse.engine import Connection

MOST = 16

Likeness = tuple[Any, ...]


class IdleConnections:
    """Keeps a few; the caller holds a lock."""

    def __init__(self) -> None:
        self._kept: dict[Likeness, list[Connection]] = {}
        self._count = 0

    def take(self, likeness: Likeness) -> Connection | None:
        """One of these, if there is any."""
        alike = self._kept.get(likeness)
        if not alike:
            return None
        self._count -= 1
        return alike.pop()

    def keep(self, likeness: Likeness, connection: Connection) -> bool:
        """Keep one; False when there are enough: then the caller closes it."""
        if self._count >= MOST:
            return False
        self._kept.setdefault(likeness, []).append(connection)
        self._count += 1
        return True

    def close(self) -> None:
        """Close all."""
        for connections in self._kept.values():
            for connection in connections:
                connection.close()
        self._kept.clear()
        self._count = 0
