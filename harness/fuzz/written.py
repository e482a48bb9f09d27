"""The writes of an example, spelled out: independent of each other, of their places and of the seed.

A generated workload counts on its own order: updates add to the write counter, numbers are places.
Here each write says only what it does; markers and counters are put on when the list is final. So
a write can be left out, changed or moved, and the rest still means the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.workload.operations import Operation, Update, marker_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.scenario.model import Markers
    from harness.workload.operations import Kind
    from harness.workload.values import Item

_CLAUSE = re.compile(r"(?:^| )(SET|REMOVE|ADD|DELETE) ")
_PART = re.compile(r", (?![^(]*\))")
_PLACEHOLDER = re.compile(r"[#:][a-z]+\d+")


@dataclass(frozen=True, slots=True)
class Written:
    """One write.

    Attributes:
        number: names it: `w000003`.
        kind: put, update or delete.
        key: in wire form.
        image: of a put, without write markers; the key's attributes are in it.
        update: of an update, without write markers.
        exported: it happens before the export, so that only the snapshot carries it.
    """

    number: int
    kind: Kind
    key: Item
    image: Item | None = None
    update: Update | None = None
    exported: bool = False

    @property
    def name(self) -> str:
        """What steps call it."""
        return marker_id(self.number)


def spelled_out(operations: Iterable[Operation], markers: Markers) -> list[Written]:
    """A generated workload without its markers."""
    names = {markers.id, markers.counter} - {""}
    return [_written(operation, names) for operation in operations]


def with_markers(writes: Sequence[Written], markers: Markers) -> list[Operation]:
    """What is sent: every write with its id, and with how many its key has seen."""
    counters: dict[str, int] = {}
    found = []
    for write in writes:
        key = repr(write.key)
        counters[key] = counters.get(key, 0) + 1
        found.append(_operation(write, markers, counters[key]))
    return found


def _written(operation: Operation, names: set[str]) -> Written:
    image = update = None
    if operation.kind == "put":
        image = {k: v for k, v in (operation.image or {}).items() if k not in names}
    elif operation.update is not None:
        update = without_attributes(operation.update, names)
    return Written(
        operation.number,
        operation.kind,
        operation.key,
        image,
        update,
        exported=operation.phase == "before",
    )


def _operation(write: Written, markers: Markers, counter: int) -> Operation:
    marks: dict[str, Any] = {}
    if markers.id:
        marks[markers.id] = {"S": write.name}
    if markers.counter:
        marks[markers.counter] = {"N": str(counter)}
    image = {**write.image, **marks} if write.image is not None else None
    update = with_attributes(write.update, marks) if write.update is not None else None
    return Operation(
        write.number,
        "before" if write.exported else "after",
        write.kind,
        {"put": "replace", "update": "update", "delete": "delete"}[write.kind],  # type: ignore[arg-type]
        write.key,
        write.name,
        counter,
        image,
        update,
    )


def clauses(update: Update) -> dict[str, list[str]]:
    """SET, REMOVE, ADD and DELETE, each with its parts."""
    pieces = _CLAUSE.split(update.expression)
    return {
        word: _PART.split(parts.strip())
        for word, parts in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def joined(parts: dict[str, list[str]], names: dict[str, str], values: dict[str, Any]) -> Update:
    """The update of these clauses, with those placeholders alone that they use."""
    words = ("SET", "REMOVE", "ADD", "DELETE")
    expression = " ".join(f"{w} {', '.join(parts[w])}" for w in words if parts.get(w))
    used = set(_PLACEHOLDER.findall(expression))
    return Update(
        expression,
        {k: v for k, v in names.items() if k in used},
        {k: v for k, v in values.items() if k in used},
    )


def without_attributes(update: Update, names: set[str]) -> Update:
    """The update without the parts that are about these attributes."""
    dropped = {holder for holder, name in update.names.items() if name in names}
    parts = {
        word: [part for part in found if _PLACEHOLDER.findall(part)[0] not in dropped]
        for word, found in clauses(update).items()
    }
    return joined(parts, update.names, update.values)


def with_attributes(update: Update, values: Item) -> Update:
    """The update, setting these attributes too."""
    parts = clauses(update)
    names, all_values = dict(update.names), dict(update.values)
    for number, (name, value) in enumerate(values.items()):
        names[f"#m{number}"], all_values[f":m{number}"] = name, value
        parts.setdefault("SET", []).append(f"#m{number} = :m{number}")
    return joined(parts, names, all_values)


def renumbered(writes: Sequence[Written]) -> tuple[list[Written], dict[str, str]]:
    """The writes numbered from 1 in their order, and old names to new ones."""
    names, found = {}, []
    for place, write in enumerate(writes, 1):
        fresh = replace(write, number=place)
        names[write.name] = fresh.name
        found.append(fresh)
    return found, names
