"""What the expression languages have in common: paths, value references, calls, parentheses.

A syntax error ends parsing at once. All other faults are collected while parsing and reported by
rank, because AWS reports, say, a reserved word before an undefined name that stands left of it.

Source: developer guide, "Expressions"; ranks as in the error tests of mhart/dynalite.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.dynamodb.expressions.binding import ExpressionError
from harness.dynamodb.expressions.reserved import is_reserved
from harness.dynamodb.expressions.tokens import (
    DIGITS,
    END,
    NAME,
    SIGN,
    VALUE,
    WORD,
    Token,
    syntax_error,
    tokenise,
)
from harness.dynamodb.expressions.tree import Call, Operand, Path, Step, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_EXPRESSION_BYTES = 4096
MAX_OPERATORS = 300
MAX_PATH_STEPS = 32
MAX_INDEX = 2**31 - 1
STACK_LIMIT = 40_000

BOOLEAN_FUNCTIONS = frozenset(
    {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"}
)
CONDITION_FUNCTIONS = BOOLEAN_FUNCTIONS | {"size"}
UPDATE_FUNCTIONS = frozenset({"if_not_exists", "list_append"})


class Grammar:
    """A parser over one expression's tokens; each language extends it.

    Args:
        kind: the parameter's name, e.g. `FilterExpression`; errors begin with it.
        text: the expression.
        names: `#name` to attribute name.
        types: `:value` to its type.
    """

    keywords: frozenset[str] = frozenset()
    extends_grouped_paths = False
    """Whether `(a.b).c` is a path; it is in conditions, not in updates."""

    def __init__(
        self, kind: str, text: str, names: Mapping[str, str], types: Mapping[str, str]
    ) -> None:
        if not text:
            raise ExpressionError(f"Invalid {kind}: The expression can not be empty;")
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_EXPRESSION_BYTES:
            detail = "" if kind == "UpdateExpression" else f" expression size: {size}"
            raise ExpressionError(
                f"Invalid {kind}: Expression size has exceeded the maximum allowed size;{detail}"
            )
        self.kind = kind
        self.text = text
        self.names = names
        self.types = types
        self.tokens = tokenise(text)
        self.index = 0
        self.faults: dict[str, str] = {}
        self.used_names: set[str] = set()
        self.used_values: set[str] = set()
        self.operators = 0
        self.parenthesised: object = None

    # Tokens

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.index]

    def keyword(self) -> str | None:
        """The keyword that comes next, in capitals, or None."""
        token = self.tokens[self.index]
        if token.kind == WORD:
            word = token.text.upper()
            if word in self.keywords:
                return word
        return None

    def at(self, sign: str) -> bool:
        """Whether `sign` comes next."""
        token = self.tokens[self.index]
        return token.kind == SIGN and token.text == sign

    def expect(self, sign: str) -> None:
        """Read `sign`, or refuse what stands in its place."""
        if not self.at(sign):
            raise self.unexpected()
        self.index += 1

    def expect_end(self) -> None:
        """Refuse anything that is left."""
        if self.token.kind != END:
            raise self.unexpected()

    def unexpected(self) -> ExpressionError:
        """The error for the token that comes next."""
        return self.error(syntax_error(self.text, self.tokens, self.index))

    def error(self, sentence: str) -> ExpressionError:
        """An error of this expression."""
        return ExpressionError(f"Invalid {self.kind}: {sentence}")

    # Faults that are not of syntax

    def fault(self, rank: str, sentence: str) -> None:
        """Remember the first fault of each rank."""
        self.faults.setdefault(rank, sentence)

    def undefined(self, rank: str, sentence: str) -> None:
        """Remember an undefined name or value; some languages rank the two as one."""
        self.fault(rank, sentence)
        self.fault("undefined", sentence)

    def raise_fault(self, ranks: tuple[str, ...]) -> None:
        """Raise the fault of the first rank that has one."""
        for rank in ranks:
            if rank in self.faults:
                raise self.error(self.faults[rank])

    def count_operator(self) -> None:
        """One more operator or function of those whose number AWS limits."""
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            self.fault(
                "operators",
                f"The expression contains too many operators; operator count: {MAX_OPERATORS + 1}",
            )

    # Operands

    def path(self) -> Path:
        """A document path, names resolved."""
        return self.path_from([self._attribute_name()])

    def path_from(self, steps: list[Step]) -> Path:
        """The rest of a path that begins with `steps`."""
        while True:
            if self.at("["):
                self.index += 1
                steps.append(self._list_index())
            elif self.at("."):
                self.index += 1
                steps.append(self._attribute_name())
            else:
                break
        if len(steps) > MAX_PATH_STEPS:
            self.fault(
                "path",
                f"The document path has too many nesting levels; nesting levels: {len(steps)}",
            )
        return Path(tuple(steps))

    def value(self) -> Value:
        """A reference such as `:v`."""
        token = self.token
        if token.kind != VALUE:
            raise self.unexpected()
        self.index += 1
        kind = self.types.get(token.text)
        if kind is None:
            self.undefined(
                "value",
                "An expression attribute value used in expression is not defined; "
                f"attribute value: {token.text}",
            )
        else:
            self.used_values.add(token.text)
        return Value(token.text, kind)

    def operand(self) -> Operand:
        """A path, a value or a call, perhaps in parentheses."""
        token = self.token
        if token.kind == VALUE:
            return self.value()
        if token.kind == WORD and self.keyword() is None and self._call_follows():
            return self.call()
        if self.at("("):
            self.index += 1
            inner = self.operand()
            self.close(inner)
            return self.extended(inner)
        return self.path()

    def extended(self, inner: Operand) -> Operand:
        """What stood in parentheses, continued if it is a path that goes on behind them."""
        if (
            self.extends_grouped_paths
            and isinstance(inner, Path)
            and (self.at(".") or self.at("["))
        ):
            return self.path_from(list(inner.steps))
        return inner

    def call(self) -> Call:
        """A function call; its name and operands are checked by `checked_call`."""
        function = self.token.text
        self.index += 1
        self.expect("(")
        arguments = [self.operand()]
        while self.at(","):
            self.index += 1
            arguments.append(self.operand())
        self.expect(")")
        return self.checked_call(Call(function, tuple(arguments)))

    def checked_call(self, call: Call) -> Call:
        """The call, its faults remembered; what may be called differs by language."""
        raise NotImplementedError

    def close(self, inner: object) -> None:
        """Read the parenthesis that closes `inner`; two pairs around one thing are a fault."""
        self.expect(")")
        if self.parenthesised is inner:
            self.fault("parentheses", "The expression has redundant parentheses;")
        self.parenthesised = inner

    def check_operand_count(self, call: Call, count: int) -> bool:
        """Whether the call has `count` operands; a fault if not."""
        if len(call.arguments) == count:
            return True
        self.fault(
            "operand count",
            "Incorrect number of operands for operator or function; operator or function: "
            f"{call.function}, number of operands: {len(call.arguments)}",
        )
        return False

    def wrong_type(self, function: str, kind: str) -> None:
        """Remember that `function` was given a constant of a type it does not take."""
        self.fault(
            "operand",
            "Incorrect operand type for operator or function; operator or function: "
            f"{function}, operand type: {kind}",
        )

    @contextmanager
    def deep_stack(self) -> Iterator[None]:
        """Room for the nesting that 4096 bytes allow; only such texts pay for it."""
        if self.text.count("(") < 50:
            yield
            return
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, STACK_LIMIT))
        try:
            yield
        finally:
            sys.setrecursionlimit(before)

    def _call_follows(self) -> bool:
        following = self.tokens[self.index + 1]
        return following.kind == SIGN and following.text == "("

    def _attribute_name(self) -> str:
        token = self.token
        if token.kind == NAME:
            self.index += 1
            name = self.names.get(token.text)
            if name is None:
                self.undefined(
                    "name",
                    "An expression attribute name used in the document path is not defined; "
                    f"attribute name: {token.text}",
                )
                return token.text
            self.used_names.add(token.text)
            return name
        if token.kind != WORD or self.keyword() is not None:
            raise self.unexpected()
        self.index += 1
        if is_reserved(token.text):
            self.fault(
                "reserved",
                f"Attribute name is a reserved keyword; reserved keyword: {token.text}",
            )
        return token.text

    def _list_index(self) -> int:
        token = self.token
        if token.kind != DIGITS:
            raise self.unexpected()
        self.index += 1
        self.expect("]")
        # A text of more digits is out of range without being read as a number.
        if len(token.text) > 10 or int(token.text) > MAX_INDEX:
            self.fault(
                "path",
                f"List index is not within the allowable range; index: [{token.text}]",
            )
            return MAX_INDEX
        return int(token.text)


def type_of_operand(operand: Operand) -> str | None:
    """The type known without an item: a constant's, or a function's result."""
    if isinstance(operand, Value):
        return operand.kind
    if isinstance(operand, Call):
        if operand.function in BOOLEAN_FUNCTIONS:
            return "BOOL"
        return {"size": "N", "list_append": "L"}.get(operand.function)
    return None


def check_paths_apart(grammar: Grammar, paths: list[Path]) -> None:
    """A fault for the first two paths of which one holds the other, or that cannot both exist."""
    if len({path.steps[0] for path in paths}) == len(paths):
        return
    for position, second in enumerate(paths):
        for first in paths[:position]:
            _check_two_paths(grammar, first, second)


def _check_two_paths(grammar: Grammar, first: Path, second: Path) -> None:
    for one, other in zip(first.steps, second.steps, strict=False):
        if isinstance(one, int) is not isinstance(other, int):
            _path_fault(grammar, "conflict", first, second)
            return
        if one != other:
            return
    _path_fault(grammar, "overlap", first, second)


def _path_fault(grammar: Grammar, rank: str, first: Path, second: Path) -> None:
    grammar.fault(
        rank,
        f"Two document paths {rank} with each other; must remove or rewrite one of these paths; "
        f"path one: {first}, path two: {second}",
    )
