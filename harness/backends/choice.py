"""What stands for AWS and what for ClickHouse: two choices, each independent of the other.

| AWS | is |
|---|---|
| `embedded` | the emulated endpoint, a process of the harness |
| `localstack`, `localstack:TAG` | a LocalStack container, or the one that the environment names |
| a URL | an endpoint that somebody else serves |

| ClickHouse | is |
|---|---|
| `embedded`, `embedded:VERSION` | chDB, a process of the harness |
| `container`, `container:TAG` | a container of ClickHouse's own image |
| a URL | `http(s)://user:password@host:port/database` |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from harness.backends.chdb_releases import RELEASES
from harness.errors import UsageError, nearest

EMBEDDED = "embedded"
LOCALSTACK = "localstack"
CONTAINER = "container"
LOOPBACK = "127.0.0.1"

Kind = Literal["embedded", "container", "url"]
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Backends:
    """What to start.

    Attributes:
        aws: `embedded`, `localstack`, `localstack:TAG` or an endpoint's URL; empty leaves it to the
            scenario, and else is `embedded`.
        clickhouse: `embedded`, `embedded:VERSION`, `container`, `container:TAG` or
            `http://user:password@host:port/database`; empty likewise.
        aws_port: of the embedded endpoint; 0 takes a free one.
        clickhouse_port: of the embedded ClickHouse; 0 takes a free one.
        host: where the embedded servers listen.
        only: `aws` or `clickhouse` starts that one alone.

    Raises:
        UsageError: a choice that is none.
    """

    aws: str = EMBEDDED
    clickhouse: str = EMBEDDED
    aws_port: int = 0
    clickhouse_port: int = 0
    host: str = LOOPBACK
    only: str = ""

    def __post_init__(self) -> None:
        _require("--aws", self.aws, (EMBEDDED,), (LOCALSTACK,))
        _require("--clickhouse", self.clickhouse, (), (EMBEDDED, CONTAINER))
        if self.clickhouse_kind == EMBEDDED and self.clickhouse_tag not in {"", *RELEASES}:
            raise UsageError(
                f"--clickhouse {self.clickhouse}: no such embedded version",
                hint=nearest(self.clickhouse_tag, RELEASES),
            )

    @property
    def aws_kind(self) -> Kind:
        """What sort of thing stands for AWS."""
        name = self.aws.partition(":")[0]
        return (
            "embedded" if name in ("", EMBEDDED) else "container" if name == LOCALSTACK else "url"
        )

    @property
    def clickhouse_kind(self) -> Kind:
        """What sort of thing stands for ClickHouse."""
        name = self.clickhouse.partition(":")[0]
        return "embedded" if name in ("", EMBEDDED) else "container" if name == CONTAINER else "url"

    @property
    def aws_tag(self) -> str:
        """The LocalStack image's tag, where one is asked for."""
        return self.aws.partition(":")[2] if self.aws_kind == CONTAINER else ""

    @property
    def clickhouse_tag(self) -> str:
        """The image's tag or the embedded version, where one is asked for."""
        return self.clickhouse.partition(":")[2] if self.clickhouse_kind != "url" else ""

    def or_else(self, aws: str, clickhouse: str) -> Backends:
        """The same with these where nothing was chosen."""
        return replace(self, aws=self.aws or aws, clickhouse=self.clickhouse or clickhouse)

    def is_embedded(self, server: str) -> bool:
        """Whether `aws` or `clickhouse` is a process of the harness."""
        return (self.aws_kind if server == "aws" else self.clickhouse_kind) == EMBEDDED


def without_password(text: str) -> str:
    """A choice as it may be shown: a URL's password is nobody's business."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", text)


def _require(option: str, given: str, plain: tuple[str, ...], tagged: tuple[str, ...]) -> None:
    name, colon, tag = given.partition(":")
    if not given or given in plain or (name in tagged and (not colon or _TAG.fullmatch(tag))):
        return
    parts = urlsplit(given)
    if parts.scheme in ("http", "https") and parts.hostname:
        return
    names = [*(repr(n) for n in plain), *(f"'{n}[:…]'" for n in tagged)]
    raise UsageError(
        f"{option} takes {', '.join(names)} or an http URL, not {without_password(given)!r}"
    )
