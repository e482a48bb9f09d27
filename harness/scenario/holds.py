"""Can a column of this type hold this value? The table of docs/mapping.md, as a judge of scenarios.

Only a scenario's template is judged with it, before a run: what a pipeline stored is compared by
the checks, with code of their own.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from harness.scenario.types import INTEGERS, TypeTree
from harness.workload.values import SETS

Attribute = dict[str, Any]

WOULD_DO = {
    "S": "String, FixedString(n), Enum8(…), UUID, IPv4, IPv6, Date, DateTime64(3)",
    "N": "Int8…Int256, UInt8…UInt256, Decimal(p, s), Float64, String, DateTime64(3)",
    "BOOL": "Bool, UInt8, String",
    "B": "String, FixedString(n)",
    "SS": "Array(String), String",
    "NS": "Array(Int64), Array(Decimal(38, s)), String",
    "BS": "Array(String), String",
    "L": "Array(T), Tuple(…), String",
    "M": "JSON, Map(String, T), Tuple(name T, …), String",
    "NULL": "any Nullable type",
}
"""Attribute type to the column types that take it, for hints."""

_DATES = frozenset({"Date", "Date32", "DateTime", "DateTime64"})
_FLOATS = frozenset({"Float32", "Float64", "BFloat16"})
_DIGITS_OF_SECOND = re.compile(r"\.(\d+)")


def why_not(column: TypeTree, value: Attribute) -> str:
    """Why the column cannot hold the value without loss; empty when it can."""
    kind, inside = next(iter(value.items()))
    tree = column.inner
    if kind == "NULL":
        return ""
    if tree.name in ("Variant", "Dynamic"):
        reasons = [why_not(part, value) for part in tree.parts]
        return "" if "" in reasons or not reasons else reasons[0]
    if tree.name == "String":
        return ""
    match kind:
        case "S":
            return _text(tree, inside)
        case "N":
            return _number(tree, inside)
        case "BOOL":
            return "" if tree.name in ("Bool", "UInt8") else _other(tree, kind)
        case "B":
            size = len(base64.b64decode(inside))
            return _fixed(tree, size) if tree.name == "FixedString" else _other(tree, kind)
        case "L":
            return _list(tree, inside)
        case "M":
            return _map(tree, inside)
        case _:
            return _members(tree, kind, inside)


def _other(tree: TypeTree, kind: str) -> str:
    return f"{tree.text or tree.name} does not take {kind}"


def _fixed(tree: TypeTree, size: int) -> str:
    room = tree.numbers[0]
    return "" if size <= room else f"{size} bytes do not fit into {tree.text}"


def _text(tree: TypeTree, text: str) -> str:
    if tree.name == "FixedString":
        return _fixed(tree, len(text.encode()))
    if tree.name.startswith("Enum"):
        return "" if text in tree.labels else f"{text!r} is not among its labels"
    try:
        match tree.name:
            case "UUID":
                uuid.UUID(text)
            case "IPv4":
                ipaddress.IPv4Address(text)
            case "IPv6":
                ipaddress.ip_address(text)
            case name if name in _DATES:
                return _moment(tree, text)
            case _:
                return _other(tree, "S")
    except ValueError:
        return f"{text!r} is no {tree.name}"
    return ""


def _moment(tree: TypeTree, text: str) -> str:
    datetime.fromisoformat(text)
    fraction = _DIGITS_OF_SECOND.search(text)
    digits = len(fraction[1].rstrip("0")) if fraction else 0
    room = tree.numbers[0] if tree.numbers else 0
    if digits > room:
        return f"{text!r} has {digits} digits of a second, {tree.text or tree.name} keeps {room}"
    return ""


def _number(tree: TypeTree, digits: str) -> str:
    exact = Decimal(digits)
    whole = exact == exact.to_integral_value()
    if tree.name in INTEGERS:
        least, greatest = INTEGERS[tree.name]
        if not whole:
            return f"{digits} is not whole"
        return "" if least <= int(exact) <= greatest else f"{digits} is out of {tree.name}'s range"
    if tree.name == "Decimal":
        precision, scale = tree.numbers
        before, _, after = digits.lstrip("-").partition(".")
        if len(after) > scale or len(before.lstrip("0")) > precision - scale:
            return f"{digits} does not fit into Decimal({precision}, {scale})"
        return ""
    if tree.name in _FLOATS:
        return ""
    if tree.name == "Bool":
        return "" if exact in (0, 1) else f"{digits} is neither 0 nor 1"
    if tree.name == "DateTime":
        return "" if whole and 0 <= exact < 2**32 else f"{digits} is no second of a DateTime"
    if tree.name == "DateTime64":
        return "" if exact == round(exact, tree.numbers[0]) else f"{digits} has finer parts"
    return _other(tree, "N")


def _first(reasons: Any) -> str:
    return next((reason for reason in reasons if reason), "")


def _list(tree: TypeTree, elements: list[Attribute]) -> str:
    if tree.name == "Array":
        return _first(why_not(tree.parts[0], element) for element in elements)
    if tree.name == "Tuple":
        if len(elements) != len(tree.parts):
            return f"a list of {len(elements)} is no {tree.text}"
        return _first(map(why_not, tree.parts, elements))
    return _other(tree, "L")


def _map(tree: TypeTree, fields: dict[str, Attribute]) -> str:
    if tree.name == "JSON":
        return ""
    if tree.name == "Map":
        return _first(
            _text_key(tree.parts[0], name) or why_not(tree.parts[1], field)
            for name, field in fields.items()
        )
    if tree.name == "Tuple" and tree.labels:
        parts = dict(zip(tree.labels, tree.parts, strict=True))
        unknown = [name for name in fields if name not in parts]
        if unknown:
            return f"its field {unknown[0]!r} is not in {tree.text}"
        return _first(why_not(parts[name], field) for name, field in fields.items())
    return _other(tree, "M")


def _text_key(tree: TypeTree, name: str) -> str:
    return "" if tree.inner.name == "String" else _text(tree.inner, name)


def _members(tree: TypeTree, kind: str, members: list[str]) -> str:
    if tree.name != "Array":
        return _other(tree, kind)
    return _first(why_not(tree.parts[0], {SETS[kind]: member}) for member in members)
