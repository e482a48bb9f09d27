"""What a parsed expression is made of. Names are resolved already; values are still open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Step: TypeAlias = str | int
"""One step of a document path: an attribute's name, or a list index."""


@dataclass(frozen=True, slots=True)
class Path:
    """A document path, e.g. `a.b[2]` as ("a", "b", 2)."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "[" + ", ".join(f"[{s}]" if isinstance(s, int) else s for s in self.steps) + "]"


@dataclass(frozen=True, slots=True)
class Value:
    """A reference such as `:v`; its type is part of what was compiled, its content is not."""

    name: str
    kind: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its operands."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left + right` or `left - right`, in SET only."""

    operator: str
    left: Operand
    right: Operand


Operand: TypeAlias = Path | Value | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN low AND high`."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    """`operand IN (options)`."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """`parts` joined by `AND` or `OR`."""

    operator: str
    parts: tuple[ConditionNode, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`NOT part`."""

    part: ConditionNode


ConditionNode: TypeAlias = Comparison | Between | In | Junction | Not | Call


@dataclass(frozen=True, slots=True)
class Action:
    """One change of an update: SET path = operand, REMOVE path, ADD or DELETE path value."""

    verb: str
    path: Path
    operand: Operand | Arithmetic | None
