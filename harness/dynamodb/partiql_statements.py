"""PartiQL statements, translated into DynamoDB's own expressions.

`SELECT`, `INSERT`, `UPDATE` and `DELETE` become conditions and updates over names `#n0` and values
`:v0`, so that one implementation of operators serves both languages.

Source: developer guide, "PartiQL statements for DynamoDB".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.dynamodb.partiql_tokens import END, Reader, malformed
from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Attribute, Item

Path = tuple[str | int, ...]

_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CLAUSES = ("SET", "REMOVE", "WHERE", "RETURNING")


@dataclass(slots=True)
class Conjunct:
    """One part of a WHERE clause; all of them must hold.

    Attributes:
        text: as a condition expression.
        name: the attribute compared, when the part is a plain comparison with constants.
        operator: `=`, `<`, ..., `BETWEEN` or `begins_with`; empty for other parts.
        values: the constants.
    """

    text: str
    name: str = ""
    operator: str = ""
    values: tuple[Attribute, ...] = ()


@dataclass(slots=True)
class Statement:
    """One parsed statement.

    Attributes:
        kind: `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
        table: name as given.
        index: name of the index read, or None.
        paths: what SELECT returns, each with its name in the answer; None returns all.
        item: what INSERT stores.
        update: the update expression.
        where: the parts of the WHERE clause.
        backward: ORDER BY ... DESC.
        returning: e.g. `ALL OLD`; empty without the clause.
        names: of all expressions.
        values: of all expressions.
    """

    kind: str
    table: str = ""
    index: str | None = None
    paths: list[tuple[str, Path]] | None = None
    item: Item = field(default_factory=dict)
    update: str = ""
    where: list[Conjunct] = field(default_factory=list)
    backward: bool = False
    returning: str = ""
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Attribute] = field(default_factory=dict)

    def heads(self) -> set[str]:
        """Names of the attributes that SELECT returns."""
        return {str(path[0]) for _, path in self.paths or ()}


def parse(text: str, parameters: list[Attribute]) -> Statement:
    """Parse one statement.

    Raises:
        AwsError: ValidationException.
    """
    reader = Reader(text, parameters)
    for kind, parser in _PARSERS.items():
        if reader.accept(kind):
            statement = Statement(kind)
            parser(_Translator(reader, statement))
            reader.finish()
            return statement
    return malformed(f"unexpected {reader.token.text or 'end of statement'}")


class _Translator:
    """Reads clauses from the reader into the statement."""

    def __init__(self, reader: Reader, statement: Statement) -> None:
        self.reader = reader
        self.statement = statement

    def select(self) -> None:
        reader, statement = self.reader, self.statement
        if not reader.accept("*"):
            statement.paths = []
            while True:
                path = self.path()
                name = str(path[-1])
                if reader.accept("AS"):
                    name = self.name()
                statement.paths.append((name, path))
                if not reader.accept(","):
                    break
        reader.expect("FROM")
        self.source(with_index=True)
        if reader.accept("WHERE"):
            self.where()
        if reader.accept("ORDER"):
            reader.expect("BY")
            self.name()
            statement.backward = reader.accept("DESC")
            if not statement.backward:
                reader.accept("ASC")

    def insert(self) -> None:
        self.reader.expect("INTO")
        self.source(with_index=False)
        self.reader.expect("VALUE")
        value = self.reader.value()
        if "M" not in value:
            malformed("INSERT takes one item in braces")
        self.statement.item = value["M"]

    def delete(self) -> None:
        self.reader.expect("FROM")
        self.source(with_index=False)
        self.reader.expect("WHERE")
        self.where()
        self.returning()
        if self.statement.returning not in {"", "ALL OLD"}:
            raise validation_error(
                f"Invalid returning clause: RETURNING {self.statement.returning} *. Only "
                "RETURNING ALL OLD * is allowed in DELETE statements."
            )

    def update(self) -> None:
        reader = self.reader
        self.source(with_index=False)
        clauses: dict[str, list[str]] = {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}
        while not reader.token.is_word("WHERE", "RETURNING") and reader.token is not END:
            if reader.accept("REMOVE"):
                clauses["REMOVE"].append(self.alias(self.path()))
                continue
            reader.expect("SET")
            self.assignment(clauses)
            while reader.accept(","):
                self.assignment(clauses)
        if not any(clauses.values()):
            malformed("UPDATE needs SET or REMOVE")
        self.statement.update = " ".join(
            f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts
        )
        reader.expect("WHERE")
        self.where()
        self.returning()

    def assignment(self, clauses: dict[str, list[str]]) -> None:
        target = self.alias(self.path())
        reader = self.reader
        reader.expect("=")
        word = {"SET_ADD": "ADD", "SET_DELETE": "DELETE"}.get(reader.token.text.upper())
        if word is None:
            clauses["SET"].append(f"{target} = {self.arithmetic()}")
            return
        reader.take()
        reader.expect("(")
        self.path()
        reader.expect(",")
        clauses[word].append(f"{target} {self.constant(reader.value())}")
        reader.expect(")")

    def arithmetic(self) -> str:
        text, _, _ = self.operand()
        while self.reader.token.is_symbol("+", "-"):
            text += f" {self.reader.take().text} {self.operand()[0]}"
        return text

    def returning(self) -> None:
        reader = self.reader
        if not reader.accept("RETURNING"):
            return
        which, when = reader.take().text.upper(), reader.take().text.upper()
        if which not in {"ALL", "MODIFIED"} or when not in {"OLD", "NEW"}:
            malformed("RETURNING takes ALL or MODIFIED, OLD or NEW, and *")
        reader.expect("*")
        self.statement.returning = f"{which} {when}"

    def source(self, *, with_index: bool) -> None:
        reader, statement = self.reader, self.statement
        parts = [self.name()]
        while reader.accept("."):
            parts.append(self.name())
        if not all(parts):
            raise validation_error("Path component cannot be an empty string")
        if len(parts) > 2:
            raise validation_error("A path may contain at most 2 components in the FROM clause")
        if len(parts) == 2 and not with_index:
            malformed("only SELECT reads an index")
        statement.table = parts[0]
        statement.index = parts[1] if len(parts) == 2 else None

    def where(self) -> None:
        """Alternatives are one part; a clause without them is split at its ANDs."""
        groups = [self.conjunction()]
        while self.reader.accept("OR"):
            groups.append(self.conjunction())
        if len(groups) == 1:
            self.statement.where = groups[0]
            return
        text = " OR ".join(" AND ".join(part.text for part in group) for group in groups)
        self.statement.where = [Conjunct(f"({text})")]

    def conjunction(self) -> list[Conjunct]:
        parts = [self.term()]
        while self.reader.accept("AND"):
            parts.append(self.term())
        return parts

    def term(self) -> Conjunct:
        reader = self.reader
        if reader.accept("NOT"):
            return Conjunct(f"NOT {self.term().text}")
        if reader.accept("("):
            kept, self.statement.where = self.statement.where, []
            self.where()
            inner, self.statement.where = self.statement.where, kept
            reader.expect(")")
            if len(inner) == 1:
                return inner[0]
            return Conjunct("(" + " AND ".join(part.text for part in inner) + ")")
        return self.predicate()

    def predicate(self) -> Conjunct:
        reader = self.reader
        left, name, value = self.operand()
        if reader.token.kind == "symbol" and reader.token.text in _COMPARISONS:
            operator = reader.take().text.replace("!=", "<>")
            right, other, constant = self.operand()
            text = f"{left} {operator} {right}"
            if operator in _MIRRORED and name and constant is not None:
                return Conjunct(text, name, operator, (constant,))
            if operator in _MIRRORED and other and value is not None:
                return Conjunct(text, other, _MIRRORED[operator], (value,))
            return Conjunct(text)
        if reader.accept("BETWEEN"):
            low, _, low_value = self.operand()
            reader.expect("AND")
            high, _, high_value = self.operand()
            text = f"{left} BETWEEN {low} AND {high}"
            if name and low_value is not None and high_value is not None:
                return Conjunct(text, name, "BETWEEN", (low_value, high_value))
            return Conjunct(text)
        if reader.accept("IN"):
            return Conjunct(f"{left} IN ({self.options()})")
        if reader.accept("IS"):
            return self.existence(left)
        if left.startswith("begins_with(") and self.begins is not None:
            return Conjunct(left, self.begins[0], "begins_with", (self.begins[1],))
        return Conjunct(left)

    begins: tuple[str, Attribute] | None = None

    def options(self) -> str:
        end = ")" if self.reader.accept("(") else "]"
        if end == "]":
            self.reader.expect("[")
        options = [self.operand()[0]]
        while self.reader.accept(","):
            options.append(self.operand()[0])
        self.reader.expect(end)
        return ", ".join(options)

    def existence(self, left: str) -> Conjunct:
        negated = self.reader.accept("NOT")
        if self.reader.accept("MISSING"):
            return Conjunct(f"attribute_{'' if negated else 'not_'}exists({left})")
        self.reader.expect("NULL")
        null = self.constant({"S": "NULL"})
        return Conjunct(f"{'NOT ' if negated else ''}attribute_type({left}, {null})")

    def operand(self) -> tuple[str, str, Attribute | None]:
        """Text; the attribute's name when it is one; the constant when it is one."""
        reader = self.reader
        if reader.at_value():
            value = reader.value()
            return self.constant(value), "", value
        if reader.token.kind == "word" and reader.following.is_symbol("("):
            return self.call(), "", None
        path = self.path()
        return self.alias(path), str(path[0]) if len(path) == 1 else "", None

    def call(self) -> str:
        function = self.reader.take().text.lower()
        self.reader.expect("(")
        arguments = [self.operand()]
        while self.reader.accept(","):
            arguments.append(self.operand())
        self.reader.expect(")")
        self.begins = None
        if function == "begins_with" and len(arguments) == 2 and arguments[0][1]:
            constant = arguments[1][2]
            if constant is not None:
                self.begins = (arguments[0][1], constant)
        return f"{function}({', '.join(text for text, _, _ in arguments)})"

    def path(self) -> Path:
        reader = self.reader
        steps: list[str | int] = [self.name()]
        while True:
            if reader.accept("."):
                steps.append(self.name())
            elif reader.token.is_symbol("[") and reader.following.kind in {"number", "string"}:
                reader.take()
                step = reader.take()
                steps.append(int(step.text) if step.kind == "number" else step.text)
                reader.expect("]")
            else:
                return tuple(steps)

    def name(self) -> str:
        token = self.reader.take()
        if token.kind not in {"word", "quoted"}:
            malformed(f"expected a name, found {token.text or 'end of statement'}")
        return token.text

    def alias(self, path: Path) -> str:
        names = self.statement.names
        text = ""
        for step in path:
            if isinstance(step, int):
                text += f"[{step}]"
                continue
            key = next((k for k, name in names.items() if name == step), f"#n{len(names)}")
            names[key] = step
            text += f".{key}" if text else key
        return text

    def constant(self, value: Attribute) -> str:
        key = f":v{len(self.statement.values)}"
        self.statement.values[key] = value
        return key


_PARSERS = {
    "SELECT": _Translator.select,
    "INSERT": _Translator.insert,
    "UPDATE": _Translator.update,
    "DELETE": _Translator.delete,
}
