"""An AWS endpoint as the bench sees it: an address, its boto3 clients and a raw connection.

The same clients, with the same settings, for every endpoint: only the address differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from harness.bench.raw_connection import RawConnection

READ_SECONDS_MAX = 30
CONNECT_SECONDS_MAX = 5


class UnsupportedError(Exception):
    """The endpoint does not do what a row measures; the message says how that shows."""


@dataclass(slots=True)
class Endpoint:
    """One endpoint under measurement.

    Attributes:
        name: how the table calls it.
        url: base URL, without a slash at its end.
        access_key: what to sign with.
        secret_key: what to sign with.
        region: what to sign for.
        version: as its package says; empty when unknown.
        pid: the process that serves it; None when it is not ours to look at.
    """

    name: str
    url: str
    access_key: str = "test"
    secret_key: str = "test"
    region: str = "us-east-1"
    version: str = ""
    pid: int | None = None
    _clients: dict[str, Any] = field(default_factory=dict)
    _raw: RawConnection | None = None

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    @property
    def dynamodb(self) -> Any:
        """The boto3 client of DynamoDB."""
        return self.client("dynamodb")

    @property
    def streams(self) -> Any:
        """The boto3 client of DynamoDB Streams."""
        return self.client("dynamodbstreams")

    @property
    def kinesis(self) -> Any:
        """The boto3 client of Kinesis."""
        return self.client("kinesis")

    @property
    def s3(self) -> Any:
        """The boto3 client of S3."""
        return self.client("s3")

    @property
    def raw(self) -> RawConnection:
        """One keep-alive connection without a client library."""
        if self._raw is None:
            where = urlsplit(self.url)
            self._raw = RawConnection(
                where.hostname or "127.0.0.1",
                where.port or 80,
                access_key=self.access_key,
                region=self.region,
                timeout_seconds=READ_SECONDS_MAX,
            )
        return self._raw

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                # A retry would hide a refusal in a slower figure.
                retries={"total_max_attempts": 1},
                read_timeout=READ_SECONDS_MAX,
                connect_timeout=CONNECT_SECONDS_MAX,
                parameter_validation=False,
                s3={"addressing_style": "path"},
                proxies={},
            ),
        )
