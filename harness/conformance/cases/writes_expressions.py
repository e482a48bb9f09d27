"""DynamoDB writes: condition and update expressions, and their refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.expect import expect_equal, expect_error
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

CONDITIONS = DYNAMODB_GUIDE + "Expressions.ConditionExpressions.html"
OPERATORS = DYNAMODB_GUIDE + "Expressions.OperatorsAndFunctions.html"
UPDATES = DYNAMODB_GUIDE + "Expressions.UpdateExpressions.html"
NAMES = DYNAMODB_GUIDE + "Expressions.ExpressionAttributeNames.html"
VALUES = DYNAMODB_GUIDE + "Expressions.ExpressionAttributeValues.html"
UPDATE_ITEM = DYNAMODB_API + "API_UpdateItem.html"
PUT_ITEM = DYNAMODB_API + "API_PutItem.html"
FAILED = "ConditionalCheckFailedException"


def _update(
    lab: Lab, table: str, expression: str, values: dict[str, Any] | None = None, **more: Any
) -> Any:
    if values:
        more["ExpressionAttributeValues"] = item(**values)
    return lab.dynamodb.update_item(
        TableName=table, Key=item(pk="a"), UpdateExpression=expression, **more
    )


def _after(lab: Lab, before: dict[str, Any], expression: str, **values: Any) -> dict[str, Any]:
    """The item `pk=a` with these attributes, once updated; without its key."""
    table = lab.table()
    lab.put(table, pk="a", **before)
    _update(lab, table, expression, {f":{name}": value for name, value in values.items()})
    found = lab.get(table, pk="a") or {}
    found.pop("pk", None)
    return found


def _holds(lab: Lab, table: str, condition: str, **values: Any) -> bool:
    """Whether the condition holds for the item `pk=a`."""
    more = {"ExpressionAttributeValues": item(**{f":{n}": v for n, v in values.items()})}
    try:
        lab.dynamodb.update_item(
            TableName=table,
            Key=item(pk="a"),
            ConditionExpression=condition,
            **(more if values else {}),
        )
    except lab.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


@case("dynamodb-writes.condition.refused", CONDITIONS)
def refused(lab: Lab) -> None:
    """A condition that fails is a ConditionalCheckFailedException, and nothing is written."""
    table = lab.table()
    lab.put(table, pk="a", v=1)
    expect_error(
        lambda: lab.dynamodb.put_item(
            TableName=table,
            Item=item(pk="a", v=2),
            ConditionExpression="attribute_not_exists(pk)",
        ),
        FAILED,
        "The conditional request failed",
        status=400,
    )
    expect_equal(lab.get(table, pk="a"), item(pk="a", v=1), "the item")


@case("dynamodb-writes.condition.returns-the-old-item", PUT_ITEM)
def returns_old_item(lab: Lab) -> None:
    """ReturnValuesOnConditionCheckFailure ALL_OLD puts the item beside the error."""
    table = lab.table()
    lab.put(table, pk="a", v=1)
    error = expect_error(
        lambda: lab.dynamodb.delete_item(
            TableName=table,
            Key=item(pk="a"),
            ConditionExpression="v = :v",
            ExpressionAttributeValues=item(**{":v": 2}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ),
        FAILED,
    )
    expect_equal(error.get("Item"), item(pk="a", v=1), "Item of the error")


@case("dynamodb-writes.condition.comparisons", OPERATORS)
def comparisons(lab: Lab) -> None:
    """=, <>, <, <=, >, >=, BETWEEN and IN compare numbers by value."""
    table = lab.table()
    lab.put(table, pk="a", v={"N": "10"})
    wanted = {
        "v = :x": True, "v <> :x": False, "v < :y": True, "v <= :x": True, "v > :y": False,
        "v >= :x": True, "v BETWEEN :x AND :y": True, "v IN (:y, :x)": True, "NOT v = :x": False,
    }  # fmt: skip
    values = {"x": {"N": "1e1"}, "y": {"N": "10.5"}}
    found = {
        condition: _holds(
            lab, table, condition, **{n: v for n, v in values.items() if f":{n}" in condition}
        )
        for condition in wanted
    }
    expect_equal(found, wanted, "conditions on v=10 with x=1e1 and y=10.5")


@case("dynamodb-writes.condition.other-types-are-unequal", OPERATORS)
def other_types(lab: Lab) -> None:
    """Values of two types are unequal and in no order; a missing attribute is neither."""
    table = lab.table()
    lab.put(table, pk="a", v="10")
    wanted = {"v = :x": False, "v <> :x": True, "v < :x": False, "w = :x": False, "w <> :x": True}
    found = {condition: _holds(lab, table, condition, x=10) for condition in wanted}
    expect_equal(found, wanted, "conditions on v='10' with x=10")


@case("dynamodb-writes.condition.functions", OPERATORS)
def functions(lab: Lab) -> None:
    """attribute_exists, attribute_type, begins_with, contains and size do as documented."""
    table = lab.table()
    lab.put(table, pk="a", s="hello", n=5, t={"SS": ["x"]}, m={"M": {"k": {"L": [{"N": "1"}]}}})
    wanted: dict[str, tuple[bool, dict[str, Any]]] = {
        "attribute_exists(m.k[0])": (True, {}),
        "attribute_exists(m.k[1])": (False, {}),
        "attribute_not_exists(x)": (True, {}),
        "attribute_type(n, :t)": (True, {"t": "N"}),
        "begins_with(s, :p)": (True, {"p": "hel"}),
        "contains(s, :p)": (True, {"p": "ell"}),
        "contains(t, :p)": (True, {"p": "x"}),
        "contains(m.k, :n)": (True, {"n": {"N": "1.0"}}),
        "size(s) = :n": (True, {"n": 5}),
        "size(m.k) > :n": (False, {"n": 1}),
    }
    found = {text: _holds(lab, table, text, **values) for text, (_, values) in wanted.items()}
    expected = {text: holds for text, (holds, _) in wanted.items()}
    expect_equal(found, expected, "conditions")


@case("dynamodb-writes.condition.precedence", OPERATORS)
def precedence(lab: Lab) -> None:
    """NOT binds before AND, and AND before OR."""
    table = lab.table()
    lab.put(table, pk="a", v=1)
    wanted = {
        "v = :x OR v = :y AND v = :y": True,
        "(v = :x OR v = :y) AND v = :y": False,
        "NOT v = :y AND v = :x": True,
        "NOT (v = :x OR v = :y)": False,
    }
    found = {condition: _holds(lab, table, condition, x=1, y=2) for condition in wanted}
    expect_equal(found, wanted, "conditions on v=1 with x=1 and y=2")


@case("dynamodb-writes.condition.delete-of-a-missing-item", CONDITIONS)
def delete_of_missing(lab: Lab) -> None:
    """A conditional delete of an item that is not there fails where the condition needs it."""
    table = lab.table()
    expect_error(
        lambda: lab.dynamodb.delete_item(
            TableName=table, Key=item(pk="a"), ConditionExpression="attribute_exists(pk)"
        ),
        FAILED,
    )
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))


@case("dynamodb-writes.update.set", UPDATES)
def set_action(lab: Lab) -> None:
    """SET adds and overwrites, does sums, and takes the values of before the update."""
    found = _after(lab, item(x=1, y=2), "SET x = y, y = x, z = x + :n, w = y - :n", n=5)
    expect_equal(found, item(x=2, y=1, z=6, w=-3), "the item")


@case("dynamodb-writes.update.if-not-exists", UPDATES)
def if_not_exists(lab: Lab) -> None:
    """if_not_exists keeps what is there and takes the value where nothing is."""
    found = _after(
        lab, item(x=1), "SET x = if_not_exists(x, :n), c = if_not_exists(c, :z) + :n", n=7, z=0
    )
    expect_equal(found, item(x=1, c=7), "the item")


@case("dynamodb-writes.update.list-append", UPDATES)
def list_append(lab: Lab) -> None:
    """list_append joins two lists in the order given."""
    old = {"L": [{"N": "2"}]}
    found = _after(lab, {"x": old}, "SET x = list_append(:n, x)", n={"L": [{"N": "1"}]})
    expect_equal(found, {"x": {"L": [{"N": "1"}, {"N": "2"}]}}, "the item")


@case("dynamodb-writes.update.paths", UPDATES)
def paths(lab: Lab) -> None:
    """Paths reach into maps and lists; an index past the end appends."""
    before: dict[str, Any] = {"m": {"M": {"k": {"N": "1"}}}, "l": {"L": [{"N": "1"}]}}
    found = _after(lab, before, "SET m.k = :n, m.j = :n, l[0] = :n, l[9] = :n", n=5)
    five = {"N": "5"}
    expected = {"m": {"M": {"k": five, "j": five}}, "l": {"L": [five, five]}}
    expect_equal(found, expected, "the item")


@case("dynamodb-writes.update.remove", UPDATES)
def remove(lab: Lab) -> None:
    """REMOVE takes attributes and list elements, by their places before the update."""
    numbers = {"L": [{"N": str(n)} for n in range(4)]}
    found = _after(lab, {"x": {"N": "1"}, "l": numbers}, "REMOVE x, l[0], l[2], nothing")
    expect_equal(found, {"l": {"L": [{"N": "1"}, {"N": "3"}]}}, "the item")


@case("dynamodb-writes.update.add-and-delete", UPDATES)
def add_and_delete(lab: Lab) -> None:
    """ADD counts and joins sets, DELETE takes from sets; a set that empties goes."""
    found = _after(
        lab,
        {"n": {"N": "1"}, "s": {"SS": ["a"]}, "t": {"SS": ["a"]}},
        "ADD n :n, m :n, s :s DELETE t :t",
        n=2,
        s={"SS": ["b"]},
        t={"SS": ["a"]},
    )
    found["s"]["SS"].sort()
    expect_equal(found, {"n": {"N": "3"}, "m": {"N": "2"}, "s": {"SS": ["a", "b"]}}, "the item")


@case("dynamodb-writes.update.overlapping-paths", UPDATES)
def overlapping(lab: Lab) -> None:
    """Two paths of which one is in the other are refused with both."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET m = :n, m.k = :n", {":n": 1}),
        "ValidationException",
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or"
        " rewrite one of these paths; path one: [m], path two: [m, k]",
    )


