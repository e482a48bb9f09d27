"""ClickHouse's own server in a container."""

from __future__ import annotations

import os
import secrets
from typing import Self
from urllib.error import URLError

from harness.backends.clickhouse_url import query
from harness.backends.docker_engine import Container
from harness.backends.started import Started

REPOSITORY = "clickhouse/clickhouse-server"
TAG = "25.8"
IMAGE_VARIABLE = "HARNESS_CLICKHOUSE_IMAGE"
HTTP_PORT = 8123
USER = "harness"


class ClickHouseContainer(Started):
    """A ClickHouse server that lives as long as this object, with a user of its own.

    The image lets nobody in from outside without a user and a password, so it gets both.

    Args:
        tag: of the image; empty takes the harness's own choice.
        address: of this machine, where its port is published.
    """

    def __init__(self, tag: str = "", *, address: str = "127.0.0.1") -> None:
        # Not from the seed: who knows the scenario must not know the password.
        self._password = secrets.token_hex(16)
        self.image = image(tag)
        self._container = Container(
            self.image,
            HTTP_PORT,
            {
                "CLICKHOUSE_USER": USER,
                "CLICKHOUSE_PASSWORD": self._password,
                "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
            },
            address=address,
        )
        self._version = ""

    @property
    def url(self) -> str:
        """`http://user:password@host:port/database`."""
        login = f"{USER}:{self._password}"
        return f"http://{login}@{self._container.host}:{self._container.host_port}/default"

    @property
    def pid(self) -> int | None:
        """The container's process while it runs."""
        return self._container.pid

    def version(self) -> str:
        """ClickHouse's version as the server says it."""
        return self._version

    def start(self) -> Self:
        """Start and wait until it takes statements.

        Raises:
            BackendError: it could not start; the message is what it said.
        """

        def answers() -> bool:
            try:
                self._version = query(self.url, "SELECT version()").strip()
            except (URLError, OSError):
                return False
            return True

        self._container.start(answers)
        return self

    def close(self) -> None:
        """Remove it; harmless when it is not there."""
        self._container.close()


def image(tag: str) -> str:
    """The image: `$HARNESS_CLICKHOUSE_IMAGE` as it stands, else ClickHouse's with this tag."""
    return os.environ.get(IMAGE_VARIABLE) or f"{REPOSITORY}:{tag or TAG}"
