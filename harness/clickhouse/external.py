"""External data: tables that come with a query as parts of a multipart body.

Each part is a temporary table for this query, described by the parameters `<name>_structure` or
`<name>_types` and `<name>_format`. Parts without a file name are ordinary parameters.

Source: ClickHouse docs, engines/table-engines/special/external-data.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.clickhouse.errors import EngineError
from harness.clickhouse.statements import quote_name

if TYPE_CHECKING:
    from harness.clickhouse.engine import Connection
    from harness.web.message import Request

_SUFFIXES = ("_structure", "_types", "_format")


@dataclass(frozen=True, slots=True)
class Table:
    """One external table.

    Attributes:
        structure: columns as in CREATE TABLE.
        format: of `data`.
    """

    name: str
    structure: str
    format: str
    data: bytes

    def load(self, connection: Connection) -> None:
        """Make it a temporary table of `connection`."""
        name = quote_name(self.name)
        connection.query(f"DROP TEMPORARY TABLE IF EXISTS {name}".encode(), "Null")
        create = f"CREATE TEMPORARY TABLE {name} ({self.structure}) ENGINE = Memory"
        connection.query(create.encode(), "Null")
        if self.data:
            connection.insert(f"INSERT INTO {name}".encode(), self.format, self.data)


def read(request: Request) -> tuple[list[tuple[str, str]] | None, list[Table], bytes]:
    """Take a request's body apart.

    Returns:
        Parameters that came as form fields (None when the body is no form), the external tables,
        and what remains as the body.
    """
    media = request.headers.get("content-type", "")
    if not media.lower().startswith("multipart/form-data"):
        return None, [], request.body
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + media.encode("latin-1") + b"\r\n\r\n" + request.body
    )
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    for part in message.iter_parts():
        name = str(part.get_param("name", "", "content-disposition"))
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        if part.get_filename() is None:
            fields.append((name, data.decode("utf-8", "surrogateescape")))
        else:
            files.append((name, data))
    described = dict(parse_qsl(request.query, keep_blank_values=True)) | dict(fields)
    tables = [_table(name, data, described) for name, data in files]
    own = {table.name + suffix for table in tables for suffix in _SUFFIXES}
    request.query = _without(request.query, own)
    return [pair for pair in fields if pair[0] not in own], tables, b""


def _table(name: str, data: bytes, described: dict[str, str]) -> Table:
    structure = described.get(f"{name}_structure")
    if structure is None:
        types = described.get(f"{name}_types")
        if types is None:
            raise EngineError(
                36, "BAD_ARGUMENTS", f"Neither structure nor types of external table {name} given"
            )
        structure = ", ".join(f"_{i} {kind}" for i, kind in enumerate(_split(types), start=1))
    return Table(name, structure, described.get(f"{name}_format", "TabSeparated"), data)


def _split(types: str) -> list[str]:
    """Types at the commas outside of parentheses."""
    parts, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _without(query: str, names: set[str]) -> str:
    return "&".join(pair for pair in query.split("&") if pair.partition("=")[0] not in names)
