from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from harness.clock import WallClock
from harness.gateway.aws import Aws
from harness.kinesis.settings import Settings as KinesisSettings
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Clients = Callable[..., Any]


def client(service: str, url: str, *, region: str = "us-east-1", secret: str = "secret") -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKID",
        aws_secret_access_key=secret,
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            # What botocore signs links with by default is the version before.
            signature_version="s3v4" if service == "s3" else None,
            read_timeout=10,
            connect_timeout=10,
        ),
    )


@pytest.fixture
def aws() -> Aws:
    aws = Aws(WallClock())
    aws.region().kinesis.settings = KinesisSettings.instant()
    return aws


@pytest.fixture
def url(aws: Aws) -> Iterator[str]:
    with ServerThread(aws.app, clock=aws.clock) as server:
        yield server.url


@pytest.fixture
def clients(url: str) -> Clients:
    def make(service: str, **how: str) -> Any:
        return client(service, url, **how)

    return make
