"""PutItem, UpdateItem, DeleteItem, GetItem and what each leaves in the change log."""

from __future__ import annotations

import pytest

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]

PREFIX = "1 validation error detected: "


def test_put_get_and_replace(world: ItemWorld) -> None:
    world.put(id={"S": "a"}, n={"N": "1e2"})
    assert world.client.get_item(TableName="flat", Key={"id": {"S": "a"}})["Item"] == {
        "id": {"S": "a"},
        "n": {"N": "100"},
    }
    answer = world.client.put_item(
        TableName="flat", Item={"id": {"S": "a"}}, ReturnValues="ALL_OLD"
    )
    assert answer["Attributes"] == {"id": {"S": "a"}, "n": {"N": "100"}}
    assert world.client.get_item(TableName="flat", Key={"id": {"S": "a"}})["Item"] == {
        "id": {"S": "a"}
    }


def test_each_effective_write_is_one_change(world: ItemWorld) -> None:
    world.watch()
    key = {"id": {"S": "a"}}
    world.put(id={"S": "a"}, n={"N": "1"})
    world.clock.advance(1)
    world.client.update_item(
        TableName="flat",
        Key=key,
        UpdateExpression="SET n = n + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    world.clock.advance(1)
    world.client.delete_item(TableName="flat", Key=key)
    one, two, three = world.changes()
    assert [c.event for c in (one, two, three)] == ["INSERT", "MODIFY", "REMOVE"]
    assert [c.time_us - one.time_us for c in (one, two, three)] == [0, 1_000_000, 2_000_000]
    assert (one.old, one.new) == (None, {"id": {"S": "a"}, "n": {"N": "1"}})
    assert two.old == one.new
    assert two.new == {"id": {"S": "a"}, "n": {"N": "2"}}
    assert (three.old, three.new) == (two.new, None)
    assert (one.new_size, three.old_size) == (6, 6)
    assert all(c.keys == key for c in (one, two, three))


def test_a_write_that_changes_nothing_is_no_change(world: ItemWorld) -> None:
    nested = {"M": {"x": {"N": "1"}, "y": {"SS": ["p", "q"]}}}
    turned = {"M": {"y": {"SS": ["q", "p"]}, "x": {"N": "1.0"}}}
    world.put(id={"S": "a"}, m=nested)
    world.watch()
    key = {"id": {"S": "a"}}
    world.put(id={"S": "a"}, m=nested)
    world.put(m=turned, id={"S": "a"})
    world.client.update_item(
        TableName="flat",
        Key=key,
        UpdateExpression="SET m = :m REMOVE absent",
        ExpressionAttributeValues={":m": turned},
    )
    world.client.batch_write_item(
        RequestItems={"flat": [{"PutRequest": {"Item": {"id": {"S": "a"}, "m": nested}}}]}
    )
    world.client.transact_write_items(
        TransactItems=[{"Put": {"TableName": "flat", "Item": {"id": {"S": "a"}, "m": turned}}}]
    )
    world.client.delete_item(TableName="flat", Key={"id": {"S": "nobody"}})
    world.client.update_item(
        TableName="flat", Key={"id": {"S": "nobody"}}, UpdateExpression="REMOVE g"
    )
    assert world.changes() == []
    assert "Item" not in world.client.get_item(TableName="flat", Key={"id": {"S": "nobody"}})


def test_update_without_expression_creates_a_bare_key(world: ItemWorld) -> None:
    world.watch()
    key = {"id": {"S": "a"}}
    world.client.update_item(TableName="flat", Key=key)
    (change,) = world.changes()
    assert (change.event, change.new) == ("INSERT", key)


def test_a_table_without_readers_keeps_no_changes(world: ItemWorld) -> None:
    world.put(id={"S": "a"})
    assert world.changes() == []
    world.watch()
    world.put(id={"S": "b"})
    assert len(world.changes()) == 1
    world.table().log.release("test")
    assert world.changes() == []


@pytest.mark.parametrize(
    ("wanted", "attributes"),
    [
        ("ALL_OLD", {"id": {"S": "a"}, "n": {"N": "1"}, "keep": {"S": "k"}}),
        ("ALL_NEW", {"id": {"S": "a"}, "n": {"N": "3"}, "keep": {"S": "k"}, "new": {"S": "x"}}),
        ("UPDATED_OLD", {"n": {"N": "1"}}),
        ("UPDATED_NEW", {"n": {"N": "3"}, "new": {"S": "x"}}),
    ],
)
def test_return_values_of_an_update(
    world: ItemWorld, wanted: str, attributes: dict[str, object]
) -> None:
    world.put(id={"S": "a"}, n={"N": "1"}, keep={"S": "k"})
    answer = world.client.update_item(
        TableName="flat",
        Key={"id": {"S": "a"}},
        UpdateExpression="SET n = n + :two, #new = :x",
        ExpressionAttributeNames={"#new": "new"},
        ExpressionAttributeValues={":two": {"N": "2"}, ":x": {"S": "x"}},
        ReturnValues=wanted,  # type: ignore[arg-type]
    )
    assert answer["Attributes"] == attributes


def test_failed_condition_changes_nothing_and_can_tell_the_item(world: ItemWorld) -> None:
    world.put(id={"S": "a"}, n={"N": "1"})
    world.watch()
    request = {
        "TableName": "flat",
        "Item": {"id": {"S": "a"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    assert refused(world.client.put_item, **request) == (
        "ConditionalCheckFailedException",
        "The conditional request failed",
    )
    with pytest.raises(world.client.exceptions.ConditionalCheckFailedException) as caught:
        world.client.put_item(**request, ReturnValuesOnConditionCheckFailure="ALL_OLD")  # type: ignore[arg-type]
    assert dict(caught.value.response)["Item"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    assert world.changes() == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({}, "One or more parameter values were invalid: Missing the key id in the item"),
        (
            {"id": {"N": "1"}},
            "One or more parameter values were invalid: Type mismatch for key id expected: S "
            "actual: N",
        ),
        (
            {"id": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: id",
        ),
        (
            {"id": {"S": "k" * 2049}},
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum "
            "size limit of2048 bytes",
        ),
        (
            {"id": {"S": "a"}, "big": {"S": "x" * 409_596}},
            PREFIX + "Item size has exceeded the maximum allowed size",
        ),
    ],
)
def test_items_that_fit_no_table(
    world: ItemWorld, item: dict[str, dict[str, str]], message: str
) -> None:
    assert refused(world.client.put_item, TableName="flat", Item=item) == (
        "ValidationException",
        message,
    )


def test_constraints_are_reported_together(world: ItemWorld) -> None:
    assert refused(
        world.client.put_item,
        TableName="bad table",
        Item={"id": {"S": "a"}},
        ReturnValues="SOME",
    ) == (
        "ValidationException",
        "2 validation errors detected: Value 'bad table' at 'tableName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
        "Value 'SOME' at 'returnValues' failed to satisfy constraint: Member must satisfy enum "
        "value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
    )


def test_wrong_json_types_are_serialization_errors(world: ItemWorld) -> None:
    handle = world.aws.region("eu-west-1").dynamodb.handle
    for payload, message in (
        ({"TableName": 5}, "NUMBER_VALUE cannot be converted to String"),
        ({"TableName": "flat", "Item": []}, "Unrecognized collection type java.util.Map<java.lang."
         "String, com.amazonaws.dynamodb.v20120810.AttributeValue>"),
        ({"TableName": "flat", "Item": {"id": "a"}}, "Unexpected value type in payload"),
        ({"Item": {"id": {"S": 1}}}, "NUMBER_VALUE cannot be converted to String"),
    ):  # fmt: skip
        with pytest.raises(Exception, match="SerializationException") as caught:
            handle("PutItem", payload)
        assert str(caught.value) == f"SerializationException: {message}"


def test_key_attributes_cannot_be_updated(world: ItemWorld) -> None:
    code, message = refused(
        world.client.update_item,
        TableName="flat",
        Key={"id": {"S": "a"}},
        UpdateExpression="SET id = :x",
        ExpressionAttributeValues={":x": {"S": "b"}},
    )
    assert code == "ValidationException"
    assert message == (
        "One or more parameter values were invalid: Cannot update attribute id. This attribute is "
        "part of the key"
    )


def test_expression_errors_have_the_prefix_of_2026(world: ItemWorld) -> None:
    key = {"id": {"S": "a"}}
    fault = "Invalid {}: The expression can not be empty;"
    assert refused(world.client.update_item, TableName="flat", Key=key, UpdateExpression="")[
        1
    ] == PREFIX + fault.format("UpdateExpression")
    assert refused(world.client.get_item, TableName="flat", Key=key, ProjectionExpression="")[
        1
    ] == fault.format("ProjectionExpression")


def test_unknown_table(world: ItemWorld) -> None:
    assert refused(world.client.get_item, TableName="nowhere", Key={"id": {"S": "a"}}) == (
        "ResourceNotFoundException",
        "Requested resource not found",
    )


def test_numbers_that_are_equal_are_one_key(world: ItemWorld) -> None:
    for text in ("1000", "1e3", "+1000", "001000.0"):
        world.put("deep", pk={"S": "p"}, sk={"N": text}, said={"S": text})
    (item,) = world.client.scan(TableName="deep")["Items"]
    assert item == {"pk": {"S": "p"}, "sk": {"N": "1000"}, "said": {"S": "001000.0"}}


def test_consumed_capacity_counts_kilobytes_and_indexes(world: ItemWorld) -> None:
    answer = world.client.put_item(
        TableName="deep",
        Item={
            "pk": {"S": "p"},
            "sk": {"N": "1"},
            "city": {"S": "Bonn"},
            "text": {"S": "x" * 2000},
        },
        ReturnConsumedCapacity="INDEXES",
        ReturnItemCollectionMetrics="SIZE",
    )
    assert answer["ConsumedCapacity"] == {
        "TableName": "deep",
        "CapacityUnits": 3.0,
        "Table": {"CapacityUnits": 2.0},
        "GlobalSecondaryIndexes": {"by-city": {"CapacityUnits": 1.0}},
    }
    assert answer["ItemCollectionMetrics"]["ItemCollectionKey"] == {"pk": {"S": "p"}}
