from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from harness.backends.embedded_clickhouse import EmbeddedClickHouse

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "p w/1"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Curl:
    """Plain HTTP requests, as curl would send them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = f"{parts.hostname}:{parts.port}"

    def __call__(
        self,
        query: str = "",
        body: bytes = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        user: str = "default",
        password: str = PASSWORD,
        **params: str | int,
    ) -> Answer:
        pairs: dict[str, str | int] = {"query": query} if query else {}
        pairs.update(params)
        who = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password} if user else {}
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            target = f"{path}?{urlencode(pairs)}" if pairs else path
            connection.request(method, target, body, {**who, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(password=PASSWORD, database="shop") as running:
        yield running


@pytest.fixture
def curl(server: EmbeddedClickHouse) -> Curl:
    return Curl(server.url)


@pytest.fixture
def table(curl: Curl) -> str:
    """An empty table `shop.t(id UInt64, name String)`."""
    made = curl(
        "CREATE OR REPLACE TABLE shop.t (id UInt64, name String) ENGINE=ReplacingMergeTree ORDER BY id"
    )
    assert made.status == 200, made.text
    return "shop.t"
