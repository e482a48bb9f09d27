"""Conditions of before there were expressions: Expected, QueryFilter, ScanFilter, KeyConditions.

They become the tree that expressions become, so both are evaluated by the same code. Their
validation has sentences of its own.

Source: API reference, "Legacy conditional parameters"; sentences as mhart/dynalite's tests
recorded them from AWS; ScyllaDB's test/alternator/test_expected.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.attributes import normalise_value, type_of
from harness.dynamodb.expressions.binding import ExpressionError
from harness.dynamodb.expressions.conditions import Condition, compile_node
from harness.dynamodb.expressions.key_conditions import KeyConditions, KeyTest, RangeOperator
from harness.dynamodb.expressions.operands import order_key
from harness.dynamodb.expressions.tree import (
    Between,
    Call,
    Comparison,
    ConditionNode,
    In,
    Junction,
    Not,
    Path,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.dynamodb.change_log import Attribute, Item

    Json = Mapping[str, Any]

INVALID = "One or more parameter values were invalid: "

_COMPARATORS = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_RANGE_OPERATORS: dict[str, RangeOperator] = {
    "EQ": "=",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}
_ORDERED = ("S", "N", "B")
_SCALARS = (*_ORDERED, "BOOL", "NULL")
_TYPES: dict[str, tuple[str, ...]] = {
    "LE": _ORDERED,
    "LT": _ORDERED,
    "GE": _ORDERED,
    "GT": _ORDERED,
    "IN": _ORDERED,
    "BETWEEN": _ORDERED,
    "CONTAINS": _SCALARS,
    "NOT_CONTAINS": _SCALARS,
    "BEGINS_WITH": ("S", "B"),
}
_NUMBER_OF_VALUES = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2}


def legacy_expected(expected: Json, conditional_operator: str | None = None) -> Condition:
    """The parameter Expected of a write as a condition.

    Args:
        expected: attribute name to ExpectedAttributeValue, of the right JSON types.
        conditional_operator: `AND` (the default) or `OR`.

    Raises:
        ExpressionError: a combination AWS refuses.
        AwsError: a value that is no AttributeValue.
    """
    values: Item = {}
    nodes = []
    for name, wanted in expected.items():
        operator, operands = _expectation(name, wanted)
        nodes.append(_node(name, operator, operands, values))
    return _condition(nodes, values, frozenset(expected), conditional_operator)


def legacy_filter(conditions: Json, conditional_operator: str | None = None) -> Condition:
    """QueryFilter or ScanFilter as a condition; arguments and errors as in `legacy_expected`.

    Args:
        conditions: attribute name to Condition.
        conditional_operator: `AND` (the default) or `OR`.
    """
    values: Item = {}
    nodes = [
        _node(name, condition["ComparisonOperator"], operands, values)
        for name, condition, operands in _checked(conditions)
    ]
    return _condition(nodes, values, frozenset(conditions), conditional_operator)


def legacy_key_conditions(conditions: Json) -> KeyConditions:
    """The parameter KeyConditions; arguments and errors as in `legacy_filter`."""
    tests = {
        name: KeyTest(_RANGE_OPERATORS.get(condition["ComparisonOperator"]), tuple(operands))
        for name, condition, operands in _checked(conditions)
    }
    if not tests:
        raise ExpressionError("Conditions can be of length 1 or 2 only")
    return KeyConditions(None, {}, tests)


def _checked(conditions: Json) -> list[tuple[str, Json, list[Attribute]]]:
    result = []
    for name, condition in conditions.items():
        operands = [normalise_value(v) for v in condition.get("AttributeValueList") or ()]
        _check_operands(condition["ComparisonOperator"], operands)
        result.append((name, condition, operands))
    return result


def _expectation(name: str, wanted: Json) -> tuple[str, list[Attribute]]:
    """Operator and operands of one ExpectedAttributeValue."""
    operator, exists = wanted.get("ComparisonOperator"), wanted.get("Exists")
    value, listed = wanted.get("Value"), wanted.get("AttributeValueList")
    if value is not None and listed is not None:
        raise ExpressionError(
            f"{INVALID}Value and AttributeValueList cannot be used together for Attribute: {name}"
        )
    if operator is None:
        if listed is not None:
            raise ExpressionError(
                f"{INVALID}AttributeValueList can only be used with a ComparisonOperator "
                f"for Attribute: {name}"
            )
        return _existence(name, exists, value)
    if exists is not None:
        raise ExpressionError(
            f"{INVALID}Exists and ComparisonOperator cannot be used together for Attribute: {name}"
        )
    if operator not in ("NULL", "NOT_NULL") and value is None and listed is None:
        raise ExpressionError(
            f"{INVALID}Value or AttributeValueList must be used with ComparisonOperator: "
            f"{operator} for Attribute: {name}"
        )
    operands = [normalise_value(v) for v in ([value] if value is not None else listed or ())]
    _check_operands(operator, operands)
    return operator, operands


def _existence(name: str, exists: object, value: object) -> tuple[str, list[Attribute]]:
    if exists is False:
        if value is not None:
            raise ExpressionError(
                f"{INVALID}Value cannot be used when Exists is false for Attribute: {name}"
            )
        return "NULL", []
    if value is None:
        given = "null" if exists is None else "true"
        raise ExpressionError(
            f"{INVALID}Value must be provided when Exists is {given} for Attribute: {name}"
        )
    return "EQ", [normalise_value(value)]


def _check_operands(operator: str, operands: list[Attribute]) -> None:
    number = _NUMBER_OF_VALUES.get(operator, 1)
    if len(operands) != number if operator != "IN" else not operands:
        raise ExpressionError(
            f"{INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator"
        )
    kinds = [type_of(operand) for operand in operands]
    if len(set(kinds)) > 1:
        raise ExpressionError(
            f"{INVALID}AttributeValues inside AttributeValueList must be of same type"
        )
    if kinds and operator in _TYPES and kinds[0] not in _TYPES[operator]:
        raise ExpressionError(
            f"{INVALID}ComparisonOperator {operator} is not valid for "
            f"{kinds[0]} AttributeValue type"
        )
    if operator == "BETWEEN" and order_key(operands[0]) > order_key(operands[1]):
        raise ExpressionError(
            "The BETWEEN condition was provided a range where the lower bound is greater than "
            "the upper bound"
        )


def _node(name: str, operator: str, operands: list[Attribute], values: Item) -> ConditionNode:
    """One attribute's condition; its operands join `values` under names of their own."""
    path = Path((name,))
    references = []
    for operand in operands:
        reference = Value(f":{len(values)}", type_of(operand))
        values[reference.name] = operand
        references.append(reference)
    if operator in _COMPARATORS:
        return Comparison(_COMPARATORS[operator], path, references[0])
    match operator:
        case "NULL":
            return Call("attribute_not_exists", (path,))
        case "NOT_NULL":
            return Call("attribute_exists", (path,))
        case "BETWEEN":
            return Between(path, references[0], references[1])
        case "IN":
            return In(path, tuple(references))
        case "BEGINS_WITH":
            return Call("begins_with", (path, references[0]))
        case "CONTAINS":
            return Call("contains", (path, references[0]))
        case "NOT_CONTAINS":
            # A missing attribute meets neither CONTAINS nor NOT_CONTAINS.
            exists = Call("attribute_exists", (path,))
            return Junction("AND", (exists, Not(Call("contains", (path, references[0])))))
        case _:
            raise ValueError(f"no ComparisonOperator: {operator}")


def _condition(
    nodes: list[ConditionNode],
    values: Item,
    heads: frozenset[str],
    conditional_operator: str | None,
) -> Condition:
    if conditional_operator is not None and len(nodes) < 2:
        if not nodes:
            raise ExpressionError("ConditionalOperator cannot be used without Filter or Expected")
        raise ExpressionError(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )
    if len(nodes) == 1:
        return Condition(compile_node(nodes[0]), values, heads)
    junction = Junction(conditional_operator or "AND", tuple(nodes))
    return Condition(compile_node(junction), values, heads)
