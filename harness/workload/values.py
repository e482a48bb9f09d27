"""Values of a scenario file and of Faker as AttributeValues in wire form.

`{"S": "x"}`, `{"N": "12.5"}`, `{"B": "<base64>"}`: what DynamoDB's JSON says, with numbers as
DynamoDB gives them back. Source: DynamoDB API reference, AttributeValue; developer guide,
"Supported data types": 38 digits, magnitude 1E-130 to 9.99...E+125.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import uuid
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal, InvalidOperation
from typing import Any

Attribute = dict[str, Any]
Item = dict[str, Attribute]

SCALARS = ("S", "N", "B")
SETS = {"SS": "S", "NS": "N", "BS": "B"}
"""Type of a set to the type of its members."""

DIGITS_MAX = 38
EXPONENT_LEAST, EXPONENT_GREATEST = -130, 125


class AttributeValueError(ValueError):
    """DynamoDB cannot store the value, or not as that type."""


def number(value: Any) -> str:
    """The digits that DynamoDB stores for a number: no exponent, no zeros without meaning.

    Raises:
        AttributeValueError: no number, more than 38 digits, or out of range.
    """
    if type(value) is int and -(10**18) < value < 10**18:
        return str(value)
    try:
        exact = Decimal(str(value).strip()) if not isinstance(value, Decimal) else value
    except InvalidOperation:
        raise AttributeValueError(f"{value!r} is no number") from None
    if not exact.is_finite():
        raise AttributeValueError(f"{value!r} is no number that DynamoDB stores")
    if not exact:
        return "0"
    sign, digits, exponent = exact.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if len(significant) > DIGITS_MAX:
        raise AttributeValueError(
            f"{value} has {len(significant)} digits, DynamoDB stores {DIGITS_MAX}"
        )
    if not EXPONENT_LEAST <= exact.adjusted() <= EXPONENT_GREATEST:
        raise AttributeValueError(f"{value} is out of DynamoDB's range, 1E-130 to 9.9E+125")
    point = len(text) + int(exponent)
    if point >= len(significant):
        plain = significant + "0" * (point - len(significant))
    elif point > 0:
        plain = f"{significant[:point]}.{significant[point:]}"
    else:
        plain = "0." + "0" * -point + significant
    return "-" + plain if sign else plain


def binary(value: Any) -> str:
    """Base64 of bytes; text is taken as base64 already, as a scenario file writes it.

    Raises:
        AttributeValueError: neither.
    """
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, str):
        try:
            return base64.b64encode(base64.b64decode(value, validate=True)).decode()
        except binascii.Error:
            raise AttributeValueError(
                f"{value!r} is not base64, as a binary value is written"
            ) from None
    raise AttributeValueError(f"{value!r} is not binary")


def text(value: Any) -> str:
    """The text of a string attribute; dates in ISO 8601.

    Raises:
        AttributeValueError: a list, a table or bytes.
    """
    if isinstance(value, Mapping | list | tuple | Set | bytes):
        raise AttributeValueError(f"{value!r} is not text")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def attribute(value: Any, kind: str | None = None) -> Attribute:
    """The AttributeValue of a Python value.

    Args:
        value: what the file or Faker gave.
        kind: the DynamoDB type to store it as; None infers it.

    Raises:
        AttributeValueError: the value cannot be stored as that type.
    """
    if kind is None:
        return _inferred(value)
    match kind:
        case "S":
            return {"S": text(value)}
        case "N":
            return {"N": number(_as_number(value))}
        case "B":
            return {"B": binary(value)}
        case "SS" | "NS" | "BS":
            return {kind: _members(value, SETS[kind])}
        case _:
            return _document(value, kind)


def _document(value: Any, kind: str) -> Attribute:
    match kind:
        case "BOOL":
            if not isinstance(value, bool):
                raise AttributeValueError(f"{value!r} is neither true nor false")
            return {"BOOL": value}
        case "NULL":
            return {"NULL": True}
        case "M":
            if not isinstance(value, Mapping):
                raise AttributeValueError(f"{value!r} is not a table of attributes")
            return {"M": {str(name): _inferred(member) for name, member in value.items()}}
        case "L":
            if not isinstance(value, Sequence | Set) or isinstance(value, str | bytes):
                raise AttributeValueError(f"{value!r} is not a list")
            return {"L": [_inferred(member) for member in value]}
        case _:
            raise AttributeValueError(f"{kind!r} is no DynamoDB type")


def _members(value: Any, kind: str) -> list[str]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence | Set):
        raise AttributeValueError(f"{value!r} is not a list of members")
    # Python's sets have no order that another process would repeat.
    found = [attribute(member, kind)[kind] for member in value]
    members = sorted(found) if isinstance(value, Set) else list(dict.fromkeys(found))
    if not members:
        raise AttributeValueError("a set needs a member: DynamoDB refuses empty sets")
    return members


def _as_number(value: Any) -> Any:
    if isinstance(value, bool):
        raise AttributeValueError(f"{value!r} is no number")
    if isinstance(value, datetime.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        return int(aware.timestamp())
    return value


def _inferred(value: Any) -> Attribute:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float | Decimal):
        return {"N": number(value)}
    if isinstance(value, bytes | bytearray):
        return {"B": binary(value)}
    if isinstance(value, Mapping):
        return attribute(value, "M")
    if isinstance(value, Set):
        return attribute(value, _set_kind(value))
    if isinstance(value, list | tuple):
        return attribute(value, "L")
    if isinstance(value, datetime.date | datetime.time | uuid.UUID):
        return {"S": text(value)}
    raise AttributeValueError(f"{value!r} has no DynamoDB type; say which by `type`")


def _set_kind(value: Set[Any]) -> str:
    kinds = {next(iter(_inferred(member))) for member in value}
    for kind, member in SETS.items():
        if kinds == {member}:
            return kind
    raise AttributeValueError("a set has members of one type: text, numbers or binary")
