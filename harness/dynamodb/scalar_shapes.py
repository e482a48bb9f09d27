"""Scalar members of requests: conversion as AWS's parser does it, constraints as it words them.

A request is first converted: a member of the wrong JSON type ends it with a SerializationException,
unknown members and nulls are dropped. Then every constraint is checked and all faults are reported
in one ValidationException (`2 validation errors detected: ...`), ten at most.

Source: Coral's behaviour as recorded on AWS by the tests of dynalite and of dynamodb-conformance.
"""

from __future__ import annotations

import re
from math import floor
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def add(self, value: object, path: str, constraint: str) -> None:
        """`value` (as it is to be shown) at `path` violates `constraint`."""
        if len(self.messages) < FAULTS_MAX:
            shown = "null" if value is None else f"'{value}'"
            self.messages.append(
                f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
            )

    def add_bare(self, path: str, constraint: str) -> None:
        """As `add`, in the form without the value that some members have."""
        if len(self.messages) < FAULTS_MAX:
            self.messages.append(f"Value at '{path}' failed to satisfy constraint: {constraint}")

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

    def show(self, value: Any) -> str:
        """The value as Java prints it inside a message."""
        return shown_value(value)


def wrong_scalar(value: Any, kind: str, java: str) -> AwsError:
    """The SerializationException for a value that should be a `kind`, in Java a `java`."""
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
        raise wrong_scalar(value, "String", "java.lang.String")

    def check(self, value: str, path: str, faults: Faults) -> None:
        """Allowed values, pattern, least and greatest length, in this order."""
        if self.enum and value not in self.enum:
            allowed = ", ".join(self.enum)
            faults.add(value, path, f"Member must satisfy enum value set: [{allowed}]")
        if self._regex is not None and self._regex.fullmatch(value) is None:
            faults.add(
                value, path, f"Member must satisfy regular expression pattern: {self.pattern}"
            )
        check_length(value, path, (self.low, self.high), faults)


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
        raise wrong_scalar(value, "String", "java.lang.String")

    def check(self, value: str, path: str, faults: Faults) -> None:
        """A name's pattern and length; an ARN's length."""
        if self.arn and value.startswith("arn:"):
            check_length(value, path, (1, 1024), faults)
            return
        if value and _TABLE_NAME.fullmatch(value) is None:
            faults.add(
                value, path, f"Member must satisfy regular expression pattern: {NAME_PATTERN}"
            )
        check_length(value, path, (self.low, 255), faults)


_TABLE_NAME = re.compile(NAME_PATTERN)


class Number(Shape):
    """A whole number: `kind` is `Integer` or `Long`; fractions are cut off.

    `bare` names the member where AWS reports it without its value.
    """

    def __init__(
        self,
        kind: str = "Integer",
        *,
        low: int | None = None,
        high: int | None = None,
        bare: str | None = None,
    ) -> None:
        self.kind = kind
        self.bare = bare
        self.low = low
        self.high = high
        self.constrained = low is not None or high is not None

    def convert(self, value: Any) -> int:
        """The number, rounded down."""
        if type(value) is int:
            return value
        if type(value) is float:
            return floor(value)
        raise wrong_scalar(value, self.kind, f"java.lang.{self.kind}")

    def check(self, value: int, path: str, faults: Faults) -> None:
        """Least and greatest value."""
        if self.low is not None and value < self.low:
            if self.bare is not None:
                faults.add_bare(
                    self.bare, f"Member must have value greater than or equal to {self.low}"
                )
                return
            faults.add(value, path, f"Member must have value greater than or equal to {self.low}")
        if self.high is not None and value > self.high:
            faults.add(value, path, f"Member must have value less than or equal to {self.high}")


class Moment(Shape):
    """A timestamp: epoch seconds, whole or not."""

    def convert(self, value: Any) -> float:
        """Seconds since the epoch."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        raise wrong_scalar(value, "Date", "java.util.Date")


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
        raise wrong_scalar(value, "Boolean", "java.lang.Boolean")


def check_length(
    value: Any,
    path: str,
    bounds: tuple[int | None, int | None],
    faults: Faults,
    show: Callable[[Any], str] = str,
) -> None:
    """Add the bound on its length that `value` violates; `show` prints it for the message."""
    low, high = bounds
    if high is not None and len(value) > high:
        faults.add(show(value), path, f"Member must have length less than or equal to {high}")
    if low is not None and len(value) < low:
        faults.add(show(value), path, f"Member must have length greater than or equal to {low}")
