"""What AWS checks before an operation runs, and its words for what it finds.

First every member must have the right JSON type (SerializationException, one fault), then every
constraint of the service model is checked (ValidationException, all faults together, ten at most).
The shapes themselves are in `harness.kinesis.requests`.

Source: botocore's kinesis service model; the sentences are those kinesalite's tests found on AWS.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

FAULTS_MAX = 10
_INTEGER_MAX = 2**31 - 1
_STRANGE_IN_BASE64 = re.compile(r"[^A-Za-z0-9+/=]|=(?=[^=])")
_BIG_NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `pattern` must match all of it."""

    pattern: str = ""
    least: int = 0
    most: int | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """A 32-bit integer; AWS cuts fractions off and caps what is too large."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A timestamp: seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Base64 text."""

    most: int


@dataclass(frozen=True, slots=True)
class Many:
    """A list; `shown` stands for its members in a sentence, when they are structures."""

    member: Shape
    least: int
    most: int
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """A map of strings to strings."""

    least: int
    most: int
    key_lengths: tuple[int, int]
    value_lengths: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Structure:
    """Named members; of each group in `one_of`, the first is missed when all are absent."""

    members: dict[str, Shape]
    required: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()


Shape = Text | Whole | Flag | Moment | Blob | Many | Pairs | Structure


def check(structure: Structure, payload: Json) -> Json:
    """The members of `payload` that the operation knows, of the right type and within bounds.

    Raises:
        AwsError: SerializationException or ValidationException.
    """
    typed: Json = _typed(structure, payload)
    faults = []
    for fault in _faults(structure, typed, ""):
        faults.append(fault)
        if len(faults) == FAULTS_MAX:
            break
    if faults:
        raise _validation_error(faults)
    return typed


def dry_run(payload: Json) -> None:
    """End a request that asked for a dry run, now that nothing stands against it."""
    if payload.get("DryRun"):
        raise AwsError(
            "DryRunOperationException", "Request would have succeeded, but DryRun flag is set."
        )


def is_base64(text: str) -> bool:
    """True for canonical base64, padding included."""
    try:
        decoded = a2b_base64(text, strict_mode=True)
    except ValueError:
        return False
    # Bits behind the last byte must be zero: only a padded end can have any.
    return not text.endswith("=") or text.endswith(
        b64encode(decoded[-(len(decoded) % 3) :]).decode()
    )


def _validation_error(faults: list[str]) -> AwsError:
    noun = "error" if len(faults) == 1 else "errors"
    text = f"{len(faults)} validation {noun} detected: " + "; ".join(faults)
    return AwsError("ValidationException", text)


