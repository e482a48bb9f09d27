"""ClickHouse over its HTTP interface: statements, inserts, and which errors may pass.

Source: ClickHouse docs, "HTTP interface"; error codes from src/Common/ErrorCodes.cpp.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit

import orjson
import urllib3

from harness.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.reference.retry import Retry

CONNECT_SECONDS = 5.0
READ_SECONDS = 300.0
SERVER_ERROR = 500
THROTTLED = 429
OK = 200
UNKNOWN_SETTING = 115
KNOWN_SETTINGS = "SELECT name FROM system.settings FORMAT TSV"

PASSING_CODES = frozenset(
    {159, 160, 202, 203, 209, 210, 236, 241, 242, 252, 274, 285, 286, 319, 394, 425, 439, 999}
)
"""Timeouts, limits and lost connections: the same statement may succeed later."""

STRUCTURE_CODES = frozenset({16, 36, 46, 47, 57, 60, 62, 81, 115, 164, 192, 194, 291, 497, 516})
"""The table, the statement or the user is wrong: no row of the batch is to blame."""


class ClickHouseError(Exception):
    """An answer that is an error.

    Attributes:
        code: ClickHouse's error code; 0 when there was no answer of ClickHouse.
        passes: the same request may succeed later.
    """

    def __init__(self, code: int, message: str, *, passes: bool) -> None:
        super().__init__(message)
        self.code = code
        self.passes = passes

    @property
    def blames_data(self) -> bool:
        """Some row of the insert cannot be stored."""
        return self.code > 0 and not self.passes and self.code not in STRUCTURE_CODES


def passes(error: Exception) -> bool:
    """True for an error that may go away by itself."""
    return isinstance(error, ClickHouseError) and error.passes


class _Written(threading.local):
    """Rows that this thread's last statement wrote."""

    rows = -1


class ClickHouse:
    """One server, one database.

    Args:
        url: `http://user:password@host:port/database`.
        retry: repeats what may pass.
        http: sends in the way of an `urllib3.PoolManager`; None makes one.

    Raises:
        PipelineError: the URL cannot be read.
    """

    def __init__(self, url: str, retry: Retry, http: Any = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PipelineError(
                f"CLICKHOUSE_URL {url!r} is no HTTP address",
                hint="http://user:password@host:port/database",
            )
        self.database = unquote(parts.path.strip("/")) or "default"
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port or 8123}/"
        self._headers = {
            "X-ClickHouse-User": unquote(parts.username or "default"),
            "X-ClickHouse-Key": unquote(parts.password or ""),
        }
        self._retry = retry
        self._written = _Written()
        self._unknown: set[str] = set()
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._http = http or urllib3.PoolManager(maxsize=8, timeout=timeout, retries=False)

    def rows(self, sql: str) -> list[list[Any]]:
        """The rows of a SELECT."""
        answer = self.run(f"{sql} FORMAT JSONCompactEachRow")
        return [orjson.loads(line) for line in answer.splitlines() if line]

    def run(self, sql: str, settings: Mapping[str, Any] | None = None) -> bytes:
        """Run one statement; what may pass is repeated."""
        return self._retry.call(lambda: self._send(sql.encode(), {}, settings), passes)

    def insert_select(self, sql: str, settings: Mapping[str, Any] | None = None) -> int:
        """Run an INSERT … SELECT; returns the rows written as the server counts them."""

        def send() -> int:
            self._send(sql.encode(), {}, settings)
            return self._written.rows

        return self._retry.call(send, passes)

    def insert(
        self, head: str, body: bytes | bytearray, settings: Mapping[str, Any] | None = None
    ) -> int:
        """`INSERT INTO … FORMAT …` with its data; what may pass is repeated.

        Returns:
            Rows written as the server counts them, those of views included.
        """

        def send() -> int:
            self._send(body, {"query": head}, settings)
            return self._written.rows

        return self._retry.call(send, passes)

    def _send(
        self,
        body: bytes | bytearray,
        parameters: Mapping[str, str],
        settings: Mapping[str, Any] | None,
    ) -> bytes:
        """Send a statement; a server that is too old for a setting has the behaviour it stands for."""
        wanted = {n: v for n, v in (settings or {}).items() if n not in self._unknown}
        try:
            return self._send_with(body, parameters, wanted)
        except ClickHouseError as error:
            if error.code != UNKNOWN_SETTING or not wanted:
                raise
            told = self._send_with(KNOWN_SETTINGS.encode(), {}, {})
            unknown = wanted.keys() - set(told.decode().split())
            if not unknown:
                raise
            self._unknown |= unknown
            return self._send_with(
                body, parameters, {n: wanted[n] for n in wanted.keys() - unknown}
            )

    def _send_with(
        self, body: bytes | bytearray, parameters: Mapping[str, str], settings: Mapping[str, Any]
    ) -> bytes:
        sent: Any = body  # the stubs know of no bytearray
        query = urlencode(
            {"database": self.database, "wait_end_of_query": 1, **settings, **parameters}
        )
        try:
            answer = self._http.request(
                "POST", f"{self._base}?{query}", body=sent, headers=self._headers
            )
        except urllib3.exceptions.HTTPError as error:
            message = f"ClickHouse at {self._base} did not answer: {type(error).__name__}"
            raise ClickHouseError(0, message, passes=True) from None
        code = int(answer.headers.get("X-ClickHouse-Exception-Code") or 0)
        if answer.status == OK and not code:
            summary = orjson.loads(answer.headers.get("X-ClickHouse-Summary") or b"{}")
            self._written.rows = int(summary.get("written_rows", -1))
            return answer.data
        text = answer.data.decode(errors="replace").strip()
        if not code and text.startswith("Code: "):
            code = int(text[6:].split(".", 1)[0])
        may_pass = code in PASSING_CODES or (
            not code and (answer.status >= SERVER_ERROR or answer.status == THROTTLED)
        )
        raise ClickHouseError(code, text.split("\n")[0][:500], passes=may_pass)

    def close(self) -> None:
        """Let the connections go."""
        self._http.clear()


def quote(name: str) -> str:
    """An identifier as ClickHouse reads it back."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
