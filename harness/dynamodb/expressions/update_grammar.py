"""The language of update expressions: SET, REMOVE, ADD and DELETE sections, each at most once.

Source: developer guide, "Using update expressions in DynamoDB".
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.dynamodb.expressions.grammar import (
    CONDITION_FUNCTIONS,
    UPDATE_FUNCTIONS,
    Grammar,
    check_paths_apart,
    type_of_operand,
)
from harness.dynamodb.expressions.tree import Action, Arithmetic, Call, Operand, Path

_RANKS = (
    "path",
    "operators",
    "parentheses",
    "reserved",
    "function",
    "misused",
    "section",
    "name",
    "value",
    "overlap",
    "conflict",
    "action",
    "operand count",
    "operand",
)
_TYPE_NOUNS = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
    "L": "LIST",
    "M": "MAP",
}


@dataclass(frozen=True, slots=True)
class ParsedUpdate:
    """An update without static faults.

    Attributes:
        actions: in the order of the text.
        used_names: the `#names` in it.
        used_values: the `:values` in it.
    """

    actions: tuple[Action, ...]
    used_names: frozenset[str]
    used_values: frozenset[str]


class UpdateGrammar(Grammar):
    """Parses one update expression."""

    keywords = frozenset({"SET", "REMOVE", "ADD", "DELETE"})

    def parse(self) -> ParsedUpdate:
        """The whole text.

        Raises:
            ExpressionError: a syntax error, or the fault of highest rank.
        """
        actions: list[Action] = []
        sections: set[str] = set()
        with self.deep_stack():
            while True:
                verb = self.keyword()
                if verb is None:
                    break
                if verb in sections:
                    self.fault(
                        "section",
                        f'The "{verb}" section can only be used once in an update expression;',
                    )
                sections.add(verb)
                self.index += 1
                actions.append(self._action(verb))
                while self.at(","):
                    self.index += 1
                    actions.append(self._action(verb))
        if not actions:
            raise self.unexpected()
        self.expect_end()
        check_paths_apart(self, [action.path for action in actions])
        self.raise_fault(_RANKS)
        return ParsedUpdate(tuple(actions), frozenset(self.used_names), frozenset(self.used_values))

    def checked_call(self, call: Call) -> Call:
        """The call; a fault for what cannot be called so."""
        name, arguments = call.function, call.arguments
        self.count_operator()
        for argument in arguments:
            if isinstance(argument, Call) and argument.function == "list_append":
                self.fault(
                    "misused",
                    "The function is not allowed to be used this way in an expression; "
                    "function: list_append",
                )
        if name in CONDITION_FUNCTIONS:
            self.fault(
                "function",
                f"The function is not allowed in an update expression; function: {name}",
            )
        elif name not in UPDATE_FUNCTIONS:
            self.fault("function", f"Invalid function name; function: {name}")
        elif self.check_operand_count(call, 2):
            if name == "list_append":
                self._check_operands(name, "L", arguments)
            elif not isinstance(arguments[0], Path):
                self.fault(
                    "operand",
                    f"Operator or function requires a document path; operator or function: {name}",
                )
        return call

    def _action(self, verb: str) -> Action:
        path = self.path()
        if verb == "REMOVE":
            return Action(verb, path, None)
        if verb == "SET":
            self.expect("=")
            return Action(verb, path, self._right_side())
        value = self.value()
        if value.kind in _TYPE_NOUNS and not (verb == "ADD" and value.kind == "N"):
            self.fault(
                "action",
                "Incorrect operand type for operator or function; "
                f"operator: {verb}, operand type: {_TYPE_NOUNS[value.kind]}",
            )
        return Action(verb, path, value)

    def _right_side(self) -> Operand | Arithmetic:
        """An operand, or the sum or difference of two, perhaps in parentheses."""
        if self.at("("):
            self.index += 1
            inner = self._right_side()
            self.close(inner)
            if isinstance(inner, Arithmetic):
                return inner
            left = inner
        else:
            left = self.operand()
        if not (self.at("+") or self.at("-")):
            return left
        operator = self.token.text
        self.index += 1
        self.count_operator()
        right = self.operand()
        self._check_operands(operator, "N", (left, right))
        return Arithmetic(operator, left, right)

    def _check_operands(self, function: str, wanted: str, operands: tuple[Operand, ...]) -> None:
        for operand in operands:
            kind = type_of_operand(operand)
            if kind not in (None, wanted):
                self.wrong_type(function, str(kind))
