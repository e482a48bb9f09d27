"""DynamoDB's own size of items: what a record's `SizeBytes` counts.

A name costs its UTF-8 bytes; a number one byte per two significant digits and one more (a sign
another); a list or map three bytes and one per element.

Source: developer guide, "DynamoDB item sizes and formats"; the SizeBytes of recorded records
({"id": "test"} inserted: 6 for Keys and 6 for NewImage = 12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Attribute, Change, Item

CONTAINER_BYTES = 3
ELEMENT_BYTES = 1


def item_size(item: Item) -> int:
    """Bytes that DynamoDB counts for `item`, names included."""
    return sum(text_size(name) + attribute_size(value) for name, value in item.items())


def image_sizes(change: Change) -> tuple[int, int, int]:
    """Sizes of a change's keys, old and new image; 0 for an image that is not there."""
    old_size, new_size = change.old_size, change.new_size
    if old_size is None:
        old_size = 0 if change.old_json is None else item_size(orjson.loads(change.old_json))
    if new_size is None:
        new_size = 0 if change.new_json is None else item_size(orjson.loads(change.new_json))
    return item_size(change.keys), old_size, new_size


def attribute_size(attribute: Attribute) -> int:
    """Bytes of one AttributeValue in wire form."""
    for kind, value in attribute.items():
        return _value_size(kind, value)
    raise ValueError("an AttributeValue without a type")


def text_size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def number_size(digits: str) -> int:
    """Bytes of a normalised number: never in exponent form, no superfluous zeros."""
    significant = digits.lstrip("-").replace(".", "").strip("0")
    return (len(significant) + 1) // 2 + 1 + digits.startswith("-")


def _value_size(kind: str, value: Any) -> int:
    match kind:
        case "S":
            return text_size(value)
        case "N":
            return number_size(value)
        case "B":
            return _decoded_size(value)
        case "SS":
            return sum(map(text_size, value))
        case "NS":
            return sum(map(number_size, value))
        case "BS":
            return sum(map(_decoded_size, value))
        case "L":
            elements = sum(attribute_size(element) for element in value)
            return CONTAINER_BYTES + ELEMENT_BYTES * len(value) + elements
        case "M":
            return CONTAINER_BYTES + ELEMENT_BYTES * len(value) + item_size(value)
        case _:  # NULL and BOOL
            return 1


def _decoded_size(base64_text: str) -> int:
    return len(base64_text) * 3 // 4 - base64_text[-2:].count("=")
