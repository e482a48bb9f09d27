"""Shapes of request members: conversion as AWS's parser does it, constraints as it words them.

A request is first converted: a member of the wrong JSON type ends it with a SerializationException,
unknown members and nulls are dropped. Then every constraint is checked and all faults are reported
in one ValidationException (`2 validation errors detected: ...`), ten at most.

Source: Coral's behaviour as recorded on AWS by the tests of dynalite and of dynamodb-conformance.
"""

from __future__ import annotations

import re
from math import floor
from typing import Any

import orjson

from harness.awsjson import AwsError
from harness.dynamodb.attributes import normalise_value

SERVICE = "com.amazonaws.dynamodb.v20120810"
FAULTS_MAX = 10
NAME_PATTERN = "[a-zA-Z0-9_.-]+"


def serialization_error(message: str) -> AwsError:
    """What AWS answers to a member of the wrong JSON type."""
    return AwsError("SerializationException", message, namespace="com.amazon.coral.service")


def validation_error(message: str) -> AwsError:
    """AWS's ValidationException."""
    return AwsError("ValidationException", message, namespace="com.amazon.coral.validate")


class Faults:
    """Collects violated constraints."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, value: Any, path: str, constraint: str) -> None:
        """`value` at `path` violates `constraint`."""
        if len(self.messages) < FAULTS_MAX:
            shown = "null" if value is None else f"'{shown_value(value)}'"
            self.messages.append(
                f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
            )

    def report(self) -> None:
        """Raise what was collected, if anything."""
        if self.messages:
            count = len(self.messages)
            word = "error" if count == 1 else "errors"
            raise validation_error(
                f"{count} validation {word} detected: " + "; ".join(self.messages)
            )


def shown_value(value: Any) -> str:
    """A value as Java prints it inside a validation message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={shown_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown_value(v) for v in value) + "]"
    return str(value)


def lower_first(name: str) -> str:
    """`TableName` as constraints spell it: `tableName`; abbreviations stay as they are."""
    if name[:2].isupper():
        return {"SSESpecification": "sSESpecification"}.get(name, name)
    return name[:1].lower() + name[1:]


class Shape:
    """One member's type and constraints."""

    constrained = False

    def convert(self, value: Any) -> Any:
        """The value in the shape's type.

        Raises:
            AwsError: SerializationException.
        """
        raise NotImplementedError

    def check(self, value: Any, path: str, faults: Faults) -> None:
        """Add every constraint that the converted value violates."""

    def look_inside(self, value: Any) -> None:
        """Raise the SerializationException that an AttributeValue inside deserves, if any."""


def _wrong_scalar(value: Any, kind: str, java: str) -> AwsError:
    if isinstance(value, bool):
        return serialization_error(
            f"{'TRUE' if value else 'FALSE'}_VALUE cannot be converted to {kind}"
        )
    if isinstance(value, float):
        return serialization_error(f"DECIMAL_VALUE cannot be converted to {kind}")
    if isinstance(value, int):
        return serialization_error(f"NUMBER_VALUE cannot be converted to {kind}")
    if isinstance(value, str):
        return serialization_error(f"STRING_VALUE cannot be converted to {kind}")
    if isinstance(value, list):
        return serialization_error(f"Unrecognized collection type class {java}")
    return serialization_error("Start of structure or map found where not expected")


class String(Shape):
    """Text, with bounds in characters, a pattern or the allowed values."""

    def __init__(
        self,
        *,
        length: tuple[int | None, int | None] = (None, None),
        pattern: str | None = None,
        enum: tuple[str, ...] = (),
    ) -> None:
        self.low, self.high = length
        self.pattern = pattern
        self._regex = re.compile(pattern) if pattern is not None else None
        self.enum = enum
        self.constrained = bool(enum or pattern or length != (None, None))

    def convert(self, value: Any) -> str:
        """Text as it is."""
        if type(value) is str:
            return value
        raise _wrong_scalar(value, "String", "java.lang.String")

    def check(self, value: str, path: str, faults: Faults) -> None:
        """Allowed values, pattern, least and greatest length, in this order."""
        if self.enum and value not in self.enum:
            allowed = ", ".join(self.enum)
            faults.add(value, path, f"Member must satisfy enum value set: [{allowed}]")
        if self._regex is not None and self._regex.fullmatch(value) is None:
            faults.add(
                value, path, f"Member must satisfy regular expression pattern: {self.pattern}"
            )
        _check_length(value, path, self.low, self.high, faults)


