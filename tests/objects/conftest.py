from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from harness.clock import VirtualClock
from harness.objects.app import ObjectsApp
from harness.objects.store import ObjectStore
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store() -> ObjectStore:
    store = ObjectStore(VirtualClock())
    store.create_bucket("bucket")
    return store


@pytest.fixture
def url(store: ObjectStore) -> Iterator[str]:
    app = ObjectsApp(store)
    with ServerThread(app, clock=store.clock) as server:
        yield server.url


@pytest.fixture
def s3(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