@case("dynamodb-writes.update.missing-parent", UPDATES)
def missing_parent(lab: Lab) -> None:
    """A path into a map that is not there is invalid for update."""
    table = lab.table()
    lab.put(table, pk="a")
    expect_error(
        lambda: _update(lab, table, "SET m.k = :n", {":n": 1}),
        "ValidationException",
        "The document path provided in the update expression is invalid for update",
    )


@case("dynamodb-writes.update.missing-operand", UPDATES)
def missing_operand(lab: Lab) -> None:
    """An attribute that is not there cannot be an operand."""
    table = lab.table()
    lab.put(table, pk="a")
    expect_error(
        lambda: _update(lab, table, "SET x = y + :n", {":n": 1}),
        "ValidationException",
        "The provided expression refers to an attribute that does not exist in the item",
    )


@case("dynamodb-writes.update.key-attribute", UPDATE_ITEM)
def key_attribute(lab: Lab) -> None:
    """A key attribute cannot be updated."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET pk = :p", {":p": "b"}),
        "ValidationException",
        "One or more parameter values were invalid: Cannot update attribute pk. This attribute is"
        " part of the key",
    )


@case("dynamodb-writes.update.operand-type", UPDATES)
def operand_type(lab: Lab) -> None:
    """ADD of a text, and a sum with one, are refused by their types."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "ADD x :s", {":s": "text"}),
        "ValidationException",
        containing="Incorrect operand type for operator or function; operator: ADD, operand type:"
        " STRING",
    )
    lab.put(table, pk="a", x="text")
    expect_error(
        lambda: _update(lab, table, "SET x = x + :n", {":n": 1}),
        "ValidationException",
        "An operand in the update expression has an incorrect data type",
    )


