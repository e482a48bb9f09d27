"""A request's ExpressionAttributeNames and ExpressionAttributeValues, and its parameters' rules.

Compiled expressions are shared between requests that have the same text, the same names and
values of the same types; a binding is what each request adds.

Source: the sentences mhart/dynalite's tests recorded from AWS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.attributes import (
    check_attribute_names,
    normalise_item,
    normalise_value,
    not_a_map,
    type_of,
)
from harness.dynamodb.numbers import VALIDATION_NAMESPACE, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.dynamodb.change_log import Attribute, Item

_JOINED = ("Expected", "QueryFilter", "ScanFilter")
"""The parameters whose conditions a ConditionalOperator joins."""

_NAME_KEY = re.compile(r"#[0-9a-zA-Z_]+")
_VALUE_KEY = re.compile(r":[0-9a-zA-Z_]+")


class ExpressionError(AwsError):
    """A ValidationException about an expression; AWS's sentence without any prefix of 2026."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message, namespace=VALIDATION_NAMESPACE)

    def prefixed(self) -> ExpressionError:
        """As PutItem, UpdateItem and DeleteItem say it since 2026."""
        return ExpressionError(f"1 validation error detected: {self.message}")


class Binding:
    """Names and values of one request, and which of them its expressions use.

    Attributes:
        names: `#name` to attribute name.
        values: `:value` to normalised AttributeValue.
        names_key: names as a hashable whole.
        types_key: the values' names and types as a hashable whole.
    """

    __slots__ = ("names", "names_key", "types_key", "used_names", "used_values", "values")

    def __init__(self, names: Mapping[str, str], values: Item) -> None:
        self.names = names
        self.values = values
        self.names_key = tuple(names.items())
        self.types_key = tuple((name, type_of(value)) for name, value in values.items())
        self.used_names: frozenset[str] = frozenset()
        self.used_values: frozenset[str] = frozenset()

    def mark_used(self, names: frozenset[str], values: frozenset[str]) -> None:
        """An expression of this request uses these names and values."""
        self.used_names = self.used_names | names if self.used_names else names
        self.used_values = self.used_values | values if self.used_values else values

    def check_all_used(self) -> None:
        """Refuse names or values that no expression compiled so far mentions.

        Raises:
            ExpressionError: names them all.
        """
        if len(self.used_names) < len(self.names):
            raise ExpressionError(_unused("Names", self.names, self.used_names))
        if len(self.used_values) < len(self.values):
            raise ExpressionError(_unused("Values", self.values, self.used_values))


NOTHING_BOUND = Binding({}, {})
"""For expressions without names and values; nothing can be left unused."""


def bind(names: object, values: object) -> Binding:
    """Check the two parameters of a request; None for one that is absent.

    Raises:
        ExpressionError: an empty map, or a key of the wrong form.
        InvalidValueError: a value that is none; its older words say for which key.
        AwsError: SerializationException, a wrong JSON type.
    """
    bound_names = {} if names is None else _checked_names(names)
    bound_values = {} if values is None else _checked_values(values)
    return Binding(bound_names, bound_values)


def check_parameters(
    request: Mapping[str, Any], expressions: Sequence[str], legacy: Iterable[str]
) -> None:
    """Refuse expressions beside legacy parameters, and names or values without expressions.

    Args:
        request: the whole request.
        expressions: the expression parameters of the operation, in AWS's order, e.g.
            ("UpdateExpression", "ConditionExpression").
        legacy: its legacy parameters, in AWS's order, e.g. ("AttributeUpdates", "Expected").

    Raises:
        ExpressionError: the first rule broken.
        InvalidValueError: the same, where older words differ.
    """
    given = [name for name in expressions if request.get(name) is not None]
    if given:
        old = [name for name in legacy if request.get(name) is not None]
        if "KeyConditions" in old and "KeyConditionExpression" not in given:
            old.remove("KeyConditions")
        if old:
            raise ExpressionError(
                "Can not use both expression and non-expression parameters in the same request: "
                f"Non-expression parameters: {{{', '.join(old)}}} "
                f"Expression parameters: {{{', '.join(given)}}}"
            )
    if request.get("ConditionalOperator") is not None and not any(
        request.get(name) for name in _JOINED
    ):
        raise ExpressionError("ConditionalOperator cannot be used without Filter or Expected")
    if not given and request.get("ExpressionAttributeNames") is not None:
        raise ExpressionError(
            "ExpressionAttributeNames can only be specified when using expressions"
        )
    if request.get("ExpressionAttributeValues") is None:
        return
    with_values = [name for name in expressions if name != "ProjectionExpression"]
    if with_values and not any(name in with_values for name in given):
        verb = "are" if len(with_values) > 1 else "is"
        sentence = "ExpressionAttributeValues can only be specified when using expressions"
        raise InvalidValueError(
            sentence, older=f"{sentence}: {' and '.join(with_values)} {verb} null"
        )


def _checked_names(names: object) -> dict[str, str]:
    if not isinstance(names, dict):
        raise not_a_map(names, "java.lang.String")
    if not names:
        raise ExpressionError("ExpressionAttributeNames must not be empty")
    for key, name in names.items():
        if not _NAME_KEY.fullmatch(key):
            raise ExpressionError(
                f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"'
            )
        if not isinstance(name, str):
            normalise_value({"S": name})
            raise ExpressionError("ExpressionAttributeNames contains invalid value: null")
    check_attribute_names(names.values())
    return names


def _checked_values(values: object) -> Item:
    if not isinstance(values, dict):
        return normalise_item(values)
    if not values:
        raise ExpressionError("ExpressionAttributeValues must not be empty")
    for key in values:
        if not _VALUE_KEY.fullmatch(key):
            raise ExpressionError(
                f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"'
            )
    checked: dict[str, Attribute] = {}
    for key, value in values.items():
        try:
            checked[key] = normalise_value(value)
        except InvalidValueError as error:
            _check_structure(values)
            raise InvalidValueError(
                error.message,
                older="ExpressionAttributeValues contains invalid value: "
                f"{error.older} for key {key}",
            ) from None
    return checked


def _check_structure(values: dict[str, Any]) -> None:
    """Raise the SerializationException hidden behind a ValidationException, if there is one."""
    try:
        normalise_item(values)
    except AwsError as error:
        if error.code != "ValidationException":
            raise


def _unused(noun: str, given: Iterable[str], used: frozenset[str]) -> str:
    keys = ", ".join(key for key in given if key not in used)
    return f"Value provided in ExpressionAttribute{noun} unused in expressions: keys: {{{keys}}}"
