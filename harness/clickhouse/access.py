"""Who may come in, and who may do what.

The administrator is given at the start and may do everything. Users created by SQL may do what was
granted to them: the engine under the interface would run anything, so each of their statements is
checked before it runs.

Deviations: rights are per table, not per column; rows of `system` tables are not filtered by
rights; `currentUser()` always says `default`.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from harness.clickhouse.engine import Result
from harness.clickhouse.errors import EngineError
from harness.clickhouse.rights import ADMINISTRATION, needed
from harness.clickhouse.users import Users

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.clickhouse.engine import Connection
    from harness.clickhouse.parameters import Credentials
    from harness.clickhouse.rights import Right
    from harness.clickhouse.statements import Statement
    from harness.clickhouse.users import User


class Access:
    """The door of the interface.

    Args:
        user: the administrator's name.
        password: the administrator's password; empty lets everybody in under that name.
        folder: where users created by SQL are kept; None forgets them at the end.
    """

    def __init__(
        self, *, user: str = "default", password: str = "", folder: Path | None = None
    ) -> None:
        self._user = user
        self._password = password
        self._users = Users(folder / "access.json" if folder else None)

    def authenticate(self, credentials: Credentials) -> None:
        """Let a user in.

        Raises:
            EngineError: AUTHENTICATION_FAILED, or REQUIRED_PASSWORD when none was given.
        """
        user = self._users.get(credentials.user)
        if credentials.user == self._user:
            given = credentials.password.encode("utf-8", "surrogateescape")
            if not self._password or hmac.compare_digest(self._password.encode(), given):
                return
        elif user is not None and user.is_password(credentials.password):
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

    def require_administrator(self, credentials: Credentials) -> None:
        """Let the administrator in, and nobody else.

        Raises:
            EngineError: as `authenticate`, or ACCESS_DENIED.
        """
        self.authenticate(credentials)
        if credentials.user != self._user:
            raise _denied(credentials.user, "ALL ON *.*")

    def run(
        self, name: str, statement: Statement, connection: Connection, bound: Mapping[str, str]
    ) -> Result | None:
        """Run a statement about users itself, and check any other.

        Returns:
            The answer, or None when the engine is to run the statement.

        Raises:
            EngineError: ACCESS_DENIED, or what a statement about users meets.
        """
        is_administrator = name == self._user
        if self._users.handles(statement):
            about_self = statement.verb == "SHOW" and len(statement.tokens) == 2
            if not is_administrator and not about_self:
                raise _denied(name, "ACCESS MANAGEMENT ON *.*")
            if is_administrator and about_self and statement.tokens[1].is_word(b"GRANTS"):
                return None
            return Result(self._users.run(statement, name).encode())
        if not is_administrator:
            user = self._users.get(name)
            if user is None:
                raise EngineError(192, "UNKNOWN_USER", f"There is no user `{name}`")
            for right in sorted(needed(statement, connection, bound), key=str):
                if not _allows(user, right):
                    raise _denied(name, f"{right.privilege} ON {right.database}.{right.table}")
        return None


def _allows(user: User, right: Right) -> bool:
    if right == ADMINISTRATION:
        return ("ALL", "*", "*") in user.grants
    if right.privilege == "SHOW":
        return user.knows(right.database, right.table)
    return user.may(right) or (right.database == "*" and ("SOURCES", "*", "*") in user.grants)


def _denied(user: str, what: str) -> EngineError:
    return EngineError(
        497,
        "ACCESS_DENIED",
        f"{user}: Not enough privileges. "
        f"To execute this query, it's necessary to have the grant {what}",
    )
