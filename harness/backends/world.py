"""The two servers of a run, side by side: what stands for AWS, and what stands for ClickHouse.

Each is either embedded, started here and gone with the run, or a URL that somebody else serves.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.backends.gate_proxy import GateProxy
from harness.errors import BackendError, UsageError
from harness.faults.live import CALM_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from harness.clock import Clock

EMBEDDED = "embedded"
SPACE_TO_START_BYTES = 256 * 1024**2
SPACE_LEFT_BYTES = 32 * 1024**2
"""Below it ClickHouse may have refused inserts: no verdict on a pipeline can rest on that."""


def require_space(path: Path, needed_bytes: int) -> None:
    """Make sure that ClickHouse has room.

    Raises:
        BackendError: less than `needed_bytes` are free where `path` lies.
    """
    free = shutil.disk_usage(path if path.exists() else path.parent).free
    if free < needed_bytes:
        raise BackendError(
            f"no disk space for ClickHouse: {free / 1024**2:,.0f} MiB are free in {path.parent}, "
            f"{needed_bytes / 1024**2:,.0f} MiB are needed",
            hint="free some, or set TMPDIR to a folder on another disk",
        )


@dataclass(frozen=True, slots=True)
class Backends:
    """What to start.

    Attributes:
        aws: `embedded` or an endpoint's URL.
        clickhouse: `embedded` or `http://user:password@host:port/database`.
        aws_port: of the embedded endpoint; 0 takes a free one.
        clickhouse_port: of the embedded ClickHouse; 0 takes a free one.
        only: `aws` or `clickhouse` starts that one alone.
    """

    aws: str = EMBEDDED
    clickhouse: str = EMBEDDED
    aws_port: int = 0
    clickhouse_port: int = 0
    only: str = ""

    def __post_init__(self) -> None:
        for name, url in (("--aws", self.aws), ("--clickhouse", self.clickhouse)):
            if url != EMBEDDED and urlsplit(url).scheme not in ("http", "https"):
                raise UsageError(f"{name} takes {EMBEDDED!r} or an http URL, not {url!r}")


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Where AWS is and who asks."""

    endpoint_url: str
    access_key: str
    secret_key: str
    region: str


@dataclass(frozen=True, slots=True)
class Stats:
    """How far the stream is; zeros where the endpoint does not tell.

    Attributes:
        delivered: change records put into streams.
        read: records handed out to consumers.
    """

    delivered: int = 0
    read: int = 0


class _Startable(Protocol):
    def start(self) -> object: ...

    def close(self) -> None: ...

    @property
    def pid(self) -> int | None: ...


