"""Who takes part: the embedded endpoint and the peers, each of which can be started anew."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.embedded_aws import EmbeddedAws
from harness.bench.endpoint import Endpoint
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = "embedded"


@dataclass(frozen=True, slots=True)
class Contender:
    """One endpoint that can take part.

    Attributes:
        name: how the table calls it.
        start: begins a process of its own that answers, and ends it on exit. For a URL there is
            nothing to start: its process stays as it is.
        is_ours_to_start: False for a URL: then neither start nor memory can be measured.
    """

    name: str
    start: Callable[[], AbstractContextManager[Endpoint]]
    is_ours_to_start: bool = True


def embedded() -> Contender:
    """The endpoint that this package brings."""
    return Contender(OURS, _embedded)


@contextmanager
def _embedded() -> Iterator[Endpoint]:
    with EmbeddedAws() as aws:
        endpoint = Endpoint(
            OURS,
            aws.endpoint,
            aws.access_key,
            aws.secret_key,
            aws.region,
            version=version("cdc-harness"),
            pid=aws.pid,
        )
        try:
            yield endpoint
        finally:
            endpoint.close()


def at_url(url: str) -> Contender:
    """A peer that runs already."""
    url = url.rstrip("/")
    name = url.partition("://")[2]

    @contextmanager
    def start() -> Iterator[Endpoint]:
        endpoint = Endpoint(name, url)
        try:
            yield endpoint
        finally:
            endpoint.close()

    return Contender(name, start, is_ours_to_start=False)


def installed() -> list[Contender]:
    """The peers that are installed on this machine."""
    from harness.peers.catalog import PEERS

    return [known(name) for name, one in PEERS.items() if one.is_installed]


def known(name: str) -> Contender:
    """A peer by name; installed first when it is not there.

    Raises:
        UsageError: there is no such peer.
        BackendError: what it needs is missing, or its installation failed.
    """
    from harness.peers.catalog import peer
    from harness.peers.peer import RunningPeer

    found = peer(name)
    found.ensure_installed()

    @contextmanager
    def start() -> Iterator[Endpoint]:
        with RunningPeer(found) as running:
            endpoint = Endpoint(name, running.url, version=found.version, pid=running.pid)
            try:
                yield endpoint
            finally:
                endpoint.close()

    return Contender(name, start)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its children.

    Raises:
        BackendError: psutil is not installed, or the process is gone.
    """
    try:
        import psutil
    except ImportError:
        raise BackendError(
            "memory rows need psutil", hint="pip install 'cdc-harness[bench]'"
        ) from None
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family)
    except psutil.Error as error:
        raise BackendError(f"cannot see the memory of process {pid}: {error}") from None


def peak_bytes(pid: int) -> int:
    """The most resident memory that a process had; what it has now where the system does not tell.

    As Linux says in `/proc`, of the program that runs: `ru_maxrss` outlives `exec`, so a process that
    a large one started would be as large as that one.

    Raises:
        BackendError: neither is told.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return resident_bytes(pid)
    match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else resident_bytes(pid)
