"""CreateTable, UpdateTable, DescribeTable, DeleteTable, ListTables, tags."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import VirtualClock
from harness.dynamodb.api import DynamoDb
from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]

INVALID = "One or more parameter values were invalid: "
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
ID = {"AttributeName": "id", "AttributeType": "S"}
HASH = {"AttributeName": "id", "KeyType": "HASH"}


def create(world: ItemWorld, name: str = "new", **more: Any) -> dict[str, Any]:
    request = {"AttributeDefinitions": [ID], "KeySchema": [HASH], **ON_DEMAND, **more}
    return dict(world.client.create_table(TableName=name, **request)["TableDescription"])


def test_a_new_table_is_creating_in_the_answer_and_active_after_it(world: ItemWorld) -> None:
    created = create(world)
    assert (created["TableStatus"], "WarmThroughput" in created) == ("CREATING", False)
    table = world.client.describe_table(TableName="new")["Table"]
    assert (table["TableStatus"], table["TableId"]) == ("ACTIVE", created["TableId"])
    assert table["WarmThroughput"] == {
        "ReadUnitsPerSecond": 12000,
        "WriteUnitsPerSecond": 4000,
        "Status": "ACTIVE",
    }
    assert table["DeletionProtectionEnabled"] is False
    assert table["TableArn"] == "arn:aws:dynamodb:eu-west-1:000000000000:table/new"
    deleted = world.client.delete_table(TableName="new")["TableDescription"]
    assert (deleted["TableStatus"], "KeySchema" in deleted) == ("DELETING", False)
    assert refused(world.client.describe_table, TableName="new") == (
        "ResourceNotFoundException",
        "Requested resource not found: Table: new not found",
    )


def test_states_follow_the_clock_when_they_take_time() -> None:
    clock = VirtualClock()
    db = DynamoDb(clock, table_delay_seconds=5)
    request = {"TableName": "new", "AttributeDefinitions": [ID], "KeySchema": [HASH], **ON_DEMAND}
    db.handle("CreateTable", request)
    with pytest.raises(Exception, match=r"ResourceInUseException.*Table is being created: new"):
        db.handle("DeleteTable", {"TableName": "new"})
    with pytest.raises(Exception, match=r"Requested resource not found$"):
        db.handle("PutItem", {"TableName": "new", "Item": {"id": {"S": "a"}}})
    clock.advance(5)
    assert db.tables.get("new").status(clock.now_us()) == "ACTIVE"
    db.handle("DeleteTable", {"TableName": "new"})
    assert db.tables.names() == ["new"]
    clock.advance(5)
    assert db.tables.names() == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"BillingMode": "PROVISIONED"},
            INVALID + "ReadCapacityUnits and WriteCapacityUnits must both be specified when "
            "BillingMode is PROVISIONED",
        ),
        (
            {"KeySchema": [HASH, {"AttributeName": "id", "KeyType": "RANGE"}]},
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            {"AttributeDefinitions": [ID, {"AttributeName": "x", "AttributeType": "S"}]},
            INVALID + "Number of attributes in KeySchema does not exactly match number of "
            "attributes defined in AttributeDefinitions",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": True}},
            INVALID + "StreamViewType must be specified when StreamEnabled is true",
        ),
        (
            {"BillingMode": "FREE"},
            "1 validation error detected: Value 'FREE' at 'billingMode' failed to satisfy "
            "constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
        ),
    ],
)
def test_what_create_table_refuses(world: ItemWorld, more: dict[str, Any], message: str) -> None:
    request = {"AttributeDefinitions": [ID], "KeySchema": [HASH], **ON_DEMAND, **more}
    assert refused(world.client.create_table, TableName="new", **request) == (
        "ValidationException",
        message,
    )


def test_a_name_can_be_taken_once(world: ItemWorld) -> None:
    assert refused(create, world=world, name="flat") == (
        "ResourceInUseException",
        "Table already exists: flat",
    )


def test_items_by_arn(world: ItemWorld) -> None:
    arn = world.table().arn
    world.client.put_item(TableName=arn, Item={"id": {"S": "a"}})
    answer = world.client.get_item(
        TableName=arn, Key={"id": {"S": "a"}}, ReturnConsumedCapacity="TOTAL"
    )
    assert answer["ConsumedCapacity"] == {"TableName": arn, "CapacityUnits": 0.5}


def test_a_stream_can_be_enabled_once_and_anew(world: ItemWorld) -> None:
    def stream(**specification: Any) -> None:
        world.client.update_table(TableName="flat", StreamSpecification=specification)  # type: ignore[arg-type]

    stream(StreamEnabled=True, StreamViewType="KEYS_ONLY")
    first = world.client.describe_table(TableName="flat")["Table"]["LatestStreamArn"]
    assert first == f"{world.table().arn}/stream/2024-11-12T08:26:40.000"
    with pytest.raises(Exception, match="already has an enabled stream"):
        stream(StreamEnabled=True, StreamViewType="KEYS_ONLY")
    stream(StreamEnabled=False)
    described = world.client.describe_table(TableName="flat")["Table"]
    assert ("StreamSpecification" in described, described["LatestStreamArn"]) == (False, first)
    world.clock.advance(1)
    stream(StreamEnabled=True, StreamViewType="NEW_IMAGE")
    assert world.client.describe_table(TableName="flat")["Table"]["LatestStreamArn"] != first


def test_an_index_added_later_holds_the_items_there_are(world: ItemWorld) -> None:
    world.put(id={"S": "a"}, city={"S": "Ulm"})
    world.put(id={"S": "b"})
    world.client.update_table(
        TableName="flat",
        AttributeDefinitions=[ID, {"AttributeName": "city", "AttributeType": "S"}],  # type: ignore[list-item]
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-city",
                    "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    found = world.client.scan(TableName="flat", IndexName="by-city")["Items"]
    assert found == [{"id": {"S": "a"}, "city": {"S": "Ulm"}}]
    world.client.update_table(
        TableName="flat", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-city"}}]
    )
    assert refused(world.client.scan, TableName="flat", IndexName="by-city")[1] == (
        "The table does not have the specified index: by-city"
    )


def test_a_protected_table_cannot_be_deleted(world: ItemWorld) -> None:
    create(world, DeletionProtectionEnabled=True)
    assert refused(world.client.delete_table, TableName="new")[0] == "ValidationException"
    world.client.update_table(TableName="new", DeletionProtectionEnabled=False)
    world.client.delete_table(TableName="new")


def test_names_come_in_pages(world: ItemWorld) -> None:
    for name in ("ccc", "aaa", "bbb"):
        create(world, name)
    first = world.client.list_tables(Limit=2)
    assert (first["TableNames"], first["LastEvaluatedTableName"]) == (["aaa", "bbb"], "bbb")
    rest = world.client.list_tables(ExclusiveStartTableName="bbb")
    assert (rest["TableNames"], "LastEvaluatedTableName" in rest) == (
        ["ccc", "deep", "flat"],
        False,
    )


def test_tags(world: ItemWorld) -> None:
    arn = world.table().arn
    tags = [{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "b"}]
    world.client.tag_resource(ResourceArn=arn, Tags=tags)  # type: ignore[arg-type]
    world.client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert world.client.list_tags_of_resource(ResourceArn=arn)["Tags"] == tags[1:]
