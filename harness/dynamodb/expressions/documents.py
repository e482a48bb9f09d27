"""Changing a stored item at document paths without touching the item itself.

Indexes count in the item as it was: removing `a[1]` does not move what `a[3]` means in the same
update, and elements set beyond a list's end are appended in the order of their indexes.

Source: developer guide, "Using update expressions in DynamoDB"; ScyllaDB's
test/alternator/test_update_expression.py, which ran against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.attributes import MAX_DEPTH, TOO_DEEP
from harness.dynamodb.expressions.binding import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.expressions.tree import Step

INVALID_PATH = "The document path provided in the update expression is invalid for update"


class Draft:
    """A new version of an item: shares what is unchanged, copies what is on a changed path.

    `put` and `remove` collect; `finish` gives the item.
    """

    __slots__ = ("_appended", "_copies", "_item", "_removed")

    def __init__(self, item: Item) -> None:
        self._item = dict(item)
        self._copies: dict[tuple[Step, ...], Any] = {}
        self._appended: dict[tuple[Step, ...], dict[int, Attribute]] = {}
        self._removed: dict[tuple[Step, ...], set[int]] = {}

    def put(self, steps: Sequence[Step], value: Attribute) -> None:
        """Set the value at a path whose parent exists.

        Raises:
            ExpressionError: the parent does not exist or is of another kind, or the value would
                make the item too deep.
        """
        last = steps[-1]
        if len(steps) == 1:
            self._item[str(last)] = value
            return
        if levels(value) + len(steps) - 1 > MAX_DEPTH:
            raise ExpressionError(TOO_DEEP)
        parent = tuple(steps[:-1])
        container = self._container(parent, last)
        if isinstance(last, str) or last < len(container):
            container[last] = value
        else:
            self._appended.setdefault(parent, {})[last] = value

    def remove(self, steps: Sequence[Step]) -> None:
        """Remove what is at a path, if it is there; errors as in `put`."""
        last = steps[-1]
        if len(steps) == 1:
            self._item.pop(str(last), None)
            return
        parent = tuple(steps[:-1])
        container = self._container(parent, last)
        if isinstance(last, str):
            container.pop(last, None)
        elif last < len(container):
            self._removed.setdefault(parent, set()).add(last)

    def finish(self) -> Item:
        """The new item; the draft is done with."""
        for parent, indexes in self._removed.items():
            elements = self._copies[parent]
            elements[:] = [e for index, e in enumerate(elements) if index not in indexes]
        for parent, additions in self._appended.items():
            self._copies[parent].extend(additions[index] for index in sorted(additions))
        return self._item

    def _container(self, parent: tuple[Step, ...], last: Step) -> Any:
        """The draft's own copy of the list or map at `parent`, of the kind that `last` needs."""
        copy = self._copies.get(parent)
        if copy is None:
            attribute = self._attribute(parent)
            kind = "L" if isinstance(last, int) else "M"
            if attribute is None or kind not in attribute:
                raise ExpressionError(INVALID_PATH)
            copy = attribute[kind].copy()
            self._copies[parent] = copy
            self._place(parent, {kind: copy})
        elif isinstance(copy, list) is not isinstance(last, int):
            raise ExpressionError(INVALID_PATH)
        return copy

    def _attribute(self, steps: tuple[Step, ...]) -> Attribute | None:
        last = steps[-1]
        if len(steps) == 1:
            return self._item.get(str(last))
        container = self._container(steps[:-1], last)
        if isinstance(last, int):
            found: Attribute | None = container[last] if last < len(container) else None
            return found
        member: Attribute | None = container.get(last)
        return member

    def _place(self, steps: tuple[Step, ...], value: Attribute) -> None:
        last = steps[-1]
        if len(steps) == 1:
            self._item[str(last)] = value
        else:
            self._copies[steps[:-1]][last] = value


def levels(attribute: Attribute) -> int:
    """How many levels a value spans: 1 for a scalar, one more for each list or map around it."""
    for kind, content in attribute.items():
        if kind == "L":
            return 1 + max(map(levels, content), default=0)
        if kind == "M":
            return 1 + max(map(levels, content.values()), default=0)
    return 1
