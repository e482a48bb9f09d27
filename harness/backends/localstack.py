"""LocalStack: a container of its own, or the one that the environment says is running."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Self
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from harness.backends.docker_engine import Container
from harness.backends.started import Started
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = "localstack/localstack"
TAG = "4.14.0"
NEWEST_FREE = (4, 14)
"""Newer images do not start without an account's token."""

IMAGE_VARIABLE = "HARNESS_LOCALSTACK_IMAGE"
TOKEN_VARIABLE = "LOCALSTACK_AUTH_TOKEN"
PORT = 4566
HEALTH_PATH = "/_localstack/health"
SERVICES = "dynamodb,dynamodbstreams,kinesis,s3,sts"
HEALTH_SECONDS_MAX = 2.0
PASSED_ON = (TOKEN_VARIABLE, "DEBUG", "KINESIS_LATENCY", "DYNAMODB_HEAP_SIZE")
"""Variables that the container gets as they are here."""

_direct = build_opener(ProxyHandler({}))


class LocalStack(Started):
    """A LocalStack container that lives as long as this object.

    Args:
        tag: of the image; empty takes the newest that needs no token.
        address: of this machine, where its port is published.

    Raises:
        UsageError: this image needs a token, and there is none.
    """

    def __init__(self, tag: str = "", *, address: str = "127.0.0.1") -> None:
        self.image = image(tag)
        _require_token(self.image)
        environment = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
        # The stream's states are simulated with half a second each; nobody gains by waiting.
        environment = {"SERVICES": SERVICES, "KINESIS_LATENCY": "0", **environment}
        self._container = Container(self.image, PORT, environment, address=address)
        self._version = ""

    @property
    def endpoint(self) -> str:
        """The base URL, once started."""
        return f"http://{self._container.host}:{self._container.host_port}"

    @property
    def pid(self) -> int | None:
        """The container's process while it runs."""
        return self._container.pid

    def name(self) -> str:
        """The image, and the version that it says it is."""
        return f"{self.image} (it says {self._version})" if self._version else self.image

    def start(self) -> Self:
        """Start and wait until it is healthy.

        Raises:
            BackendError: it could not start; the message is what it said.
        """

        def healthy() -> bool:
            self._version = version_at(self.endpoint)
            return bool(self._version)

        self._container.start(healthy)
        return self

    def close(self) -> None:
        """Remove it; harmless when it is not there."""
        self._container.close()


def version_at(endpoint: str) -> str:
    """The version that a LocalStack says it is; empty where none answers."""
    try:
        with _direct.open(f"{endpoint}{HEALTH_PATH}", timeout=HEALTH_SECONDS_MAX) as answer:
            told = json.load(answer)
    except (URLError, OSError, ValueError):
        return ""
    return str(told.get("version", "")) if isinstance(told, dict) else ""


def running(environment: Mapping[str, str]) -> str:
    """The endpoint that the environment names, as localstack-client reads it; empty without one.

    `AWS_ENDPOINT_URL` wins; else `LOCALSTACK_HOST`, `EDGE_PORT` and `USE_SSL`, of which one of
    the first two must be set.
    """
    url = environment.get("AWS_ENDPOINT_URL", "")
    if url:
        return url.rstrip("/")
    host, port = environment.get("LOCALSTACK_HOST", ""), environment.get("EDGE_PORT", "")
    if not host and not port:
        return ""
    scheme = "https" if environment.get("USE_SSL", "").lower() in ("1", "true") else "http"
    address = urlsplit(f"//{host or 'localhost'}")
    return f"{scheme}://{address.hostname}:{port or address.port or PORT}"


def image(tag: str) -> str:
    """The image: `$HARNESS_LOCALSTACK_IMAGE` as it stands, else LocalStack's with this tag."""
    return os.environ.get(IMAGE_VARIABLE) or f"{REPOSITORY}:{tag or TAG}"


def _require_token(name: str) -> None:
    repository, _, tag = name.rpartition(":")
    if repository != REPOSITORY or os.environ.get(TOKEN_VARIABLE):
        return
    found = re.match(r"(\d+)\.(\d+)", tag)
    if found and (int(found[1]), int(found[2])) <= NEWEST_FREE:
        return
    raise UsageError(
        f"{name} does not start without an account's token",
        hint=f"export {TOKEN_VARIABLE}=…, or use --aws localstack, which takes {REPOSITORY}:{TAG}",
    )
