"""Terraform's language, written as `terraform fmt` leaves it.

Values are Python's: str, bool, int, dict (an object), list, and `Raw` for an expression. A body is
an ordered mapping; a `Block` or a list of them in it becomes nested blocks.
Source: HashiCorp's HCL, native syntax specification; alignment as hclwrite's formatter does it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")
_ASSIGNMENT = re.compile(r"^(\s*)([A-Za-z_][A-Za-z0-9_-]*|\"[^\"]*\") = (.*)$")
_OPENERS = ("{", "[", "(")
_CLOSERS = ("}", "]")


@dataclass(frozen=True, slots=True)
class Raw:
    """An expression that is written as it stands: `var.service_id`."""

    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """`kind "label" "label" { … }`.

    Attributes:
        comment: lines above it.
    """

    kind: str
    labels: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""


def document(blocks: Iterable[Block]) -> str:
    """A file."""
    return "\n".join("\n".join(aligned(block_lines(block))) + "\n" for block in blocks)


def block_lines(block: Block) -> list[str]:
    """The lines of a block, not yet aligned."""
    head = " ".join([block.kind, *(quoted(label) for label in block.labels)])
    comment = [f"# {line}" for line in block.comment.split("\n") if line]
    if not block.body:
        return [*comment, f"{head} {{}}"]
    return [*comment, f"{head} {{", *_indented(_body(block.body)), "}"]


def _body(body: Mapping[str, Any]) -> list[str]:
    """Attributes, then nested blocks, each of which stands by itself."""
    lines: list[str] = []
    for name, value in body.items():
        blocks = value if isinstance(value, list) else [value]
        if blocks and all(isinstance(block, Block) for block in blocks):
            for block in blocks:
                lines += ["", *block_lines(block)] if lines else block_lines(block)
            continue
        rendered = _value(value)
        is_apart = lines and (len(rendered) > 1 or lines[-1] in _CLOSERS)
        lines += ["", *_assigned(name, rendered)] if is_apart else _assigned(name, rendered)
    return lines


def _assigned(name: str, rendered: list[str]) -> list[str]:
    return [f"{name} = {rendered[0]}", *rendered[1:]]


def _value(value: Any) -> list[str]:
    match value:
        case Raw():
            return value.text.split("\n")
        case bool():
            return ["true" if value else "false"]
        case int() | float():
            return [str(value)]
        case str():
            return [quoted(value)]
        case dict():
            return _object(value)
        case list():
            return _list(value)
        case _:
            raise TypeError(f"no Terraform value: {value!r}")


def _object(value: Mapping[str, Any]) -> list[str]:
    if not value:
        return ["{}"]
    lines: list[str] = []
    for name, held in value.items():
        key = name if _NAME.match(name) else quoted(name)
        lines += _assigned(key, _value(held))
    return ["{", *_indented(lines), "}"]


def _list(value: list[Any]) -> list[str]:
    if all(not isinstance(held, dict | list) for held in value):
        return [f"[{', '.join(_value(held)[0] for held in value)}]"]
    lines: list[str] = []
    for held in value:
        rendered = _value(held)
        lines += [*rendered[:-1], f"{rendered[-1]},"]
    return ["[", *_indented(lines), "]"]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def aligned(lines: list[str]) -> list[str]:
    """Equal signs of neighbouring one-line assignments stand below each other."""
    done: list[str] = []
    chain: list[tuple[str, str, str]] = []

    def close() -> None:
        width = max((len(lead) for lead, _, _ in chain), default=0)
        done.extend(f"{lead:<{width}} = {rest}" for lead, rest, _ in chain)
        chain.clear()

    for line in lines:
        found = _ASSIGNMENT.match(line)
        indent = found.group(1) if found else ""
        if found is None or found.group(3).endswith(_OPENERS):
            close()
            done.append(line)
            continue
        if chain and chain[-1][2] != indent:
            close()
        chain.append((f"{indent}{found.group(2)}", found.group(3), indent))
    close()
    return done


def quoted(text: str) -> str:
    """A string literal; `${` and `%{` are text, not templates."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    escaped = escaped.replace("\r", "\\r").replace("\t", "\\t")
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


def template(text: str) -> Raw:
    """A string in which `${…}` is an expression; it must hold nothing that needs an escape."""
    return Raw(f'"{text}"')