class TableName(Shape):
    """A table's name or ARN. A name has at least `low` characters, at most 255."""

    constrained = True

    def __init__(self, *, low: int = 1, arn: bool = True) -> None:
        self.low = low
        self.arn = arn

    def convert(self, value: Any) -> str:
        """Text as it is."""
        if type(value) is str:
            return value
        raise _wrong_scalar(value, "String", "java.lang.String")

    def check(self, value: str, path: str, faults: Faults) -> None:
        """A name's pattern and length; an ARN's length."""
        if self.arn and value.startswith("arn:"):
            _check_length(value, path, 1, 1024, faults)
            return
        if value and _TABLE_NAME.fullmatch(value) is None:
            faults.add(
                value, path, f"Member must satisfy regular expression pattern: {NAME_PATTERN}"
            )
        _check_length(value, path, self.low, 255, faults)


_TABLE_NAME = re.compile(NAME_PATTERN)


class Number(Shape):
    """A whole number: `kind` is `Integer` or `Long`; fractions are cut off."""

    def __init__(
        self, kind: str = "Integer", *, low: int | None = None, high: int | None = None
    ) -> None:
        self.kind = kind
        self.low = low
        self.high = high
        self.constrained = low is not None or high is not None

    def convert(self, value: Any) -> int:
        """The number, rounded down."""
        if type(value) is int:
            return value
        if type(value) is float:
            return floor(value)
        raise _wrong_scalar(value, self.kind, f"java.lang.{self.kind}")

    def check(self, value: int, path: str, faults: Faults) -> None:
        """Least and greatest value."""
        if self.low is not None and value < self.low:
            faults.add(value, path, f"Member must have value greater than or equal to {self.low}")
        if self.high is not None and value > self.high:
            faults.add(value, path, f"Member must have value less than or equal to {self.high}")


