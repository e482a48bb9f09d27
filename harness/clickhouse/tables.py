"""Reads a target table typed and streaming, for the checks: exact values, nothing through float.

What comes back: integers as int, Decimal as Decimal, floats as the float they are, Bool as bool,
String and FixedString as bytes (a ClickHouse string is bytes, and a client that decodes it loses
what is not UTF-8), dates as date, DateTime and DateTime64 as aware datetime (digits below a
microsecond are cut), UUID as UUID, IPv4/IPv6 as ipaddress objects, Enum as its label, Array as
list, Map and named Tuple as dict, Tuple as tuple, JSON as dict with its fractions as Decimal.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import clickhouse_connect

from harness.clickhouse.statements import quote_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

_NAME = re.compile(r"(?:(?P<database>\w+|`[^`]+`)\.)?(?P<table>\w+|`[^`]+`)\Z")
_AS_BYTES = {"String": "bytes", "FixedString": "bytes"}
_MERGING_ENGINES = ("Replacing", "Collapsing", "Summing", "Aggregating", "Coalescing")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and its type as ClickHouse writes it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A table being read.

    Attributes:
        columns: in the order of each row's values.
        rows: to be read once, block by block from the server.
    """

    columns: tuple[Column, ...]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def read_final(client: Client | str, source: str, *, final: bool = True) -> Iterator[Reading]:
    """Read a table, merged by FINAL where its engine merges, or any SELECT.

    Args:
        client: clickhouse-connect's client, or `http://user:password@host:port/database`.
        source: `table`, `database.table`, or a SELECT (which says FINAL itself where it wants it).
        final: False reads a table's stored rows as they are, superseded ones included.

    Raises:
        clickhouse_connect.driver.exceptions.DatabaseError: ClickHouse refuses the query.
    """
    if isinstance(client, str):
        opened = clickhouse_connect.get_client(dsn=client, autogenerate_session_id=False)
        try:
            with read_final(opened, source, final=final) as reading:
                yield reading
        finally:
            opened.close()
        return
    name = _NAME.match(source.strip())
    origin = f"({source})" if name is None else source.strip()
    columns = tuple(
        Column(str(row[0]), str(row[1]))
        for row in client.query(f"DESCRIBE TABLE {origin}").result_rows
    )
    if name is not None and final and _merges(client, name):
        origin += " FINAL"
    select = ", ".join(_expression(column) for column in columns)
    stream = client.query_row_block_stream(
        f"SELECT {select} FROM {origin}", query_formats=_AS_BYTES, tz_mode="aware"
    )
    json_at = [i for i, column in enumerate(columns) if _is_json(column)]
    with stream as blocks:
        yield Reading(columns, _rows(blocks, json_at))


def _rows(blocks: Any, json_at: list[int]) -> Iterator[tuple[Any, ...]]:
    for block in blocks:
        if not json_at:
            yield from map(tuple, block)
            continue
        for row in block:
            values = list(row)
            for at in json_at:
                values[at] = _json(values[at])
            yield tuple(values)


def _merges(client: Client, name: re.Match[str]) -> bool:
    found = client.query(
        "SELECT engine FROM system.tables WHERE name = {table:String} "
        "AND database = if({database:String} = '', currentDatabase(), {database:String})",
        parameters={
            "table": name["table"].strip("`"),
            "database": (name["database"] or "").strip("`"),
        },
    ).result_rows
    return bool(found) and any(kind in str(found[0][0]) for kind in _MERGING_ENGINES)


def _expression(column: Column) -> str:
    # The client parses JSON itself, through float; as text it arrives as ClickHouse prints it.
    quoted = quote_name(column.name)
    return f"toString({quoted}) AS {quoted}" if _is_json(column) else quoted


def _is_json(column: Column) -> bool:
    return re.match(r"(?:Nullable\()?JSON\b", column.type) is not None


def _json(text: bytes | None) -> Any:
    if text is None:
        return None
    return json.loads(text.decode("utf-8", "surrogateescape"), parse_float=Decimal)
