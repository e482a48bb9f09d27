"""Users of the HTTP interface: their passwords."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from harness.clickhouse.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.clickhouse.engine import Connection, Result
    from harness.clickhouse.parameters import Credentials
    from harness.clickhouse.statements import Statement


class Access:
    """Who may do what."""

    def __init__(
        self, *, user: str = "default", password: str = "", folder: Path | None = None
    ) -> None:
        self._passwords = {user: password}

    def authenticate(self, credentials: Credentials) -> None:
        """Let a user in."""
        expected = self._passwords.get(credentials.user)
        if expected is not None and hmac.compare_digest(
            expected.encode(), credentials.password.encode("utf-8", "surrogateescape")
        ):
            return
        code, name = (
            (516, "AUTHENTICATION_FAILED") if credentials.password else (194, "REQUIRED_PASSWORD")
        )
        raise EngineError(
            code,
            name,
            f"{credentials.user}: Authentication failed: password is incorrect, "
            "or there is no user with such name.",
        )

    def run(self, user: str, statement: Statement, connection: Connection) -> Result | None:
        """None: go on."""
        del user, statement, connection
        return None
