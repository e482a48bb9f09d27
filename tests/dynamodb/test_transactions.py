"""TransactWriteItems and TransactGetItems: all or nothing, reasons, tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]


def put(name: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "flat", "Item": {"id": {"S": name}}, **more}}


def reasons(world: ItemWorld, actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with pytest.raises(world.client.exceptions.TransactionCanceledException) as caught:
        world.client.transact_write_items(TransactItems=actions)  # type: ignore[arg-type]
    response: Any = caught.value.response
    return list(response["CancellationReasons"])


def test_one_failing_condition_undoes_all(world: ItemWorld) -> None:
    world.put(id={"S": "a"}, n={"N": "1"})
    world.watch()
    absent = "attribute_not_exists(id)"
    found = reasons(
        world,
        [
            put("b"),
            put("a", ConditionExpression=absent, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
            {"Delete": {"TableName": "flat", "Key": {"id": {"S": "c"}}}},
            {
                "ConditionCheck": {
                    "TableName": "flat",
                    "Key": {"id": {"S": "d"}},
                    "ConditionExpression": "attribute_exists(id)",
                }
            },
        ],
    )
    message = "The conditional request failed"
    assert found == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": message,
            "Item": {"id": {"S": "a"}, "n": {"N": "1"}},
        },
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": message},
    ]
    assert world.changes() == []


def test_changes_come_in_the_order_of_the_request(world: ItemWorld) -> None:
    world.put(id={"S": "old"})
    world.watch()
    world.client.transact_write_items(
        TransactItems=[
            put("b"),  # type: ignore[list-item]
            {"Delete": {"TableName": "flat", "Key": {"id": {"S": "old"}}}},
            {
                "Update": {
                    "TableName": "flat",
                    "Key": {"id": {"S": "a"}},
                    "UpdateExpression": "ADD n :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
        ]
    )
    assert [(c.event, c.keys["id"]["S"]) for c in world.changes()] == [
        ("INSERT", "b"),
        ("REMOVE", "old"),
        ("INSERT", "a"),
    ]


def test_a_key_of_a_wrong_type_is_a_reason_and_an_empty_one_is_not(world: ItemWorld) -> None:
    wrong = {"Delete": {"TableName": "flat", "Key": {"id": {"N": "1"}}}}
    assert reasons(world, [put("a"), wrong]) == [
        {"Code": "None"},
        {
            "Code": "ValidationError",
            "Message": "The provided key element does not match the schema",
        },
    ]
    code, message = refused(world.client.transact_write_items, TransactItems=[put("")])
    assert code == "ValidationException"
    assert message == (
        "One or more parameter values are not valid. The AttributeValue for a key attribute "
        "cannot contain an empty string value. Key: id"
    )


def test_two_actions_on_one_item_are_refused(world: ItemWorld) -> None:
    assert refused(world.client.transact_write_items, TransactItems=[put("a"), put("a")]) == (
        "ValidationException",
        "Transaction request cannot include multiple operations on one item",
    )


def test_a_token_makes_a_request_idempotent_for_ten_minutes(world: ItemWorld) -> None:
    def add(token: str, step: str = "1") -> None:
        world.client.transact_write_items(
            ClientRequestToken=token,
            TransactItems=[
                {
                    "Update": {
                        "TableName": "flat",
                        "Key": {"id": {"S": "a"}},
                        "UpdateExpression": "ADD n :n",
                        "ExpressionAttributeValues": {":n": {"N": step}},
                    }
                }
            ],
        )

    def number() -> str:
        return world.client.get_item(TableName="flat", Key={"id": {"S": "a"}})["Item"]["n"]["N"]

    add("token")
    add("token")
    assert number() == "1"
    with pytest.raises(world.client.exceptions.IdempotentParameterMismatchException):
        add("token", step="2")
    world.clock.advance(599)
    add("token")
    assert number() == "1"
    world.clock.advance(2)
    add("token")
    assert number() == "2"


def test_reads_of_a_transaction_stand_in_the_order_asked(world: ItemWorld) -> None:
    world.put(id={"S": "a"}, n={"N": "1"}, m={"S": "x"})
    gets = [
        {"Get": {"TableName": "flat", "Key": {"id": {"S": "none"}}}},
        {"Get": {"TableName": "flat", "Key": {"id": {"S": "a"}}, "ProjectionExpression": "m"}},
    ]
    answer = world.client.transact_get_items(TransactItems=gets)  # type: ignore[arg-type]
    assert answer["Responses"] == [{}, {"Item": {"m": {"S": "x"}}}]
