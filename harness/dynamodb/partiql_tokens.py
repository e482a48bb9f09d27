"""PartiQL's words: names, literals, parameters and operators of one statement.

Source: developer guide, "PartiQL reference for DynamoDB": data types and literals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from harness.dynamodb.attributes import normalise_value
from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Attribute

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<symbol><<|>>|<>|!=|<=|>=|[=<>+\-*/(),.\[\]{}:?;])
    )""",
    re.VERBOSE,
)
_SETS = {"S": "SS", "N": "NS", "B": "BS"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a statement.

    Attributes:
        kind: `string`, `quoted`, `number`, `word`, `symbol` or `end`.
        text: its content, quotes taken off.
    """

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "word" and self.text.upper() in words

    def is_symbol(self, *symbols: str) -> bool:
        """Whether it is one of these symbols."""
        return self.kind == "symbol" and self.text in symbols


END = Token("end", "")


def malformed(detail: str) -> NoReturn:
    """Refuse a statement that cannot be parsed."""
    raise validation_error(f"Statement wasn't well formed, can't be processed: {detail}")


def tokens_of(statement: str) -> list[Token]:
    """All tokens, and `END`."""
    tokens = []
    at = 0
    text = statement.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            malformed(f"unexpected character at {at}")
        kind, content = match.lastgroup, match[match.lastgroup]
        if kind in {"string", "quoted"}:
            quote = content[0]
            content = content[1:-1].replace(quote * 2, quote)
        tokens.append(Token(kind, content))
        at = match.end()
    if tokens and tokens[-1].is_symbol(";"):
        tokens.pop()
    return [*tokens, END]


class Reader:
    """Goes through the tokens; reads literals and parameters.

    Args:
        statement: the text.
        parameters: values for its question marks, in order.
    """

    def __init__(self, statement: str, parameters: list[Attribute]) -> None:
        self._tokens = tokens_of(statement)
        self._at = 0
        self._parameters = parameters
        self._used = 0

    @property
    def token(self) -> Token:
        """The token at hand."""
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        """The one after it."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The token at hand, and go on."""
        token = self.token
        if token is not END:
            self._at += 1
        return token

    def accept(self, *texts: str) -> bool:
        """Go on when the token at hand is one of these keywords or symbols."""
        if self.token.is_word(*texts) or self.token.is_symbol(*texts):
            self._at += 1
            return True
        return False

    def expect(self, *texts: str) -> None:
        """Go on past one of these, or refuse the statement."""
        if not self.accept(*texts):
            malformed(
                f"expected {' or '.join(texts)}, found {self.token.text or 'end of statement'}"
            )

    def finish(self) -> None:
        """Nothing may follow, and every parameter must have been used."""
        if self.token is not END:
            malformed(f"unexpected {self.token.text}")
        if self._used != len(self._parameters):
            raise validation_error("Number of parameters in request and statement don't match.")

    def at_value(self) -> bool:
        """Whether a literal or parameter begins here."""
        token = self.token
        return (
            token.kind in {"string", "number"}
            or token.is_symbol("?", "{", "<<", "[")
            or token.is_word("TRUE", "FALSE", "NULL")
            or (token.is_symbol("-") and self.following.kind == "number")
        )

    def value(self) -> Attribute:
        """A literal or parameter."""
        token = self.take()
        if token.kind == "string":
            return {"S": token.text}
        if token.kind == "number":
            return normalise_value({"N": token.text})
        if token.is_symbol("-") and self.token.kind == "number":
            return normalise_value({"N": "-" + self.take().text})
        if token.is_word("TRUE", "FALSE"):
            return {"BOOL": token.is_word("TRUE")}
        if token.is_word("NULL"):
            return {"NULL": True}
        if token.is_symbol("?"):
            return self._parameter()
        if token.is_symbol("["):
            return {"L": self._values("]")}
        if token.is_symbol("<<"):
            return self._set(self._values(">>"))
        if token.is_symbol("{"):
            return {"M": self._map()}
        malformed(f"expected a value, found {token.text or 'end of statement'}")

    def _parameter(self) -> Attribute:
        if self._used >= len(self._parameters):
            raise validation_error("Number of parameters in request and statement don't match.")
        self._used += 1
        return self._parameters[self._used - 1]

    def _values(self, end: str) -> list[Attribute]:
        values: list[Attribute] = []
        while not self.accept(end):
            if values:
                self.expect(",")
            values.append(self.value())
        return values

    def _set(self, members: list[Attribute]) -> Attribute:
        kinds = {kind for member in members for kind in member}
        if len(kinds) != 1 or not kinds <= _SETS.keys():
            malformed("a set holds strings, numbers or binary values of one type")
        kind = kinds.pop()
        return normalise_value({_SETS[kind]: [member[kind] for member in members]})

    def _map(self) -> dict[str, Attribute]:
        members: dict[str, Attribute] = {}
        while not self.accept("}"):
            if members:
                self.expect(",")
            name = self.take()
            if name.kind not in {"string", "quoted"}:
                malformed(f"expected an attribute name, found {name.text}")
            self.expect(":")
            members[name.text] = self.value()
        return members
