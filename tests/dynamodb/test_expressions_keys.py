from __future__ import annotations

from typing import Any

import pytest

from harness.awsjson import AwsError
from harness.dynamodb.expressions import (
    ExpressionError,
    KeyRange,
    bind,
    compile_key_condition,
    legacy_key_conditions,
)

HASH = [("p", "S")]
RANGE = [("c", "N")]
P = {"S": "p1"}


def key_range(
    text: str,
    hash_keys: list[tuple[str, str]] | None = None,
    range_keys: list[tuple[str, str]] | None = None,
    **values: Any,
) -> KeyRange:
    binding = bind(None, {f":{name}": value for name, value in values.items()} or None)
    conditions = compile_key_condition(text, binding)
    binding.check_all_used()
    return conditions.resolve(
        HASH if hash_keys is None else hash_keys, RANGE if range_keys is None else range_keys
    )


def refused(text: str, **values: Any) -> str:
    with pytest.raises(AwsError) as error:
        key_range(text, **values)
    assert error.value.code == "ValidationException"
    return error.value.message


def test_hash_key_alone_is_the_whole_partition() -> None:
    assert key_range("p = :p", p=P) == KeyRange((P,))
    assert key_range("(:p = p)", p=P).hash_value == P


@pytest.mark.parametrize(
    ("text", "operator", "bounds"),
    [
        ("p = :p AND c = :c", "=", [3]),
        ("c < :c AND p = :p", "<", [3]),
        ("((c<=:c) aNd (p=:p))", "<=", [3]),
        ("p = :p AND :c < c", ">", [3]),
        ("p = :p AND :c >= c", "<=", [3]),
        ("p = :p AND c >= :c", ">=", [3]),
        ("p = :p AND c BETWEEN :c AND :d", "BETWEEN", [3, 7]),
    ],
)
def test_range_condition_is_operator_and_bounds(
    text: str, operator: str, bounds: list[int]
) -> None:
    values: dict[str, Any] = {"p": P, "c": {"N": "3"}, "d": {"N": "7.0"}}
    used = {name: value for name, value in values.items() if f":{name}" in text}
    found = key_range(text, **used)
    assert found.hash_value == P
    assert found.operator == operator
    assert found.bounds == tuple({"N": str(bound)} for bound in bounds)


def test_begins_with_is_for_strings_and_binaries() -> None:
    found = key_range(
        "p = :p and begins_with(c, :x)", range_keys=[("c", "B")], p=P, x={"B": "AA=="}
    )
    assert (found.operator, found.bounds) == ("begins_with", ({"B": "AA=="},))
    assert refused("p = :p and begins_with(c, :x)", p=P, x={"N": "3"}) == (
        "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
        "operator or function: begins_with, operand type: N"
    )


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("a > b and size(b) > c or a > c", "OR"),
        ("a in (b, size(c), d)", "IN"),
        ("attribute_exists(a)", "attribute_exists"),
        ("contains(a.d, b)", "contains"),
        ("not a > b", "NOT"),
        ("a <> b", "<>"),
    ],
)
def test_operators_that_no_query_can_use(text: str, operator: str) -> None:
    assert refused(text) == f"Invalid operator used in KeyConditionExpression: {operator}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":a between size(b) and size(a) and b > :b", "Invalid condition in "
         "KeyConditionExpression: BETWEEN operator must have the key attribute as its first "
         "operand"),
        ("begins_with(:a, b) and a > :b", "Invalid condition in KeyConditionExpression: "
         "begins_with operator must have the key attribute as its first operand"),
        ("size(b) > :a AND a.b > :b", "KeyConditionExpressions cannot contain nested operations"),
        ("a > size(b.d) AND :a = :b", "KeyConditionExpressions cannot contain nested operations"),
        ("b > a.b AND :a = :b", "Invalid condition in KeyConditionExpression: Multiple attribute "
         "names used in one condition"),
        ("a.d > :a AND :a = :b",
         "KeyConditionExpressions cannot have conditions on nested attributes"),
        (":b > :a AND a < :b",
         "Invalid condition in KeyConditionExpression: No key attribute specified"),
        ("b > :a AND b < :b and c = :a and d = :a",
         "Invalid KeyConditionExpression: "
         "KeyConditionExpressions must only contain one condition per key"),
    ],
)  # fmt: skip
def test_conditions_that_are_none_on_a_key(text: str, message: str) -> None:
    assert refused(text, a={"S": "1"}, b={"S": "1"}) == message


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("c = :c", {"c": {"N": "1"}}, "Query condition missed key schema element: p"),
        ("elsewhere = :c", {"c": {"N": "1"}}, "Query condition missed key schema element: p"),
        ("p = :p AND elsewhere < :c", {"p": P, "c": {"N": "1"}},
         "Query condition missed key schema element: c"),
        ("p > :p", {"p": P}, "Query key condition not supported"),
        ("begins_with(p, :p) AND c = :c", {"p": P, "c": {"N": "1"}},
         "Query key condition not supported"),
        ("p = :p", {"p": {"N": "1"}}, "One or more parameter values were invalid: "
         "Condition parameter type does not match schema type"),
        ("p = :p AND c = :c", {"p": P, "c": {"S": "1"}},
         "One or more parameter values were invalid: "
         "Condition parameter type does not match schema type"),
        ("p = :p AND c < :c AND a < :a", {"p": P, "c": {"N": "1"}, "a": {"N": "1"}},
         "The number of query conditions (3) exceeds the number of key attributes defined in the "
         "schema (2)"),
        ("p = :p", {"p": {"S": ""}}, "One or more parameter values are not valid. The "
         "AttributeValue for a key attribute cannot contain an empty string value. Key: p"),
    ],
)  # fmt: skip
def test_conditions_that_do_not_fit_the_schema(
    text: str, values: dict[str, Any], message: str
) -> None:
    assert refused(text, **values) == message


