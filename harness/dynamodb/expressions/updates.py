"""Update expressions: compiled once, applied to an item without mutating it.

Every right-hand side sees the item as it was before the update.

Source: developer guide, "Using update expressions in DynamoDB"; ScyllaDB's
test/alternator/test_update_expression.py and test_returnvalues.py, which ran against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.dynamodb.attributes import type_of
from harness.dynamodb.expressions.binding import ExpressionError
from harness.dynamodb.expressions.documents import Draft
from harness.dynamodb.expressions.operands import compile_operand, find
from harness.dynamodb.expressions.projections import project
from harness.dynamodb.expressions.tree import Action, Arithmetic, Call, Operand, Path, Step, Value
from harness.dynamodb.expressions.update_grammar import ParsedUpdate, UpdateGrammar
from harness.dynamodb.numbers import add, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.expressions.binding import Binding

    Paths: TypeAlias = Sequence[tuple[Step, ...]]
    Outcome: TypeAlias = Callable[[Item, Item], Attribute | None]
    """Takes the item and the values; what is to stand at the path, or None to remove it."""

COMPILED_MAX = 4096

WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"


@dataclass(frozen=True, slots=True)
class Update:
    """An update bound to one request's values.

    Attributes:
        paths: the document paths it writes to, in the order of the text.
    """

    steps: tuple[tuple[tuple[Step, ...], Outcome], ...]
    values: Item
    paths: tuple[tuple[Step, ...], ...]
    is_flat: bool
    written_types: tuple[tuple[str, str], ...] = ()
    """Top-level attributes whose new type the text alone tells, with that type."""
    inner: frozenset[str] = frozenset()
    """Names of the top-level attributes that its paths, read or written, lead into."""

    def apply(self, item: Item, *, exists: bool = True) -> tuple[Item, Paths]:
        """The item after the update, and the paths it wrote to.

        Args:
            item: the item before; just its key when there is none.
            exists: whether there is one. AWS lets `REMOVE a.b` pass when there is none, and
                refuses it when there is one without `a`.

        Raises:
            ExpressionError: an operand is missing or of a wrong type, or a path leads nowhere.
            AwsError: ValidationException, a number out of range.
        """
        values = self.values
        outcomes = [(path, outcome(item, values)) for path, outcome in self.steps]
        if self.is_flat:
            new = dict(item)
            for path, value in outcomes:
                if value is None:
                    new.pop(path[0], None)  # type: ignore[arg-type]
                else:
                    new[path[0]] = value  # type: ignore[index]
            return new, self.paths
        draft = Draft(item)
        for path, value in outcomes:
            if value is not None:
                draft.put(path, value)
            elif exists:
                draft.remove(path)
        return draft.finish(), self.paths

    def check_without(self, keys: Iterable[str]) -> None:
        """Refuse an update of primary key attributes.

        Raises:
            ExpressionError: names the first key attribute written to.
        """
        for key in keys:
            if any(path[0] == key for path in self.paths):
                raise ExpressionError(
                    "One or more parameter values were invalid: Cannot update attribute "
                    f"{key}. This attribute is part of the key"
                )


def compile_update(text: str, binding: Binding) -> Update:
    """An UpdateExpression with this request's names and values.

    Raises:
        ExpressionError: AWS's sentence, beginning `Invalid UpdateExpression: `.
    """
    parsed, steps, paths, is_flat, types, inner = _compiled(
        text, binding.names_key, binding.types_key
    )
    binding.mark_used(parsed.used_names, parsed.used_values)
    return Update(steps, binding.values, paths, is_flat, types, inner)


def updated_view(paths: Paths, item: Item | None) -> Item:
    """What UPDATED_OLD (with the item before) or UPDATED_NEW (after) shows; empty for nothing."""
    return project(paths, item or {})


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(
    text: str, names: tuple[tuple[str, str], ...], types: tuple[tuple[str, str], ...]
) -> tuple[
    ParsedUpdate,
    tuple[tuple[tuple[Step, ...], Outcome], ...],
    tuple[tuple[Step, ...], ...],
    bool,
    tuple[tuple[str, str], ...],
    frozenset[str],
]:
    parsed = UpdateGrammar("UpdateExpression", text, dict(names), dict(types)).parse()
    steps = tuple((action.path.steps, _outcome(action)) for action in parsed.actions)
    paths = tuple(path for path, _ in steps)
    return parsed, steps, paths, all(len(path) == 1 for path in paths), *_looks(parsed)


def _looks(parsed: ParsedUpdate) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    """What of an update can be held against the keys of indexes before an item is read."""
    types = []
    read: list[Path] = []
    for action in parsed.actions:
        operand = action.operand
        parts = [operand.left, operand.right] if isinstance(operand, Arithmetic) else [operand]
        read.append(action.path)
        kind = "N" if isinstance(operand, Arithmetic) else None
        if isinstance(operand, Value):
            kind = operand.kind
        elif isinstance(operand, Call) and operand.function == "list_append":
            kind = "L"
        if kind is not None and len(action.path.steps) == 1:
            types.append((str(action.path.steps[0]), kind))
        while parts:
            part = parts.pop()
            if isinstance(part, Path):
                read.append(part)
            elif isinstance(part, Call):
                parts.extend(part.arguments)
    inner = frozenset(str(path.steps[0]) for path in read if len(path.steps) > 1)
    return tuple(types), inner


def _outcome(action: Action) -> Outcome:
    operand = action.operand
    if operand is None:
        return lambda _item, _values: None
    if action.verb == "SET":
        if isinstance(operand, Arithmetic):
            return _arithmetic(operand)
        return _right_side(operand)
    assert isinstance(operand, Value)
    steps, name = action.path.steps, operand.name
    change = add_to if action.verb == "ADD" else delete_from
    return lambda item, values: change(find(item, steps), values[name])


def _right_side(operand: Operand) -> Callable[[Item, Item], Attribute]:
    """The value of an operand that must have one."""
    if isinstance(operand, Call):
        first, second = operand.arguments
        if operand.function == "if_not_exists":
            assert isinstance(first, Path)
            steps, otherwise = first.steps, _right_side(second)

            def if_not_exists(item: Item, values: Item) -> Attribute:
                found = find(item, steps)
                return otherwise(item, values) if found is None else found

            return if_not_exists
        front, back = _typed(first, "L"), _typed(second, "L")
        return lambda item, values: {"L": front(item, values) + back(item, values)}
    getter = compile_operand(operand)

    def value_of(item: Item, values: Item) -> Attribute:
        found = getter(item, values)
        if found is None:
            raise ExpressionError(NO_ATTRIBUTE)
        return found

    return value_of


def _arithmetic(node: Arithmetic) -> Outcome:
    left, right = _typed(node.left, "N"), _typed(node.right, "N")
    calculate = add if node.operator == "+" else subtract
    return lambda item, values: {"N": calculate(left(item, values), right(item, values))}


def _typed(operand: Operand, kind: str) -> Callable[[Item, Item], Any]:
    """The content of an operand that must be of type `kind`."""
    getter = _right_side(operand)

    def content_of(item: Item, values: Item) -> Any:
        content = getter(item, values).get(kind)
        if content is None:
            raise ExpressionError(WRONG_TYPE)
        return content

    return content_of


def add_to(existing: Attribute | None, value: Attribute) -> Attribute:
    """The action ADD: a sum, or a union of sets; what is missing counts as 0 or empty.

    Raises:
        ExpressionError: the two are of different types.
    """
    if existing is None:
        return value
    kind = type_of(value)
    if kind not in existing:
        raise ExpressionError(WRONG_TYPE)
    if kind == "N":
        return {"N": add(existing["N"], value["N"])}
    members = existing[kind]
    present = set(members)
    added = [member for member in value[kind] if member not in present]
    return {kind: members + added} if added else existing


def delete_from(existing: Attribute | None, value: Attribute) -> Attribute | None:
    """The action DELETE: the set without the given members, or None when none is left.

    Raises:
        ExpressionError: the two are of different types.
    """
    if existing is None:
        return None
    kind = type_of(value)
    if kind not in existing:
        raise ExpressionError(WRONG_TYPE)
    dropped = set(value[kind])
    rest = [member for member in existing[kind] if member not in dropped]
    return {kind: rest} if rest else None
