"""DynamoDB numbers: decimal text of at most 38 significant digits, kept exactly.

A stored number is never in exponent form and has no superfluous zeros, so two equal numbers are
equal text. Its magnitude lies within 1E-130 and 9.99…E+125, or it is zero.

Source: developer guide, "Data types: Number"; ScyllaDB's test/alternator/test_number.py, which ran
against AWS.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal

from harness.awsjson import AwsError

MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130

OVERFLOW = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)
UNDERFLOW = (
    "Number underflow. Attempting to store a number with magnitude smaller than supported range"
)
TOO_PRECISE = "Attempting to store more than 38 significant digits in a Number"
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"

VALIDATION_NAMESPACE = "com.amazon.coral.validate"

_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,30}))?")
_EXPONENT_LIMIT = 2**63
_INTEGER_LIMIT = 10**MAX_DIGITS
# 126 digits before the point, 130 + 37 behind it, and a carry.
_EXACT = Context(prec=300)


class InvalidValueError(AwsError):
    """A ValidationException about a value, in the words of both of DynamoDB's layers.

    PutItem, UpdateItem, DeleteItem, GetItem, BatchGetItem and Query use the current words (the
    message); BatchWriteItem, Scan and the transactions still use older ones.

    Args:
        message: the current sentence.
        older: the older one; empty when it is the same.

    Source: dynamodb-conformance, tests/tier3/error-messages/valueLayers (four regions, 2026-10).
    """

    def __init__(self, message: str, older: str = "") -> None:
        super().__init__("ValidationException", message, namespace=VALIDATION_NAMESPACE)
        self.older = older or message

    def in_older_words(self) -> AwsError:
        """The error as the operations of the older layer say it."""
        return validation_error(self.older)


def validation_error(message: str) -> AwsError:
    """DynamoDB's ValidationException with AWS's sentence."""
    return AwsError("ValidationException", message, namespace=VALIDATION_NAMESPACE)


def normalise(text: str) -> str:
    """The one text of a number's value: `1e3`, `+1000` and `001000.0` all become `1000`.

    Raises:
        InvalidValueError: not a number, out of range, or too many digits.
    """
    if text.isdigit() and len(text) <= MAX_DIGITS and text.isascii() and text[0] != "0":
        return text
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise _not_numeric(text)
    sign, whole, fraction, exponent_text = match[1], match[2], match[3] or "", match[4]
    exponent = int(exponent_text) if exponent_text else 0
    if not -_EXPONENT_LIMIT <= exponent < _EXPONENT_LIMIT:
        raise _not_numeric(text)
    digits = (whole + fraction).lstrip("0")
    exponent -= len(fraction)
    # A zero counts as one digit here: AWS refuses 0e126 and allows 0.0e126.
    _check_magnitude(exponent + max(len(digits), 1) - 1)
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    if len(significant) > MAX_DIGITS:
        raise InvalidValueError(TOO_PRECISE)
    return _plain(
        "-" if sign == "-" else "", significant, exponent + len(digits) - len(significant)
    )


def add(left: str, right: str) -> str:
    """The exact sum of two normalised numbers, normalised.

    Raises:
        AwsError: ValidationException; the sum is out of range, or needs more than 38 digits
            (AWS calls that an overflow too).
    """
    if "." not in left and "." not in right:
        total = int(left) + int(right)
        if -_INTEGER_LIMIT < total < _INTEGER_LIMIT:
            return str(total)
    return _from_decimal(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: str, right: str) -> str:
    """The exact difference of two normalised numbers, normalised; errors as in `add`."""
    return add(left, right[1:] if right[0] == "-" else "-" + right)


def sort_key(text: str) -> int | Decimal:
    """A normalised number as something that compares by value; whole numbers stay cheap."""
    return Decimal(text) if "." in text else int(text)


def _not_numeric(text: str) -> InvalidValueError:
    return InvalidValueError(f"{NOT_NUMERIC}: {text}", older="" if text else NOT_NUMERIC)


def _check_magnitude(adjusted_exponent: int) -> None:
    if adjusted_exponent > MAX_EXPONENT:
        raise InvalidValueError(OVERFLOW)
    if adjusted_exponent < MIN_EXPONENT:
        raise InvalidValueError(UNDERFLOW)


def _from_decimal(value: Decimal) -> str:
    sign, all_digits, exponent = value.as_tuple()
    digits = "".join(map(str, all_digits)).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    assert isinstance(exponent, int)
    _check_magnitude(exponent + len(digits) - 1)
    if len(significant) > MAX_DIGITS:
        raise validation_error(OVERFLOW)
    return _plain("-" if sign else "", significant, exponent + len(digits) - len(significant))


def _plain(sign: str, digits: str, exponent: int) -> str:
    """`digits` × 10^`exponent` without exponent; `digits` has no zero at either end."""
    if exponent >= 0:
        return f"{sign}{digits}{'0' * exponent}"
    point = len(digits) + exponent
    if point > 0:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    return f"{sign}0.{'0' * -point}{digits}"
