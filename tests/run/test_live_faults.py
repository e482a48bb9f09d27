"""A live run through the gates: faults by plan, a disorderly relay, and one history of it all."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.backends.world import Backends
from harness.errors import UsageError
from harness.history import read
from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """
[
 {fault = "error-after", service = "clickhouse", operation = "INSERT", subject = "orders", at = [0]},
 {fault = "throttle", operation = "GetRecords", at = [0]},
 {fault = "lost-answer", operation = "GetShardIterator"},
]
"""
SMALL = ("workload.items=40", "workload.changes=120", f"faults.plan={' '.join(PLAN.split())}")


def events_of(result: Any) -> list[dict[str, Any]]:
    return list(read(result.run_dir / "history.jsonl"))


def test_planned_faults_strike_and_the_reference_arrives_all_the_same(tmp_path: Path) -> None:
    overrides = (
        *SMALL,
        "relay.duplicate_probability=0.3",
        "relay.reorder_window=4",
        "relay.hold_ms=20",
        "workload.keys.distribution=hot",
        'sightings=["fault", "ambiguous-insert", "redelivered-change", "overtaking-delivery"]',
    )
    told = load_scenario("quickstart", overrides=overrides)
    result = run_scenario(told, Options(runs=tmp_path), Silent())
    assert result.outcome == "passed", result.reason
    events = events_of(result)
    assert [e["at"] for e in events] == sorted(e["at"] for e in events)
    struck = Counter(
        (e["fault"], e["operation"], e["ordinal"]) for e in events if e["event"] == "fault"
    )
    assert struck[("error-after", "INSERT", 0)] == 1
    assert struck[("throttle", "GetRecords", 0)] == 2
    assert struck[("lost-answer", "GetShardIterator", 0)] == 2
    assert result.sightings["ambiguous-insert"] == 1
    assert result.sightings["redelivered-change"] > 10
    assert {"change", "delivery", "request", "write"} <= {e["event"] for e in events}
    assert not list(tmp_path.glob("*/*.events.jsonl"))


def test_a_sighting_that_is_missed_makes_the_run_unknown(tmp_path: Path) -> None:
    overrides = ("workload.items=5", "workload.changes=5", 'sightings=["redelivered-delete"]')
    told = load_scenario("quickstart", overrides=overrides)
    result = run_scenario(told, Options(runs=tmp_path), Silent())
    assert (result.outcome, result.reason) == (
        "unknown",
        "proves nothing: never met redelivered-delete",
    )


def test_faults_strike_before_servers_that_somebody_else_runs(tmp_path: Path) -> None:
    told = load_scenario("quickstart", overrides=SMALL)
    with EmbeddedAws() as aws, EmbeddedClickHouse(password="p w/1") as clickhouse:
        backends = Backends(aws=aws.endpoint, clickhouse=clickhouse.url)
        result = run_scenario(told, Options(runs=tmp_path, backends=backends), Silent())
    assert result.outcome == "passed", result.reason
    struck = {(e["fault"], e["operation"]) for e in events_of(result) if e["event"] == "fault"}
    assert struck == {
        ("error-after", "INSERT"),
        ("throttle", "GetRecords"),
        ("lost-answer", "GetShardIterator"),
    }


def test_a_disorderly_relay_is_refused_of_an_endpoint_that_is_not_ours(tmp_path: Path) -> None:
    told = load_scenario("quickstart", overrides=["relay.burst=3"])
    backends = Backends(aws="http://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"sets \[relay\], but aws is not embedded"):
        run_scenario(told, Options(runs=tmp_path, backends=backends), Silent())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('faults.plan=[{fault="throtle"}]', "unknown fault 'throtle'"),
        ('faults.plan=[{fault="stale-page"}]', "breaks what the service promises"),
        ('stepped.faults=["nothing"]', "unknown fault 'nothing'"),
        ('sightings=["version-ties"]', "expected a known sighting, found 'version-ties'"),
        ("relay.delay_ms_min=5", "expected delay_ms_min (5) or more, found 0"),
    ],
)
def test_a_wrong_fault_or_sighting_is_found_before_the_run(override: str, message: str) -> None:
    with pytest.raises(ValueError, match="quickstart") as caught:
        load_scenario("quickstart", overrides=[override])
    assert message in str(caught.value)
