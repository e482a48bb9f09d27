"""Time to live: settings, which items expire, and the changes that expiry makes."""

from __future__ import annotations

import pytest

from tests.dynamodb.item_world import START_US, ItemWorld, refused, world

__all__ = ["world"]

NOW = START_US // 1_000_000


def enable(world: ItemWorld, attribute: str = "expires") -> None:
    specification = {"Enabled": True, "AttributeName": attribute}
    answer = world.client.update_time_to_live(
        TableName="flat",
        TimeToLiveSpecification=specification,  # type: ignore[arg-type]
    )
    assert answer["TimeToLiveSpecification"] == specification


def left(world: ItemWorld) -> set[str]:
    return {item["id"]["S"] for item in world.table().items.scan_all()}


def test_expired_items_are_deleted_by_the_service(world: ItemWorld) -> None:
    enable(world)
    world.watch()
    world.put(id={"S": "a"}, expires={"N": str(NOW + 60)})
    world.clock.advance(60)
    assert left(world) == {"a"}
    world.clock.advance(1)
    assert left(world) == set()
    insert, remove = world.changes()
    assert (insert.by_service, remove.by_service) == (False, True)
    assert (remove.event, remove.old) == (
        "REMOVE",
        {"id": {"S": "a"}, "expires": {"N": str(NOW + 60)}},
    )


@pytest.mark.parametrize(
    ("value", "expires"),
    [
        ({"N": f"{NOW + 10}.5"}, True),
        ({"N": f"{NOW + 10}e0"}, True),
        ({"S": str(NOW + 10)}, False),
        ({"N": str(NOW - 5 * 365 * 86400 - 100)}, False),
        ({"N": str(NOW - 100)}, True),
        ({"N": "-5"}, False),
    ],
)
def test_what_expires(world: ItemWorld, value: dict[str, str], expires: bool) -> None:
    world.put(id={"S": "before"}, expires=value)
    enable(world)
    world.put(id={"S": "after"}, expires=value)
    world.clock.advance(100)
    assert left(world) == (set() if expires else {"before", "after"})


def test_an_expiry_can_be_put_off(world: ItemWorld) -> None:
    enable(world)
    world.put(id={"S": "a"}, expires={"N": str(NOW + 60)})
    world.put(id={"S": "a"}, expires={"N": str(NOW + 600)})
    world.put(id={"S": "b"}, expires={"N": str(NOW + 60)})
    world.put(id={"S": "b"})
    world.clock.advance(300)
    assert left(world) == {"a", "b"}
    world.clock.advance(400)
    assert left(world) == {"b"}


def test_changes_of_the_setting(world: ItemWorld) -> None:
    def change(enabled: bool, attribute: str) -> tuple[str, str]:
        return refused(
            world.client.update_time_to_live,
            TableName="flat",
            TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute},
        )

    described = world.client.describe_time_to_live(TableName="flat")
    assert described["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    assert change(False, "expires")[1] == "TimeToLive is already disabled"
    enable(world)
    assert change(True, "expires")[1] == "TimeToLive is already enabled"
    assert "active on a different AttributeName" in change(True, "other")[1]
    assert change(False, "expires")[1] == (
        "Time to live has been modified multiple times within a fixed interval"
    )
    world.clock.advance(3600)
    world.client.update_time_to_live(
        TableName="flat",
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"},
    )
    world.put(id={"S": "a"}, expires={"N": str(NOW)})
    world.clock.advance(10)
    assert left(world) == {"a"}
