from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from harness.backends.embedded_aws import EmbeddedAws
from tests.interop import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Clients = Callable[[str], Any]


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    instant = {"create_seconds": 0, "update_seconds": 0, "heartbeat_seconds": 1}
    with EmbeddedAws(settings={"kinesis": instant}) as aws:
        yield aws


@pytest.fixture
def clients(aws: EmbeddedAws) -> Clients:
    """boto3 as the operator, beside the client under test."""
    return partial(
        boto3.client,
        endpoint_url=aws.endpoint,
        region_name=aws.region,
        aws_access_key_id=aws.access_key,
        aws_secret_access_key=aws.secret_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="session")
def kcl() -> list[str]:
    return programs.kcl()


@pytest.fixture(scope="session")
def streams_adapter() -> list[str]:
    return programs.streams_adapter()


@pytest.fixture(scope="session")
def node() -> Path:
    return programs.node()


@pytest.fixture(scope="session")
def go() -> Path:
    return programs.go()
