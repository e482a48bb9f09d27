"""What a client must know of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def local_host(host: str) -> str:
    """Where this machine finds a server that listens on `host`: all addresses are no address."""
    return _ANY.get(host, host)


def local_url(url: str) -> str:
    """The same for a server's URL."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


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
