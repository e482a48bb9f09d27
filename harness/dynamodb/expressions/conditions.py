"""Condition and filter expressions: compiled once, asked per item.

Source: developer guide, "Condition and filter expressions, operators, and functions".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from harness.dynamodb.attributes import type_of
from harness.dynamodb.expressions.binding import ExpressionError
from harness.dynamodb.expressions.condition_grammar import ConditionGrammar, ParsedCondition
from harness.dynamodb.expressions.operands import (
    begins_with,
    compile_operand,
    contains,
    is_between,
    is_equal,
    is_ordered,
    order_key,
)
from harness.dynamodb.expressions.tree import (
    Between,
    Call,
    Comparison,
    ConditionNode,
    In,
    Junction,
    Not,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.expressions.binding import Binding

    Predicate: TypeAlias = Callable[[Item, Item], bool]
    """Takes the item and the request's values."""

COMPILED_MAX = 4096

_TYPE_NAMES = frozenset({"B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"})


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition bound to one request's values.

    Attributes:
        heads: names of the top-level attributes it mentions.
        nested: those of them it looks into.
    """

    predicate: Predicate
    values: Item
    heads: frozenset[str]
    nested: frozenset[str] = frozenset()

    def holds(self, item: Item | None) -> bool:
        """Whether the item meets the condition; a missing item is one without attributes."""
        return self.predicate(item or {}, self.values)

    def check_without(self, keys: Iterable[str], parameter: str = "Filter Expression") -> None:
        """Refuse a filter on primary key attributes.

        Args:
            keys: names of the queried table's or index's key attributes.
            parameter: as AWS calls it: `Filter Expression` or `QueryFilter`.

        Raises:
            ExpressionError: names the first key attribute mentioned.
        """
        for key in keys:
            if key in self.heads:
                raise ExpressionError(
                    f"{parameter} can only contain non-primary key attributes: "
                    f"Primary key attribute: {key}"
                )


def compile_condition(text: str, binding: Binding, kind: str = "ConditionExpression") -> Condition:
    """A ConditionExpression or FilterExpression with this request's names and values.

    Args:
        text: the expression.
        binding: of the request; learns what the expression uses.
        kind: the parameter's name, with which errors begin.

    Raises:
        ExpressionError: AWS's sentence, beginning `Invalid <kind>: `.
    """
    parsed, predicate = _compiled(kind, text, binding.names_key, binding.types_key)
    _admit(kind, parsed, binding)
    return Condition(predicate, binding.values, parsed.heads, parsed.nested)


def parse_condition(kind: str, text: str, binding: Binding) -> ParsedCondition:
    """As `compile_condition`, but the parsed form, for those who read it themselves."""
    parsed, _ = _compiled(kind, text, binding.names_key, binding.types_key)
    _admit(kind, parsed, binding)
    return parsed


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(
    kind: str, text: str, names: tuple[tuple[str, str], ...], types: tuple[tuple[str, str], ...]
) -> tuple[ParsedCondition, Predicate]:
    parsed = ConditionGrammar(kind, text, dict(names), dict(types)).parse()
    return parsed, compile_node(parsed.root)


def compile_node(node: ConditionNode) -> Predicate:
    """The closure that says whether an item meets `node`."""
    match node:
        case Comparison():
            return _comparison(node)
        case Between():
            operand, low, high = map(compile_operand, (node.operand, node.low, node.high))
            return lambda item, values: is_between(
                operand(item, values), low(item, values), high(item, values)
            )
        case In():
            operand = compile_operand(node.operand)
            options = tuple(map(compile_operand, node.options))
            return lambda item, values: any(
                is_equal(operand(item, values), option(item, values)) for option in options
            )
        case Junction():
            return _junction(node)
        case Not():
            part = compile_node(node.part)
            return lambda item, values: not part(item, values)
        case Call():
            return _call(node)


def _comparison(node: Comparison) -> Predicate:
    left, right = compile_operand(node.left), compile_operand(node.right)
    comparator = node.operator
    if comparator == "=":
        return lambda item, values: is_equal(left(item, values), right(item, values))
    if comparator == "<>":
        return lambda item, values: not is_equal(left(item, values), right(item, values))
    return lambda item, values: is_ordered(comparator, left(item, values), right(item, values))


def _junction(node: Junction) -> Predicate:
    parts = tuple(map(compile_node, node.parts))
    if len(parts) == 2:
        first, second = parts
        if node.operator == "AND":
            return lambda item, values: first(item, values) and second(item, values)
        return lambda item, values: first(item, values) or second(item, values)
    if node.operator == "AND":
        return lambda item, values: all(part(item, values) for part in parts)
    return lambda item, values: any(part(item, values) for part in parts)


def _call(node: Call) -> Predicate:
    first, *others = map(compile_operand, node.arguments)
    match node.function:
        case "attribute_exists":
            return lambda item, values: first(item, values) is not None
        case "attribute_not_exists":
            return lambda item, values: first(item, values) is None
        case "begins_with":
            prefix = others[0]
            return lambda item, values: begins_with(first(item, values), prefix(item, values))
        case "contains":
            part = others[0]
            return lambda item, values: contains(first(item, values), part(item, values))
        case "attribute_type":
            wanted = others[0]

            def has_type(item: Item, values: Item) -> bool:
                attribute, kind = first(item, values), wanted(item, values)
                return attribute is not None and kind is not None and kind["S"] in attribute

            return has_type
        case other:
            raise ValueError(f"no condition: {other}")


def _admit(kind: str, parsed: ParsedCondition, binding: Binding) -> None:
    """Take note of what is used, and check what depends on the values themselves."""
    binding.mark_used(parsed.used_names, parsed.used_values)
    if parsed.type_names or parsed.bounds:
        _check_values(kind, parsed, binding.values)


def _check_values(kind: str, parsed: ParsedCondition, values: Item) -> None:
    for name in parsed.type_names:
        if values[name]["S"] not in _TYPE_NAMES:
            raise ExpressionError(
                f"Invalid {kind}: Invalid attribute type name found; type: {values[name]['S']}, "
                "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
            )
    for low_name, high_name in parsed.bounds:
        low, high = values[low_name.name], values[high_name.name]
        rule = None
        if type_of(low) != type_of(high):
            rule = "requires same data type for lower and upper bounds"
        elif order_key(low) > order_key(high):
            rule = "requires upper bound to be greater than or equal to lower bound"
        if rule:
            raise ExpressionError(
                f"Invalid {kind}: The BETWEEN operator {rule}; "
                f"lower bound operand: AttributeValue: {_shown(low)}, "
                f"upper bound operand: AttributeValue: {_shown(high)}"
            )


def _shown(attribute: Attribute) -> str:
    kind = type_of(attribute)
    return f"{{{kind}:{attribute[kind]}}}"
