"""Writes TOML: what `tomllib` reads back as the same values."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def inline(value: Any) -> str:
    """A value on one line.

    Raises:
        TypeError: TOML has no such value (None, for one).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's too; DEL alone is plain in one and forbidden in the other.
        return orjson.dumps(value).decode().replace("\x7f", "\\u007F")
    if isinstance(value, list | tuple):
        return f"[{', '.join(inline(one) for one in value)}]"
    if isinstance(value, dict):
        members = ", ".join(f"{key(k)} = {inline(v)}" for k, v in value.items())
        return f"{{ {members} }}" if members else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def key(name: str) -> str:
    """A key, in quotes where it must be."""
    return name if _BARE.fullmatch(name) else inline(name)


def table(name: str, members: Mapping[str, Any], *, depth: int = 2) -> Iterator[str]:
    """The lines of a table; tables in it have headers of their own down to `depth`."""
    plain = {k: v for k, v in members.items() if not (isinstance(v, dict) and depth > 1)}
    if plain or not members:
        yield f"[{name}]"
        yield from (f"{key(k)} = {inline(v)}" for k, v in plain.items())
        yield ""
    for k, v in members.items():
        if k not in plain:
            yield from table(f"{name}.{key(k)}", v, depth=depth - 1)


def lines_of_entries(text: str, name: str) -> list[int]:
    """The line on which each entry of the top-level array `name` begins, from 1.

    For messages about an entry: the parser does not tell. Entries are tables in braces.
    """
    found: list[int] = []
    start = re.search(rf"(?m)^{re.escape(name)}\s*=\s*\[", text)
    if start is None:
        return found
    depth, at, quote = 0, start.end(), ""
    while at < len(text):
        letter = text[at]
        if quote:
            if letter == "\\" and quote == '"':
                at += 1
            elif letter == quote:
                quote = ""
        elif letter in "\"'":
            quote = letter
        elif letter == "#":
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif letter in "{[":
            if letter == "{" and depth == 0:
                found.append(text.count("\n", 0, at) + 1)
            depth += 1
        elif letter in "}]":
            if depth == 0:
                break
            depth -= 1
        at += 1
    return found
