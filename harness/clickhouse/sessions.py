"""Sessions of the HTTP interface: one connection kept under a name, one query at a time.

A session keeps temporary tables, SET and USE between requests. Settings that come as parameters of
one request belong to that request alone, so they are taken back before a request that has others.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from harness.clickhouse.errors import EngineError
from harness.clickhouse.statements import quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.clickhouse.engine import Connection, Engine
    from harness.clickhouse.statements import Statement
    from harness.clock import Clock

TIMEOUT_SECONDS_DEFAULT = 60
TIMEOUT_SECONDS_MAX = 3600


class Session:
    """One named session; to be used between `Sessions.take` and `Sessions.give_back`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_used = True
        self.timeout_seconds = TIMEOUT_SECONDS_DEFAULT
        self.expires_us = 0
        self._applied: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._database = self._own_database = "default"

    def apply(self, settings: Mapping[str, str]) -> None:
        """Make `settings` hold for the next statement, and those of earlier requests no longer."""
        changes = {
            name: self._before.pop(name) for name in list(self._applied) if name not in settings
        }
        for name in changes:
            del self._applied[name]
        wanted = {n: v for n, v in settings.items() if self._applied.get(n) != v}
        unseen = [name for name in wanted if name not in self._before]
        if unseen:
            self._before.update(self._current(unseen))
        self.connection.set(changes)
        self.connection.set(wanted)
        self._applied.update(wanted)

    def use(self, database: str | None) -> None:
        """Make `database` the current one for the next statement; None means the session's own."""
        wanted = database or self._own_database
        if wanted != self._database:
            self.connection.use(wanted)
            self._database = wanted

    def note_changes(self, statement: Statement) -> None:
        """Learn what a SET or USE of the client has changed for good."""
        if statement.verb == "USE":
            name = self.connection.query(b"SELECT currentDatabase()", "TabSeparatedRaw").data
            self._own_database = self._database = name.decode().rstrip("\n")

    def _current(self, names: list[str]) -> dict[str, str]:
        listed = ", ".join(quote_text(name) for name in names)
        rows = self.connection.query(
            f"SELECT name, value FROM system.settings WHERE name IN ({listed})".encode(),
            "TabSeparatedRaw",
        )
        found = dict(line.split("\t", 1) for line in rows.data.decode().splitlines())
        for name in names:
            if name not in found:
                raise EngineError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
        return found


class Sessions:
    """All sessions of a server.

    Args:
        engine: makes their connections.
        clock: ends sessions that were not used for their timeout.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Session] = {}

    def take(self, user: str, name: str, *, timeout_seconds: int, must_exist: bool) -> Session:
        """The session called `name`, made when there is none.

        Raises:
            EngineError: SESSION_IS_LOCKED while another request uses it, SESSION_NOT_FOUND when
                `must_exist` and it does not.
        """
        with self._lock:
            self._end_expired()
            session = self._sessions.get((user, name))
            if session is None:
                if must_exist:
                    raise EngineError(372, "SESSION_NOT_FOUND", f"Session {name} not found")
                session = Session(self._engine.connect())
                self._sessions[user, name] = session
            elif session.is_used:
                raise EngineError(
                    373, "SESSION_IS_LOCKED", f"Session {name} is locked by a concurrent client"
                )
            session.is_used = True
            session.timeout_seconds = timeout_seconds
            return session

    def give_back(self, session: Session) -> None:
        """The request is over: the session's timeout begins."""
        with self._lock:
            session.expires_us = self._clock.now_us() + session.timeout_seconds * 1_000_000
            session.is_used = False

    def close(self) -> None:
        """End all sessions that are not in use."""
        with self._lock:
            for key in [k for k, s in self._sessions.items() if not s.is_used]:
                self._sessions.pop(key).connection.close()

    def _end_expired(self) -> None:
        now = self._clock.now_us()
        for key, session in list(self._sessions.items()):
            if not session.is_used and session.expires_us <= now:
                del self._sessions[key]
                session.connection.close()


def timeout_seconds(text: str | None) -> int:
    """The value of `session_timeout`.

    Raises:
        EngineError: INVALID_SESSION_TIMEOUT.
    """
    if text is None:
        return TIMEOUT_SECONDS_DEFAULT
    if not text.isdecimal():
        raise EngineError(374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: '{text}'")
    if int(text) > TIMEOUT_SECONDS_MAX:
        raise EngineError(
            374,
            "INVALID_SESSION_TIMEOUT",
            f"Session timeout '{text}' is larger than max_session_timeout: {TIMEOUT_SECONDS_MAX}. "
            "Maximum session timeout could be modified in configuration file.",
        )
    return int(text)
