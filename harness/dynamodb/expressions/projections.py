"""Projection expressions: which parts of an item an answer holds.

Elements picked from one list stand together in the order of their indexes, without gaps.

Source: developer guide, "Using projection expressions in DynamoDB"; ScyllaDB's
test/alternator/test_projection_expression.py, which ran against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.dynamodb.expressions.grammar import Grammar, check_paths_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.expressions.binding import Binding
    from harness.dynamodb.expressions.tree import Call, Path, Step

COMPILED_MAX = 4096

_RANKS = ("path", "reserved", "undefined", "overlap", "conflict")


@dataclass(frozen=True, slots=True)
class Projection:
    """The paths an answer is made of.

    Attributes:
        paths: none overlaps another.
        heads: the names of their top-level attributes.
        nested: those of them that are looked into.
    """

    paths: tuple[tuple[Step, ...], ...]
    heads: frozenset[str]
    nested: frozenset[str] = frozenset()

    def of(self, item: Item) -> Item:
        """The parts of `item` at the paths; paths that lead nowhere leave nothing."""
        return project(self.paths, item)


def compile_projection(text: str, binding: Binding) -> Projection:
    """A ProjectionExpression with this request's names.

    Raises:
        ExpressionError: AWS's sentence, beginning `Invalid ProjectionExpression: `.
    """
    projection, used = _compiled(text, binding.names_key)
    binding.mark_used(used, frozenset())
    return projection


def project(paths: Sequence[tuple[Step, ...]], item: Item) -> Item:
    """The parts of `item` at paths of which none overlaps another."""
    result: Item = {}
    nested: dict[str, list[tuple[Step, ...]]] = {}
    for path in paths:
        name = str(path[0])
        if name not in item:
            continue
        if len(path) == 1:
            result[name] = item[name]
        else:
            nested.setdefault(name, []).append(path[1:])
    for name, rests in nested.items():
        part = _part(rests, item[name])
        if part is not None:
            result[name] = part
    return result


def _part(rests: list[tuple[Step, ...]], attribute: Attribute) -> Attribute | None:
    """What the rests of several paths pick from the attribute they lead into."""
    kind = "L" if isinstance(rests[0][0], int) else "M"
    content: Any = attribute.get(kind)
    if content is None:
        return None
    picked: dict[Any, Attribute] = {}
    deeper: dict[Any, list[tuple[Step, ...]]] = {}
    for rest in rests:
        step = rest[0]
        exists = step < len(content) if isinstance(step, int) else step in content
        if not exists:
            continue
        if len(rest) == 1:
            picked[step] = content[step]
        else:
            deeper.setdefault(step, []).append(rest[1:])
    for step, further in deeper.items():
        part = _part(further, content[step])
        if part is not None:
            picked[step] = part
    if not picked:
        return None
    return {"L": [picked[index] for index in sorted(picked)]} if kind == "L" else {"M": picked}


class ProjectionGrammar(Grammar):
    """Parses a list of document paths."""

    def parse(self) -> tuple[Path, ...]:
        """The whole text.

        Raises:
            ExpressionError: a syntax error, or the fault of highest rank.
        """
        paths = [self.path()]
        while self.at(","):
            self.index += 1
            paths.append(self.path())
        self.expect_end()
        check_paths_apart(self, paths)
        self.raise_fault(_RANKS)
        return tuple(paths)

    def checked_call(self, call: Call) -> Call:
        """Never called: a projection has no operands."""
        raise AssertionError(call)


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(text: str, names: tuple[tuple[str, str], ...]) -> tuple[Projection, frozenset[str]]:
    grammar = ProjectionGrammar("ProjectionExpression", text, dict(names), {})
    steps = tuple(path.steps for path in grammar.parse())
    heads = frozenset(str(path[0]) for path in steps)
    nested = frozenset(str(path[0]) for path in steps if len(path) > 1)
    return Projection(steps, heads, nested), frozenset(grammar.used_names)
