"""The two servers of a run, side by side: what stands for AWS, and what stands for ClickHouse.

Each is embedded or a container, started here and gone with the run, or a URL that somebody else
serves. Where ClickHouse is no process of this machine's, AWS is made findable for it: see
`harness.backends.reach`.
"""

from __future__ import annotations

import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from harness.backends.chdb_releases import python_of
from harness.backends.choice import EMBEDDED, LOCALSTACK, LOOPBACK, Backends
from harness.backends.clickhouse_container import ClickHouseContainer
from harness.backends.clickhouse_url import address_of, query, with_database
from harness.backends.disk import SPACE_LEFT_BYTES, SPACE_TO_START_BYTES, require_space
from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.backends.endpoints import AwsAccess, Stats
from harness.backends.gate_proxy import GateProxy
from harness.backends.localstack import LocalStack, running, version_at
from harness.backends.reach import address_for
from harness.backends.started import Started
from harness.errors import BackendError, UsageError
from harness.faults.live import CALM_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.clock import Clock

__all__ = ["EMBEDDED", "AwsAccess", "Backends", "Stats", "World", "require_space"]

_direct = build_opener(ProxyHandler({}))


class _Startable(Protocol):
    def start(self) -> object: ...

    def close(self) -> None: ...

    @property
    def pid(self) -> int | None: ...


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


