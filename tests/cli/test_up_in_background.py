"""`harness up --export`: servers that stay, are found again, and end when told."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tests.cli.command import harness

if TYPE_CHECKING:
    from collections.abc import Iterator

direct = build_opener(ProxyHandler({}))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[str]:
    folder = str(tmp_path / "cache")
    yield folder
    harness(tmp_path, "up", "--stop", XDG_CACHE_HOME=folder)


def exported(text: str) -> dict[str, str]:
    """The variables that a shell has after `eval`."""
    words = [shlex.split(line) for line in text.splitlines()]
    assert all(len(word) == 2 and word[0] == "export" for word in words)
    return dict(word[1].split("=", 1) for word in words)


def test_they_serve_until_they_are_ended(cache: str, tmp_path: Path) -> None:
    ports = ["--aws-port", "0", "--clickhouse-port", "0"]
    started = harness(tmp_path, "up", "--export", *ports, XDG_CACHE_HOME=cache)
    assert started.code == 0, started.err
    variables = exported(started.out)
    health = variables["AWS_ENDPOINT_URL"] + "/_harness/health"
    assert direct.open(health, timeout=10).status == 200
    address = variables["CLICKHOUSE_URL"].rpartition("/")[0]
    scheme, _, rest = address.partition("://")
    credentials, _, place = rest.rpartition("@")
    user, _, password = credentials.partition(":")
    asked = Request(
        f"{scheme}://{place}/",
        b"SELECT 6 * 7",
        {"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
    )
    assert direct.open(asked, timeout=10).read() == b"42\n"
    assert "aws dynamodb list-tables" in started.err
    kept = Path(cache) / "cdc-harness" / "up" / "out"
    assert kept.stat().st_mode & 0o077 == 0

    again = harness(tmp_path, "up", "--export", *ports, XDG_CACHE_HOME=cache)
    assert exported(again.out) == variables

    assert harness(tmp_path, "up", "--stop", XDG_CACHE_HOME=cache).err == "ended\n"
    with pytest.raises(OSError, match="refused"):
        direct.open(health, timeout=10)
    assert "nothing was running" in harness(tmp_path, "up", "--stop", XDG_CACHE_HOME=cache).err


def test_a_start_that_fails_says_why_and_leaves_nothing(cache: str, tmp_path: Path) -> None:
    ended = harness(
        tmp_path, "up", "--export", "--host", "203.0.113.9", "--aws-port", "0", XDG_CACHE_HOME=cache
    )
    assert ended.code == 4
    assert ended.out == ""
    assert "203.0.113.9" in ended.err
    assert "Traceback" not in ended.err
    assert "nothing was running" in harness(tmp_path, "up", "--stop", XDG_CACHE_HOME=cache).err
