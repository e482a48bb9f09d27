"""DynamoDB values as plain JSON: for String columns that take it as text, and for JSON columns."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

Attribute = dict[str, Any]
FLOAT_WHOLE_MAX = 1 << 53
"""Up to here Float64 holds every whole number."""
_NORMAL = re.compile(r"0|-?(?:[1-9][0-9]*(?:\.[0-9]*[1-9])?|0\.[0-9]*[1-9])")


class PlainJson:
    """Turns attribute values into what orjson writes as plain JSON.

    Args:
        binary_to_base64: turns a B value of the wire into single base64.
        exact: numbers that neither Int64 nor Float64 spell exactly become strings of digits (a
            JSON column would round them), in lists and sets whole ones that Float64 does not;
            without it a number is all its digits (JSON text).
    """

    def __init__(self, *, binary_to_base64: Callable[[str], str], exact: bool) -> None:
        self._base64 = binary_to_base64
        self._number = exact_number if exact else _bare_number
        self._member_number = exact_member if exact else _bare_number

    def text(self, value: Attribute) -> str:
        """The JSON text of one attribute value."""
        return orjson.dumps(self.value(value)).decode()

    def item(self, item: dict[str, Attribute]) -> dict[str, Any]:
        """A whole item as an object."""
        return {name: self.value(value) for name, value in item.items()}

    def value(self, value: Attribute) -> Any:
        """One attribute value, nested as it is."""
        ((tag, held),) = value.items()
        match tag:
            case "S" | "BOOL" | "SS":
                return held
            case "N":
                return self._number(held)
            case "NULL":
                return None
            case "M":
                return self.item(held)
            case "L":
                return [
                    self._member_number(element["N"]) if "N" in element else self.value(element)
                    for element in held
                ]
            case "B":
                return self._base64(held)
            case "NS":
                return [self._member_number(digits) for digits in held]
            case "BS":
                return [self._base64(text) for text in held]
            case _:
                raise ValueError(f"unknown attribute type {tag!r}")


def normalise(digits: str) -> str:
    """A number's plain digits: no exponent, no needless zeros.

    Raises:
        ValueError: it is no number.
    """
    if _NORMAL.fullmatch(digits):
        return digits
    try:
        number = Decimal(digits)
    except ArithmeticError:
        raise ValueError(f"{digits!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{digits!r} is no number")
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def exact_number(digits: str) -> Any:
    """An int or float that spells the same digits, else the digits as a string."""
    text = digits if digits.isdigit() else normalise(digits)
    if len(text) < 19 and "." not in text:
        return int(text)
    if "." not in text:
        whole = int(text)
        return whole if -(1 << 63) <= whole < (1 << 63) else text
    if "0.0000" in text:
        return text  # a float would be written with an exponent, in SQL as well
    nearest = float(text)
    return nearest if repr(nearest) == text else text


def exact_member(digits: str) -> Any:
    """As `exact_number`, of a member of a list: beside a fraction, a JSON column makes it a float."""
    number = exact_number(digits)
    return str(number) if isinstance(number, int) and abs(number) > FLOAT_WHOLE_MAX else number


def _bare_number(digits: str) -> orjson.Fragment:
    return orjson.Fragment(normalise(digits))
