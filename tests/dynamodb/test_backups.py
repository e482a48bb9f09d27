"""Continuous backups through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.dynamodb.capture_world import CaptureWorld, refusal

START = datetime(2024, 11, 12, 8, 26, 41, tzinfo=UTC)


@pytest.fixture
def world() -> Iterator[CaptureWorld]:
    world = CaptureWorld(start_us=1_731_400_000_000_000)
    yield world
    world.close()


def described(world: CaptureWorld) -> Any:
    answer = world.dynamodb.describe_continuous_backups(TableName="users")
    return answer["ContinuousBackupsDescription"]


def test_recovery_is_off_at_first(world: CaptureWorld) -> None:
    assert described(world) == {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
    }


def test_recovery_shows_its_window(world: CaptureWorld) -> None:
    world.enable_recovery()
    world.clock.advance(3600)

    recovery = described(world)["PointInTimeRecoveryDescription"]

    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    assert recovery["RecoveryPeriodInDays"] == 35
    assert recovery["EarliestRestorableDateTime"] == START
    assert recovery["LatestRestorableDateTime"] == datetime(2024, 11, 12, 9, 21, 41, tzinfo=UTC)


def test_window_moves_with_the_period(world: CaptureWorld) -> None:
    world.dynamodb.update_continuous_backups(
        TableName="users",
        PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": True,
            "RecoveryPeriodInDays": 1,
        },
    )
    world.clock.advance(3 * 86_400)

    recovery = described(world)["PointInTimeRecoveryDescription"]

    assert recovery["EarliestRestorableDateTime"] == datetime(2024, 11, 14, 8, 26, 41, tzinfo=UTC)


def test_log_is_held_only_while_recovery_is_on(world: CaptureWorld) -> None:
    log = world.region.dynamodb.tables.get("users").log
    world.put("a")
    assert log.read(0, 10) == []
    world.enable_recovery()
    world.put("b")
    assert [change.keys for change in log.read(0, 10)] == [{"id": {"S": "b"}}]

    world.dynamodb.update_continuous_backups(
        TableName="users",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )
    assert log.read(0, 10) == []
    assert described(world)["PointInTimeRecoveryDescription"] == {
        "PointInTimeRecoveryStatus": "DISABLED"
    }


def test_unknown_table(world: CaptureWorld) -> None:
    with pytest.raises(ClientError) as error:
        world.dynamodb.describe_continuous_backups(TableName="missing")
    assert refusal(error.value) == ("TableNotFoundException", "Table not found: missing")
