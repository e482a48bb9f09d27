"""Where a statement's data, format and end are: as much of SQL as the HTTP interface must know.

Not a parser: the engine parses. An HTTP request carries statement and data in one run of bytes, so
the interface must know where an INSERT ends and its data begins, which FORMAT a query asks for, and
whether a second statement follows. Everything works on bytes: data need not be text.

Source: ClickHouse docs, interfaces/http (query and body are one text) and sql-reference/syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from harness.clickhouse.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    rb"""
    (?P<space>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
  | (?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<number>[0-9][0-9A-Za-z_.]*)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_READING = {"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "FROM", "CHECK", "("}
_CHANGES_SESSION = {"SET", "USE"}
_REMEMBERED_BYTES_MAX = 2_000
_AFTER_FORMAT_BLANK = re.compile(rb"[ \t\r\f\v]*\n?")


class Token(NamedTuple):
    """One token that is neither space nor comment."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, *words: bytes) -> bool:
        """Whether this is one of these keywords, in any case."""
        return self.kind == "word" and self.text.upper() in words


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the engine wants it.

    Attributes:
        sql: the statement without the data of an INSERT, without `FORMAT …` of an INSERT that
            carries data, and without a closing semicolon.
        verb: first keyword, upper case; `(` when it begins with a parenthesis.
        insert_format: set when data follows: the format they are in (`Values` for VALUES).
        data: what follows an INSERT; empty otherwise.
        output_format: the format that the statement itself asks for, or None.
        input_call: span in `sql` of the word `input` of a call `input('…')`, or None.
        tokens: of `sql`.
    """

    sql: bytes
    verb: str
    insert_format: str | None = None
    data: bytes = b""
    output_format: str | None = None
    input_call: tuple[int, int] | None = None
    tokens: tuple[Token, ...] = ()

    @property
    def is_reading(self) -> bool:
        """True when it can change nothing that outlives the session."""
        if self.verb not in _READING and self.verb not in _CHANGES_SESSION:
            return False
        return not (self.verb == "WITH" and any(t.is_word(b"INSERT") for t in self.tokens))

    @property
    def settings_at(self) -> int | None:
        """Where the SETTINGS clause of an INSERT that carries data begins, if it has one."""
        for index, token in enumerate(self.tokens):
            if token.depth == 0 and token.is_word(b"SETTINGS"):
                before = list(self.tokens[:index])
                if not _is_target_name(before):
                    return token.start
        return None

    @property
    def changes_session(self) -> bool:
        """True for SET and USE, whose effect stays in the session."""
        return self.verb in _CHANGES_SESSION


def parse(text: bytes) -> Statement:
    """Split one request's text into a statement and its data.

    Raises:
        EngineError: SYNTAX_ERROR for an empty text or several statements,
            UNKNOWN_TYPE_OF_QUERY for `FROM INFILE`, INTO_OUTFILE_NOT_ALLOWED for `INTO OUTFILE`.
    """
    tokens = scan(text)
    first = next(tokens, None)
    if first is None:
        raise EngineError(
            62, "SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): ."
        )
    if first.is_word(b"INSERT"):
        return _insert(text, first, tokens)
    return _query(text, first, tokens)


def parse_request(query: bytes, body: bytes) -> Statement:
    """The statement of a request whose `query` parameter and body are one text.

    A body that is all data is passed on as it is: joining the two would copy it.

    Raises:
        EngineError: as `parse`.
    """
    if not query or not body:
        return _parsed(query or body)
    if query.lstrip()[:6].upper() == b"INSERT":
        statement = _parsed(query)
        if statement.insert_format is not None:
            begun = statement.data
            return replace(statement, data=begun + b"\n" + body if begun else body)
    return parse(query + b"\n" + body)


def _parsed(text: bytes) -> Statement:
    """As `parse`; programs ask the same few short statements again and again."""
    return _parsed_before(text) if len(text) <= _REMEMBERED_BYTES_MAX else parse(text)


_parsed_before = lru_cache(maxsize=256)(parse)


def by_comment(statement: Statement) -> bytes:
    """A KILL QUERY that finds the client's query ids where this interface keeps them."""
    sql, moved = statement.sql, 0
    replacement = b"Settings['log_comment']"
    for token in statement.tokens:
        if token.is_word(b"QUERY_ID"):
            sql = sql[: token.start + moved] + replacement + sql[token.end + moved :]
            moved += len(replacement) - (token.end - token.start)
    return sql


def scan(text: bytes, start: int = 0) -> Iterator[Token]:
    """The tokens of `text` from `start`, with the depth of parentheses around each."""
    depth = 0
    for match in _TOKEN.finditer(text, start):
        kind = match.lastgroup or "mark"
        if kind == "space":
            continue
        if kind == "tag":
            kind = "heredoc"
        piece = match.group()
        if piece in (b")", b"]", b"}"):
            depth -= 1
        yield Token(kind, piece, match.start(), match.end(), depth)
        if piece in (b"(", b"[", b"{"):
            depth += 1


def name_of(token: Token) -> str:
    """The identifier that a token spells, unquoted."""
    text = token.text.decode("utf-8", "replace")
    if token.kind in ("quoted", "string"):
        quote = text[0]
        return re.sub(r"\\(.)", r"\1", text[1:-1]).replace(quote * 2, quote)
    return text


def quote_name(name: str) -> str:
    """`name` as an identifier in backticks."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def quote_text(text: str) -> str:
    """`text` as a string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _insert(text: bytes, first: Token, tokens: Iterator[Token]) -> Statement:
    seen = [first]
    selects = False
    input_call: tuple[int, int] | None = None
    for token in tokens:
        previous, is_name = seen[-1], _is_target_name(seen)
        seen.append(token)
        if is_name:
            continue
        if token.is_word(b"SELECT", b"WITH"):
            selects = True
        elif token.text == b"(" and previous.is_word(b"INPUT") and selects:
            input_call = (previous.start, previous.end)
        elif token.depth > 0:
            continue
        elif token.is_word(b"INFILE"):
            raise EngineError(
                98, "UNKNOWN_TYPE_OF_QUERY", "Query has infile and was send directly to server"
            )
        elif token.is_word(b"VALUES") and not selects:
            return Statement(
                text[: token.start], "INSERT", "Values", text[token.end :], None, None, tuple(seen)
            )
        elif token.is_word(b"FORMAT") and (not selects or input_call is not None):
            name = next(tokens, None)
            if name is None or name.kind != "word":
                break
            blank = _AFTER_FORMAT_BLANK.match(text, name.end)
            data_start = blank.end() if blank else name.end
            return Statement(
                text[: token.start],
                "INSERT",
                name.text.decode(),
                text[data_start:],
                None,
                input_call,
                tuple(seen),
            )
        elif token.text == b";":
            _refuse_second(text, token, tokens)
            return _plain_insert(text[: token.start], seen[:-1])
    return _plain_insert(text, seen)


def _is_target_name(seen: list[Token]) -> bool:
    """Whether the next token is the table's name, which may spell a keyword."""
    return (seen[-1].is_word(b"INTO", b"TABLE", b"FUNCTION") and len(seen) <= 3) or (
        seen[-1].text == b"." and len(seen) <= 6
    )


def _plain_insert(sql: bytes, seen: list[Token]) -> Statement:
    return Statement(sql, "INSERT", None, b"", None, None, tuple(seen))


def _query(text: bytes, first: Token, rest: Iterator[Token]) -> Statement:
    seen = [first]
    end = len(text)
    for token in rest:
        if token.text == b";" and token.depth == 0:
            end = token.start
            _refuse_second(text, token, rest)
            break
        if token.is_word(b"OUTFILE") and seen[-1].is_word(b"INTO"):
            raise EngineError(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed")
        seen.append(token)
    verb = "(" if first.text == b"(" else first.text.decode("utf-8", "replace").upper()
    return Statement(text[:end], verb, None, b"", _output_format(seen), None, tuple(seen))


def _output_format(seen: list[Token]) -> str | None:
    """The name after a closing FORMAT clause, which only SETTINGS may follow."""
    for index in range(len(seen) - 2, 0, -1):
        token, name = seen[index], seen[index + 1]
        if token.depth > 0 or not token.is_word(b"FORMAT"):
            continue
        followed = index + 2 < len(seen) and not seen[index + 2].is_word(b"SETTINGS")
        return None if followed or name.kind != "word" else name.text.decode()
    return None


def _refuse_second(text: bytes, semicolon: Token, rest: Iterator[Token]) -> None:
    for token in rest:
        if token.text == b";":
            continue
        line = text.count(b"\n", 0, semicolon.start) + 1
        column = semicolon.start - (text.rfind(b"\n", 0, semicolon.start) + 1) + 1
        near = text[semicolon.start : semicolon.start + 60].decode("utf-8", "replace")
        raise EngineError(
            62,
            "SYNTAX_ERROR",
            "Syntax error (Multi-statements are not allowed): failed at position "
            f"{semicolon.start + 1} (end of query) (line {line}, col {column}): {near}. ",
        )
