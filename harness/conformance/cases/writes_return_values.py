"""DynamoDB writes: what ReturnValues gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, case
from harness.conformance.expect import expect, expect_equal, expect_error
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

UPDATE_ITEM = DYNAMODB_API + "API_UpdateItem.html"
PUT_ITEM = DYNAMODB_API + "API_PutItem.html"


def _update(
    lab: Lab, table: str, expression: str, values: dict[str, Any] | None = None, **more: Any
) -> Any:
    if values:
        more["ExpressionAttributeValues"] = item(**values)
    return lab.dynamodb.update_item(
        TableName=table, Key=item(pk="a"), UpdateExpression=expression, **more
    )


@case("dynamodb-writes.return-values.of-update", UPDATE_ITEM)
def return_values(lab: Lab) -> None:
    """UPDATED_OLD and UPDATED_NEW give the attributes that the update names, ALL_* the item."""
    table = lab.table()
    wanted = {
        "NONE": None,
        "UPDATED_OLD": item(v=1),
        "UPDATED_NEW": item(v=2, w=2),
        "ALL_OLD": item(pk="a", v=1, u=0),
        "ALL_NEW": item(pk="a", v=2, w=2, u=0),
    }
    found = {}
    for kind in wanted:
        lab.put(table, pk="a", v=1, u=0)
        answer = _update(lab, table, "SET v = :n, w = :n", {":n": 2}, ReturnValues=kind)
        found[kind] = answer.get("Attributes")
    expect_equal(found, wanted, "Attributes by ReturnValues")


@case("dynamodb-writes.return-values.of-a-list-element", UPDATE_ITEM)
def return_values_of_element(lab: Lab) -> None:
    """UPDATED_NEW of an index past the end gives nothing, of a removed one what moved there."""
    table = lab.table()
    numbers = {"L": [{"N": str(n)} for n in range(3)]}
    lab.put(table, pk="a", l=numbers)
    answer = _update(lab, table, "SET l[100] = :n", {":n": 9}, ReturnValues="UPDATED_NEW")
    expect("Attributes" not in answer, "no Attributes for an index past the end")
    lab.put(table, pk="a", l=numbers)
    answer = _update(lab, table, "REMOVE l[1]", ReturnValues="UPDATED_NEW")
    expect_equal(answer.get("Attributes"), {"l": {"L": [{"N": "2"}]}}, "Attributes of a removal")


@case("dynamodb-writes.return-values.of-put-and-delete", PUT_ITEM)
def return_values_of_put(lab: Lab) -> None:
    """ALL_OLD of a put or delete is the old item, and nothing where there was none."""
    table = lab.table()
    one = {"TableName": table, "Item": item(pk="a"), "ReturnValues": "ALL_OLD"}
    expect("Attributes" not in lab.dynamodb.put_item(**one), "no Attributes of a new item")
    expect_equal(lab.dynamodb.put_item(**one).get("Attributes"), item(pk="a"), "of an old one")
    answer = lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"), ReturnValues="ALL_OLD")
    expect_equal(answer.get("Attributes"), item(pk="a"), "Attributes of the delete")


@case("dynamodb-writes.return-values.of-put-are-few", PUT_ITEM)
def return_values_are_few(lab: Lab) -> None:
    """PutItem takes NONE and ALL_OLD alone."""
    table = lab.table()
    expect_error(
        lambda: lab.dynamodb.put_item(TableName=table, Item=item(pk="a"), ReturnValues="ALL_NEW"),
        "ValidationException",
        status=400,
    )
