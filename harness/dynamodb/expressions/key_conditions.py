"""Key conditions: which partition, and which range of it.

The language is that of conditions; what a query cannot use is refused afterwards. The key schema
comes last, when the table is known. An index may have up to four hash and four range attributes;
every hash attribute needs `=`, range attributes are given from the left, and only the last one
given may have another operator than `=`.

Source: developer guide, "Key condition expressions for the Query operation in DynamoDB"; sentences
as mhart/dynalite's tests recorded them from AWS; ScyllaDB's test_gsi_composite_keys.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.dynamodb.expressions.binding import ExpressionError
from harness.dynamodb.expressions.conditions import parse_condition
from harness.dynamodb.expressions.tree import (
    Between,
    Call,
    Comparison,
    ConditionNode,
    In,
    Junction,
    Not,
    Operand,
    Path,
    Value,
)
from harness.dynamodb.sizes import check_key_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.dynamodb.change_log import Attribute, Item
    from harness.dynamodb.expressions.binding import Binding

RangeOperator: TypeAlias = Literal["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"]

KIND = "KeyConditionExpression"

_MIRRORED: Mapping[str, RangeOperator] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NOT_SUPPORTED = "Query key condition not supported"
_WRONG_TYPE = (
    "One or more parameter values were invalid: Condition parameter type does not match schema type"
)


@dataclass(frozen=True, slots=True)
class KeyTest:
    """One attribute's condition: an operator and its one value, or two for BETWEEN.

    The operator is None for one that only legacy conditions can name and no query can use.
    """

    operator: RangeOperator | None
    values: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """What a query reads, in the order of the key schema.

    Attributes:
        hash_values: one per hash attribute; most schemas have one.
        equal_values: of the range attributes before the last one that is given.
        operator: of the last range attribute given, or None when none is.
        bounds: its value, or two for BETWEEN.
    """

    hash_values: tuple[Attribute, ...]
    equal_values: tuple[Attribute, ...] = ()
    operator: RangeOperator | None = None
    bounds: tuple[Attribute, ...] = ()

    @property
    def hash_value(self) -> Attribute:
        """The first hash attribute's value, the only one but for multi-attribute keys."""
        return self.hash_values[0]


class KeyConditions:
    """The condition of each attribute, not yet held against a key schema.

    Args:
        root: a parsed key condition expression, which `check` still has to take apart.
        values: of the request.
        tests: attribute name to its condition, where they are known already.
    """

    __slots__ = ("_root", "_tests", "_values")

    def __init__(
        self,
        root: ConditionNode | None,
        values: Item,
        tests: dict[str, KeyTest] | None = None,
    ) -> None:
        self._root = root
        self._values = values
        self._tests = tests

    def check(self) -> dict[str, KeyTest]:
        """The condition of each attribute; AWS does this after parsing all expressions.

        Raises:
            ExpressionError: a condition that no query can use.
        """
        if self._tests is None:
            tests: dict[str, KeyTest] = {}
            if self._root is not None:
                _collect(self._root, self._values, tests)
            self._tests = tests
        return self._tests

    def resolve(
        self,
        hash_keys: Sequence[tuple[str, str]],
        range_keys: Sequence[tuple[str, str]] = (),
    ) -> KeyRange:
        """What to read of a table or index.

        Args:
            hash_keys: names and types (`S`, `N`, `B`) of its hash attributes.
            range_keys: those of its range attributes.

        Raises:
            ExpressionError: the conditions do not fit the schema.
            AwsError: ValidationException, a key's value is empty or too long.
        """
        tests = self.check()
        if len(tests) > max(2, len(hash_keys) + len(range_keys)):
            raise ExpressionError(
                f"The number of query conditions ({len(tests)}) exceeds the number of key "
                f"attributes defined in the schema ({len(hash_keys) + len(range_keys)})"
            )
        if len(hash_keys) > 1 or len(range_keys) > 1:
            _check_many(tests, hash_keys, range_keys)
        elif not range_keys and len(tests) > 1:
            raise ExpressionError(_NOT_SUPPORTED)
        for name, kind in hash_keys:
            _check_test(tests, name, kind, is_hash=True)
            if tests[name].operator != "=":
                raise ExpressionError(_NOT_SUPPORTED)
        hash_values = tuple(tests[name].values[0] for name, _ in hash_keys)
        given = range_keys[: len(tests) - len(hash_keys)]
        if len(given) < len(tests) - len(hash_keys):
            raise ExpressionError(_NOT_SUPPORTED)
        for name, kind in given:
            _check_test(tests, name, kind, is_hash=False)
        if not given:
            return KeyRange(hash_values)
        *before, last = (tests[name] for name, _ in given)
        return KeyRange(
            hash_values, tuple(test.values[0] for test in before), last.operator, last.values
        )


