"""Keys of secondary indexes: lengths, types, definitions, and what an index does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]

Json = dict[str, Any]
INVALID = "One or more parameter values were invalid: "


def _index(name: str, *keys: str, projection: Json | None = None) -> Json:
    kinds = ("HASH", "RANGE")
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)
        ],
        "Projection": projection or {"ProjectionType": "ALL"},
    }


def _create(world: ItemWorld, **changed: Any) -> None:
    request: Json = {
        "TableName": "made",
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "a", "AttributeType": "S"},
            {"AttributeName": "b", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [_index("by-a", "a", "b")],
        "BillingMode": "PAY_PER_REQUEST",
    }
    world.client.create_table(**(request | changed))


def _add_index(world: ItemWorld, *indexes: Json, table: str = "flat") -> None:
    names = {key["AttributeName"] for index in indexes for key in index["KeySchema"]}
    request: Json = {
        "TableName": table,
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in sorted(names)],
        "GlobalSecondaryIndexUpdates": [{"Create": index} for index in indexes],
    }
    world.client.update_table(**request)


@pytest.mark.parametrize(
    ("name", "length", "sentence"),
    [
        ("a", 2049, "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        ("b", 1025, "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"),
    ],
)
def test_a_value_too_long_for_an_index_is_refused_and_the_longest_taken(
    world: ItemWorld, name: str, length: int, sentence: str
) -> None:
    _create(world)
    key = {"id": {"S": "k"}}
    code, message = refused(
        world.client.put_item, TableName="made", Item=key | {name: {"S": "x" * length}}
    )
    assert (code, message) == ("ValidationException", INVALID + sentence)
    assert "Item" not in world.client.get_item(TableName="made", Key=key)
    world.put("made", **key, **{name: {"S": "x" * (length - 1)}})
    assert refused(
        world.client.update_item,
        TableName="made",
        Key=key,
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":v": {"S": "x" * length}},
    ) == ("ValidationException", INVALID + sentence)


def test_a_new_index_leaves_out_items_whose_value_cannot_be_its_key(world: ItemWorld) -> None:
    for name, text in [("good", "x"), ("empty", ""), ("1025", "x" * 1025), ("2049", "x" * 2049)]:
        world.put(id={"S": name}, x={"S": text}, y={"S": "y"})
    _add_index(world, _index("by-x", "x"))
    _add_index(world, _index("by-y-x", "y", "x"))
    held = {
        index: sorted(
            item["id"]["S"]
            for item in world.client.scan(TableName="flat", IndexName=index)["Items"]
        )
        for index in ("by-x", "by-y-x")
    }
    assert held == {"by-x": ["1025", "good"], "by-y-x": ["good"]}


def test_a_key_attribute_cannot_be_redefined(world: ItemWorld) -> None:
    assert refused(
        world.client.update_table,
        TableName="deep",
        AttributeDefinitions=[{"AttributeName": "city", "AttributeType": "N"}],
        GlobalSecondaryIndexUpdates=[{"Create": _index("more", "city")}],
    ) == (
        "ValidationException",
        INVALID + "Attributes cannot be redefined. Please check that your attribute has the same "
        "type as previously defined. Existing schema: Schema:[SchemaElement: key{city:S:HASH}] "
        "New schema: Schema:[SchemaElement: key{city:N:HASH}]",
    )


def test_an_index_to_add_needs_the_types_of_its_keys_each_time(world: ItemWorld) -> None:
    code, message = refused(
        world.client.update_table,
        TableName="deep",
        GlobalSecondaryIndexUpdates=[{"Create": _index("more", "city")}],
    )
    assert code == "ValidationException"
    assert "not defined in AttributeDefinitions" in message


def test_one_index_at_a_time_is_added_or_deleted(world: ItemWorld) -> None:
    with pytest.raises(ClientError) as caught:
        _add_index(world, _index("one", "x"), _index("two", "y"))
    assert caught.value.response["Error"]["Code"] == "LimitExceededException"
    code, _ = refused(
        world.client.update_table,
        TableName="deep",
        GlobalSecondaryIndexUpdates=[
            {"Delete": {"IndexName": "by-city"}, "Update": {"IndexName": "by-city"}}
        ],
    )
    assert code == "ValidationException"
    assert set(world.table().items.indexes) == set()
    assert set(world.table("deep").items.indexes) == {"by-city", "by-age"}


def test_definitions_and_projected_attributes_are_named_once(world: ItemWorld) -> None:
    twice = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z", "z"]}
    code, message = refused(
        _create, world=world, GlobalSecondaryIndexes=[_index("by-a", "a", "b", projection=twice)]
    )
    assert (code, "Duplicate" in message, "z" in message) == ("ValidationException", True, True)
    code, message = refused(
        _create,
        world=world,
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "N"},
        ],
    )
    assert (code, message) == (
        "ValidationException",
        INVALID + "Duplicate attribute definition: id",
    )


def test_partition_key_attributes_of_an_index_precede_its_sort_key(world: ItemWorld) -> None:
    interleaved = _index("by-a", "a", "b")
    interleaved["KeySchema"].append({"AttributeName": "id", "KeyType": "HASH"})
    code, message = refused(_create, world=world, GlobalSecondaryIndexes=[interleaved])
    assert (code, message) == (
        "ValidationException",
        "Invalid KeySchema: All HASH KeySchemaElements must precede all RANGE ones",
    )


def test_an_update_of_nothing_makes_a_bare_key(world: ItemWorld) -> None:
    key = {"id": {"S": "bare"}}
    answer = world.client.update_item(
        TableName="flat", Key=key, AttributeUpdates={}, ReturnValues="ALL_NEW"
    )
    assert answer["Attributes"] == key
    assert world.client.get_item(TableName="flat", Key=key)["Item"] == key


def test_a_query_of_one_item_cannot_go_on_after_a_key(world: ItemWorld) -> None:
    assert refused(
        world.client.query,
        TableName="flat",
        KeyConditionExpression="id = :v",
        ExpressionAttributeValues={":v": {"S": "k"}},
        ExclusiveStartKey={"id": {"S": "k"}},
    ) == (
        "ValidationException",
        "The provided exclusive start key is invalid: "
        "ExclusiveStartKey: {id=AttributeValue: {S:k}}",
    )


def test_a_scan_of_an_on_demand_table_reads_four_partitions_at_least(world: ItemWorld) -> None:
    world.put(id={"S": "k"})
    units = [
        world.client.scan(
            TableName="flat", ReturnConsumedCapacity="TOTAL", ConsistentRead=consistent
        )["ConsumedCapacity"]["CapacityUnits"]
        for consistent in (True, False)
    ]
    assert units == [4.0, 2.0]


def test_tags_have_fifty_entries_and_plain_characters(world: ItemWorld) -> None:
    many = [{"Key": str(number), "Value": "v"} for number in range(51)]
    assert refused(_create, world=world, Tags=many)[0] == "ValidationException"
    assert "made" not in world.client.list_tables()["TableNames"]
    arn = world.table().arn
    for tag in ({"Key": "hi!", "Value": "v"}, {"Key": "k", "Value": '"v"'}):
        assert (
            refused(world.client.tag_resource, ResourceArn=arn, Tags=[tag])[0]
            == "ValidationException"
        )
    code, message = refused(
        world.client.tag_resource, ResourceArn="flat", Tags=[{"Key": "k", "Value": "v"}]
    )
    assert (code, "ARNs must start with 'arn:'" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            "SET f = age[1] ADD city :n",
            INVALID + "Type mismatch for Index Key city Expected: S Actual: N IndexName: by-city",
        ),
        (
            "SET f = sk, city = age + :n",
            INVALID + "Type mismatch for Index Key city Expected: S Actual: N IndexName: by-city",
        ),
        (
            "ADD city.b :n",
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not "
            "allowed: IndexKey: city",
        ),
        (
            "SET f = if_not_exists(city[1], :n)",
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not "
            "allowed: IndexKey: city",
        ),
    ],
)
def test_an_update_is_held_against_index_keys_before_an_item_is_read(
    world: ItemWorld, expression: str, sentence: str
) -> None:
    assert refused(
        world.client.update_item,
        TableName="deep",
        Key={"pk": {"S": "p"}, "sk": {"N": "1"}},
        UpdateExpression=expression,
        ExpressionAttributeValues={":n": {"N": "1"}},
    ) == ("ValidationException", sentence)


def test_an_update_cannot_copy_another_type_into_an_index_key(world: ItemWorld) -> None:
    world.put("deep", pk={"S": "p"}, sk={"N": "1"}, size1={"N": "5"})
    assert refused(
        world.client.update_item,
        TableName="deep",
        Key={"pk": {"S": "p"}, "sk": {"N": "1"}},
        UpdateExpression="SET city = size1",
    ) == (
        "ValidationException",
        "The update expression attempted to update the secondary index key to unsupported type",
    )


def test_what_select_excludes_is_told_by_query_and_scan_in_their_own_words(
    world: ItemWorld,
) -> None:
    words = "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
    select = "ALL_PROJECTED_ATTRIBUTES"
    assert refused(world.client.scan, TableName="flat", Select=select) == (
        "ValidationException",
        words,
    )
    assert refused(
        world.client.query,
        TableName="flat",
        Select=select,
        KeyConditionExpression="id = :v",
        ExpressionAttributeValues={":v": {"S": "k"}},
    ) == ("ValidationException", f"1 validation error detected: {words}")


def test_legacy_key_conditions_may_name_every_key_of_an_index(world: ItemWorld) -> None:
    index = _index("by-three", "a", "b")
    index["KeySchema"].append({"AttributeName": "c", "KeyType": "RANGE"})
    definitions = [{"AttributeName": n, "AttributeType": "S"} for n in ("id", "a", "b", "c")]
    _create(world, GlobalSecondaryIndexes=[index], AttributeDefinitions=definitions)
    for c in ("1", "2"):
        world.put("made", id={"S": c}, a={"S": "x"}, b={"S": "y"}, c={"S": c})
    conditions: Json = {
        name: {"ComparisonOperator": operator, "AttributeValueList": [{"S": value}]}
        for name, operator, value in (("a", "EQ", "x"), ("b", "EQ", "y"), ("c", "GT", "1"))
    }
    found = world.client.query(TableName="made", IndexName="by-three", KeyConditions=conditions)
    assert [item["id"]["S"] for item in found["Items"]] == ["2"]
    assert refused(world.client.query, TableName="made", KeyConditions=conditions) == (
        "ValidationException",
        "Conditions can be of length 1 or 2 only",
    )


def test_a_table_made_warm_tells_so_at_once(world: ItemWorld) -> None:
    made = world.client.create_table(
        TableName="warm",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        WarmThroughput={"ReadUnitsPerSecond": 1000, "WriteUnitsPerSecond": 1200},
    )["TableDescription"]
    units = {"ReadUnitsPerSecond": 1000, "WriteUnitsPerSecond": 1200}
    assert made["WarmThroughput"] == {**units, "Status": "UPDATING"}
    later = world.client.describe_table(TableName="warm")["Table"]
    assert later["WarmThroughput"] == {**units, "Status": "ACTIVE"}
