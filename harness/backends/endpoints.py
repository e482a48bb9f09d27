"""What a client must know of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass


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