class World:
    """Both servers, started together; a context manager that takes them down together.

    Args:
        backends: what to start.
        clock: its seed draws the password; the servers are processes with clocks of their own.
        aws_settings: settings of the embedded endpoint, as `PUT /_harness/settings` takes them.
        gates: for each server the gate before it, of the form of `harness.faults.live`; an embedded
            one has it built in, a foreign one is reached through a proxy in this process.
    """

    def __init__(
        self,
        backends: Backends,
        clock: Clock,
        *,
        aws_settings: dict[str, dict[str, Any]] | None = None,
        gates: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        gates = gates or {}
        self._backends = backends
        self._clock = clock
        self._aws: EmbeddedAws | None = None
        self._clickhouse: EmbeddedClickHouse | None = None
        if backends.aws == EMBEDDED and backends.only != "clickhouse":
            self._aws = EmbeddedAws(
                port=backends.aws_port, settings=aws_settings, gate=gates.get("aws")
            )
        if backends.clickhouse == EMBEDDED and backends.only != "aws":
            # A password for each run: another program on this machine cannot write by mistake.
            password = clock.substream("clickhouse password").randbytes(12).hex()
            self._clickhouse = EmbeddedClickHouse(
                port=backends.clickhouse_port, password=password, gate=gates.get("clickhouse")
            )

        self._proxies: dict[str, GateProxy] = {}
        if backends.aws != EMBEDDED and "aws" in gates:
            self._proxies["aws"] = GateProxy("aws", backends.aws, gates["aws"], clock)
        if backends.clickhouse != EMBEDDED and "clickhouse" in gates:
            self._proxies["clickhouse"] = GateProxy(
                "clickhouse", backends.clickhouse, gates["clickhouse"], clock
            )

    def __enter__(self) -> World:
        servers = self._servers()
        try:
            if self._clickhouse is not None:
                require_space(self._clickhouse.path, SPACE_TO_START_BYTES)
            with ThreadPoolExecutor(max_workers=2) as pool:
                for started in [pool.submit(server.start) for server in servers]:
                    started.result()
            for proxy in self._proxies.values():
                proxy.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _servers(self) -> list[_Startable]:
        return [cast("_Startable", s) for s in (self._aws, self._clickhouse) if s is not None]

    def close(self) -> None:
        """Take both down."""
        for proxy in self._proxies.values():
            proxy.close()
        for server in self._servers():
            server.close()

    @property
    def aws(self) -> AwsAccess:
        """How to reach AWS."""
        if self._aws is not None:
            embedded = self._aws
            return AwsAccess(
                embedded.endpoint, embedded.access_key, embedded.secret_key, embedded.region
            )
        return AwsAccess(self._backends.aws.rstrip("/"), "test", "test", "us-east-1")

    @property
    def pipeline_aws(self) -> AwsAccess:
        """How the pipeline reaches AWS: through the gate where there is one."""
        direct = self.aws
        gate = self._aws.gate_endpoint if self._aws is not None else ""
        if "aws" in self._proxies:
            gate = self._proxies["aws"].url
        return replace(direct, endpoint_url=gate) if gate else direct

    @property
    def pipeline_clickhouse_url(self) -> str:
        """The same for ClickHouse."""
        if self._clickhouse is not None:
            return self._clickhouse.gate_url
        proxy = self._proxies.get("clickhouse")
        if proxy is None:
            return self.clickhouse_url
        login, at, _ = urlsplit(self.clickhouse_url).netloc.rpartition("@")
        address = urlsplit(proxy.url).netloc
        return (
            urlsplit(self.clickhouse_url)
            ._replace(scheme="http", netloc=login + at + address)
            .geturl()
        )

    def calm(self) -> None:
        """End the faults of all gates; harmless without any."""
        urls = [self._aws.gate_endpoint] if self._aws is not None else []
        if self._clickhouse is not None and self._clickhouse.gate_url != self._clickhouse.url:
            address = urlsplit(self._clickhouse.gate_url)
            urls.append(f"http://{address.hostname}:{address.port}")
        urls += [proxy.url for proxy in self._proxies.values()]
        for url in filter(None, urls):
            with urlopen(Request(f"{url}{CALM_PATH}", data=b"", method="POST")):
                pass

    @property
    def clickhouse_url(self) -> str:
        """`http://user:password@host:port/database`."""
        return self._clickhouse.url if self._clickhouse is not None else self._backends.clickhouse

    def stats(self) -> Stats:
        """How far the stream is."""
        if self._aws is None:
            return Stats()
        told = self._aws.stats()
        return Stats(
            int(told.get("kinesis_records_put", 0)), int(told.get("kinesis_records_read", 0))
        )

    def describe(self) -> dict[str, str]:
        """What stands for each, for people."""
        return {
            "aws": self._backends.aws if self._aws is None else EMBEDDED,
            "clickhouse": self.clickhouse_name(""),
        }

    def clickhouse_name(self, version: str) -> str:
        """What stands for ClickHouse, with its version where it is known."""
        if self._clickhouse is not None:
            return f"{EMBEDDED} {version or self._clickhouse.version()}"
        address = urlsplit(self._backends.clickhouse)
        return f"{address.hostname}:{address.port} {version}".strip()

    def require_health(self) -> None:
        """Make sure that the servers were in order, before anybody is judged.

        Raises:
            BackendError: one has stopped, or ClickHouse's disk is full.
        """
        self.raise_if_broken()
        if self._clickhouse is not None:
            require_space(self._clickhouse.path, SPACE_LEFT_BYTES)

    def variables(self) -> dict[str, str]:
        """The environment that lets any client use both."""
        variables: dict[str, str] = {}
        if self._backends.only != "clickhouse":
            aws = self.aws
            variables |= {
                "AWS_ENDPOINT_URL": aws.endpoint_url,
                "AWS_ACCESS_KEY_ID": aws.access_key,
                "AWS_SECRET_ACCESS_KEY": aws.secret_key,
                "AWS_REGION": aws.region,
                "AWS_DEFAULT_REGION": aws.region,
            }
        if self._backends.only != "aws":
            variables["CLICKHOUSE_URL"] = self.clickhouse_url
        return variables

    def broke(self) -> bool:
        """True when an embedded server has stopped by itself."""
        return any(server.pid is None for server in self._servers())

    def raise_if_broken(self) -> None:
        """Say which server stopped.

        Raises:
            BackendError: one did.
        """
        for name, server in (("AWS endpoint", self._aws), ("ClickHouse", self._clickhouse)):
            if server is not None and server.pid is None:
                raise BackendError(
                    f"the embedded {name} stopped by itself", hint="is memory or disk used up?"
                )