def _typed(shape: Shape, value: Any) -> Any:
    match shape:
        case Structure():
            if not isinstance(value, dict):
                raise _wrong_container(value, "Expected null")
            return {
                name: _typed(member, value[name])
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case Many():
            if not isinstance(value, list):
                raise _wrong_container(value, "Expected list or null")
            return [_typed(shape.member, member) for member in value if member is not None]
        case Pairs():
            if not isinstance(value, dict):
                raise _wrong_container(value, "Expected map or null")
            return {key: _typed(Text(), item) for key, item in value.items() if item is not None}
        case _:
            return _typed_scalar(shape, value)


def _typed_scalar(shape: Text | Whole | Flag | Moment | Blob, value: Any) -> Any:
    if isinstance(value, list | dict):
        raise _wrong_container(value, "")
    match shape:
        case Text():
            if not isinstance(value, str):
                raise _cannot_be(value, "an String")
        case Whole():
            if isinstance(value, str | bool):
                raise _cannot_be(value, "an Integer")
            return min(int(_finite(value) // 1), _INTEGER_MAX)
        case Flag():
            return _typed_flag(value)
        case Moment():
            if isinstance(value, str | bool):
                raise _cannot_be(value, "milliseconds since epoch")
            return _finite(value)
        case Blob():
            if not isinstance(value, str):
                raise _cannot_be(value, "a Blob")
            if not is_base64(value):
                raise _serialization(
                    f"'{value}' can not be converted to a Blob: {_not_base64(value)}"
                )
    return value


def _finite(value: float) -> float:
    """CBOR can say infinity and NaN, which JSON cannot."""
    if not math.isfinite(value):
        raise _serialization(f"{value} is not a number that can be converted")
    return value


def _typed_flag(value: object) -> bool:
    if isinstance(value, str):
        raise _serialization(f"'{value.upper()}' can not be converted to an Boolean")
    if isinstance(value, int) and not isinstance(value, bool):
        raise _cannot_be(value, "an Boolean")
    return bool(value)


def _not_base64(text: str) -> str:
    if len(text) % 4:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    if strange := _STRANGE_IN_BASE64.search(text):
        return f"Invalid Base64 character: '{strange[0][0]}'"
    return "Invalid last non-pad Base64 character dectected"


def _cannot_be(value: object, wanted: str) -> AwsError:
    kind = {bool: "class java.lang.Boolean", str: "class java.lang.String"}
    return _serialization(f"{kind.get(type(value), _BIG_NUMBER)} can not be converted to {wanted}")


def _wrong_container(value: object, otherwise: str) -> AwsError:
    if isinstance(value, list):
        return _serialization("Start of list found where not expected")
    if isinstance(value, dict):
        return _serialization("Start of structure or map found where not expected.")
    return _serialization(otherwise)


def _serialization(text: str) -> AwsError:
    return AwsError("SerializationException", text)


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape:
        case Structure():
            yield from _structure_faults(shape, value, path)
        case Text():
            yield from _text_faults(shape, value, path)
        case Whole():
            if shape.least is not None and value < shape.least:
                bound = f"Member must have value greater than or equal to {shape.least}"
                yield _fault(value, path, bound)
            if shape.most is not None and value > shape.most:
                bound = f"Member must have value less than or equal to {shape.most}"
                yield _fault(value, path, bound)
        case Blob():
            size_bytes = len(value) // 4 * 3 - value.count("=", -2)
            if size_bytes > shape.most:
                shown = f"java.nio.HeapByteBuffer[pos=0 lim={size_bytes} cap={size_bytes}]"
                yield _fault(shown, path, _no_longer(shape.most))
        case Many():
            yield from _list_faults(shape, value, path)
        case Pairs():
            yield from _map_faults(shape, value, path)
        case Flag() | Moment():
            return


def _structure_faults(shape: Structure, value: Json, path: str) -> Iterator[str]:
    missing = {name for name in shape.required if name not in value}
    missing.update(group[0] for group in shape.one_of if not any(name in value for name in group))
    for name, member in shape.members.items():
        here = f"{path}.{_lower(name)}" if path else _lower(name)
        if name in missing:
            yield _fault(None, here, "Member must not be null")
        elif name in value:
            yield from _faults(member, value[name], here)


def _text_faults(shape: Text, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        allowed = ", ".join(shape.enum)
        yield _fault(value, path, f"Member must satisfy enum value set: [{allowed}]")
    if shape.pattern and not re.fullmatch(shape.pattern, value):
        yield _fault(
            value, path, f"Member must satisfy regular expression pattern: {shape.pattern}"
        )
    if len(value) < shape.least:
        yield _fault(value, path, _no_shorter(shape.least))
    if shape.most is not None and len(value) > shape.most:
        yield _fault(value, path, _no_longer(shape.most))


def _list_faults(shape: Many, value: list[Any], path: str) -> Iterator[str]:
    shown = "[" + ", ".join(shape.shown or str(member) for member in value) + "]"
    if len(value) < shape.least:
        yield _fault(shown, path, _no_shorter(shape.least))
    if len(value) > shape.most:
        yield _fault(shown, path, _no_longer(shape.most))
    if isinstance(shape.member, Text):
        if any(_text_faults(shape.member, member, path) for member in value):
            yield from _member_text_faults(shape.member, value, shown, path)
        return
    for number, member in enumerate(value, start=1):
        yield from _faults(shape.member, member, f"{path}.{number}.member")


def _member_text_faults(member: Text, value: list[str], shown: str, path: str) -> Iterator[str]:
    """Members of a list of strings are judged together, by the bounds of one."""
    if member.enum:
        if not all(text in member.enum for text in value):
            allowed = f"[Member must satisfy enum value set: [{', '.join(member.enum)}]]"
            yield _fault(shown, path, f"Member must satisfy constraint: {allowed}")
        return
    most = member.most if member.most is not None else len(max(value, key=len))
    if not all(member.least <= len(text) <= most for text in value):
        bounds = f"[{_no_longer(most)}, {_no_shorter(member.least)}]"
        yield _fault(shown, path, f"Member must satisfy constraint: {bounds}")


def _map_faults(shape: Pairs, value: dict[str, str], path: str) -> Iterator[str]:
    shown = "{" + ", ".join(f"{key}={item}" for key, item in value.items()) + "}"
    if len(value) < shape.least:
        yield _fault(shown, path, _no_shorter(shape.least))
    if len(value) > shape.most:
        yield _fault(shown, path, _no_longer(shape.most))
    for noun, texts, (least, most) in (
        ("Map keys", list(value), shape.key_lengths),
        ("Map value", list(value.values()), shape.value_lengths),
    ):
        if not all(least <= len(text) <= most for text in texts):
            bounds = f"[{_no_longer(most)}, {_no_shorter(least)}]"
            yield _fault(shown, path, f"{noun} must satisfy constraint: {bounds}")


def _fault(value: object, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _no_shorter(least: int) -> str:
    return f"Member must have length greater than or equal to {least}"


def _no_longer(most: int) -> str:
    return f"Member must have length less than or equal to {most}"


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
