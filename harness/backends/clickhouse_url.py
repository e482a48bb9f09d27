"""One statement to a ClickHouse that is known by its URL."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from harness.errors import BackendError

ANSWER_SECONDS_MAX = 30.0
HTTPS_PORT = 8443
HTTP_PORT = 8123

_direct = build_opener(ProxyHandler({}))


def query(url: str, statement: str, *, seconds: float = ANSWER_SECONDS_MAX) -> str:
    """Run one statement; returns the answer's text.

    Args:
        url: `http(s)://user:password@host:port/database`.
        statement: SQL.
        seconds: how long to wait.

    Raises:
        BackendError: ClickHouse refused it; the message is what it said.
        OSError: nobody answers.
    """
    parts = urlsplit(url)
    database = unquote(parts.path.strip("/")) or "default"
    request = Request(
        f"{base_of(url)}/?database={quote(database, safe='')}",
        data=statement.encode(),
        headers={
            "X-ClickHouse-User": unquote(parts.username or "default"),
            "X-ClickHouse-Key": unquote(parts.password or ""),
        },
    )
    try:
        with _direct.open(request, timeout=seconds) as answer:
            return bytes(answer.read()).decode("utf-8", "replace")
    except HTTPError as error:
        lines = error.read().decode("utf-8", "replace").strip().splitlines()
        said = lines[0][:300] if lines else f"HTTP {error.code}"
        raise BackendError(f"ClickHouse at {address_of(url)} refuses: {said}") from None


def base_of(url: str) -> str:
    """Scheme, host and port: the URL without login and database."""
    return f"{urlsplit(url).scheme}://{address_of(url)}"


def address_of(url: str) -> str:
    """`host:port`, with the port that ClickHouse has when none is given."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{parts.port or (HTTPS_PORT if parts.scheme == 'https' else HTTP_PORT)}"


def with_database(url: str, database: str) -> str:
    """The same server and user, another database."""
    return urlsplit(url)._replace(path="/" + quote(database, safe="")).geturl()
