"""Connections that nobody uses now, for the next request to the same database.

A request's settings stay on its connection, so it suits requests that set the same ones: to other
values, where need be, as a token of deduplication is another for each INSERT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.clickhouse.engine import Connection

MOST = 16


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a request finds on its connection.

    Attributes:
        database: the current one; empty for the default.
        settings: by name, of this request alone.
    """

    database: str
    settings: Mapping[str, str]

    def sort(self) -> tuple[str, ...]:
        """Equal where one connection can serve both."""
        return (self.database, *sorted(self.settings))


class IdleConnections:
    """Keeps a few; the caller holds a lock."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], list[tuple[Likeness, Connection]]] = {}
        self._count = 0

    def take(self, likeness: Likeness) -> tuple[Connection, bool] | None:
        """One of this sort, and whether it has the very settings already; None when there is none."""
        kept = self._kept.get(likeness.sort())
        if not kept:
            return None
        self._count -= 1
        for at, (own, _) in enumerate(kept):
            if own == likeness:
                return kept.pop(at)[1], True
        return kept.pop()[1], False

    def keep(self, likeness: Likeness, connection: Connection) -> bool:
        """Keep one; False when there are enough: then the caller closes it."""
        if self._count >= MOST:
            return False
        self._kept.setdefault(likeness.sort(), []).append((likeness, connection))
        self._count += 1
        return True

    def close(self) -> None:
        """Close all."""
        for kept in self._kept.values():
            for _, connection in kept:
                connection.close()
        self._kept.clear()
        self._count = 0
