"""One attribute value to one cell: a function per column, made once from the column's type.

A cell is what orjson writes and ClickHouse's JSONCompactEachRow reads without losing a digit: wide
integers and decimals travel as strings of digits, raw bytes as a JSON string of those bytes,
moments as epoch seconds. A value that its column cannot hold raises `Unstorable`; nothing is
invented. Absent and NULL give null to a Nullable column and the type's default to any other.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import struct
import uuid
from typing import TYPE_CHECKING, Any

import orjson

from harness.pipelines.reference.column_types import INTEGER_RANGES, ColumnType
from harness.pipelines.reference.moments import date_text, moment_text, number_moment
from harness.pipelines.reference.plain_json import PlainJson, normalise

if TYPE_CHECKING:
    from collections.abc import Callable

_MUST_ESCAPE = re.compile(rb'[\x00-\x1f"\\]')
_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1


class Unstorable(Exception):  # noqa: N818 - a state of the data, not a failure of the pipe
    """The column cannot hold the value without loss."""


def refuse(tag: str, value: Any, kind: ColumnType) -> Unstorable:
    """The reason in one line, with the value cut short."""
    return Unstorable(f"{tag} {str(value)[:60]!r} does not fit {kind.text}")


class Cells:
    """Makes cell functions.

    Args:
        binary_layers: how often B values are base64-encoded on the wire: 2 in a Kinesis record
            of DynamoDB, 1 in DynamoDB Streams and in exports.
    """

    def __init__(self, *, binary_layers: int = 1) -> None:
        self._layers = binary_layers
        self.json_text = PlainJson(binary_to_base64=self.base64, exact=False)
        self.json_exact = PlainJson(binary_to_base64=self.base64, exact=True)

    def raw_bytes(self, text: str) -> bytes:
        """The bytes of a B value."""
        try:
            raw = text.encode()
            for _ in range(self._layers):
                raw = base64.b64decode(raw, validate=True)
        except ValueError:
            raise Unstorable(f"B {text[:60]!r} is not base64 {self._layers} times") from None
        return raw

    def base64(self, text: str) -> str:
        """A B value in single base64."""
        return base64.b64encode(self.raw_bytes(text)).decode()

    def make(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        """The function from (type tag, value) to a cell for a column of this type."""
        inner = self.not_null(kind)
        absent = None if kind.nullable else default_cell(kind)

        def cell(tag: str, value: Any) -> Any:
            return absent if tag == "NULL" else inner(tag, value)

        return cell

    def not_null(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        """The same for a value that is not NULL."""
        family = kind.family
        if family in INTEGER_RANGES:
            return _integer(kind)
        match family:
            case "String":
                return self._string(kind)
            case "FixedString":
                return self._fixed_string(kind)
            case "Decimal":
                return _decimal(kind)
            case "Float32" | "Float64":
                return _float(kind)
            case "Bool":
                return _boolean(kind)
            case "Array" | "Map" | "Tuple" | "JSON" | "Variant":
                return self._made_of_others(kind)
            case "DateTime" | "DateTime64":
                return _moment(kind)
            case _:
                return _denoted(kind)

    def _made_of_others(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        make = {
            "Array": self._array,
            "Map": self._map,
            "Tuple": self._tuple,
            "JSON": self._json,
            "Variant": self._variant,
        }
        return make[kind.family](kind)

    def _string(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        text_of = self.json_text.text

        def cell(tag: str, value: Any) -> Any:
            if tag == "S":
                return value
            if tag == "N":
                return normalise(value)
            if tag == "BOOL":
                return "true" if value else "false"
            if tag == "B":
                return bytes_cell(self.raw_bytes(value))
            return text_of({tag: value})

        return cell

    def _fixed_string(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        size = kind.precision

        def cell(tag: str, value: Any) -> Any:
            match tag:
                case "S":
                    raw = value.encode()
                case "N":
                    raw = normalise(value).encode()
                case "BOOL":
                    raw = b"true" if value else b"false"
                case "B":
                    raw = self.raw_bytes(value)
                case _:
                    raise refuse(tag, value, kind)
            if len(raw) > size:
                raise refuse(tag, value, kind)
            return bytes_cell(raw)

        return cell

    def _array(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        element = self.make(kind.inner[0])

        def cell(tag: str, value: Any) -> Any:
            if tag in ("SS", "NS", "BS"):
                member = tag[0]
                return [element(member, text) for text in value]
            if tag != "L":
                raise refuse(tag, value, kind)
            return [element(*one(held)) for held in value]

        return cell

    def _map(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        element = self.make(kind.inner[1])

        def cell(tag: str, value: Any) -> Any:
            if tag != "M":
                raise refuse(tag, value, kind)
            return {name: element(*one(held)) for name, held in value.items()}

        return cell

    def _tuple(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        elements = [self.make(inner) for inner in kind.inner]
        names = kind.names
        known = set(names)

        def cell(tag: str, value: Any) -> Any:
            if tag == "L" and len(value) == len(elements):
                found = [make(*one(held)) for make, held in zip(elements, value, strict=True)]
            elif tag == "M" and names and known.issuperset(value):
                absent = {"NULL": True}
                held = (one(value.get(name, absent)) for name in names)
                found = [make(*pair) for make, pair in zip(elements, held, strict=True)]
            else:
                raise refuse(tag, value, kind)
            return dict(zip(names, found, strict=True)) if names else found

        return cell

    def _variant(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        """The first member that takes the value: its number, and a place for each member.

        ClickHouse would choose by the look of the text: "5" would become a number.
        """
        members = [self.not_null(member) for member in kind.inner]
        empty = [default_cell(member) for member in kind.inner]

        def cell(tag: str, value: Any) -> Any:
            for index, member in enumerate(members):
                try:
                    held = member(tag, value)
                except Unstorable:
                    continue
                return [index + 1, *empty[:index], held, *empty[index + 1 :]]
            raise refuse(tag, value, kind)

        return cell

    def _json(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        object_of = self.json_exact.item

        def cell(tag: str, value: Any) -> Any:
            if tag != "M":
                raise refuse(tag, value, kind)
            return object_of(value)

        return cell


def one(value: dict[str, Any]) -> tuple[str, Any]:
    """The type tag and what it holds."""
    if len(value) != 1:
        raise Unstorable(f"not an attribute value: {str(value)[:60]}")
    return next(iter(value.items()))


def default_cell(kind: ColumnType) -> Any:
    """What a column that is not Nullable holds where the item holds nothing."""
    match kind.family:
        case "String" | "FixedString":
            return ""
        case "Array":
            return []
        case "Map" | "JSON":
            return {}
        case "Tuple":
            held = [None if k.nullable else default_cell(k) for k in kind.inner]
            return dict(zip(kind.names, held, strict=True)) if kind.names else held
        case "UUID":
            return str(uuid.UUID(int=0))
        case "IPv4":
            return "0.0.0.0"
        case "IPv6":
            return "::"
        case "Date" | "Date32":
            return "1970-01-01"
        case "Bool":
            return False
        case "Enum":
            return kind.names[0]
        case _:
            return 0


def bytes_cell(raw: bytes) -> Any:
    """Bytes as a JSON string of exactly those bytes, valid UTF-8 or not."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        escaped = _MUST_ESCAPE.sub(lambda m: b"\\u%04x" % m.group()[0], raw)
        return orjson.Fragment(b'"' + escaped + b'"')


