"""What a cell must hold for an attribute, and whether what it holds is that.

Implements docs/mapping.md for the checks: `expected_cell` turns an AttributeValue and a column type
into the canonical value, `found_cell` brings what ClickHouse returned into the same form, and
`cell_matches` compares the two. Nothing goes through a binary float unless the column is one.
"""

from __future__ import annotations

import base64
import ipaddress
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from harness.values.plain import Members, flatten, parse_json, plain, same
from harness.values.types import ColumnType

Attribute = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)
_EXACT_DIGITS = 200
_NANOSECONDS = 9
_WIDE_DAYS = ((date(1900, 1, 1) - _DAY_ZERO).days, (date(2300, 1, 1) - _DAY_ZERO).days)
"""Of Date32 and DateTime64."""
_WIDE_SECONDS = (_WIDE_DAYS[0] * 86_400, _WIDE_DAYS[1] * 86_400)


class Unstorable(Exception):  # noqa: N818 - it names a state of the data, not a failure of ours
    """The column cannot hold the value without loss, so no correct pipeline stores it."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """A String cell that must hold JSON text saying `value`."""

    value: Any


def expected_cell(kind: ColumnType, attribute: Attribute | None) -> Any:
    """The canonical value of a cell.

    Args:
        kind: the column's type.
        attribute: AttributeValue in wire form; None when the item lacks it.

    Raises:
        Unstorable: docs/mapping.md allows no value for this attribute in this column.
    """
    if attribute is None or "NULL" in attribute:
        return None if kind.nullable else default_cell(kind)
    wire_type, value = next(iter(attribute.items()))
    name = kind.name
    if name == "Variant":
        return _expected_variant(kind, attribute)
    if name in ("JSON", "Dynamic", "Object"):
        return _expected_json(kind, attribute)
    if name in ("String", "FixedString"):
        return _expected_string(kind, wire_type, value, attribute)
    if name in ("Array", "Tuple", "Map"):
        return _expected_container(kind, wire_type, value)
    if wire_type == "N":
        return _expected_number(kind, value)
    if wire_type == "BOOL" and name in ("Bool", "UInt8"):
        return bool(value) if name == "Bool" else int(value)
    if wire_type == "S":
        return _expected_from_text(kind, value)
    raise Unstorable(f"{wire_type} in {kind.text or name}")


def default_cell(kind: ColumnType) -> Any:
    """What ClickHouse stores where a row gives no value."""
    name = kind.name
    if name in ("String",):
        return b""
    if name == "FixedString":
        return b"\0" * kind.numbers[0]
    if name in ("Array", "Map"):
        return [] if name == "Array" else {}
    if name == "Tuple":
        return tuple(None if k.nullable else default_cell(k) for k in kind.arguments)
    if name == "JSON":
        return {}
    if name in ("Variant", "Dynamic"):
        return None
    if name == "UUID":
        return uuid.UUID(int=0)
    if name in ("IPv4", "IPv6"):
        return 0
    if name.startswith("Enum"):
        return kind.names[kind.numbers.index(min(kind.numbers, key=_enum_default_order))]
    if name == "Decimal":
        return Decimal(0)
    if name == "Bool":
        return False
    return 0.0 if name.startswith(("Float", "BFloat")) else 0


def _enum_default_order(number: int) -> tuple[bool, int]:
    # The default of an Enum is its label 0, or else the least.
    return (number != 0, number)


def found_cell(kind: ColumnType, value: Any) -> Any:
    """What a ClickHouse client returned for a cell, in canonical form."""
    if value is None:
        return None
    name = kind.name
    if name in ("String", "FixedString"):
        return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)
    if name in ("JSON", "Object"):
        return parse_json(value) if isinstance(value, str | bytes) else _exact(value)
    if name == "Array":
        return [found_cell(kind.arguments[0], member) for member in value]
    if name == "Map":
        key, member_kind = kind.arguments
        return {found_cell(key, k): found_cell(member_kind, v) for k, v in value.items()}
    if name == "Tuple":
        members = [value[n] for n in kind.names] if isinstance(value, dict) else list(value)
        return tuple(found_cell(k, m) for k, m in zip(kind.arguments, members, strict=True))
    if name in ("Variant", "Dynamic"):
        return value
    return _found_scalar(name, value)


def _found_scalar(name: str, value: Any) -> Any:
    if name in ("IPv4", "IPv6"):
        return int(ipaddress.ip_address(value))
    if name == "UUID":
        return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
    if name in ("DateTime", "DateTime64"):
        return _microseconds(value)
    if name in ("Date", "Date32"):
        return (value - _DAY_ZERO).days if isinstance(value, date) else value
    if name == "Decimal":
        return Decimal(value)
    if name == "Bool":
        return bool(value)
    if name.startswith(("Int", "UInt")):
        return int(value)
    if name.startswith(("Float", "BFloat")):
        return float(value)
    return value


def cell_matches(kind: ColumnType, expected: Any, found: Any) -> bool:
    """True when a canonical found value is the canonical expected one."""
    if isinstance(expected, JsonText):
        try:
            return same(expected.value, parse_json(found))
        except (ValueError, TypeError):
            return False
    if kind.name == "JSON" and expected is not None:
        return isinstance(found, dict) and same(
            flatten(expected), flatten(found), digits_as_text=True
        )
    if isinstance(expected, Members):
        return isinstance(found, list) and _same_cells(kind.arguments[0], expected, found)
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(
                cell_matches(kind.arguments[0], e, f) for e, f in zip(expected, found, strict=True)
            )
        )
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(cell_matches(kind.arguments[1], v, found[k]) for k, v in expected.items())
        )
    if isinstance(expected, tuple):
        return isinstance(found, tuple) and all(
            cell_matches(k, e, f) for k, e, f in zip(kind.arguments, expected, found, strict=True)
        )
    return bool(expected == found) and (expected is None) == (found is None)


def _same_cells(kind: ColumnType, expected: list[Any], found: list[Any]) -> bool:
    left = list(found)
    for member in expected:
        index = next((i for i, f in enumerate(left) if cell_matches(kind, member, f)), None)
        if index is None:
            return False
        del left[index]
    return not left


def _expected_string(kind: ColumnType, wire_type: str, value: Any, attribute: Attribute) -> Any:
    if wire_type == "B":
        raw = base64.b64decode(value)
    elif wire_type in ("S", "N"):
        raw = value.encode()
    elif wire_type == "BOOL":
        raw = b"true" if value else b"false"
    elif kind.name == "String":
        return JsonText(plain(attribute))
    else:
        raise Unstorable(f"{wire_type} in {kind.text or kind.name}")
    if kind.name == "FixedString":
        size = kind.numbers[0]
        if len(raw) > size:
            raise Unstorable(f"{len(raw)} bytes in FixedString({size})")
        raw = raw.ljust(size, b"\0")
    return raw


def _expected_number(kind: ColumnType, digits: str) -> Any:
    number = Decimal(digits)
    name = kind.name
    if name.startswith(("Int", "UInt")):
        if number != number.to_integral_value():
            raise Unstorable(f"{digits} in {name}")
        whole = int(number)
        bits = int(name.lstrip("UInt"))
        low, high = (0, 2**bits) if name[0] == "U" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        if not low <= whole < high:
            raise Unstorable(f"{digits} in {name}")
        return whole
    if name == "Bool":
        if number not in (0, 1):
            raise Unstorable(f"{digits} in Bool")
        return bool(number)
    if name == "Decimal":
        return _fit_decimal(kind, number)
    if name == "Float64":
        return float(number)
    if name == "Float32":
        try:
            return struct.unpack("f", struct.pack("f", float(number)))[0]
        except OverflowError:
            return float("inf") if number > 0 else float("-inf")
    if name == "BFloat16":
        bits_32 = struct.unpack("<I", struct.pack("<f", float(number)))[0]
        return struct.unpack("<f", struct.pack("<I", bits_32 & 0xFFFF0000))[0]
    if name in ("DateTime", "DateTime64"):
        return _fit_ticks(kind, number * 1_000_000)
    raise Unstorable(f"N in {kind.text or name}")


def _fit_decimal(kind: ColumnType, number: Decimal) -> Decimal:
    precision, scale = kind.numbers
    with localcontext() as context:
        context.prec = _EXACT_DIGITS
        scaled = number.scaleb(scale)
        if scaled != scaled.to_integral_value() or abs(scaled) >= Decimal(10) ** precision:
            raise Unstorable(f"{number} in Decimal({precision}, {scale})")
    return number


def _fit_ticks(kind: ColumnType, microseconds: Decimal) -> int:
    precision = min(6, (kind.numbers or (3,))[0]) if kind.name == "DateTime64" else 0
    step = 10 ** (6 - precision)
    if microseconds != microseconds.to_integral_value() or int(microseconds) % step:
        raise Unstorable(f"{microseconds} µs in {kind.text or kind.name}")
    whole = int(microseconds)
    least, end = _seconds_range(kind)
    if not least <= whole // 1_000_000 < end:
        raise Unstorable(f"{microseconds} µs in {kind.text or kind.name}")
    return whole


def _seconds_range(kind: ColumnType) -> tuple[int, int]:
    """What ClickHouse's moments can be; nanoseconds fill an Int64 before the years run out."""
    if kind.name == "DateTime":
        return 0, 2**32
    if (kind.numbers or (3,))[0] == _NANOSECONDS:
        return _WIDE_SECONDS[0], 2**63 // 10**9
    return _WIDE_SECONDS


