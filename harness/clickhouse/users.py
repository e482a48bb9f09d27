"""Users and what was granted to them: `CREATE USER`, `GRANT` and their relatives.

The embedded engine has one user and no store for others, so the interface keeps them: with salted
hashes, in `access.json` in the data folder where that is kept. Clauses that are not understood are
refused with NOT_IMPLEMENTED; nothing is accepted and ignored.

Source: ClickHouse docs, sql-reference/statements/create/user, grant, revoke.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from harness.clickhouse.errors import EngineError
from harness.clickhouse.rights import PRIVILEGES, Right
from harness.clickhouse.statements import Token, name_of

if TYPE_CHECKING:
    from pathlib import Path

    from harness.clickhouse.statements import Statement

_HASH_ROUNDS = 10_000
_PASSWORD_TYPES = (
    *(b"PLAINTEXT_PASSWORD", b"SHA256_PASSWORD", b"DOUBLE_SHA1_PASSWORD"),
    *(b"BCRYPT_PASSWORD", b"SCRAM_SHA256_PASSWORD"),
)


@dataclass(slots=True)
class User:
    """A user created by SQL.

    Attributes:
        salt: of `password_hash`; both empty when the user needs no password.
        grants: (privilege, database, table); `*` stands for all.
    """

    salt: str = ""
    password_hash: str = ""
    grants: list[tuple[str, str, str]] = field(default_factory=list)

    def set_password(self, password: str | None) -> None:
        """Set it; None means that any password will do."""
        self.salt = "" if password is None else os.urandom(16).hex()
        self.password_hash = "" if password is None else _hash(self.salt, password)

    def is_password(self, password: str) -> bool:
        """Whether the user may come in with this."""
        if not self.password_hash:
            return True
        return hmac.compare_digest(self.password_hash, _hash(self.salt, password))

    def may(self, right: Right) -> bool:
        """Whether a grant covers `right`."""
        return any(
            privilege in ("ALL", right.privilege)
            and database in ("*", right.database)
            and table in ("*", right.table)
            for privilege, database, table in self.grants
        )

    def knows(self, database: str, table: str) -> bool:
        """Whether any grant touches a table, which then may be described."""
        return any(d in ("*", database) and t in ("*", table) for _, d, t in self.grants)


class Users:
    """All users created by SQL.

    Args:
        file: where they are kept; None forgets them at the end.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._users: dict[str, User] = {}
        if file is not None and file.exists():
            for name, kept in json.loads(file.read_text()).items():
                kept["grants"] = [tuple(grant) for grant in kept["grants"]]
                self._users[name] = User(**kept)

    def get(self, name: str) -> User | None:
        """The user called `name`."""
        return self._users.get(name)

    def handles(self, statement: Statement) -> bool:
        """Whether a statement is about users and rights, which only this class knows."""
        words = [token.text.upper() for token in statement.tokens[:2]]
        return (
            words[:1] in ([b"GRANT"], [b"REVOKE"])
            or (words[:1] in ([b"CREATE"], [b"ALTER"], [b"DROP"]) and words[1:] == [b"USER"])
            or words in ([b"SHOW", b"USERS"], [b"SHOW", b"GRANTS"])
        )

    def run(self, statement: Statement, asking: str) -> str:
        """Run a statement that `handles` accepts; returns its rows, tab separated.

        Raises:
            EngineError: what a server would say, or NOT_IMPLEMENTED.
        """
        words = _Words(statement.tokens)
        with self._lock:
            if words.take(b"SHOW"):
                return self._show(words, asking)
            if words.take(b"GRANT"):
                self._grant(words, b"TO")
            elif words.take(b"REVOKE"):
                self._grant(words, b"FROM")
            else:
                self._define(words)
            self._keep()
        return ""

    def _define(self, words: _Words) -> None:
        verb = words.next_word()
        words.take(b"USER")
        replace = words.take(b"OR", b"REPLACE")
        if_not_exists = words.take(b"IF", b"NOT", b"EXISTS")
        if_exists = words.take(b"IF", b"EXISTS")
        names = words.names()
        if verb == "DROP":
            words.end()
            for name in names:
                if name not in self._users and not if_exists:
                    raise _no_user(name)
                self._users.pop(name, None)
            return
        password = _password(words)
        for name in names:
            known = self._users.get(name)
            if verb == "ALTER":
                if known is None and not if_exists:
                    raise _no_user(name)
                if known is not None:
                    known.set_password(password)
                continue
            if known is not None and not replace:
                if if_not_exists:
                    continue
                raise EngineError(
                    493,
                    "ACCESS_ENTITY_ALREADY_EXISTS",
                    f"user `{name}`: cannot insert because user `{name}` already exists",
                )
            self._users[name] = User()
            self._users[name].set_password(password)

    def _grant(self, words: _Words, towards: bytes) -> None:
        privileges = _privileges(words)
        words.need(b"ON")
        database, table = words.target()
        words.need(towards)
        names = words.names()
        words.end()
        for name in names:
            user = self._users.get(name)
            if user is None:
                raise _no_user(name)
            for privilege in privileges:
                grant = (privilege, database, table)
                if towards == b"TO" and grant not in user.grants:
                    user.grants.append(grant)
                elif towards == b"FROM":
                    user.grants = [g for g in user.grants if not _revokes(grant, g)]

    def _show(self, words: _Words, asking: str) -> str:
        if words.take(b"USERS"):
            words.end()
            return "".join(f"{name}\n" for name in sorted(self._users))
        words.take(b"GRANTS")
        name = words.names()[0] if words.take(b"FOR") else asking
        words.end()
        user = self._users.get(name)
        if user is None:
            raise _no_user(name)
        return "".join(f"GRANT {p} ON {d}.{t} TO {name}\n" for p, d, t in user.grants)

    def _keep(self) -> None:
        if self._file is None:
            return
        text = json.dumps({name: asdict(user) for name, user in self._users.items()})
        fresh = self._file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        fresh.replace(self._file)


