from __future__ import annotations

from typing import Any

import pytest

from harness.awsjson import AwsError
from harness.dynamodb.expressions import (
    ExpressionError,
    legacy_expected,
    legacy_filter,
    legacy_update,
)

INVALID = "One or more parameter values were invalid: "
ITEM: dict[str, Any] = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "ss": {"SS": ["a", "b"]},
    "l": {"L": [{"S": "x"}]},
}


def condition(operator: str, *values: Any) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


@pytest.mark.parametrize(
    ("name", "wanted", "holds"),
    [
        ("n", {"Value": {"N": "5.0"}}, True),
        ("n", {"Value": {"N": "6"}, "Exists": True}, False),
        ("n", {"Exists": False}, False),
        ("absent", {"Exists": False}, True),
        ("absent", {"Value": {"N": "5"}}, False),
        ("n", {"ComparisonOperator": "GE", "Value": {"N": "5"}}, True),
        ("ss", condition("EQ", {"SS": ["b", "a"]}), True),
        ("n", condition("NE", {"N": "5"}), False),
        ("absent", condition("NE", {"N": "5"}), True),
        ("n", condition("LT", {"N": "5"}), False),
        ("n", condition("LE", {"N": "5"}), True),
        ("n", condition("GT", {"S": "1"}), False),
        ("n", condition("BETWEEN", {"N": "4"}, {"N": "5"}), True),
        ("n", condition("IN", {"N": "1"}, {"N": "5"}), True),
        ("n", condition("IN", {"S": "5"}), False),
        ("n", {"ComparisonOperator": "NULL"}, False),
        ("absent", condition("NULL"), True),
        ("n", {"ComparisonOperator": "NOT_NULL"}, True),
        ("s", condition("BEGINS_WITH", {"S": "hell"}), True),
        ("n", condition("BEGINS_WITH", {"S": "5"}), False),
        ("s", condition("CONTAINS", {"S": "ell"}), True),
        ("l", condition("CONTAINS", {"S": "x"}), True),
        ("ss", condition("CONTAINS", {"S": "c"}), False),
        ("ss", condition("NOT_CONTAINS", {"S": "c"}), True),
        ("absent", condition("NOT_CONTAINS", {"S": "c"}), False),
        ("absent", condition("CONTAINS", {"S": "c"}), False),
    ],
)
def test_expected_of_one_attribute(name: str, wanted: dict[str, Any], holds: bool) -> None:
    assert legacy_expected({name: wanted}).holds(ITEM) is holds


def test_conditions_are_joined_by_and_unless_or_is_asked_for() -> None:
    conditions = {"n": condition("EQ", {"N": "5"}), "s": condition("EQ", {"S": "no"})}
    assert not legacy_filter(conditions).holds(ITEM)
    assert not legacy_filter(conditions, "AND").holds(ITEM)
    assert legacy_filter(conditions, "OR").holds(ITEM)
    assert legacy_filter({}).holds(ITEM)