def _fit_day(kind: ColumnType, day: date) -> int:
    days = (day - _DAY_ZERO).days
    least, end = (0, 2**16) if kind.name == "Date" else _WIDE_DAYS
    if not least <= days < end:
        raise Unstorable(f"{day} in {kind.text or kind.name}")
    return days


def _expected_from_text(kind: ColumnType, text: str) -> Any:
    name = kind.name
    try:
        if name == "UUID":
            return uuid.UUID(text)
        if name == "IPv4":
            return int(ipaddress.IPv4Address(text))
        if name == "IPv6":
            address = ipaddress.ip_address(text)
            mapped = isinstance(address, ipaddress.IPv4Address)
            return int(address) + (0xFFFF << 32 if mapped else 0)
        if name.startswith("Enum"):
            return kind.names[kind.names.index(text)]
        if name in ("Date", "Date32"):
            return _fit_day(kind, date.fromisoformat(text))
        if name in ("DateTime", "DateTime64"):
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return _fit_ticks(kind, Decimal(_microseconds(moment)))
    except ValueError as error:
        raise Unstorable(f"{text!r} in {kind.text or name}") from error
    raise Unstorable(f"S in {kind.text or name}")


def _expected_container(kind: ColumnType, wire_type: str, value: Any) -> Any:
    name = kind.name
    if name == "Array" and wire_type == "L":
        return [expected_cell(kind.arguments[0], member) for member in value]
    if name == "Array" and wire_type in ("SS", "NS", "BS"):
        return Members(expected_cell(kind.arguments[0], {wire_type[0]: m}) for m in value)
    if name == "Map" and wire_type == "M":
        key, member = kind.arguments
        return {expected_cell(key, {"S": k}): expected_cell(member, v) for k, v in value.items()}
    if name == "Tuple" and wire_type == "M" and kind.names:
        if not set(value) <= set(kind.names):
            raise Unstorable(f"members {sorted(set(value) - set(kind.names))} in {kind.text}")
        members = zip(kind.names, kind.arguments, strict=True)
        return tuple(expected_cell(member, value.get(n)) for n, member in members)
    if name == "Tuple" and wire_type == "L":
        if len(value) != len(kind.arguments):
            raise Unstorable(f"{len(value)} members in {kind.text}")
        pairs = zip(kind.arguments, value, strict=True)
        return tuple(expected_cell(member, v) for member, v in pairs)
    raise Unstorable(f"{wire_type} in {kind.text or name}")


def _expected_json(kind: ColumnType, attribute: Attribute) -> Any:
    if kind.name == "JSON" and "M" not in attribute:
        raise Unstorable(f"{next(iter(attribute))} in JSON")
    return plain(attribute)


def _expected_variant(kind: ColumnType, attribute: Attribute) -> Any:
    for member in kind.arguments:
        try:
            value = expected_cell(member, attribute)
        except Unstorable:
            continue
        return value.decode() if isinstance(value, bytes) else value
    raise Unstorable(f"{next(iter(attribute))} in {kind.text}")


def _exact(value: Any) -> Any:
    """Numbers of a parsed JSON value as Decimal, whatever the client made of them."""
    if isinstance(value, dict):
        return {k: _exact(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(v) for v in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return Decimal(repr(value))
    return value


def _microseconds(value: Any) -> int:
    """Microseconds since the epoch; naive datetimes are UTC."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    return int(value)
