"""AttributeValues in wire form: checked and normalised once on the way in, compared by value.

An AttributeValue is a JSON object of exactly one member, e.g. `{"S": "u1"}` or
`{"M": {"a": {"N": "1"}}}`. What `normalise_value` returns is the only form stored: numbers in
their one text, base64 canonical. Stored values are never mutated. Their sizes and the limits on
keys are in `sizes`.

Source: developer guide, "Supported data types" and "Constraints"; the sentences and their order
are those mhart/dynalite's tests recorded from AWS.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.numbers import InvalidValueError, normalise
from harness.dynamodb.sizes import (
    MAX_ITEM_BYTES,
    check_attribute_names,
    check_item_size,
    check_key_value,
    check_updated_item_size,
    item_size,
    value_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.dynamodb.change_log import Attribute, Item

__all__ = [
    "MAX_ITEM_BYTES",
    "check_attribute_names",
    "check_item_size",
    "check_key_value",
    "check_updated_item_size",
    "item_size",
    "normalise_item",
    "normalise_value",
    "not_a_map",
    "same_item",
    "same_value",
    "type_of",
    "value_size",
]

MAX_DEPTH = 32

SERIALIZATION_NAMESPACE = "com.amazon.coral.service"
_SHAPES = "com.amazonaws.dynamodb.v20120810"

EMPTY_VALUE = (
    "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
)
SEVERAL_TYPES = (
    "Supplied AttributeValue has more than one datatypes set, "
    "must contain exactly one of the supported datatypes"
)
INVALID = "One or more parameter values were invalid: "
TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: "
    "Attributes in the item have nested levels beyond supported limit"
)


def normalise_item(attributes: object, *, shape: str = "AttributeValue") -> Item:
    """A wire map of name to AttributeValue, checked; a new dict of normalised values.

    Args:
        attributes: what the request holds, e.g. its `Item` or `Key`.
        shape: the name AWS gives the map's values when the map is not one.

    Raises:
        AwsError: SerializationException where the JSON has another shape than AttributeValues
            have (wherever it stands, this comes first), else ValidationException.
    """
    if not isinstance(attributes, dict):
        raise not_a_map(attributes, shape)
    try:
        check_attribute_names(attributes)
        return {name: normalise_value(value) for name, value in attributes.items()}
    except AwsError as error:
        if error.code == "ValidationException":
            for value in attributes.values():
                _check_structure(value)
        raise


def normalise_value(value: object, depth: int = 1) -> Attribute:
    """One AttributeValue checked and in its stored form.

    Args:
        value: as it stood in the request's JSON.
        depth: levels of document down to it, itself included.

    Raises:
        AwsError: ValidationException, or SerializationException for a wrong JSON type.
    """
    if not isinstance(value, dict):
        if value is None:
            raise InvalidValueError(EMPTY_VALUE)
        raise _not_a_structure(value)
    if len(value) == 1:
        for kind, content in value.items():
            if kind == "S" and isinstance(content, str):
                return value
            if kind == "N" and isinstance(content, str):
                number = normalise(content)
                return value if number is content else {"N": number}
    return _normalise_slowly(value, depth)


def type_of(attribute: Attribute) -> str:
    """The type of a normalised value, e.g. `S`."""
    for kind in attribute:
        return kind
    raise ValueError("an AttributeValue without a type")


def same_value(left: Attribute, right: Attribute) -> bool:
    """Equality as DynamoDB sees it: maps and sets in any order, numbers by value.

    Both must be normalised, which makes equal numbers equal text already.
    """
    if left == right:
        return True
    for kind, content in left.items():
        if kind not in right:
            return False
        other = right[kind]
        if kind in ("SS", "NS", "BS"):
            return len(content) == len(other) and set(content) == set(other)
        if kind == "M":
            return same_item(content, other)
        if kind == "L":
            return len(content) == len(other) and all(map(same_value, content, other))
    return False


def same_item(left: Item, right: Item) -> bool:
    """Whether two items hold the same values, whatever the order of attributes and of sets."""
    if left == right:
        return True
    if left.keys() != right.keys():
        return False
    return all(same_value(value, right[name]) for name, value in left.items())


def _normalise_slowly(value: dict[str, Any], depth: int) -> Attribute:
    present = [kind for kind in _NORMALISERS if value.get(kind) is not None]
    if not present:
        raise InvalidValueError(EMPTY_VALUE)
    kind = present[0]
    result = {kind: _NORMALISERS[kind](value[kind], depth)}
    if len(present) > 1:
        for other in present[1:]:
            _NORMALISERS[other](value[other], depth)
        raise InvalidValueError(SEVERAL_TYPES)
    return result


def _string(content: object, _depth: int) -> str:
    if isinstance(content, str):
        return content
    raise _not_a_scalar(content, "String")


def _number(content: object, depth: int) -> str:
    return normalise(_string(content, depth))


def _binary(content: object, _depth: int) -> str:
    if not isinstance(content, str):
        if isinstance(content, list):
            raise serialization_error("Unrecognized collection type class java.nio.ByteBuffer")
        if isinstance(content, dict):
            raise serialization_error("Start of structure or map found where not expected")
        raise serialization_error("only base-64-encoded strings are convertible to bytes")
    if len(content) % 4:
        raise serialization_error(
            f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(content)}"
        )
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise serialization_error("Invalid last non-pad Base64 character dectected") from None
    if base64.b64encode(data).decode("ascii") != content:
        raise serialization_error("Invalid last non-pad Base64 character dectected")
    return content


def _boolean(content: object, _depth: int) -> bool:
    if isinstance(content, bool):
        return content
    if isinstance(content, str):
        if content.upper() in ("TRUE", "1", "YES"):
            return True
        if content.upper() in ("FALSE", "0", "NO"):
            return False
        raise serialization_error("Unexpected token received from parser")
    raise _not_a_scalar(content, "Boolean")


def _null(content: object, depth: int) -> bool:
    if not _boolean(content, depth):
        raise InvalidValueError(f"{INVALID}Null attribute value types must have the value of true")
    return True


def _set_of(
    kind: str, element: Callable[[object, int], str], empty: str
) -> Callable[[object, int], list[str]]:
    def normalise_set(content: object, depth: int) -> list[str]:
        members = [element(member, depth) for member in _list(content)]
        if not members:
            raise InvalidValueError(f"{INVALID}{empty}")
        if len(set(members)) != len(members):
            raise _duplicates(kind, members)
        return members

    return normalise_set


def _duplicates(kind: str, members: list[str]) -> InvalidValueError:
    """The current words list members in byte order up to the first repeated one, then the rest."""
    if kind == "NS":
        return InvalidValueError(
            f"{INVALID}Input collection contains duplicates.",
            older="Input collection contains duplicates",
        )
    repeat = next(i for i, member in enumerate(members) if member in members[:i])
    in_order: Callable[[str], str | bytes] = base64.b64decode if kind == "BS" else str
    shown = [f'"{m}"' for m in (*sorted(members[:repeat], key=in_order), *members[repeat:])]
    collection, older = (", " if kind == "SS" else ",").join(shown), ", ".join(members)
    of_type = "of type BS" if kind == "BS" else ""
    return InvalidValueError(
        f"{INVALID}Input collection [{collection}]{of_type} contains duplicates.",
        older=f"{INVALID}Input collection [{older}]{of_type} contains duplicates.",
    )


def _document_list(content: object, depth: int) -> list[Attribute]:
    elements = _list(content)
    if elements and depth >= MAX_DEPTH:
        raise InvalidValueError(TOO_DEEP)
    return [normalise_value(element, depth + 1) for element in elements]


def _document_map(content: object, depth: int) -> Item:
    if not isinstance(content, dict):
        raise not_a_map(content, "AttributeValue")
    if content and depth >= MAX_DEPTH:
        raise InvalidValueError(TOO_DEEP)
    check_attribute_names(content)
    return {name: normalise_value(value, depth + 1) for name, value in content.items()}


# In the order in which AWS looks at the members of an AttributeValue.
_NORMALISERS: dict[str, Callable[[object, int], Any]] = {
    "S": _string,
    "B": _binary,
    "N": _number,
    "BOOL": _boolean,
    "NULL": _null,
    "BS": _set_of("BS", _binary, "Binary sets should not be empty"),
    "NS": _set_of("NS", _number, "An number set  may not be empty"),
    "SS": _set_of("SS", _string, "An string set  may not be empty"),
    "L": _document_list,
    "M": _document_map,
}


def _check_structure(value: object) -> None:
    """Raise the SerializationException that `value` deserves, if any; ignore all else."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise _not_a_structure(value)
    for kind, normaliser in _NORMALISERS.items():
        content = value.get(kind)
        if content is None:
            continue
        if kind == "L":
            for element in _list(content):
                _check_structure(element)
        elif kind == "M":
            if not isinstance(content, dict):
                raise not_a_map(content, "AttributeValue")
            for element in content.values():
                _check_structure(element)
        elif kind in ("SS", "NS", "BS"):
            check = _binary if kind == "BS" else _string
            for element in _list(content):
                check(element, 1)
        else:
            (_string if kind == "N" else _boolean if kind == "NULL" else normaliser)(content, 1)


