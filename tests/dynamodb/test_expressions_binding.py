from __future__ import annotations

from typing import Any

import pytest

from harness.awsjson import AwsError
from harness.dynamodb.expressions import ExpressionError, bind, check_parameters

UPDATE = (("UpdateExpression", "ConditionExpression"), ("AttributeUpdates", "Expected"))
QUERY = (
    ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
    ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
)


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ({}, {}, "ExpressionAttributeNames must not be empty"),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        ({"a": "a"}, {}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
        ({"#": "a"}, {}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        (None, {":b": {"a": ""}, "b": {"S": "a"}},
         "ExpressionAttributeValues contains invalid key: Syntax error; "
         'key: "b"'),
        (None, {":b": {}}, "ExpressionAttributeValues contains invalid value: Supplied "
         "AttributeValue is empty, must contain exactly one of the supported datatypes "
         "for key :b"),
        (None, {":b": {"SS": []}}, "ExpressionAttributeValues contains invalid value: One or more "
         "parameter values were invalid: An string set  may not be empty for key :b"),
        (None, {":b": {"S": "a", "N": "b"}}, "ExpressionAttributeValues contains invalid value: "
         "The parameter cannot be converted to a numeric value: b for key :b"),
    ],
)  # fmt: skip
def test_names_and_values_that_are_refused(names: Any, values: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        bind(names, values)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ([], None, "Unrecognized collection type java.util.Map<java.lang.String, "
         "java.lang.String>"),
        ("x", None, "Unexpected field type"),
        ({"#a": 1}, None, "NUMBER_VALUE cannot be converted to String"),
        (None, [], "Unrecognized collection type java.util.Map<java.lang.String, "
         "com.amazonaws.dynamodb.v20120810.AttributeValue>"),
        (None, {":a": "x"}, "Unexpected value type in payload"),
        (None, {":a": {"SS": []}, ":b": {"S": 1}}, "NUMBER_VALUE cannot be converted to String"),
    ],
)  # fmt: skip
def test_wrong_json_types_of_names_and_values(names: Any, values: Any, message: str) -> None:
    with pytest.raises(AwsError) as error:
        bind(names, values)
    assert error.value.code == "SerializationException"
    assert error.value.message == message


def test_values_are_normalised() -> None:
    assert bind(None, {":n": {"N": "1.0e1"}}).values == {":n": {"N": "10"}}


@pytest.mark.parametrize(
    ("parameters", "given", "message"),
    [
        (UPDATE, ["AttributeUpdates", "Expected", "UpdateExpression", "ConditionExpression"],
         "Can not use both expression and non-expression parameters in the same request: "
         "Non-expression parameters: {AttributeUpdates, Expected} "
         "Expression parameters: {UpdateExpression, ConditionExpression}"),
        (UPDATE, ["ExpressionAttributeNames", "ExpressionAttributeValues"],
         "ExpressionAttributeNames can only be specified when using expressions"),
        (UPDATE, ["ExpressionAttributeValues"], "ExpressionAttributeValues can only be specified "
         "when using expressions: UpdateExpression and ConditionExpression are null"),
        ((("ConditionExpression",), ("Expected",)), ["ExpressionAttributeValues"],
         "ExpressionAttributeValues can only be specified when using expressions: "
         "ConditionExpression is null"),
        (QUERY, ["AttributesToGet", "QueryFilter", "KeyConditions", "FilterExpression",
                 "KeyConditionExpression"],
         "Can not use both expression and non-expression parameters in the same request: "
         "Non-expression parameters: {AttributesToGet, QueryFilter, KeyConditions} "
         "Expression parameters: {FilterExpression, KeyConditionExpression}"),
        (QUERY, ["AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions",
                 "ProjectionExpression", "FilterExpression"],
         "Can not use both expression and non-expression parameters in the same request: "
         "Non-expression parameters: {AttributesToGet, QueryFilter, ConditionalOperator} "
         "Expression parameters: {ProjectionExpression, FilterExpression}"),
        (QUERY, ["ProjectionExpression", "ExpressionAttributeValues"],
         "ExpressionAttributeValues can only be specified when using expressions: "
         "FilterExpression and KeyConditionExpression are null"),
    ],
)  # fmt: skip
def test_parameters_that_do_not_go_together(
    parameters: tuple[tuple[str, ...], tuple[str, ...]], given: list[str], message: str
) -> None:
    with pytest.raises(ExpressionError) as error:
        check_parameters(dict.fromkeys(given, ""), *parameters)
    assert error.value.message == message


def test_key_conditions_go_with_the_other_expressions() -> None:
    check_parameters({"KeyConditions": {}, "FilterExpression": "a = b"}, *QUERY)
    check_parameters({"KeyConditions": {}, "QueryFilter": {}}, *QUERY)
