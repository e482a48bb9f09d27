"""Nine combinations: three things that stand for AWS, three that stand for ClickHouse."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.backends.aws_clients import AwsClients
from harness.backends.choice import Backends
from harness.backends.clickhouse_container import ClickHouseContainer
from harness.backends.clickhouse_url import query
from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.endpoints import AwsAccess
from harness.report.plain import as_text
from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.run.result import Result

pytestmark = [pytest.mark.containers, pytest.mark.slow]

SCENARIOS = os.environ.get("HARNESS_SCENARIOS", "quickstart").split()
SIZE = ["workload.items=60", "workload.changes=120"] if SCENARIOS == ["quickstart"] else []
PATIENT = ["settle.timeout_seconds=300", "settle.stall_seconds=30"]


@pytest.fixture(scope="module")
def served_aws() -> Iterator[str]:
    """An endpoint that is there before the run and after it."""
    with EmbeddedAws() as aws:
        yield aws.endpoint


@pytest.fixture(scope="module")
def served_clickhouse() -> Iterator[str]:
    with ClickHouseContainer() as clickhouse:
        yield clickhouse.url


def run(scenario: str, backends: Backends, runs: Path, *overrides: str) -> Result:
    told = load_scenario(scenario, overrides=[*SIZE, *PATIENT, *overrides])
    return run_scenario(told, Options(runs=runs, backends=backends), Silent())


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("clickhouse", ["embedded", "container", "url"])
@pytest.mark.parametrize("aws", ["embedded", "localstack", "url"])
def test_every_combination_passes_and_says_what_was_supplied(
    aws: str,
    clickhouse: str,
    scenario: str,
    served_aws: str,
    served_clickhouse: str,
    tmp_path: Path,
) -> None:
    backends = Backends(
        aws=served_aws if aws == "url" else aws,
        clickhouse=served_clickhouse if clickhouse == "url" else clickhouse,
    )
    databases = query(served_clickhouse, "SHOW DATABASES")
    result = run(scenario, backends, tmp_path)
    assert result.outcome == "passed", as_text(result)
    supplied = {part["feature"]: part["reason"] for part in result.supplied}
    if aws == "localstack":
        # Neither LocalStack nor its stand-in has an export; what else it lacks is its own affair.
        assert "export" in supplied
        assert all(supplied.values())
        assert result.backends["aws"].startswith("localstack/localstack")
    else:
        assert supplied == {}
    if aws == "url":
        assert_nothing_is_left(served_aws)
    assert query(served_clickhouse, "SHOW DATABASES") == databases


def assert_nothing_is_left(endpoint: str) -> None:
    clients = AwsClients(AwsAccess(endpoint, "test", "test", "us-east-1"))

    def client(service: str) -> Any:
        return clients[service]

    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    streams = client("kinesis").list_streams()["StreamNames"]
    states = [
        client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        for name in streams
    ]
    assert [s for s in states if s["StreamStatus"] != "DELETING"] == []


def test_faults_strike_before_containers(tmp_path: Path) -> None:
    plan = (
        'faults.plan=[{fault="error-after", operation="INSERT", at=[0]},'
        ' {fault="throttle", operation="GetRecords", at=[0]}]'
    )
    backends = Backends(aws="localstack", clickhouse="container")
    result = run("quickstart", backends, tmp_path, plan)
    assert result.outcome == "passed", as_text(result)
    assert result.run_dir is not None
    lines = (result.run_dir / "history.jsonl").read_bytes().splitlines()
    events = [orjson.loads(line) for line in lines]
    struck = {(e["fault"], e["operation"]) for e in events if e["event"] == "fault"}
    assert struck == {("error-after", "INSERT"), ("throttle", "GetRecords")}