class _Words:
    """Tokens being read from the left."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    def take(self, *words: bytes) -> bool:
        """Step over `words` when they are next."""
        following = self._tokens[self._at : self._at + len(words)]
        if len(following) == len(words) and all(
            token.is_word(word) or token.text == word
            for token, word in zip(following, words, strict=True)
        ):
            self._at += len(words)
            return True
        return False

    def need(self, word: bytes) -> None:
        """Step over `word`, which must be next."""
        if not self.take(word):
            raise self.refusal()

    def next_word(self) -> str:
        """The next token as an upper-case word."""
        return self.next().text.decode("utf-8", "replace").upper()

    def next(self) -> Token:
        """The next token."""
        if self._at >= len(self._tokens):
            raise EngineError(62, "SYNTAX_ERROR", "Syntax error: unexpected end of query")
        self._at += 1
        return self._tokens[self._at - 1]

    def names(self) -> list[str]:
        """Names, separated by commas."""
        found = [name_of(self.next())]
        while self.take(b","):
            found.append(name_of(self.next()))
        return found

    def target(self) -> tuple[str, str]:
        """`db.table`, `db.*` or `*.*`."""
        first = self.next()
        if not self.take(b"."):
            # A bare name would mean the current database, which rights should not depend on.
            raise self.refusal()
        return name_of(first), name_of(self.next())

    def end(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._tokens):
            raise self.refusal()

    def refusal(self) -> EngineError:
        """An error that names what is not understood."""
        near = b" ".join(token.text for token in self._tokens[self._at : self._at + 4])
        return EngineError(
            48, "NOT_IMPLEMENTED", f"not emulated for users and grants: {near.decode()!r}"
        )


def _password(words: _Words) -> str | None:
    if words.take(b"NOT", b"IDENTIFIED"):
        words.end()
        return None
    if not words.take(b"IDENTIFIED"):
        words.end()
        return None
    if words.take(b"WITH"):
        if words.take(b"NO_PASSWORD"):
            words.end()
            return None
        if not any(words.take(kind) for kind in _PASSWORD_TYPES):
            raise words.refusal()
    words.need(b"BY")
    password = name_of(words.next())
    words.take(b"HOST", b"ANY")
    words.end()
    return password


def _privileges(words: _Words) -> list[str]:
    found: list[str] = []
    while True:
        if words.take(b"ALL"):
            words.take(b"PRIVILEGES")
            found.append("ALL")
        else:
            known = [p for p in PRIVILEGES if words.take(*p.encode().split())]
            if not known:
                raise words.refusal()
            found.append(known[0])
        if not words.take(b","):
            return found


def _revokes(revoked: tuple[str, str, str], grant: tuple[str, str, str]) -> bool:
    return (
        revoked[0] in ("ALL", grant[0])
        and revoked[1] in ("*", grant[1])
        and revoked[2] in ("*", grant[2])
    )


def _no_user(name: str) -> EngineError:
    return EngineError(192, "UNKNOWN_USER", f"There is no user `{name}` in `user directories`")


def _hash(salt: str, password: str) -> str:
    raw = password.encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha256", raw, bytes.fromhex(salt), _HASH_ROUNDS).hex()