def compile_key_condition(text: str, binding: Binding) -> KeyConditions:
    """A KeyConditionExpression with this request's names and values.

    Raises:
        ExpressionError: a fault of the expression; `KeyConditions.check` finds the others.
    """
    parsed = parse_condition(KIND, text, binding)
    return KeyConditions(parsed.root, binding.values)


def _check_many(
    tests: Mapping[str, KeyTest],
    hash_keys: Sequence[tuple[str, str]],
    range_keys: Sequence[tuple[str, str]],
) -> None:
    """The rules of keys of several attributes."""
    for name, _ in hash_keys:
        if name not in tests or tests[name].operator != "=":
            raise ExpressionError(
                f"HASH key attributes {name} must have equality conditions specified in the query"
            )
    loose = None
    for name, _ in range_keys:
        if name in tests and loose is not None:
            raise ExpressionError(
                f"RANGE key attributes {loose} must have equality conditions specified in the "
                f"query because a condition is present on key attribute {name}"
            )
        if loose is None and (name not in tests or tests[name].operator != "="):
            loose = name


def _check_test(tests: Mapping[str, KeyTest], name: str, kind: str, *, is_hash: bool) -> None:
    if name not in tests:
        raise ExpressionError(f"Query condition missed key schema element: {name}")
    test = tests[name]
    if test.operator is None:
        raise ExpressionError("Attempted conditional constraint is not an indexable operation")
    for value in test.values:
        if kind not in value:
            raise ExpressionError(_WRONG_TYPE)
        check_key_value(name, value, is_hash=is_hash)


def _collect(node: ConditionNode, values: Item, tests: dict[str, KeyTest]) -> None:
    if isinstance(node, Junction) and node.operator == "AND":
        for part in node.parts:
            _collect(part, values, tests)
        return
    operator, operands = _operation(node)
    name, position = _attribute_name(operands)
    if name in tests:
        raise ExpressionError(f"Invalid {KIND}: {KIND}s must only contain one condition per key")
    constants = tuple(values[operand.name] for operand in operands if isinstance(operand, Value))
    tests[name] = KeyTest(_MIRRORED[operator] if position else operator, constants)


def _operation(node: ConditionNode) -> tuple[RangeOperator, tuple[Operand, ...]]:
    """The operator of a condition that is not AND, and its operands."""
    match node:
        case Junction(operator=operator):
            raise _invalid_operator(operator)
        case Not():
            raise _invalid_operator("NOT")
        case In():
            raise _invalid_operator("IN")
        case Comparison(operator=operator):
            if operator not in _MIRRORED:
                raise _invalid_operator(operator)
            # Mirrored twice it is itself, and of the type.
            return _MIRRORED[_MIRRORED[operator]], (node.left, node.right)
        case Between():
            return "BETWEEN", _with_path_first("BETWEEN", (node.operand, node.low, node.high))
        case Call(function=function, arguments=arguments):
            if function != "begins_with":
                raise _invalid_operator(function)
            return "begins_with", _with_path_first(function, arguments)


def _with_path_first(operator: str, operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    if not isinstance(operands[0], Path):
        raise ExpressionError(
            f"Invalid condition in {KIND}: {operator} operator must have the key attribute "
            "as its first operand"
        )
    return operands


def _attribute_name(operands: tuple[Operand, ...]) -> tuple[str, int]:
    """The one attribute among the operands, and its position."""
    found: tuple[str, int] | None = None
    for position, operand in enumerate(operands):
        if isinstance(operand, Call):
            raise ExpressionError(f"{KIND}s cannot contain nested operations")
        if isinstance(operand, Path):
            if found:
                raise ExpressionError(
                    f"Invalid condition in {KIND}: Multiple attribute names used in one condition"
                )
            if len(operand.steps) > 1:
                raise ExpressionError(f"{KIND}s cannot have conditions on nested attributes")
            found = (str(operand.steps[0]), position)
    if found is None:
        raise ExpressionError(f"Invalid condition in {KIND}: No key attribute specified")
    return found


def _invalid_operator(operator: str) -> ExpressionError:
    return ExpressionError(f"Invalid operator used in {KIND}: {operator}")
