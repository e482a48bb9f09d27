"""Expression text as tokens, and AWS's sentence for the token that does not fit.

A name begins with a letter; what begins no token (`_`, `!`, a bare `#`) becomes a token of kind
BAD, refused only when the parser comes to it, as AWS does.

Source: developer guide, "Expressions"; error texts seen from AWS: `token: "-", near: "a-b"`,
`token: "_", near: "SET _123"`, `token: "!", near: "!!"`, `token: "<EOF>", near: ":v1"`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

WORD = "word"
NAME = "name"
VALUE = "value"
DIGITS = "digits"
SIGN = "sign"
BAD = "bad"
END = "end"

_PATTERN = re.compile(
    r"(?P<word>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<name>#[A-Za-z0-9_]+)"
    r"|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<digits>[0-9]+)"
    r"|(?P<sign><>|<=|>=|[=<>()\[\],.+\-])"
    r"|(?P<bad>[^ \t\r\n])"
)


class Token(NamedTuple):
    """A piece of the text: its kind, itself, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def tokenise(text: str) -> list[Token]:
    """The tokens of `text` in order, ended by one of kind END."""
    tokens = [
        Token(match.lastgroup or BAD, match.group(), match.start(), match.end())
        for match in _PATTERN.finditer(text)
    ]
    tokens.append(Token(END, "<EOF>", len(text), len(text)))
    return tokens


def syntax_error(text: str, tokens: list[Token], index: int) -> str:
    """The sentence for the unexpected token at `index`: it, and its neighbours as written."""
    token = tokens[index]
    first = tokens[max(index - 1, 0)]
    last = tokens[min(index + 1, len(tokens) - 1)]
    end = last.end if last.kind != END else tokens[-2].end if len(tokens) > 1 else 0
    return f'Syntax error; token: "{token.text}", near: "{text[first.start : end]}"'
