"""The containers themselves: who gets in, where they listen, and that none stays behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from harness.backends.aws_clients import AwsClients
from harness.backends.choice import Backends
from harness.backends.clickhouse_container import ClickHouseContainer
from harness.backends.clickhouse_url import query
from harness.backends.docker_engine import OWNER_LABEL, client, remove_orphans, require_image
from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.lacks import find_lacks
from harness.backends.localstack import LocalStack
from harness.backends.reach import LOOPBACK, address_for
from harness.backends.world import World
from harness.clock import WallClock
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.backends.endpoints import AwsAccess

pytestmark = [pytest.mark.containers, pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Our own AWS beside a ClickHouse in a container, with a gate as in a run."""
    events = tmp_path_factory.mktemp("events") / "aws.jsonl"
    gate = {"faults": {"plan": []}, "seed": 1, "events": str(events)}
    wanted = Backends(clickhouse="container")
    with World(wanted, WallClock(), gates={"aws": gate}) as both:
        yield both


def dynamodb(access: AwsAccess, secret: str) -> Any:
    return AwsClients(replace(access, secret_key=secret))["dynamodb"]


def test_a_wrong_password_and_the_user_without_one_are_refused(world: World) -> None:
    assert query(world.clickhouse_url, "SELECT 1") == "1\n"
    parts = urlsplit(world.clickhouse_url)
    for login in ("harness:wrong", "default:"):
        url = parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}").geturl()
        with pytest.raises(BackendError, match="Authentication failed"):
            query(url, "SELECT 1")


def test_clickhouse_finds_aws_where_the_pipeline_does_and_a_wrong_key_is_refused(
    world: World,
) -> None:
    access = world.pipeline_aws
    assert urlsplit(access.endpoint_url).hostname != LOOPBACK
    healthy = query(
        world.clickhouse_url,
        f"SELECT line FROM url('{access.endpoint_url}/', 'LineAsString', 'line String')",
    )
    assert healthy.startswith("healthy: ")
    assert dynamodb(access, access.secret_key).list_tables()["TableNames"] == []
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        dynamodb(access, "wrong").list_tables()


def test_the_container_is_published_on_this_machine_alone(world: World) -> None:
    engine = client()
    try:
        ours = [c for c in engine.containers.list() if OWNER_LABEL in c.labels]
        ours = [c for c in ours if "clickhouse" in str(c.image.tags)]
        hosts = [
            binding["HostIp"]
            for container in ours
            for bindings in container.ports.values()
            for binding in bindings or []
        ]
    finally:
        engine.close()
    assert hosts == [LOOPBACK] * len(hosts)
    assert hosts


def test_each_world_has_a_password_of_its_own(world: World) -> None:
    with ClickHouseContainer() as other:
        mine, theirs = urlsplit(world.clickhouse_url), urlsplit(other.url)
        assert mine.password != theirs.password
        assert address_for(other.url) not in ("", LOOPBACK)


def test_what_an_endpoint_claims_is_tried() -> None:
    localstack = LocalStack()
    localstack.start()
    try:
        with World(Backends(aws=localstack.endpoint, only="aws"), WallClock()) as world:
            lacks = find_lacks(world.aws, WallClock(), precision="MICROSECOND", export=True)
            left = dynamodb(world.aws, "test").list_tables()["TableNames"]
    finally:
        localstack.close()
    assert {lack.feature for lack in lacks} >= {"export"}
    assert all(lack.reason for lack in lacks)
    assert left == []


def test_our_own_endpoint_lacks_nothing() -> None:
    with EmbeddedAws() as aws, World(Backends(aws=aws.endpoint, only="aws"), WallClock()) as world:
        assert find_lacks(world.aws, WallClock(), precision="MICROSECOND", export=True) == []
        assert find_lacks(world.aws, WallClock(), precision="MILLISECOND", export=True) == []


def test_the_containers_of_a_killed_harness_are_removed_by_the_next(tmp_path: Path) -> None:
    program = (
        "from harness.backends.clickhouse_container import ClickHouseContainer as C\n"
        "import sys\n"
        "c = C(); c.start(); print(c._container._made.get_container_id(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    engine = client()
    try:
        assert name
        remove_orphans()
        assert name not in {c.id for c in engine.containers.list()}
    finally:
        engine.close()


def test_an_image_that_can_be_had_nowhere_is_one_line_with_the_command_that_gets_it() -> None:
    with pytest.raises(BackendError, match="is not here and cannot be pulled") as caught:
        require_image("localhost:1/no/such-image:1")
    assert caught.value.hint.startswith("docker pull localhost:1/no/such-image:1")
