"""Operands of expressions as closures over (item, values), and comparing what they yield.

An operand that names what the item does not have yields None; what None means is each operator's
own business. Conditions never fail on the item's types: they are just not met.

Source: developer guide, "Condition and filter expressions, operators, and functions"; ScyllaDB's
test/alternator/test_condition_expression.py, which ran against AWS.
"""

from __future__ import annotations

import base64
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.dynamodb.attributes import same_value, type_of
from harness.dynamodb.expressions.tree import Call, Operand, Path, Step, Value
from harness.dynamodb.numbers import sort_key
from harness.dynamodb.sizes import binary_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.dynamodb.change_log import Attribute, Item

    Getter: TypeAlias = Callable[[Item, Item], Attribute | None]
    """Takes the item and the request's values."""


def compile_operand(operand: Operand) -> Getter:
    """The closure that yields an operand's value; calls other than `size` have none here."""
    match operand:
        case Path(steps=(str() as name,)):
            return lambda item, _values: item.get(name)
        case Path(steps=steps):
            return lambda item, _values: find(item, steps)
        case Value(name=name):
            return lambda _item, values: values[name]
        case Call(arguments=arguments):
            measured = compile_operand(arguments[0])
            return lambda item, values: size_of(measured(item, values))


def find(item: Item, steps: Sequence[Step]) -> Attribute | None:
    """What stands at a document path, or None."""
    current = item.get(str(steps[0]))
    for step in steps[1:]:
        if current is None:
            return None
        if isinstance(step, int):
            elements = current.get("L")
            if elements is None or step >= len(elements):
                return None
            current = elements[step]
        else:
            members = current.get("M")
            if members is None:
                return None
            current = members.get(step)
    return current


def size_of(attribute: Attribute | None) -> Attribute | None:
    """The function `size`: characters, bytes or elements; None for a type that has none."""
    if attribute is None:
        return None
    for kind, content in attribute.items():
        if kind in ("S", "SS", "NS", "BS", "L", "M"):
            return {"N": str(len(content))}
        if kind == "B":
            return {"N": str(binary_size(content))}
    return None


def is_equal(left: Attribute | None, right: Attribute | None) -> bool:
    """The operator `=`: what is missing equals nothing, not even something else missing."""
    return left is not None and right is not None and same_value(left, right)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_ordered(comparator: str, left: Attribute | None, right: Attribute | None) -> bool:
    """The operators `<`, `<=`, `>` and `>=`; False unless both are of one ordered type."""
    if left is None or right is None:
        return False
    kind = type_of(left)
    if kind not in ("S", "N", "B") or kind not in right:
        return False
    return _ORDERS[comparator](order_key(left), order_key(right))


def order_key(attribute: Attribute) -> Any:
    """Something of an S, N or B that compares as DynamoDB orders values of that type.

    Strings order by UTF-8 bytes, which is the order of their code points.
    """
    for kind, content in attribute.items():
        if kind == "S":
            return content
        if kind == "N":
            return sort_key(content)
        return base64.b64decode(content)
    raise ValueError("an AttributeValue without a type")


def is_between(attribute: Attribute | None, low: Attribute | None, high: Attribute | None) -> bool:
    """The operator BETWEEN, bounds included."""
    return is_ordered("<=", low, attribute) and is_ordered("<=", attribute, high)


def begins_with(attribute: Attribute | None, prefix: Attribute | None) -> bool:
    """The function `begins_with`, of strings or of binaries."""
    if attribute is None or prefix is None:
        return False
    if "S" in attribute and "S" in prefix:
        return bool(attribute["S"].startswith(prefix["S"]))
    if "B" in attribute and "B" in prefix:
        return base64.b64decode(attribute["B"]).startswith(base64.b64decode(prefix["B"]))
    return False


def contains(attribute: Attribute | None, part: Attribute | None) -> bool:
    """The function `contains`: part of a string or binary, member of a set, element of a list."""
    if attribute is None or part is None:
        return False
    kind, content = type_of(attribute), attribute[type_of(attribute)]
    if kind == "L":
        return any(same_value(element, part) for element in content)
    if kind in ("SS", "NS", "BS"):
        return part.get(kind[0]) in content
    if kind not in part:
        return False
    if kind == "S":
        return part["S"] in content
    if kind == "B":
        return base64.b64decode(part["B"]) in base64.b64decode(content)
    return False