@case("dynamodb-writes.expression.unused-value", VALUES)
def unused_value(lab: Lab) -> None:
    """A value that no expression uses is refused with its name."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET x = :a", {":a": 1, ":b": 2}),
        "ValidationException",
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
    )


@case("dynamodb-writes.expression.unused-name", NAMES)
def unused_name(lab: Lab) -> None:
    """A name that no expression uses is refused."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET x = :a", {":a": 1}, ExpressionAttributeNames={"#n": "x"}),
        "ValidationException",
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}",
    )


@case("dynamodb-writes.expression.undefined-value", VALUES)
def undefined_value(lab: Lab) -> None:
    """A value or name that is used and not given is refused with it."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET x = :a"),
        "ValidationException",
        "Invalid UpdateExpression: An expression attribute value used in expression is not defined;"
        " attribute value: :a",
    )
    expect_error(
        lambda: _update(lab, table, "REMOVE #x"),
        "ValidationException",
        "Invalid UpdateExpression: An expression attribute name used in the document path is not"
        " defined; attribute name: #x",
    )


@case("dynamodb-writes.expression.reserved-word", DYNAMODB_GUIDE + "ReservedWords.html")
def reserved_word(lab: Lab) -> None:
    """A reserved word as a name is refused with the word, in any case."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET Status = :a", {":a": 1}),
        "ValidationException",
        "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: Status",
    )


@case("dynamodb-writes.expression.syntax-error", UPDATES)
def syntax_error(lab: Lab) -> None:
    """A syntax error is refused with the token and what stands near it."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, "SET x = = :a", {":a": 1}),
        "ValidationException",
        'Invalid UpdateExpression: Syntax error; token: "=", near: "= = :a"',
    )


@case("dynamodb-writes.expression.empty", UPDATES)
def empty_expression(lab: Lab) -> None:
    """An empty expression is refused."""
    table = lab.table()
    expect_error(
        lambda: _update(lab, table, ""),
        "ValidationException",
        "Invalid UpdateExpression: The expression can not be empty;",
    )