def test_filter_tells_the_attributes_it_reads() -> None:
    query_filter = legacy_filter({"a.b": condition("NULL")})
    with pytest.raises(ExpressionError) as error:
        query_filter.check_without(["a", "a.b"], "QueryFilter")
    assert error.value.message == (
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: a.b"
    )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, INVALID + "Value must be provided when Exists is null for Attribute: a"),
        ({"Exists": True}, INVALID + "Value must be provided when Exists is true for Attribute: a"),
        ({"Exists": False, "Value": {"S": "a"}},
         INVALID + "Value cannot be used when Exists is false for Attribute: a"),
        ({"ComparisonOperator": "LT"}, INVALID + "Value or AttributeValueList must be used with "
         "ComparisonOperator: LT for Attribute: a"),
        ({"ComparisonOperator": "LT", "Exists": True},
         INVALID + "Exists and ComparisonOperator cannot be used together for Attribute: a"),
        ({"AttributeValueList": [{"S": "a"}], "Value": {"S": "a"}, "ComparisonOperator": "LT"},
         INVALID + "Value and AttributeValueList cannot be used together for Attribute: a"),
        ({"AttributeValueList": [{"S": "a"}], "Exists": True}, INVALID + "AttributeValueList can "
         "only be used with a ComparisonOperator for Attribute: a"),
        (condition("EQ"), INVALID + "Invalid number of argument(s) for the EQ ComparisonOperator"),
        (condition("NULL", {"S": "a"}),
         INVALID + "Invalid number of argument(s) for the NULL ComparisonOperator"),
        ({"ComparisonOperator": "BETWEEN", "Value": {"S": "a"}},
         INVALID + "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        (condition("IN"), INVALID + "Invalid number of argument(s) for the IN ComparisonOperator"),
        (condition("IN", {"S": "a"}, {"N": "1"}),
         INVALID + "AttributeValues inside AttributeValueList must be of same type"),
        (condition("LE", {"L": []}),
         INVALID + "ComparisonOperator LE is not valid for L AttributeValue type"),
        (condition("CONTAINS", {"SS": ["a"]}),
         INVALID + "ComparisonOperator CONTAINS is not valid for SS AttributeValue type"),
        (condition("BEGINS_WITH", {"N": "1"}),
         INVALID + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
        (condition("BETWEEN", {"S": "b"}, {"S": "a"}), "The BETWEEN condition was provided a "
         "range where the lower bound is greater than the upper bound"),
        (condition("EQ", {"N": "b"}), "The parameter cannot be converted to a numeric value: b"),
    ],
)  # fmt: skip
def test_expectations_that_are_refused(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError) as error:
        legacy_expected({"a": wanted})
    assert error.value.message == message


@pytest.mark.parametrize(
    ("updates", "after"),
    [
        ({}, ITEM),
        ({"n": {"Value": {"N": "1e1"}}}, {**ITEM, "n": {"N": "10"}}),
        ({"a.b": {"Value": {"S": "x"}, "Action": "PUT"}}, {**ITEM, "a.b": {"S": "x"}}),
        ({"s": {"Action": "DELETE"}}, {k: v for k, v in ITEM.items() if k != "s"}),
        ({"n": {"Action": "ADD", "Value": {"N": "2"}}}, {**ITEM, "n": {"N": "7"}}),
        ({"new": {"Action": "ADD", "Value": {"N": "2"}}}, {**ITEM, "new": {"N": "2"}}),
        ({"ss": {"Action": "ADD", "Value": {"SS": ["b", "c"]}}},
         {**ITEM, "ss": {"SS": ["a", "b", "c"]}}),
        ({"l": {"Action": "ADD", "Value": {"L": [{"S": "y"}]}}},
         {**ITEM, "l": {"L": [{"S": "x"}, {"S": "y"}]}}),
        ({"ss": {"Action": "DELETE", "Value": {"SS": ["a", "z"]}}}, {**ITEM, "ss": {"SS": ["b"]}}),
        ({"ss": {"Action": "DELETE", "Value": {"SS": ["a", "b"]}}},
         {k: v for k, v in ITEM.items() if k != "ss"}),
        ({"new": {"Action": "DELETE", "Value": {"SS": ["a"]}}}, ITEM),
    ],
)  # fmt: skip
def test_attribute_updates(updates: dict[str, Any], after: dict[str, Any]) -> None:
    before = dict(ITEM)
    new, paths = legacy_update(updates).apply(ITEM)
    assert new == after
    assert [path[0] for path in paths] == list(updates)
    assert before == ITEM


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"Action": "PUT"}, INVALID + "Only DELETE action is allowed when no attribute value is "
         "specified"),
        ({}, INVALID + "Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "DELETE", "Value": {"L": []}},
         INVALID + "DELETE action with value is not supported for the type L"),
        ({"Action": "ADD", "Value": {"S": "1"}},
         INVALID + "ADD action is not supported for the type S"),
        ({"Action": "ADD", "Value": {"N": "1"}}, "Type mismatch for attribute to update"),
        ({"Action": "ADD", "Value": {"L": []}}, "Type mismatch for attribute to update"),
        ({"Action": "DELETE", "Value": {"NS": ["1"]}}, "Type mismatch for attribute to update"),
    ],
)  # fmt: skip
def test_attribute_updates_that_are_refused(update: dict[str, Any], message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        legacy_update({"ss": update}).apply(ITEM)
    assert error.value.message == message
