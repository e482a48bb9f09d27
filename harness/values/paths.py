"""Attribute paths: `address.zip`, `tags[0]`, `"a.b".c`, and `*` for the whole item."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from harness.errors import HarnessError

Attribute = dict[str, Any]
_STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|\[(\d+)\]|([^.\["]+)')


@lru_cache(maxsize=4096)
def parse_path(text: str) -> tuple[str | int, ...]:
    """Names and list positions from the item inwards; `*` is the empty path.

    Raises:
        HarnessError: the text is no path.
    """
    if text == "*":
        return ()
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        if steps and text[position] == ".":
            position += 1
        match = _STEP.match(text, position)
        if match is None:
            raise HarnessError(f"cannot read attribute path {text!r} at {text[position:]!r}")
        quoted, index, plain = match.groups()
        if index is not None:
            steps.append(int(index))
        elif quoted is not None:
            steps.append(quoted.replace('\\"', '"').replace("\\\\", "\\"))
        else:
            steps.append(plain)
        position = match.end()
    if not steps:
        raise HarnessError("an attribute path cannot be empty")
    return tuple(steps)


def look_up(item: dict[str, Attribute], path: tuple[str | int, ...]) -> Attribute | None:
    """The attribute value at `path` in wire form, or None where the item has none."""
    value: Attribute = {"M": item}
    for step in path:
        inside: Any = value.get("M") if isinstance(step, str) else value.get("L")
        if inside is None:
            return None
        if isinstance(step, str):
            found = inside.get(step)
        else:
            found = inside[step] if step < len(inside) else None
        if found is None:
            return None
        value = found
    return value