def test_second_condition_on_a_table_without_range_key() -> None:
    with pytest.raises(ExpressionError, match="Query key condition not supported"):
        key_range("p = :p AND c = :c", range_keys=[], p=P, c={"N": "1"})


def test_faults_of_form_wait_for_check_so_that_elsewhere_expressions_are_parsed_first() -> None:
    conditions = compile_key_condition("attribute_exists(a)", bind(None, None))
    with pytest.raises(ExpressionError, match="Invalid operator used"):
        conditions.check()


MANY_HASH = [("h1", "S"), ("h2", "N")]
MANY_RANGE = [("r1", "S"), ("r2", "N")]
MANY = {"a": {"S": "a"}, "b": {"N": "1"}, "c": {"S": "c"}, "d": {"N": "2"}}


def many(text: str) -> KeyRange:
    used = {name: value for name, value in MANY.items() if f":{name}" in text}
    return key_range(text, MANY_HASH, MANY_RANGE, **used)


def test_keys_of_several_attributes() -> None:
    assert many("h2 = :b AND h1 = :a") == KeyRange((MANY["a"], MANY["b"]))
    assert many("h1 = :a AND h2 = :b AND begins_with(r1, :c)") == KeyRange(
        (MANY["a"], MANY["b"]), (), "begins_with", (MANY["c"],)
    )
    assert many("r2 > :d AND h1 = :a AND h2 = :b AND r1 = :c") == KeyRange(
        (MANY["a"], MANY["b"]), (MANY["c"],), ">", (MANY["d"],)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "h1 = :a",
            "HASH key attributes h2 must have equality conditions specified in the query",
        ),
        (
            "h1 = :a AND h2 > :b",
            "HASH key attributes h2 must have equality conditions specified in the query",
        ),
        (
            "h1 = :a AND h2 = :b AND r2 = :d",
            "RANGE key attributes r1 must have equality conditions specified in the query "
            "because a condition is present on key attribute r2",
        ),
        (
            "h1 = :a AND h2 = :b AND r1 > :c AND r2 = :d",
            "RANGE key attributes r1 must have equality conditions specified in the query "
            "because a condition is present on key attribute r2",
        ),
    ],
)
def test_keys_of_several_attributes_want_equality_from_the_left(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        many(text)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("p = :missing AND begins_with(c, :n)", "attribute value: :missing"),
        ("begins_with(c, :n) AND p = :missing", "function: begins_with, operand type: N"),
        (
            "p = :p AND begins_with(c, :n) AND c = :missing",
            "function: begins_with, operand type: N",
        ),
        ("p = :p AND begins_with(c, :n) AND c > :p", "function: begins_with, operand type: N"),
        ("p = :p AND :t >= c", "operator or function: >=, operand type: BOOL"),
        ("p = :p AND c BETWEEN :t AND :t", "operator or function: BETWEEN, operand type: BOOL"),
        ("p = :p AND c = :t", "Condition parameter type does not match schema type"),
    ],
)
def test_first_clause_with_a_problem_is_reported(text: str, sentence: str) -> None:
    values = {"p": P, "n": {"N": "1"}, "t": {"BOOL": True}}
    used: dict[str, Any] = {name: value for name, value in values.items() if f":{name}" in text}
    assert refused(text, **used).endswith(sentence)


def test_legacy_key_conditions_give_the_same_range() -> None:
    conditions = legacy_key_conditions(
        {
            "c": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "1"}, {"N": "2"}]},
            "p": {"ComparisonOperator": "EQ", "AttributeValueList": [P]},
        }
    )
    assert conditions.resolve(HASH, RANGE) == KeyRange(
        (P,), (), "BETWEEN", ({"N": "1"}, {"N": "2"})
    )


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        ({"p": {"ComparisonOperator": "EQ"}}, "One or more parameter values were invalid: "
         "Invalid number of argument(s) for the EQ ComparisonOperator"),
        ({"p": {"ComparisonOperator": "NULL"}},
         "Attempted conditional constraint is not an indexable operation"),
        ({"p": {"ComparisonOperator": "GT", "AttributeValueList": [P]}},
         "Query key condition not supported"),
    ],
)  # fmt: skip
def test_legacy_key_conditions_that_are_refused(conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        legacy_key_conditions(conditions).resolve(HASH, RANGE)
    assert error.value.message == message
