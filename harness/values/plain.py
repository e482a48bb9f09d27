"""AttributeValues as plain JSON values, and two such values compared as a reader would.

Numbers are `Decimal`, sets are `Members` (order does not count), binary is base64 text.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

Attribute = dict[str, Any]


class Members(list[Any]):
    """Members of a set: equal to any sequence of the same members in any order."""


def plain(attribute: Attribute) -> Any:
    """The JSON value that stands for an AttributeValue in wire form (see docs/mapping.md)."""
    kind, value = next(iter(attribute.items()))
    match kind:
        case "S" | "BOOL" | "B":
            return value
        case "N":
            return Decimal(value)
        case "NULL":
            return None
        case "M":
            return {name: plain(member) for name, member in value.items()}
        case "L":
            return [plain(member) for member in value]
        case "NS":
            return Members(Decimal(member) for member in value)
        case "SS" | "BS":
            return Members(value)
        case _:
            raise ValueError(f"no AttributeValue type {kind!r}")


def parse_json(text: bytes | str) -> Any:
    """JSON with every number as an exact Decimal.

    Raises:
        ValueError: the text is no JSON.
    """
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)


def same(expected: Any, found: Any, *, digits_as_text: bool = False) -> bool:
    """True when two plain values say the same.

    Args:
        digits_as_text: a number may also be written as a string of its digits (JSON columns).
    """
    if isinstance(expected, Members):
        return isinstance(found, list) and _same_members(
            expected, found, digits_as_text=digits_as_text
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(
                same(e, f, digits_as_text=digits_as_text)
                for e, f in zip(expected, found, strict=True)
            )
        )
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(same(v, found[k], digits_as_text=digits_as_text) for k, v in expected.items())
        )
    if isinstance(expected, Decimal):
        return _number(found, digits_as_text=digits_as_text) == expected
    return type(expected) is type(found) and bool(expected == found)


def _number(value: Any, *, digits_as_text: bool) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if digits_as_text and isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return None


def _same_members(expected: list[Any], found: list[Any], *, digits_as_text: bool) -> bool:
    left = list(found)
    for member in expected:
        for index, candidate in enumerate(left):
            if same(member, candidate, digits_as_text=digits_as_text):
                del left[index]
                break
        else:
            return False
    return not left


def flatten(value: Any) -> dict[str, Any]:
    """A JSON column's view of an object: dotted paths to leaves, without nulls and empty objects.

    ClickHouse's JSON type stores paths: `{"a.b": 1}` and `{"a": {"b": 1}}` are one, a null is the
    same as an absent path. It infers one type for an array where it can, and Array(T) is not
    Nullable: a null at the depth of lists reads as `[]` (it stays null in an Array(Dynamic)).
    Source: ClickHouse docs, JSON data type.
    """
    flat: dict[str, Any] = {}

    def walk(prefix: str, inner: Any) -> None:
        if isinstance(inner, dict):
            for name, member in inner.items():
                walk(f"{prefix}.{name}" if prefix else name, member)
        elif isinstance(inner, list):
            flat[prefix] = _array(inner, _depth(inner))
        elif inner is not None:
            flat[prefix] = inner

    walk("", value)
    return flat


def _array(members: list[Any], depth: int) -> list[Any]:
    """An array of a JSON column, `depth` arrays deep: above the last, null and `[]` are one."""
    if isinstance(members, Members):
        return members
    return [_member(member, depth - 1) for member in members]


def _member(member: Any, depth: int) -> Any:
    if isinstance(member, dict):
        return flatten(member)
    if isinstance(member, list):
        return _array(member, depth)
    return [] if member is None and depth else member


def _depth(members: list[Any]) -> int:
    """How many arrays are inside each other, this one counted; objects begin anew."""
    return 1 + max((_depth(m) for m in members if isinstance(m, list)), default=0)
