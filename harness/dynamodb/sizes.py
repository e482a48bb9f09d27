"""Sizes in bytes as DynamoDB counts them, and the limits it holds items and keys to.

A name costs its UTF-8 bytes; a number one byte per pair of digits, counted from the point, one
more, and one for a minus; a list or map three bytes and one per element; NULL and BOOL one byte.

Source: developer guide, "DynamoDB item sizes and formats" and "Constraints"; the item of the
streams documentation, {"Id": 101, "Message": "New item!"}: SizeBytes 26 = 5 for its key and 21
for its image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.numbers import InvalidValueError, validation_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.dynamodb.change_log import Attribute, Item

MAX_ITEM_BYTES = 400 * 1024
MAX_NAME_BYTES = 65_535
MAX_HASH_KEY_BYTES = 2048
MAX_RANGE_KEY_BYTES = 1024

CONTAINER_BYTES = 3
ELEMENT_BYTES = 1


def item_size(item: Item) -> int:
    """Bytes DynamoDB counts for the item: its names and its values."""
    size = 0
    for name, value in item.items():
        size += len(name) if name.isascii() else len(name.encode("utf-8", "surrogatepass"))
        for kind, content in value.items():
            if kind == "S" and content.isascii():
                size += len(content)
            else:
                size += _content_size(kind, content)
    return size


def value_size(attribute: Attribute) -> int:
    """Bytes DynamoDB counts for one value."""
    for kind, content in attribute.items():
        return _content_size(kind, content)
    raise ValueError("an AttributeValue without a type")


def check_item_size(item: Item) -> int:
    """The size of an item to put.

    Raises:
        AwsError: ValidationException; more than 400 KB.
    """
    size = item_size(item)
    if size > MAX_ITEM_BYTES:
        raise validation_error("Item size has exceeded the maximum allowed size")
    return size


def check_updated_item_size(item: Item) -> int:
    """The size of an item as an update leaves it.

    Raises:
        AwsError: ValidationException; more than 400 KB.
    """
    size = item_size(item)
    if size > MAX_ITEM_BYTES:
        raise validation_error("Item size to update has exceeded the maximum allowed size")
    return size


def check_key_value(name: str, attribute: Attribute, *, is_hash: bool) -> None:
    """Refuse a key's value that is empty or too long; its type is the caller's to check.

    Raises:
        AwsError: ValidationException.
    """
    for kind, content in attribute.items():
        if kind == "N":
            return
        if not content:
            noun = "string" if kind == "S" else "binary"
            raise validation_error(
                "One or more parameter values are not valid. The AttributeValue for a key "
                f"attribute cannot contain an empty {noun} value. Key: {name}"
            )
        size = _content_size(kind, content)
        if is_hash and size > MAX_HASH_KEY_BYTES:
            raise validation_error(
                "One or more parameter values were invalid: Size of hashkey has exceeded the "
                f"maximum size limit of{MAX_HASH_KEY_BYTES} bytes"
            )
        if not is_hash and size > MAX_RANGE_KEY_BYTES:
            raise validation_error(
                "One or more parameter values were invalid: Aggregated size of all range keys "
                f"has exceeded the size limit of {MAX_RANGE_KEY_BYTES} bytes"
            )


def check_attribute_names(names: Iterable[str]) -> None:
    """Refuse names that are empty or too long.

    Raises:
        InvalidValueError: the first such name's fault.
    """
    for name in names:
        if not name:
            raise InvalidValueError("Empty attribute name")
        if len(name) > MAX_NAME_BYTES // 4 and text_size(name) > MAX_NAME_BYTES:
            raise InvalidValueError(
                f"Attribute name is too large, must be less than {MAX_NAME_BYTES + 1} bytes"
            )


def text_size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def binary_size(base64_text: str) -> int:
    """Bytes that canonical base64 stands for."""
    return len(base64_text) // 4 * 3 - base64_text[-2:].count("=")


def number_size(number: str) -> int:
    """Bytes of a normalised number; digits pair up from the point outwards: 1234.5 is 12 34 50."""
    negative = number[0] == "-"
    digits = number[1:] if negative else number
    whole, _, fraction = digits.partition(".")
    if fraction:
        whole = whole.lstrip("0")
        if not whole:
            first = len(fraction) - len(fraction.lstrip("0"))
            return (len(fraction) + 1) // 2 - first // 2 + 1 + negative
        return (len(whole) + 1) // 2 + (len(fraction) + 1) // 2 + 1 + negative
    zeros = len(whole) - len(whole.rstrip("0"))
    if zeros == len(whole):
        return 1
    return (len(whole) + 1) // 2 - zeros // 2 + 1 + negative


def _content_size(kind: str, content: Any) -> int:
    match kind:
        case "S":
            return text_size(content)
        case "N":
            return number_size(content)
        case "B":
            return binary_size(content)
        case "SS":
            return sum(map(text_size, content))
        case "NS":
            return sum(map(number_size, content))
        case "BS":
            return sum(map(binary_size, content))
        case "L":
            elements = sum(map(value_size, content))
            return CONTAINER_BYTES + ELEMENT_BYTES * len(content) + elements
        case "M":
            return CONTAINER_BYTES + ELEMENT_BYTES * len(content) + item_size(content)
        case _:
            return 1
