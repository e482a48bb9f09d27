"""Shapes of requests: values, lists, maps and structures over the scalars of `scalar_shapes`.

A request is first converted: a member of the wrong JSON type ends it with a SerializationException,
unknown members and nulls are dropped. Then every constraint is checked and all faults are reported
in one ValidationException (`2 validation errors detected: ...`), ten at most.

Source: Coral's behaviour as recorded on AWS by the tests of dynalite and of dynamodb-conformance.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from harness.awsjson import AwsError
from harness.dynamodb.attributes import normalise_value
from harness.dynamodb.scalar_shapes import (
    NAME_PATTERN,
    SERVICE,
    Boolean,
    Faults,
    Moment,
    Number,
    Shape,
    String,
    TableName,
    check_length,
    lower_first,
    serialization_error,
    validation_error,
)

__all__ = [
    "NAME_PATTERN",
    "AttributeMap",
    "AttributeValue",
    "Boolean",
    "Faults",
    "ListOf",
    "MapOf",
    "Moment",
    "Number",
    "Shape",
    "String",
    "Structure",
    "TableName",
    "encode",
    "serialization_error",
    "validation_error",
]

PARAMETERIZED = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class "
    "java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and "
    "java.lang.Class are in module java.base of loader 'bootstrap')"
)


class AttributeValue(Shape):
    """One DynamoDB value; what is inside is checked where values are validated."""

    def __init__(self, *, in_list: bool = True) -> None:
        self._rejection = "Unexpected value type in payload" if in_list else "Unexpected field type"

    def convert(self, value: Any) -> Any:
        """The object as it is."""
        if type(value) is dict:
            return value
        if isinstance(value, list):
            raise serialization_error(
                f"Unrecognized collection type class {SERVICE}.AttributeValue"
            )
        raise serialization_error(self._rejection)

    def look_inside(self, value: Any) -> None:
        """Wrong JSON types at any depth of the value."""
        try:
            normalise_value(value)
        except AwsError as error:
            if error.code == "SerializationException":
                raise


class AttributeMap(Shape):
    """Attribute names to values: an item or a key. `nested`: inside a map or a list."""

    def __init__(self, *, nested: bool = False) -> None:
        self._rejection = PARAMETERIZED if nested else "Unexpected field type"

    def convert(self, value: Any) -> Any:
        """The object without null members."""
        if type(value) is not dict:
            if isinstance(value, list):
                raise serialization_error(
                    "Unrecognized collection type java.util.Map<java.lang.String, "
                    f"{SERVICE}.AttributeValue>"
                )
            raise serialization_error(self._rejection)
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
    """A list, with bounds on its length.

    Args:
        member: what it holds.
        length: bounds.
        nested: it stands inside a map.
        bare: AWS reports its length without its value.
    """

    def __init__(
        self,
        member: Shape,
        *,
        length: tuple[int | None, int | None] = (None, None),
        nested: bool = False,
        bare: bool = False,
    ) -> None:
        self._rejection = PARAMETERIZED if nested else "Unexpected field type"
        self._bare = bare
        self.member = member
        self.low, self.high = length
        self.constrained = member.constrained or length != (None, None)

    def convert(self, value: Any) -> list[Any]:
        """Each member converted."""
        if type(value) is not list:
            if isinstance(value, dict):
                raise serialization_error("Start of structure or map found where not expected")
            raise serialization_error(self._rejection)
        convert = self.member.convert
        return [None if member is None else convert(member) for member in value]

    def look_inside(self, value: list[Any]) -> None:
        """Each member."""
        for member in value:
            if member is not None:
                self.member.look_inside(member)

    def show(self, value: list[Any]) -> str:
        """The members in brackets."""
        return "[" + ", ".join(map(self.member.show, value)) + "]"

    def check(self, value: list[Any], path: str, faults: Faults) -> None:
        """The length, then each member (counted from 1)."""
        if self._bare:
            _check_bare_length(value, path, (self.low, self.high), faults)
        else:
            check_length(value, path, (self.low, self.high), faults, self.show)
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
        as_json: AWS shows the map as JSON in its messages.
    """

    def __init__(
        self,
        member: Shape,
        java: str,
        *,
        length: tuple[int | None, int | None] = (None, None),
        key: tuple[str, str, int, int] | None = None,
        values: tuple[int, int] | None = None,
        as_json: bool = False,
    ) -> None:
        self.as_json = as_json
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

    def show(self, value: dict[str, Any]) -> str:
        """The entries in braces."""
        if self.as_json:
            return orjson.dumps(value).decode()
        return "{" + ", ".join(f"{k}={self.member.show(v)}" for k, v in value.items()) + "}"

    def check(self, value: dict[str, Any], path: str, faults: Faults) -> None:
        """Entries, keys, values."""
        check_length(value, path, (self.low, self.high), faults, self.show)
        if self.key is not None:
            words, pattern, low, high = self.key
            regex = re.compile(pattern)
            if any(not low <= len(k) <= high or not regex.fullmatch(k) for k in value):
                faults.add(self.show(value), path, f"Map keys must satisfy constraint: [{words}]")
        if self.values is not None:
            low, high = self.values
            if any(not low <= len(member) <= high for member in value.values()):
                faults.add(
                    self.show(value),
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
        demanded: names without which the request is refused before any other constraint.
        in_list: it stands inside a list or a map.
    """

    def __init__(
        self,
        name: str,
        members: dict[str, Shape],
        *,
        required: tuple[str, ...] = (),
        demanded: tuple[str, ...] = (),
        in_list: bool = False,
    ) -> None:
        self.name = name
        self.demanded = demanded
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

    def show(self, value: dict[str, Any]) -> str:
        """The name and, in parentheses, the members that are set."""
        shown = (f"{lower_first(k)}={self.members[k].show(v)}" for k, v in value.items())
        return f"{self.name}({', '.join(shown)})"

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
        for name in self.demanded:
            if name not in converted:
                raise validation_error(
                    f"The parameter '{name}' is required but was not present in the request"
                )
        faults = Faults()
        self.check(converted, "", faults)
        if faults.messages:
            self.look_inside(converted)
            faults.report()
        return converted


def _check_bare_length(
    value: list[Any], path: str, bounds: tuple[int | None, int | None], faults: Faults
) -> None:
    """As `check_length`, for members that AWS reports by their model names and without value."""
    low, high = bounds
    head, _, tail = path.rpartition(".")
    label = f"{head[:1].upper()}{head[1:]}.{tail[:1].upper()}{tail[1:]}"
    if high is not None and len(value) > high:
        faults.add_bare(label, f"Member must have length less than or equal to {high}")
    if low is not None and len(value) < low:
        faults.add_bare(label, f"Member must have length greater than or equal to {low}")


def encode(answer: dict[str, Any]) -> bytes:
    """An answer as JSON bytes."""
    return orjson.dumps(answer)
