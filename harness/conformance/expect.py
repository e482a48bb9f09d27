"""How a case says what it expects: each function raises `Failed` with what was expected and found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from harness.conformance.case import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = re.compile(r"\d+ validation errors? detected: ")
"""AWS is adding this to some messages service by service, so it is not compared."""
SHOWN_MAX = 300

NOT_OFFERED = frozenset(
    {
        "UnknownOperationException",
        "InvalidAction",
        "NotImplemented",
        "NotImplementedException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
        "501",
    }
)
"""Error codes of an endpoint that does not have the operation at all."""
_NOT_OFFERED_TEXT = re.compile(
    r"not (yet )?(been )?implemented|is not supported|unknown operation", re.I
)


class Failed(AssertionError):  # noqa: N818 - a verdict, not an error
    """The endpoint behaves otherwise; the text says what was expected and what was found."""


class Broke(Failed):
    """The endpoint answered with an error of its own, HTTP 5xx, or with no answer at all."""


def expect(condition: object, claim: str) -> None:
    """The claim holds.

    Raises:
        Failed: it does not.
    """
    if not condition:
        raise Failed(f"expected: {claim}")


def expect_equal(found: object, expected: object, what: str) -> None:
    """Both are equal.

    Raises:
        Failed: they differ.
    """
    if found != expected:
        raise Failed(f"{what}: expected {_short(expected)}, found {_short(found)}")


def expect_keys(found: Iterable[str], expected: set[str], what: str) -> None:
    """The members are these and no others.

    Raises:
        Failed: one is missing or too many.
    """
    names = set(found) - {"ResponseMetadata"}
    missing, extra = sorted(expected - names), sorted(names - expected)
    if missing or extra:
        raise Failed(f"{what}: members missing {missing}, not expected {extra}")


def expect_matches(found: object, pattern: str, what: str) -> None:
    """The text matches the pattern from end to end.

    Raises:
        Failed: it does not, or is no text.
    """
    if not isinstance(found, str) or not re.fullmatch(pattern, found):
        raise Failed(f"{what}: expected to match {pattern}, found {_short(found)}")


def expect_error(
    call: Callable[[], Any], code: str, message: str = "", *, containing: str = "", status: int = 0
) -> dict[str, Any]:
    """The call is refused with this code, and message or part of a message.

    Returns:
        the whole error answer.

    Raises:
        Failed: it was taken, or refused otherwise.
        Unsupported: the endpoint does not have the operation.
    """
    wanted = f"{code} {message or containing}".strip()
    try:
        answer = call()
    except ClientError as error:
        response: dict[str, Any] = dict(error.response)
        raise_if_not_offered(error)
    else:
        if isinstance(answer, dict):
            answer.pop("ResponseMetadata", None)
        raise Failed(f"expected the error {wanted!r}, found the answer {_short(answer)}")
    found_code = response["Error"].get("Code", "")
    found = PREFIX.sub("", response["Error"].get("Message", ""))
    if (
        found_code != code
        or (message and found != PREFIX.sub("", message))
        or containing.lower() not in found.lower()
    ):
        kind = Broke if response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500 else Failed
        raise kind(f"expected the error {wanted!r}, found {_short(f'{found_code} {found}')}")
    if status:
        expect_equal(response["ResponseMetadata"]["HTTPStatusCode"], status, "HTTP status")
    return response


def raise_if_not_offered(error: ClientError) -> None:
    """Nothing, unless the error means that the endpoint does not have the operation.

    Raises:
        Unsupported: it does mean that.
    """
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message", "")
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    if (
        code in NOT_OFFERED
        or status == 501
        or (status in (404, 500) and _NOT_OFFERED_TEXT.search(message))
    ):
        raise Unsupported(f"{error.operation_name}: {code}".strip()) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"