def _integer(kind: ColumnType) -> Callable[[str, Any], Any]:
    least, most = INTEGER_RANGES[kind.family]
    takes_bool = kind.family == "UInt8"

    def cell(tag: str, value: Any) -> Any:
        if tag != "N":
            if tag == "BOOL" and takes_bool:
                return 1 if value else 0
            raise refuse(tag, value, kind)
        try:
            number = int(value)
        except ValueError:
            digits = normalise(value)
            if "." in digits:
                raise refuse(tag, value, kind) from None
            number = int(digits)
        if not least <= number <= most:
            raise refuse(tag, value, kind)
        return number if _INT64_MIN <= number <= _UINT64_MAX else str(number)

    return cell


def _decimal(kind: ColumnType) -> Callable[[str, Any], Any]:
    scale, whole_digits = kind.scale, kind.precision - kind.scale

    def cell(tag: str, value: Any) -> Any:
        if tag != "N":
            raise refuse(tag, value, kind)
        whole, _, fraction = normalise(value).partition(".")
        if len(fraction) > scale or len(whole.lstrip("-").lstrip("0")) > whole_digits:
            raise refuse(tag, value, kind)
        return f"{whole}.{fraction}" if fraction else whole

    return cell


def _float(kind: ColumnType) -> Callable[[str, Any], Any]:
    is_single = kind.family == "Float32"

    def cell(tag: str, value: Any) -> Any:
        if tag != "N":
            raise refuse(tag, value, kind)
        number = float(value)
        if is_single:
            try:
                struct.pack("f", number)
            except OverflowError:
                return orjson.Fragment(b"-inf" if number < 0 else b"inf")
        return number

    return cell


def _boolean(kind: ColumnType) -> Callable[[str, Any], Any]:
    def cell(tag: str, value: Any) -> Any:
        if tag == "BOOL":
            return value
        if tag == "N" and normalise(value) in ("0", "1"):
            return normalise(value) == "1"
        raise refuse(tag, value, kind)

    return cell


def _moment(kind: ColumnType) -> Callable[[str, Any], Any]:
    precision = kind.precision if kind.family == "DateTime64" else 0

    def cell(tag: str, value: Any) -> Any:
        found = None
        if tag == "S":
            found = moment_text(value, precision, wide=kind.family == "DateTime64")
        elif tag == "N":
            found = number_moment(normalise(value), precision, wide=kind.family == "DateTime64")
        if found is None:
            raise refuse(tag, value, kind)
        return orjson.Fragment(found)

    return cell


def _denoted(kind: ColumnType) -> Callable[[str, Any], Any]:
    """Types that only text denotes: UUID, addresses, dates, Enum."""
    family = kind.family
    names = frozenset(kind.names)

    def cell(tag: str, value: Any) -> Any:
        found = None
        if tag == "S":
            try:
                match family:
                    case "UUID":
                        found = str(uuid.UUID(value))
                    case "IPv4":
                        found = str(ipaddress.IPv4Address(value))
                    case "IPv6":
                        found = _ip_version_6(value)
                    case "Enum":
                        found = value if value in names else None
                    case _:
                        found = date_text(value, wide=family == "Date32")
            except ValueError:
                found = None
        if found is None:
            raise refuse(tag, value, kind)
        return found

    return cell


def _ip_version_6(text: str) -> str:
    address = ipaddress.ip_address(text)
    return f"::ffff:{address}" if isinstance(address, ipaddress.IPv4Address) else str(address)
