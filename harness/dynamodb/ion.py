"""DynamoDB items as Amazon Ion text, written for exports and read for imports.

    $ion_1_0 {Item:{Authors:$dynamodb_SS::["Author1"],Id:103.,PageCount:6d2,Title:"Book"}}

Numbers are Ion decimals, binary a blob, sets lists with an annotation, NULL is null.

Source: developer guide, "DynamoDB table export output format" and "Amazon Ion in DynamoDB"; Ion
text specification.
"""

from __future__ import annotations

import re
from base64 import b64encode
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase
    from typing import IO

    from harness.dynamodb.change_log import Attribute, Item

VERSION_MARKER = "$ion_1_0"
IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# Bare, these words would be read as something else than a name.
RESERVED = frozenset({"null", "true", "false", "nan"})
SYSTEM_SYMBOL = re.compile(r"\$[0-9]+|\$ion_[0-9]+_[0-9]+")
ANNOTATIONS = {"$dynamodb_SS": "SS", "$dynamodb_NS": "NS", "$dynamodb_BS": "BS"}
SYMBOLS_KEPT = 4096
EXPONENT_MAX = 200
"""DynamoDB's numbers end below; written out, those far beyond would fill the memory."""
ZEROS_MAX = 6
"""More leading zeros than these are written as an exponent."""


def ion_struct(members: dict[str, str]) -> str:
    """A struct of members that are Ion text already."""
    return "{" + ",".join(f"{ion_symbol(name)}:{text}" for name, text in members.items()) + "}"


def ion_item(item: Item) -> str:
    """An item, or an image, as an Ion struct."""
    return ion_struct({name: ion_value(value) for name, value in item.items()})


def ion_value(attribute: Attribute) -> str:
    """One AttributeValue as Ion text."""
    for kind, content in attribute.items():
        return _write(kind, content)
    raise ValueError("an AttributeValue without a type")


def _write(kind: str, content: Any) -> str:
    match kind:
        case "S":
            return ion_string(content)
        case "N":
            return ion_decimal(content)
        case "B":
            return f"{{{{{content}}}}}"
        case "BOOL":
            return "true" if content else "false"
        case "NULL":
            return "null"
        case "L":
            return "[" + ",".join(map(ion_value, content)) + "]"
        case "M":
            return ion_item(content)
        case _:  # a set: its members are written as single values of its type
            return f"$dynamodb_{kind}::[" + ",".join(_write(kind[0], x) for x in content) + "]"


@lru_cache(maxsize=SYMBOLS_KEPT)
def ion_symbol(name: str) -> str:
    """A field name, quoted where Ion wants it."""
    plain = IDENTIFIER.fullmatch(name) and name not in RESERVED
    if plain and not SYSTEM_SYMBOL.fullmatch(name):
        return name
    return "'" + ion_string(name)[1:-1].replace("'", "\\'") + "'"


def ion_string(text: str) -> str:
    """A string; JSON's escapes are Ion's too, but for the surrogates that raw text needs none of."""
    return encode_basestring(text).replace("\x7f", "\\x7f")


def ion_decimal(number: str) -> str:
    """A normalised number as a decimal: `103.`, `6d2`, `26.5`, `1d-20`."""
    sign = "-" if number.startswith("-") else ""
    whole, _, fraction = number.lstrip("-").partition(".")
    if fraction:
        zeros = len(fraction) - len(fraction.lstrip("0"))
        if whole == "0" and zeros > ZEROS_MAX:
            return f"{sign}{fraction.lstrip('0')}d-{len(fraction)}"
        return f"{sign}{whole}.{fraction}"
    digits = whole.rstrip("0")
    if not digits:
        return "0."
    exponent = len(whole) - len(digits)
    return f"{sign}{digits}d{exponent}" if exponent else f"{sign}{digits}."


def read_ion(source: IO[bytes] | BufferedIOBase) -> Iterator[Any]:
    """Every top-level value of Ion text or binary, as the `amazon.ion` library reads it.

    Raises:
        ValueError: it is not Ion.
    """
    # Imported where it is used: it takes longer to load than the emulator's other parts.
    from amazon.ion import simpleion
    from amazon.ion.exceptions import IonException

    values = simpleion.load(source, single_value=False, parse_eagerly=False)
    while True:
        try:
            yield next(values)
        except StopIteration:
            return
        except IonException as error:
            raise ValueError(f"not Ion: {error}") from None


def item_from_ion(value: Any) -> Item:
    """The item that an Ion struct stands for.

    Raises:
        ValueError: it is no struct, or holds a type that DynamoDB has not.
    """
    if not hasattr(value, "items"):
        raise ValueError(f"an Ion struct was expected, not {value!r}")
    return {str(name): attribute_from_ion(member) for name, member in value.items()}


def attribute_from_ion(value: Any) -> Attribute:
    """The AttributeValue that an Ion value stands for, not yet normalised.

    Raises:
        ValueError: DynamoDB has no such type (timestamps, symbols, floats that are no number).
    """
    from amazon.ion.core import IonType

    kind = getattr(value, "ion_type", None)
    if kind == IonType.NULL or value is None:
        return {"NULL": True}
    match kind:
        case IonType.BOOL:
            return {"BOOL": bool(value)}
        case IonType.INT | IonType.DECIMAL:
            return {"N": _plain(Decimal(str(value)))}
        case IonType.STRING:
            return {"S": str(value)}
        case IonType.BLOB | IonType.CLOB:
            return {"B": b64encode(bytes(value)).decode()}
        case IonType.STRUCT:
            return {"M": item_from_ion(value)}
        case IonType.LIST:
            return _list_from_ion(value)
        case _:
            raise ValueError(f"DynamoDB has no type for Ion's {kind}")


def _list_from_ion(value: Any) -> Attribute:
    members = [attribute_from_ion(member) for member in value]
    for annotation in value.ion_annotations:
        kind = ANNOTATIONS.get(getattr(annotation, "text", annotation))
        if kind is not None:
            return {kind: [member[kind[0]] for member in members]}
    return {"L": members}


def _plain(number: Decimal) -> str:
    if abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError(f"{number} is beyond DynamoDB's numbers")
    return format(number, "f")
