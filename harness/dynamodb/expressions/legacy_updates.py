"""What came before update and projection expressions: AttributeUpdates and AttributesToGet.

Source: API reference, "Legacy conditional parameters"; sentences as mhart/dynalite's tests
recorded them from AWS; ScyllaDB's test/alternator/test_item.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.attributes import check_attribute_names, normalise_value, type_of
from harness.dynamodb.expressions.binding import ExpressionError
from harness.dynamodb.expressions.projections import Projection
from harness.dynamodb.expressions.updates import WRONG_TYPE, Update, add_to, delete_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.expressions.updates import Outcome

INVALID = "One or more parameter values were invalid: "
TYPE_MISMATCH = "Type mismatch for attribute to update"

_SETS = ("SS", "NS", "BS")
_ADDABLE = ("N", "L", *_SETS)


def legacy_update(updates: Mapping[str, Mapping[str, Any]]) -> Update:
    """The parameter AttributeUpdates as an update.

    Args:
        updates: attribute name to AttributeValueUpdate, of the right JSON types.

    Raises:
        ExpressionError: an action AWS refuses.
        AwsError: a value that is no AttributeValue.
    """
    check_attribute_names(updates)
    steps = tuple(((name,), _outcome(name, update)) for name, update in updates.items())
    types = tuple(
        (name, type_of(update["Value"]))
        for name, update in updates.items()
        if update.get("Value") is not None
    )
    return Update(steps, {}, tuple(path for path, _ in steps), is_flat=True, written_types=types)


def legacy_projection(names: Sequence[str]) -> Projection:
    """The parameter AttributesToGet as a projection.

    Raises:
        ExpressionError: a name is given twice.
    """
    check_attribute_names(names)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ExpressionError(f"{INVALID}Duplicate value in attribute name: {name}")
        seen.add(name)
    return Projection(tuple((name,) for name in names), frozenset(names))


def _outcome(name: str, update: Mapping[str, Any]) -> Outcome:
    action = update.get("Action") or "PUT"
    given = update.get("Value")
    value = None if given is None else normalise_value(given)
    if value is None:
        if action != "DELETE":
            raise ExpressionError(
                f"{INVALID}Only DELETE action is allowed when no attribute value is specified"
            )
        return lambda _item, _values: None
    kind = type_of(value)
    match action:
        case "PUT":
            return lambda _item, _values: value
        case "DELETE":
            if kind not in _SETS:
                raise ExpressionError(
                    f"{INVALID}DELETE action with value is not supported for the type {kind}"
                )
            return _changed_by(delete_from, name, value)
        case "ADD":
            if kind not in _ADDABLE:
                raise ExpressionError(f"{INVALID}ADD action is not supported for the type {kind}")
            return _changed_by(_appended_to if kind == "L" else add_to, name, value)
        case _:
            raise ValueError(f"no Action: {action}")


def _changed_by(
    change: Callable[[Attribute | None, Attribute], Attribute | None], name: str, value: Attribute
) -> Outcome:
    """An outcome whose type errors have the sentence of AttributeUpdates."""

    def outcome(item: Item, _values: Item) -> Attribute | None:
        try:
            return change(item.get(name), value)
        except ExpressionError as error:
            if error.message == WRONG_TYPE:
                raise ExpressionError(TYPE_MISMATCH) from None
            raise

    return outcome


def _appended_to(existing: Attribute | None, value: Attribute) -> Attribute:
    if existing is None:
        return value
    if "L" not in existing:
        raise ExpressionError(WRONG_TYPE)
    return {"L": existing["L"] + value["L"]}