def _list(content: object) -> list[Any]:
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        raise serialization_error("Start of structure or map found where not expected")
    raise serialization_error("Unexpected field type")


def serialization_error(message: str) -> AwsError:
    """What AWS answers when the JSON does not have the shape of the request."""
    return AwsError("SerializationException", message, namespace=SERIALIZATION_NAMESPACE)


def _not_a_scalar(content: object, java_type: str) -> AwsError:
    if isinstance(content, list):
        return serialization_error(f"Unrecognized collection type class java.lang.{java_type}")
    if isinstance(content, dict):
        return serialization_error("Start of structure or map found where not expected")
    if isinstance(content, bool):
        token = "TRUE_VALUE" if content else "FALSE_VALUE"
    elif isinstance(content, float):
        token = "DECIMAL_VALUE"
    elif isinstance(content, int):
        token = "NUMBER_VALUE"
    else:
        token = "STRING_VALUE"
    return serialization_error(f"{token} cannot be converted to {java_type}")


def not_a_map(content: object, shape: str) -> AwsError:
    """The SerializationException for `content` where a map of `shape` should be."""
    if isinstance(content, list):
        shape_name = shape if "." in shape else f"{_SHAPES}.{shape}"
        return serialization_error(
            f"Unrecognized collection type java.util.Map<java.lang.String, {shape_name}>"
        )
    return serialization_error("Unexpected field type")


def _not_a_structure(content: object) -> AwsError:
    if isinstance(content, list):
        return serialization_error(f"Unrecognized collection type class {_SHAPES}.AttributeValue")
    return serialization_error("Unexpected value type in payload")
