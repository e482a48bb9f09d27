"""The language of condition, filter and key condition expressions.

OR binds weaker than AND, AND weaker than NOT. A function that answers yes or no is a condition; a
path or value alone is not.

Source: developer guide, "Condition and filter expressions, operators, and functions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.dynamodb.expressions.grammar import (
    CONDITION_FUNCTIONS,
    UPDATE_FUNCTIONS,
    Grammar,
    type_of_operand,
)
from harness.dynamodb.expressions.tokens import SIGN
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.dynamodb.expressions.tree import Step

COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
ORDERED_TYPES = frozenset({"S", "N", "B"})
MAX_IN_OPTIONS = 100

_PRECEDENCE = {"OR": 1, "AND": 2}
_RANKS = (
    "path",
    "operators",
    "parentheses",
    "function",
    "misused",
    "reserved",
    "leaf",
)
_LEAF_RANKS = ("undefined", "operand count", "distinct", "operand")
_OPERAND_COUNTS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}

Node: TypeAlias = ConditionNode | Operand


@dataclass(frozen=True, slots=True)
class ParsedCondition:
    """A condition without static faults, and what only each request's values can decide.

    Attributes:
        root: the condition.
        heads: names of the top-level attributes it mentions.
        nested: those of them it looks into.
        type_names: values that must be the name of a type.
        bounds: pairs of values that must be the lower and upper bound of one type.
        used_names: the `#names` in it.
        used_values: the `:values` in it.
    """

    root: ConditionNode
    heads: frozenset[str]
    nested: frozenset[str]
    type_names: tuple[str, ...]
    bounds: tuple[tuple[Value, Value], ...]
    used_names: frozenset[str]
    used_values: frozenset[str]


class ConditionGrammar(Grammar):
    """Parses one condition."""

    keywords = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
    extends_grouped_paths = True

    def __init__(
        self, kind: str, text: str, names: Mapping[str, str], types: Mapping[str, str]
    ) -> None:
        super().__init__(kind, text, names, types)
        self.heads: set[str] = set()
        self.nested: set[str] = set()
        self.type_names: list[str] = []
        self.bounds: list[tuple[Value, Value]] = []

    def parse(self) -> ParsedCondition:
        """The whole text as a condition.

        Raises:
            ExpressionError: a syntax error, or the fault of highest rank.
        """
        with self.deep_stack():
            root = self._condition(self._expression(0))
        self.expect_end()
        self.raise_fault(_RANKS)
        return ParsedCondition(
            root,
            frozenset(self.heads),
            frozenset(self.nested),
            tuple(self.type_names),
            tuple(self.bounds),
            frozenset(self.used_names),
            frozenset(self.used_values),
        )

    def path_from(self, steps: list[Step]) -> Path:
        """A path; its first name is one of those the condition depends on."""
        path = super().path_from(steps)
        head = str(path.steps[0])
        self.heads.add(head)
        if len(path.steps) > 1:
            self.nested.add(head)
        return path

    def checked_call(self, call: Call) -> Call:
        """The call; a fault for what cannot be called so."""
        name, arguments = call.function, call.arguments
        self._refuse_boolean_operands(arguments)
        if name in UPDATE_FUNCTIONS:
            self.fault(
                "function",
                f"The function is not allowed in a condition expression; function: {name}",
            )
        elif name not in CONDITION_FUNCTIONS:
            self.fault("function", f"Invalid function name; function: {name}")
        elif self.check_operand_count(call, _OPERAND_COUNTS[name]):
            if len(arguments) > 1:
                self._check_distinct(name, arguments[0], arguments[1:])
            self._check_operand_types(name, arguments)
        return call

    def _expression(self, weakest: int) -> Node:
        """A condition whose joints bind at least as strongly as `weakest`, or a lone operand."""
        negations = 0
        while self.keyword() == "NOT":
            self.index += 1
            self.count_operator()
            negations += 1
        node = self._primary()
        for _ in range(negations):
            node = Not(self._condition(node))
        while True:
            keyword = self.keyword()
            precedence = _PRECEDENCE.get(keyword or "", 0)
            if keyword is None or not precedence or precedence < weakest:
                return node
            left = self._condition(node)
            self.index += 1
            self.count_operator()
            right = self._condition(self._expression(precedence + 1))
            if isinstance(left, Junction) and left.operator == keyword:
                node = Junction(keyword, (*left.parts, right))
            else:
                node = Junction(keyword, (left, right))

    def _condition(self, node: Node) -> ConditionNode:
        """`node` as a condition; a path or value where one is needed is a syntax error."""
        if isinstance(node, Path | Value):
            raise self.unexpected()
        if isinstance(node, Call) and node.function not in _OPERAND_COUNTS:
            return node
        if isinstance(node, Call) and node.function == "size":
            self._misused(node)
        return node

    def _primary(self) -> Node:
        if not self.at("("):
            return self._leaf(self.operand())
        self.index += 1
        inner = self._expression(0)
        self.close(inner)
        if isinstance(inner, Path | Value | Call):
            return self._leaf(self.extended(inner))
        return inner

    def _leaf(self, left: Operand) -> Node:
        """What `left` begins: a comparison, or `left` itself when none follows."""
        token = self.token
        keyword = self.keyword()
        leaf: Node
        if token.kind == SIGN and token.text in COMPARATORS:
            leaf = self._comparison(token.text, left)
        elif keyword == "BETWEEN":
            leaf = self._between(left)
        elif keyword == "IN":
            leaf = self._in(left)
        elif isinstance(left, Call):
            leaf = left
        else:
            return left
        for rank in _LEAF_RANKS:
            if rank in self.faults:
                self.fault("leaf", self.faults[rank])
                break
        return leaf

    def _comparison(self, operator: str, left: Operand) -> Comparison:
        self.index += 1
        self.count_operator()
        right = self.operand()
        self._refuse_boolean_operands((left, right))
        self._check_distinct(operator, left, (right,))
        if operator not in ("=", "<>"):
            self._check_ordered(operator, (left, right))
        return Comparison(operator, left, right)

    def _between(self, operand: Operand) -> Between:
        self.index += 1
        self.count_operator()
        low = self.operand()
        if self.keyword() != "AND":
            raise self.unexpected()
        self.index += 1
        high = self.operand()
        self._refuse_boolean_operands((operand, low, high))
        self._check_ordered("BETWEEN", (operand, low, high))
        if isinstance(low, Value) and isinstance(high, Value):
            self.bounds.append((low, high))
        return Between(operand, low, high)

    def _in(self, operand: Operand) -> In:
        self.index += 1
        self.count_operator()
        self.expect("(")
        options = [self.operand()]
        while self.at(","):
            self.index += 1
            options.append(self.operand())
        self.expect(")")
        self._refuse_boolean_operands((operand, *options))
        if len(options) > MAX_IN_OPTIONS:
            self.fault(
                "operand count",
                "The IN operator is provided with too many operands; "
                f"number of operands: {len(options)}",
            )
        self._check_distinct("IN", operand, tuple(options))
        return In(operand, tuple(options))

    def _check_operand_types(self, name: str, arguments: tuple[Operand, ...]) -> None:
        kind = type_of_operand(arguments[0])
        if name in ("attribute_exists", "attribute_not_exists"):
            if not isinstance(arguments[0], Path):
                self.fault(
                    "operand",
                    f"Operator or function requires a document path; operator or function: {name}",
                )
        elif name == "begins_with":
            for argument in arguments:
                kind = type_of_operand(argument)
                if kind not in (None, "S", "B"):
                    self.wrong_type(name, str(kind))
        elif name == "size":
            if kind in ("N", "BOOL", "NULL"):
                self.wrong_type(name, kind)
        elif name == "attribute_type":
            wanted = arguments[1]
            if not isinstance(wanted, Value):
                self.wrong_type(name, type_of_operand(wanted) or "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
            elif wanted.kind == "S":
                self.type_names.append(wanted.name)
            elif wanted.kind is not None:
                self.wrong_type(name, wanted.kind)

    def _check_ordered(self, operator: str, operands: tuple[Operand, ...]) -> None:
        for operand in operands:
            kind = type_of_operand(operand)
            if kind is not None and kind not in ORDERED_TYPES:
                self.wrong_type(operator, kind)

    def _check_distinct(self, operator: str, first: Operand, others: tuple[Operand, ...]) -> None:
        if isinstance(first, Path) and first in others:
            self.fault(
                "distinct",
                "The first operand must be distinct from the remaining operands for this "
                f"operator or function; operator: {operator}, first operand: {first}",
            )

    def _refuse_boolean_operands(self, operands: tuple[Operand, ...]) -> None:
        for operand in operands:
            if isinstance(operand, Call) and operand.function != "size":
                self._misused(operand)

    def _misused(self, call: Call) -> None:
        self.fault(
            "misused",
            "The function is not allowed to be used this way in an expression; "
            f"function: {call.function}",
        )
