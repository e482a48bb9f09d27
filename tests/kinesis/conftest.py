from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from harness.clock import VirtualClock
from harness.kinesis.api import Kinesis
from harness.kinesis.settings import Settings
from harness.web.inprocess import attach
from tests.kinesis.app import KinesisApp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_kinesis import KinesisClient


@pytest.fixture(scope="session")
def boto() -> KinesisClient:
    """One client for all tests: building one costs more than a test."""
    return boto3.client(
        "kinesis",
        region_name="us-east-1",
        endpoint_url="http://in-process",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, read_timeout=5, parameter_validation=False),
    )


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def kinesis(clock: VirtualClock) -> Kinesis:
    return Kinesis(clock, settings=Settings.instant())


@pytest.fixture
def client(boto: KinesisClient, kinesis: Kinesis) -> Iterator[KinesisClient]:
    detach = attach(boto, KinesisApp(kinesis))
    yield boto
    detach()
