"""Attribute paths of the mapping: `address.zip`, `tags[0]`, `"a.b".c`, `*`."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import UsageError

Path = tuple[str | int, ...]
"""Attribute name first, then map members (str) and list positions (int); `()` is the whole item."""

_STEP = re.compile(r'\.?(?:"((?:[^"\\]|\\.)*)"|([^."\[\]]+)|\[(\d+)\])', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_path(text: str) -> Path:
    """The steps of a path.

    Raises:
        UsageError: the text is no path.
    """
    if text == "*":
        return ()
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or (position == 0 and text[0] in ".["):
            raise UsageError(f"cannot read the attribute path {text!r} at {text[position:]!r}")
        quoted, plain, index = match.groups()
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(_ESCAPED.sub(r"\1", quoted) if quoted is not None else plain)
        position = match.end()
    if not steps:
        raise UsageError("an attribute path is empty")
    return tuple(steps)


def follow(item: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The attribute value at `path`, or None where there is none."""
    value: dict[str, Any] | None = item.get(path[0])  # type: ignore[arg-type] # names only
    for step in path[1:]:
        if value is None:
            return None
        if isinstance(step, str):
            members = value.get("M")
            value = members.get(step) if members is not None else None
        else:
            elements = value.get("L")
            value = elements[step] if elements is not None and step < len(elements) else None
    return value