class World(Started):
    """Both servers, started together; a context manager that takes them down together.

    Args:
        backends: what to start.
        clock: stamps what passes a proxy; the servers are processes with clocks of their own.
        aws_settings: settings of the embedded endpoint, as `PUT /_harness/settings` takes them.
        gates: for each server the gate before it, of the form of `harness.faults.live`; an embedded
            one has it built in, any other is reached through a proxy in this process.
        tell: told one line before something slow begins.

    Attributes:
        notes: what a reader of the verdict should know about the servers.
        clickhouse_database: that of the URL; empty keeps the one it came with.
        count_delivered: how many change records reached the stream, where AWS does not tell.
    """

    def __init__(
        self,
        backends: Backends,
        clock: Clock,
        *,
        aws_settings: dict[str, dict[str, Any]] | None = None,
        gates: Mapping[str, dict[str, Any]] | None = None,
        tell: Callable[[str], None] = _to_stderr,
    ) -> None:
        self.notes: list[str] = []
        self.clickhouse_database = ""
        self.count_delivered: Callable[[], int] = lambda: 0
        self._backends = backends
        self._clock = clock
        self._aws_settings = aws_settings
        self._gates = dict(gates or {})
        self._tell = tell
        self._aws: EmbeddedAws | None = None
        self._localstack: LocalStack | None = None
        self._aws_url = ""
        self._clickhouse: EmbeddedClickHouse | None = None
        self._container: ClickHouseContainer | None = None
        self._proxies: dict[str, GateProxy] = {}

    def start(self) -> Self:
        """Start both, side by side where neither waits for the other."""
        only = self._backends.only
        if self._backends.is_embedded("clickhouse") or only:
            with ThreadPoolExecutor(max_workers=2) as pool:
                started = []
                if only != "clickhouse":
                    started.append(pool.submit(self._start_aws, self._backends.host))
                if only != "aws":
                    started.append(pool.submit(self._start_clickhouse))
                for future in started:
                    future.result()
        else:
            # ClickHouse first: it alone can say at which address it finds AWS.
            self._start_clickhouse()
            self._start_aws(self._address_for_clickhouse())
        if "clickhouse" in self._gates and self._clickhouse is None and only != "aws":
            self._start_proxy("clickhouse", self.clickhouse_url, LOOPBACK)
        return self

    def _start_clickhouse(self) -> None:
        backends = self._backends
        if backends.clickhouse_kind == "container":
            self._container = ClickHouseContainer(backends.clickhouse_tag)
            self._container.start()
        elif backends.clickhouse_kind == "embedded":
            tag = backends.clickhouse_tag
            # A password for each run, so that nobody else writes, by mistake or on purpose; not from
            # the seed, as who knows the scenario must not know it.
            password = secrets.token_hex(12)
            self._clickhouse = EmbeddedClickHouse(
                port=backends.clickhouse_port,
                password=password,
                host=backends.host,
                python=python_of(tag, self._tell) if tag else sys.executable,
                gate=self._gates.get("clickhouse"),
            )
            require_space(self._clickhouse.path, SPACE_TO_START_BYTES)
            self._clickhouse.start()
        else:
            self._require_answer()

    def _require_answer(self) -> None:
        url = self._backends.clickhouse
        try:
            query(url, "SELECT 1")
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise BackendError(
                f"no ClickHouse answers at {address_of(url)}: {reason}",
                hint="--clickhouse takes the HTTP interface, port 8123 or 8443 as a rule",
            ) from None

    def _address_for_clickhouse(self) -> str:
        address = address_for(self.clickhouse_url)
        if not address:
            self.notes.append(
                "ClickHouse reaches no address of this machine: it cannot load exports from "
                "S3 here by itself"
            )
        return address or LOOPBACK

    def _start_aws(self, address: str) -> None:
        """Make AWS findable at an address of this machine."""
        kind = self._backends.aws_kind
        url = self._backends.aws if kind == "url" else ""
        if kind == "embedded":
            gate = self._gates.get("aws")
            self._aws = EmbeddedAws(
                # With a gate it is the gate that others must find.
                host=self._backends.host if gate else address,
                port=self._backends.aws_port,
                settings=self._aws_settings,
                gate={**gate, "host": address} if gate else None,
            )
            self._aws.start()
            return
        if kind == "container":
            url = running(os.environ)
        if url:
            self._aws_url = url.rstrip("/")
        else:
            self._localstack = LocalStack(self._backends.aws_tag, address=address)
            self._localstack.start()
            self._aws_url = self._localstack.endpoint
        if "aws" in self._gates or (url and address != LOOPBACK):
            self._start_proxy("aws", self._aws_url, address)

    def _start_proxy(self, server: Any, url: str, host: str) -> None:
        proxy = GateProxy(server, url, self._gates.get(server), self._clock, host=host)
        self._proxies[server] = proxy
        proxy.start()

    def _servers(self) -> list[tuple[str, _Startable]]:
        named = (
            ("embedded AWS endpoint", self._aws),
            ("LocalStack container", self._localstack),
            ("embedded ClickHouse", self._clickhouse),
            ("ClickHouse container", self._container),
        )
        return [(name, server) for name, server in named if server is not None]

    def close(self) -> None:
        """Take both down."""
        for proxy in self._proxies.values():
            proxy.close()
        for _, server in self._servers():
            server.close()

    @property
    def aws_is_embedded(self) -> bool:
        """True when AWS is the harness's own endpoint."""
        return self._aws is not None

    @property
    def aws_is_lasting(self) -> bool:
        """True when AWS outlives the run, with what the run leaves in it."""
        return self._aws is None and self._localstack is None

    @property
    def clickhouse_is_lasting(self) -> bool:
        """The same for ClickHouse."""
        return self._backends.clickhouse_kind == "url"

    @property
    def aws(self) -> AwsAccess:
        """How to reach AWS."""
        if self._aws is not None:
            embedded = self._aws
            return AwsAccess(
                embedded.endpoint, embedded.access_key, embedded.secret_key, embedded.region
            )
        known = os.environ if self._localstack is None else {}
        return AwsAccess(
            self._aws_url,
            known.get("AWS_ACCESS_KEY_ID") or "test",
            known.get("AWS_SECRET_ACCESS_KEY") or "test",
            known.get("AWS_REGION") or known.get("AWS_DEFAULT_REGION") or "us-east-1",
        )

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

    def gate_urls(self) -> list[str]:
        """Base URL of every gate."""
        urls = [self._aws.gate_endpoint] if self._aws is not None else []
        if self._clickhouse is not None and self._clickhouse.gate_url != self._clickhouse.url:
            address = urlsplit(self._clickhouse.gate_url)
            urls.append(f"http://{address.hostname}:{address.port}")
        urls += [proxy.url for proxy in self._proxies.values() if proxy.has_gate]
        return [url for url in urls if url]

    def restart_clickhouse(self) -> None:
        """End the embedded ClickHouse and start it again on its port and its data.

        Raises:
            UsageError: it is not embedded.
        """
        if self._clickhouse is None:
            raise UsageError("ClickHouse is not embedded: the harness cannot restart it")
        self._clickhouse.restart()

    def step_aws_clock(self, seconds: float) -> None:
        """Let so much time pass at once on the embedded AWS; negative sets its clock back.

        Raises:
            UsageError: AWS is not embedded.
        """
        if self._aws is None:
            raise UsageError("AWS is not embedded: the harness cannot step its clock")
        self._aws.advance(seconds)

    def calm(self) -> None:
        """End the faults of all gates; harmless without any."""
        for url in self.gate_urls():
            with _direct.open(Request(f"{url}{CALM_PATH}", data=b"", method="POST")):
                pass

    @property
    def clickhouse_url(self) -> str:
        """`http://user:password@host:port/database`."""
        if self._clickhouse is not None:
            return self._clickhouse.url
        url = self._container.url if self._container is not None else self._backends.clickhouse
        return with_database(url, self.clickhouse_database) if self.clickhouse_database else url

    def stats(self) -> Stats:
        """How far the stream is."""
        if self._aws is None:
            return Stats(self.count_delivered())
        told = self._aws.stats()
        return Stats(
            int(told.get("kinesis_records_put", 0)), int(told.get("kinesis_records_read", 0))
        )

    def describe(self) -> dict[str, str]:
        """What stands for each, for people."""
        return {"aws": self.aws_name(), "clickhouse": self.clickhouse_name("")}

    def aws_name(self) -> str:
        """What stands for AWS."""
        if self._localstack is not None:
            return self._localstack.name()
        if self._aws_url:
            version = version_at(self._aws_url) if self._backends.aws_kind == "container" else ""
            named = f"{LOCALSTACK} at " if version else ""
            return f"{named}{self._aws_url}{f' (it says {version})' if version else ''}"
        return EMBEDDED

    def clickhouse_name(self, version: str) -> str:
        """What stands for ClickHouse, with its version where it is known."""
        if self._clickhouse is not None:
            return f"{EMBEDDED} {version or self._clickhouse.version()}"
        if self._container is not None:
            return f"{self._container.image} (it says {version or self._container.version()})"
        return f"{address_of(self._backends.clickhouse)} {version}".strip()

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
        """True when a server that was started here has stopped by itself."""
        return any(server.pid is None for _, server in self._servers())

    def raise_if_broken(self) -> None:
        """Say which server stopped.

        Raises:
            BackendError: one did.
        """
        for name, server in self._servers():
            if server.pid is None:
                raise BackendError(
                    f"the {name} stopped by itself", hint="is memory or disk used up?"
                )
