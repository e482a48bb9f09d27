"""A run at servers that outlive it: nothing of others is touched, nothing of its own stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.backends.aws_clients import AwsClients
from harness.backends.choice import Backends
from harness.backends.clickhouse_url import query
from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.backends.endpoints import AwsAccess
from harness.errors import BackendError
from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = ["workload.items=20", "workload.changes=30"]


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(settings={"kinesis": {"create_seconds": 0.0, "delete_seconds": 0.0}}) as it:
        yield it


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(password="p") as it:
        yield it


def clients(aws: EmbeddedAws) -> AwsClients:
    return AwsClients(AwsAccess(aws.endpoint, "test", "test", "us-east-1"))


def databases(clickhouse: EmbeddedClickHouse) -> set[str]:
    """Without the one in which our own server logs what enters a target."""
    return set(query(clickhouse.url, "SHOW DATABASES").split()) - {"_harness"}


def test_a_table_that_is_there_is_named_and_left_alone(aws: EmbeddedAws, tmp_path: Path) -> None:
    dynamodb = clients(aws)["dynamodb"]
    dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    told = load_scenario("quickstart", overrides=SMALL)
    options = Options(runs=tmp_path, backends=Backends(aws=aws.endpoint))
    try:
        with pytest.raises(BackendError, match="already has table orders") as caught:
            run_scenario(told, options, Silent())
        assert "--set table.table_name" in caught.value.hint
        assert dynamodb.list_tables()["TableNames"] == ["orders"]
    finally:
        dynamodb.delete_table(TableName="orders")


def test_a_run_that_passes_leaves_nothing_and_one_that_does_not_leaves_its_tables(
    aws: EmbeddedAws, clickhouse: EmbeddedClickHouse, tmp_path: Path
) -> None:
    before = databases(clickhouse)
    told = load_scenario("quickstart", overrides=[*SMALL, "settle.stall_seconds=30"])
    backends = Backends(aws=aws.endpoint, clickhouse=clickhouse.url)
    good = run_scenario(told, Options(runs=tmp_path, backends=backends), Silent())
    assert good.outcome == "passed", good.reason
    assert good.supplied == []
    assert databases(clickhouse) == before
    assert clients(aws)["dynamodb"].list_tables()["TableNames"] == []
    assert clients(aws)["s3"].list_buckets()["Buckets"] == []

    told = load_scenario("quickstart", overrides=[*SMALL, "settle.stall_seconds=2"])
    bad = run_scenario(told, Options(pipeline="no-op", runs=tmp_path, backends=backends), Silent())
    assert bad.outcome == "failed"
    kept = databases(clickhouse) - before
    assert bad.notes == [f"its tables are kept in ClickHouse's database {next(iter(kept))}"]
    assert clients(aws)["dynamodb"].list_tables()["TableNames"] == []


def test_no_clickhouse_at_a_url_is_one_line(tmp_path: Path) -> None:
    told = load_scenario("quickstart", overrides=SMALL)
    options = Options(runs=tmp_path, backends=Backends(clickhouse="http://me:s3cret@127.0.0.1:1"))
    with pytest.raises(BackendError, match=r"no ClickHouse answers at 127\.0\.0\.1:1") as caught:
        run_scenario(told, options, Silent())
    assert "s3cret" not in str(caught.value)
