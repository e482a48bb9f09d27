"""Attributes that are extracted as what they always are, instead of as a map from tag to value.

This takes ClickHouse half the time. It is for attributes that every sampled item has, each time
with one and the same scalar or set: an item without it, or with another tag, extracts as nothing
there, counts as not storable, and is looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.wire_types import taken_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.reference.column_types import ColumnType
    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.wire_types import Tags

_SCALARS = ("S", "N", "BOOL", "B")
_SETS = ("SS", "NS")


@dataclass(slots=True)
class _Node:
    """A value: its tag where a column shows it, its members where columns show those."""

    tag: str = ""
    members: dict[str, _Node] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """What to extract it as."""
        parts = []
        if self.tag:
            parts.append(f"{self.tag} {_held_as(self.tag)}")
        if self.members:
            inner = ", ".join(f"{quote(name)} {node.type}" for name, node in self.members.items())
            parts.append(f"M Tuple({inner})")
        return f"Tuple({', '.join(parts)})"


class TypedImage:
    """Which attributes are extracted that way.

    Args:
        config: the pipe.
        tags: of each column, those that occur.
        always: of each column, whether its value is always there.

    Attributes:
        types: what to extract each such attribute as.
    """

    def __init__(self, config: PipeConfig, tags: Sequence[Tags], always: Sequence[bool]) -> None:
        self._tags = tags
        self._columns = config.columns
        mapped = {
            column.path[0]
            for column, held, is_always in zip(config.columns, tags, always, strict=True)
            if column.path and not (is_always and _fits(column.type, column.path, held))
        }
        root = _Node()
        for column, held in zip(config.columns, tags, strict=True):
            if column.path and column.path[0] not in mapped:
                node = root
                for step in column.path:
                    node = node.members.setdefault(str(step), _Node())
                (node.tag,) = held
        self._root = root
        self.types = {name: node.type for name, node in root.members.items()}

    def tag_of(self, attribute: str) -> str:
        """The tag of an attribute that a column shows whole; empty where it has a map."""
        node = self._root.members.get(attribute)
        return node.tag if node else ""

    def leaf(self, index: int, attribute: str) -> tuple[str, str] | None:
        """A column's tag and what it holds, as an expression; None where it has a map.

        Args:
            index: of the column.
            attribute: the expression of what its attribute was extracted as.
        """
        path = self._columns[index].path
        if not path or path[0] not in self.types:
            return None
        for step in path[1:]:
            attribute = f"tupleElement(tupleElement({attribute}, 'M'), {literal(str(step))})"
        (tag,) = self._tags[index]
        return tag, f"tupleElement({attribute}, '{tag}')"


def _held_as(tag: str) -> str:
    return "Array(String)" if tag in _SETS else "Nullable(String)"


def _fits(kind: ColumnType, path: Sequence[str | int], tags: Tags) -> bool:
    if len(tags) != 1 or not all(isinstance(step, str) for step in path):
        return False
    (tag,) = tags
    if kind.family == "Array":
        return tag in _SETS
    return kind.family not in ("Map", "Tuple") and tag in _SCALARS and tag in taken_by(kind.family)
