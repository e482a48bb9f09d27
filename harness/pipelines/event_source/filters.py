"""Filter patterns: which records reach the function at all.

A pattern is a JSON object in the shape of the record; each leaf is a list of rules of which one
must hold, all leaves must hold, `$or` takes alternatives. A list in the record holds when one of
its members does.

Source: AWS Lambda developer guide, "Control which events Lambda sends to your function".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MISSING = object()
COMPARE = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Filters:
    """All patterns of a mapping; a record passes when any of them matches.

    Args:
        patterns: JSON texts.

    Raises:
        UsageError: a pattern is no JSON object, or uses a rule that AWS does not have.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_parse(text) for text in patterns]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, view: dict[str, Any] | None) -> bool:
        """True when the record may go to the function; data that is no JSON never may."""
        if not self._patterns:
            return True
        return view is not None and any(_matches(p, view) for p in self._patterns)


def _parse(text: str) -> dict[str, Any]:
    try:
        pattern = orjson.loads(text)
    except ValueError as error:
        raise UsageError(f"the filter pattern {text!r} is not JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise UsageError(f"the filter pattern {text!r} is no JSON object")
    _check(pattern, text)
    return pattern


def _check(pattern: dict[str, Any], text: str) -> None:
    for name, inner in pattern.items():
        if name == "$or":
            if not isinstance(inner, list) or len(inner) < 2:
                raise UsageError(f"$or takes two patterns or more: {text!r}")
            for alternative in inner:
                _check(alternative, text)
        elif isinstance(inner, dict):
            _check(inner, text)
        elif isinstance(inner, list):
            for rule in inner:
                _check_rule(rule, text)
        else:
            raise UsageError(f"a leaf must be a list of rules, found {inner!r} in {text!r}")


def _check_rule(rule: Any, text: str) -> None:
    if isinstance(rule, dict) and (len(rule) != 1 or next(iter(rule)) not in RULES):
        known = ", ".join(RULES)
        raise UsageError(f"unknown rule {rule!r} in {text!r}", hint=f"there are {known}")
    if isinstance(rule, dict) and "numeric" in rule:
        wanted = rule["numeric"]
        is_paired = isinstance(wanted, list) and wanted and len(wanted) % 2 == 0
        if not is_paired or any(sign not in COMPARE for sign in wanted[::2]):
            raise UsageError(
                f"numeric takes signs and bounds in turn, found {wanted!r} in {text!r}",
                hint='for example {"numeric": [">", 0, "<=", 5]}',
            )


def _matches(pattern: dict[str, Any], view: Any) -> bool:
    for name, inner in pattern.items():
        if name == "$or":
            if not any(_matches(alternative, view) for alternative in inner):
                return False
            continue
        found = view.get(name, _MISSING) if isinstance(view, dict) else _MISSING
        if isinstance(inner, dict):
            if not _matches_inside(inner, found):
                return False
        elif not any(_holds(rule, found) for rule in inner):
            return False
    return True


def _matches_inside(pattern: dict[str, Any], found: Any) -> bool:
    if isinstance(found, list):
        return any(_matches(pattern, member) for member in found)
    # A missing table still satisfies rules that ask for absence.
    return _matches(pattern, {} if found is _MISSING else found)


def _holds(rule: Any, found: Any) -> bool:
    if isinstance(rule, dict):
        name, argument = next(iter(rule.items()))
        return RULES[name](argument, found)
    if isinstance(found, list):
        return any(_same(rule, member) for member in found)
    return _same(rule, found)


def _same(wanted: Any, found: Any) -> bool:
    return type(wanted) is type(found) and bool(wanted == found)


def _each(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _exists(wanted: bool, found: Any) -> bool:  # noqa: FBT001 - the pattern's own argument
    is_leaf = found is not _MISSING and not isinstance(found, dict)
    return is_leaf is wanted


def _prefix(wanted: str, found: Any) -> bool:
    return any(isinstance(member, str) and member.startswith(wanted) for member in _each(found))


def _suffix(wanted: str, found: Any) -> bool:
    return any(isinstance(member, str) and member.endswith(wanted) for member in _each(found))


def _ignoring_case(wanted: str, found: Any) -> bool:
    return any(isinstance(m, str) and m.casefold() == wanted.casefold() for m in _each(found))


def _anything_but(wanted: Any, found: Any) -> bool:
    if found is _MISSING:
        return False
    if isinstance(wanted, dict):
        return not _holds(wanted, found)
    return not any(_same(value, member) for value in _each(wanted) for member in _each(found))


def _numeric(wanted: list[Any], found: Any) -> bool:
    pairs = list(zip(wanted[::2], wanted[1::2], strict=True))
    return any(
        isinstance(member, int | float)
        and not isinstance(member, bool)
        and all(COMPARE[sign](member, bound) for sign, bound in pairs)
        for member in _each(found)
    )


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "exists": _exists,
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
}
