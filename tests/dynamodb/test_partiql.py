"""PartiQL statements, alone, in batches and in transactions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]


def run(world: ItemWorld, statement: str, *parameters: Any, **more: Any) -> list[dict[str, Any]]:
    request: dict[str, Any] = {"Statement": statement, **more}
    if parameters:
        request["Parameters"] = list(parameters)
    return list(world.client.execute_statement(**request).get("Items", []))


def test_insert_select_update_delete(world: ItemWorld) -> None:
    world.watch()
    run(
        world,
        """INSERT INTO flat VALUE {'id': 'a', 'n': 1.50, 's': <<'x','y'>>, 'm': {'l': [?]}}""",
        {"BOOL": True},
    )
    stored = {
        "id": {"S": "a"},
        "n": {"N": "1.5"},
        "s": {"SS": ["x", "y"]},
        "m": {"M": {"l": {"L": [{"BOOL": True}]}}},
    }
    assert run(world, "SELECT * FROM flat WHERE id = 'a'") == [stored]
    assert run(world, "SELECT m.l[0] AS first, n FROM flat WHERE id = ?", {"S": "a"}) == [
        {"first": {"BOOL": True}, "n": {"N": "1.5"}}
    ]
    changed = run(
        world,
        "UPDATE flat SET n = n + 1 SET t = 'it''s' REMOVE m WHERE id = 'a' RETURNING MODIFIED NEW *",
    )
    assert changed == [{"n": {"N": "2.5"}, "t": {"S": "it's"}}]
    gone = run(world, "DELETE FROM flat WHERE id = 'a' RETURNING ALL OLD *")
    assert gone[0]["t"] == {"S": "it's"}
    assert [c.event for c in world.changes()] == ["INSERT", "MODIFY", "REMOVE"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("pk = 'p'", ["1", "2", "3", "4"]),
        ("pk = 'p' AND sk > 2", ["3", "4"]),
        ("pk = 'p' AND sk BETWEEN 2 AND 3", ["2", "3"]),
        ("pk = 'p' AND city IN ['Bonn', 'Ulm']", ["1", "3", "4"]),
        ("pk = 'p' AND city IS MISSING", ["2"]),
        ("pk = 'p' AND NOT (sk = 1 OR sk = 2)", ["3", "4"]),
        ("sk = 4 OR begins_with(city, 'Bo')", ["1", "4"]),
        ("pk = 'p' ORDER BY sk DESC", ["4", "3", "2", "1"]),
    ],
)
def test_where(world: ItemWorld, where: str, found: list[str]) -> None:
    for number, city in (("1", "Bonn"), ("2", None), ("3", "Ulm"), ("4", "Ulm")):
        extra = {} if city is None else {"city": {"S": city}}
        world.put("deep", pk={"S": "p"}, sk={"N": number}, **extra)
    items = run(world, f'SELECT sk FROM "deep" WHERE {where}')
    assert [item["sk"]["N"] for item in items] == found


def test_pages(world: ItemWorld) -> None:
    for number in range(5):
        world.put("deep", pk={"S": "p"}, sk={"N": str(number)})
    statement = "SELECT * FROM deep WHERE pk = 'p'"
    first = world.client.execute_statement(Statement=statement, Limit=3)
    rest = world.client.execute_statement(Statement=statement, NextToken=first["NextToken"])
    assert [item["sk"]["N"] for item in first["Items"] + rest["Items"]] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("statement", "code", "message"),
    [
        (
            "INSERT INTO flat VALUE {'id': 'a'}",
            "DuplicateItemException",
            "Duplicate primary key exists in table",
        ),
        (
            "UPDATE flat SET n = 1 WHERE id = 'nobody'",
            "ConditionalCheckFailedException",
            "The conditional request failed",
        ),
        (
            "UPDATE flat SET n = 1 WHERE n = 2",
            "ValidationException",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        (
            'SELECT * FROM "flat"."none"',
            "ValidationException",
            "The table does not have the specified index",
        ),
        (
            "SELECTT * FROM flat",
            "ValidationException",
            "Statement wasn't well formed, can't be processed: unexpected SELECTT",
        ),
    ],
)
def test_refused_statements(world: ItemWorld, statement: str, code: str, message: str) -> None:
    world.put(id={"S": "a"})
    assert refused(world.client.execute_statement, Statement=statement) == (code, message)


def test_a_delete_of_nothing_is_silent_and_a_false_predicate_is_not(world: ItemWorld) -> None:
    assert run(world, "DELETE FROM flat WHERE id = 'nobody' AND n = 1") == []
    world.put(id={"S": "a"}, n={"N": "2"})
    code, _ = refused(
        world.client.execute_statement, Statement="DELETE FROM flat WHERE id = 'a' AND n = 1"
    )
    assert code == "ConditionalCheckFailedException"


def test_batches_answer_each_statement(world: ItemWorld) -> None:
    answer = world.client.batch_execute_statement(
        Statements=[
            {"Statement": "INSERT INTO flat VALUE {'id': 'a'}"},
            {"Statement": "INSERT INTO flat VALUE {'id': 'a'}"},
        ]
    )
    assert answer["Responses"] == [
        {"TableName": "flat"},
        {
            "TableName": "flat",
            "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
        },
    ]


def test_transactions_are_all_or_nothing(world: ItemWorld) -> None:
    world.put(id={"S": "a"})
    statements = [
        {"Statement": "INSERT INTO flat VALUE {'id': 'b'}"},
        {"Statement": "INSERT INTO flat VALUE {'id': 'a'}"},
    ]
    with pytest.raises(world.client.exceptions.TransactionCanceledException, match="DuplicateItem"):
        world.client.execute_transaction(TransactStatements=statements)  # type: ignore[arg-type]
    assert run(world, "SELECT id FROM flat") == [{"id": {"S": "a"}}]
    answer = world.client.execute_transaction(
        TransactStatements=[statements[0], {"Statement": "UPDATE flat SET n = 1 WHERE id = 'a'"}]  # type: ignore[list-item]
    )
    assert answer["Responses"] == []
    assert world.table().items.get({"id": {"S": "a"}}) == {"id": {"S": "a"}, "n": {"N": "1"}}


def test_a_write_answers_with_no_items(world: ItemWorld) -> None:
    for statement in (
        "INSERT INTO flat VALUE {'id': 'new'}",
        "UPDATE flat SET n = 1 WHERE id = 'new'",
        "DELETE FROM flat WHERE id = 'new'",
    ):
        assert world.client.execute_statement(Statement=statement)["Items"] == []
