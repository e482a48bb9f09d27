from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.awsjson import AwsError
from harness.dynamodb.attributes import normalise_item
from harness.dynamodb.expressions import (
    ExpressionError,
    bind,
    check_parameters,
    compile_condition,
    compile_key_condition,
    compile_projection,
    compile_update,
    legacy_projection,
    legacy_update,
    updated_view,
)
from harness.dynamodb.numbers import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable

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
    ],
)  # fmt: skip
def test_names_and_values_that_are_refused(names: Any, values: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        bind(names, values)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("value", "message", "older"),
    [
        ({"SS": []}, "One or more parameter values were invalid: An string set  may not be empty",
         "One or more parameter values were invalid: An string set  may not be empty"),
        ({"N": ""}, "The parameter cannot be converted to a numeric value: ",
         "The parameter cannot be converted to a numeric value"),
        ({"S": "a", "N": "b"}, "The parameter cannot be converted to a numeric value: b",
         "The parameter cannot be converted to a numeric value: b"),
    ],
)  # fmt: skip
def test_older_words_wrap_an_invalid_value_and_name_it(
    value: Any, message: str, older: str
) -> None:
    with pytest.raises(InvalidValueError) as error:
        bind(None, {":a": {"S": "x"}, ":b": value})
    assert error.value.message == message
    assert error.value.in_older_words().message == (
        f"ExpressionAttributeValues contains invalid value: {older} for key :b"
    )


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
    ],
)  # fmt: skip
def test_parameters_that_do_not_go_together(
    parameters: tuple[tuple[str, ...], tuple[str, ...]], given: list[str], message: str
) -> None:
    with pytest.raises(ExpressionError) as error:
        check_parameters(dict.fromkeys(given, ""), *parameters)
    assert error.value.message == message


@pytest.mark.parametrize("legacy", [{}, {"Expected": {}}, {"QueryFilter": None}])
def test_conditional_operator_wants_conditions_to_join(legacy: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError) as error:
        check_parameters({"ConditionalOperator": "OR", **legacy}, *UPDATE)
    assert error.value.message == "ConditionalOperator cannot be used without Filter or Expected"
    check_parameters({"ConditionalOperator": "OR", "Expected": {"a": {}}}, *UPDATE)


def test_names_that_no_attribute_may_have() -> None:
    uses: list[Callable[[str], object]] = [
        lambda name: bind({"#n": name}, None),
        lambda name: legacy_update({name: {"Action": "DELETE"}}),
        lambda name: legacy_projection([name]),
        lambda name: normalise_item({name: {"S": "x"}}),
        lambda name: normalise_item({"m": {"M": {name: {"S": "x"}}}}),
    ]
    for use in uses:
        use("é" * 32767)
        with pytest.raises(AwsError) as error:
            use("")
        assert error.value.message == "Empty attribute name"
        with pytest.raises(AwsError) as error:
            use("é" * 32768)
        assert error.value.message == ("Attribute name is too large, must be less than 65536 bytes")


def test_key_conditions_go_with_the_other_expressions() -> None:
    check_parameters({"KeyConditions": {}, "FilterExpression": "a = b"}, *QUERY)
    check_parameters({"KeyConditions": {}, "QueryFilter": {}}, *QUERY)


@pytest.mark.parametrize(
    ("parameters", "given", "missing"),
    [
        (UPDATE, [], "UpdateExpression and ConditionExpression are null"),
        ((("ConditionExpression",), ("Expected",)), ["Expected"], "ConditionExpression is null"),
        (QUERY, ["ProjectionExpression"], "FilterExpression and KeyConditionExpression are null"),
    ],
)
def test_values_without_an_expression_that_could_use_them(
    parameters: tuple[tuple[str, ...], tuple[str, ...]], given: list[str], missing: str
) -> None:
    sentence = "ExpressionAttributeValues can only be specified when using expressions"
    with pytest.raises(InvalidValueError) as error:
        check_parameters(dict.fromkeys([*given, "ExpressionAttributeValues"], ""), *parameters)
    assert error.value.message == sentence
    assert error.value.in_older_words().message == f"{sentence}: {missing}"


WORDS = st.sampled_from(
    [
        *("a", "b[0]", "#n", ":v", ":w", "(", ")", ",", ".", "[", "7", "=", "<>", "<", "+", "-"),
        *("AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE", "_", "!", "name"),
        *("size(a)", "contains(a, :v)", "if_not_exists(a, :v)", "list_append("),
        *("SET a = :v", "a = :v", "REMOVE b[1]", "ADD n :w", "a BETWEEN :v AND :w"),
    ]
)
ITEM: dict[str, Any] = {
    "a": {"N": "3"},
    "b": {"L": [{"N": "1"}, {"S": "x"}]},
    "n": {"SS": ["x"]},
}
VALUES: list[dict[str, Any]] = [{"N": "1"}, {"S": "x"}, {"SS": ["x"]}, {"L": []}, {"BOOL": True}]


@given(st.lists(WORDS, max_size=8), st.sampled_from(VALUES), st.sampled_from(VALUES))
def test_any_text_is_compiled_or_refused_by_a_validation_error(
    words: list[str], one: dict[str, Any], other: dict[str, Any]
) -> None:
    text = " ".join(words)
    binding = bind({"#n": "n"}, {":v": one, ":w": other})

    def updated() -> object:
        new, paths = compile_update(text, binding).apply(ITEM)
        return updated_view(paths, new)

    uses: list[Callable[[], object]] = [
        lambda: compile_condition(text, binding).holds(ITEM),
        lambda: compile_key_condition(text, binding).resolve([("a", "N")], [("n", "S")]),
        lambda: compile_projection(text, binding).of(ITEM),
        updated,
    ]
    refusals = []
    for use in uses:
        try:
            use()
        except AwsError as error:
            refusals.append(error)
    assert {error.code for error in refusals} <= {"ValidationException"}
    assert all(error.message for error in refusals)