class Moment(Shape):
    """A timestamp: epoch seconds, whole or not."""

    def convert(self, value: Any) -> float:
        """Seconds since the epoch."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        raise _wrong_scalar(value, "Date", "java.util.Date")


class Boolean(Shape):
    """True or false; some texts are taken too."""

    def convert(self, value: Any) -> bool:
        """The truth value."""
        if type(value) is bool:
            return value
        if isinstance(value, str):
            word = value.upper()
            if word in {"TRUE", "1", "YES"}:
                return True
            if word in {"FALSE", "0", "NO"}:
                return False
            raise serialization_error("Unexpected token received from parser")
        raise _wrong_scalar(value, "Boolean", "java.lang.Boolean")


class AttributeValue(Shape):
    """One DynamoDB value; what is inside is checked where values are validated."""

    def convert(self, value: Any) -> Any:
        """The object as it is."""
        if type(value) is dict:
            return value
        if isinstance(value, list):
            raise serialization_error(
                f"Unrecognized collection type class {SERVICE}.AttributeValue"
            )
        raise serialization_error("Unexpected value type in payload")

    def look_inside(self, value: Any) -> None:
        """Wrong JSON types at any depth of the value."""
        try:
            normalise_value(value)
        except AwsError as error:
            if error.code == "SerializationException":
                raise


class AttributeMap(Shape):
    """Attribute names to values: an item or a key."""

    def convert(self, value: Any) -> Any:
        """The object without null members."""
        if type(value) is not dict:
            if isinstance(value, list):
                raise serialization_error(
                    "Unrecognized collection type java.util.Map<java.lang.String, "
                    f"{SERVICE}.AttributeValue>"
                )
            raise serialization_error("Unexpected field type")
        for member in value.values():
            if type(member) is not dict:
                return self._without_nulls(value)
        return value

    def look_inside(self, value: Any) -> None:
        """Wrong JSON types at any depth of a value."""
        one = AttributeValue()
        for member in value.values():
            one.look_inside(member)

    def _without_nulls(self, value: dict[str, Any]) -> dict[str, Any]:
        one = AttributeValue()
        return {name: one.convert(member) for name, member in value.items() if member is not None}


class ListOf(Shape):
    """A list, with bounds on its length."""

    def __init__(self, member: Shape, *, length: tuple[int | None, int | None] = (None, None)):
        self.member = member
        self.low, self.high = length
        self.constrained = member.constrained or length != (None, None)

    def convert(self, value: Any) -> list[Any]:
        """Each member converted."""
        if type(value) is not list:
            if isinstance(value, dict):
                raise serialization_error("Start of structure or map found where not expected")
            raise serialization_error("Unexpected field type")
        convert = self.member.convert
        return [None if member is None else convert(member) for member in value]

    def look_inside(self, value: list[Any]) -> None:
        """Each member."""
        for member in value:
            if member is not None:
                self.member.look_inside(member)

    def check(self, value: list[Any], path: str, faults: Faults) -> None:
        """The length, then each member (counted from 1)."""
        _check_length(value, path, self.low, self.high, faults)
        if self.member.constrained:
            for number, member in enumerate(value, 1):
                if member is None:
                    faults.add(None, f"{path}.{number}.member", "Member must not be null")
                else:
                    self.member.check(member, f"{path}.{number}.member", faults)


class MapOf(Shape):
    """A map of texts to members.

    Args:
        member: what the values are.
        java: the value's class, as AWS names it when it got a list.
        length: bounds on the number of entries.
        key: constraints of the keys, in AWS's words, with the pattern and length that they mean.
        values: bounds on the length of each value, reported as AWS does for maps of lists.
    """

    def __init__(
        self,
        member: Shape,
        java: str,
        *,
        length: tuple[int | None, int | None] = (None, None),
        key: tuple[str, str, int, int] | None = None,
        values: tuple[int, int] | None = None,
    ) -> None:
        self.member = member
        self.java = java
        self.low, self.high = length
        self.key = key
        self.values = values
        self.constrained = bool(member.constrained or key or values or length != (None, None))

    def convert(self, value: Any) -> dict[str, Any]:
        """Each value converted, nulls dropped."""
        if type(value) is not dict:
            if isinstance(value, list):
                raise serialization_error(
                    f"Unrecognized collection type java.util.Map<java.lang.String, {self.java}>"
                )
            raise serialization_error("Unexpected field type")
        convert = self.member.convert
        return {key: convert(member) for key, member in value.items() if member is not None}

    def look_inside(self, value: dict[str, Any]) -> None:
        """Each value."""
        for member in value.values():
            self.member.look_inside(member)

    def check(self, value: dict[str, Any], path: str, faults: Faults) -> None:
        """Entries, keys, values."""
        _check_length(value, path, self.low, self.high, faults)
        if self.key is not None:
            words, pattern, low, high = self.key
            regex = re.compile(pattern)
            if any(not low <= len(k) <= high or not regex.fullmatch(k) for k in value):
                faults.add(value, path, f"Map keys must satisfy constraint: [{words}]")
        if self.values is not None:
            low, high = self.values
            if any(not low <= len(member) <= high for member in value.values()):
                faults.add(
                    value,
                    path,
                    "Map value must satisfy constraint: [Member must have length less than or equal"
                    f" to {high}, Member must have length greater than or equal to {low}]",
                )
        if self.member.constrained:
            for key, member in value.items():
                self.member.check(member, f"{path}.{key}.member", faults)


class Structure(Shape):
    """Named members.

    Args:
        name: the structure's name in AWS's model.
        members: by name; the order is that of the faults.
        required: names that must not be null.
    """

    def __init__(
        self,
        name: str,
        members: dict[str, Shape],
        *,
        required: tuple[str, ...] = (),
        in_list: bool = False,
    ) -> None:
        self.name = name
        self.members = members
        self.required = frozenset(required)
        self._rejection = "Unexpected value type in payload" if in_list else "Unexpected field type"
        self._checked = [
            (member, lower_first(member), shape, member in self.required)
            for member, shape in members.items()
            if shape.constrained or member in self.required
        ]
        self.constrained = bool(self._checked)

    def convert(self, value: Any) -> dict[str, Any]:
        """Known members converted; unknown ones and nulls dropped."""
        if type(value) is not dict:
            if isinstance(value, list):
                raise serialization_error(
                    f"Unrecognized collection type class {SERVICE}.{self.name}"
                )
            raise serialization_error(self._rejection)
        members = self.members
        converted = {}
        for name, member in value.items():
            shape = members.get(name)
            if shape is not None and member is not None:
                converted[name] = shape.convert(member)
        return converted

    def look_inside(self, value: dict[str, Any]) -> None:
        """Each member."""
        for name, member in value.items():
            self.members[name].look_inside(member)

    def check(self, value: dict[str, Any], path: str, faults: Faults) -> None:
        """Each constrained member."""
        for name, label, shape, required in self._checked:
            member = value.get(name)
            inner = f"{path}.{label}" if path else label
            if member is not None:
                shape.check(member, inner, faults)
            elif required:
                faults.add(None, inner, "Member must not be null")

    def parse(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Convert and check a whole request.

        Raises:
            AwsError: SerializationException or ValidationException.
        """
        converted = self.convert(payload)
        faults = Faults()
        self.check(converted, "", faults)
        if faults.messages:
            self.look_inside(converted)
            faults.report()
        return converted


def _check_length(value: Any, path: str, low: int | None, high: int | None, faults: Faults) -> None:
    if high is not None and len(value) > high:
        faults.add(value, path, f"Member must have length less than or equal to {high}")
    if low is not None and len(value) < low:
        faults.add(value, path, f"Member must have length greater than or equal to {low}")


def encode(answer: dict[str, Any]) -> bytes:
    """An answer as JSON bytes."""
    return orjson.dumps(answer)
