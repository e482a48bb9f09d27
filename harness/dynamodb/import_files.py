"""Items out of the objects that an import reads: DynamoDB JSON, CSV and Ion, plain or compressed.

Reading is lazy: whatever its size, of an object only a buffer is unpacked at a time.

Source: developer guide, "DynamoDB import formats" and "Import format quotas and validation".
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson

from harness.dynamodb.ion import item_from_ion, read_ion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.dynamodb.change_log import Item

Compression = Literal["NONE", "GZIP", "ZSTD"]
InputFormat = Literal["DYNAMODB_JSON", "ION", "CSV"]
BUFFER_BYTES = 1 << 20
CSV_FIELD_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class BadItem:
    """One item that cannot be read; the rest of its object can."""

    reason: str


def read_json(source: io.BufferedReader) -> Iterator[Item | BadItem]:
    """Items of `{"Item": {…}}`, one a line or several behind one another; blank lines do not count."""
    for line in source:
        if line.isspace():
            continue
        try:
            item = orjson.loads(line)["Item"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            yield from _items_of(line)
        else:
            yield item


def _items_of(line: bytes) -> Iterator[Item | BadItem]:
    """The items of a line that holds something else than one object with Item."""
    decoder = json.JSONDecoder()
    try:
        text = line.decode()
        at = 0
        while text[at:].strip():
            at += len(text[at:]) - len(text[at:].lstrip())
            value, at = decoder.raw_decode(text, at)
            yield value["Item"]
    except (ValueError, KeyError, TypeError, RecursionError):
        yield BadItem("a line is not a JSON object with Item")


def read_csv(
    source: io.BufferedReader,
    *,
    types: Mapping[str, str],
    delimiter: str = ",",
    header: Sequence[str] | None = None,
) -> Iterator[Item | BadItem]:
    """Items of rows: attributes of keys have their defined types, all others are strings.

    Args:
        source: UTF-8 text.
        types: the defined attributes and their types.
        delimiter: between fields.
        header: attribute names; None takes the first row.
    """
    csv.field_size_limit(CSV_FIELD_BYTES_MAX)
    rows = csv.reader(io.TextIOWrapper(source, encoding="utf-8", newline=""), delimiter=delimiter)
    names = list(header) if header is not None else next(rows, [])
    for row in rows:
        if not row:
            continue
        if len(row) != len(names):
            yield BadItem(f"a row has {len(row)} fields where the header has {len(names)}")
        else:
            yield {
                name: {types.get(name, "S"): field} for name, field in zip(names, row, strict=True)
            }


def read_ion_items(source: io.BufferedReader) -> Iterator[Item | BadItem]:
    """Items of `{Item: {…}}` values, one after the other or in lists."""
    for value in read_ion(source):
        for entry in value if isinstance(value, list) else [value]:
            try:
                yield item_from_ion(entry["Item"])
            except (ValueError, KeyError, TypeError, RecursionError):
                yield BadItem("a value is not an Ion struct with Item")


def unpack(body: bytes, compression: Compression) -> io.BufferedReader:
    """An object's content, to be read piece by piece.

    Raises on reading what `unreadable` lists when it is not what `compression` says.
    """
    if compression == "GZIP":
        return io.BufferedReader(gzip.GzipFile(fileobj=io.BytesIO(body)), BUFFER_BYTES)
    if compression == "ZSTD":
        import zstandard  # here, because most runs never unpack anything

        reader = zstandard.ZstdDecompressor().stream_reader(
            io.BytesIO(body), read_across_frames=True
        )
        return io.BufferedReader(reader, BUFFER_BYTES)
    return io.BufferedReader(io.BytesIO(body), BUFFER_BYTES)


def unreadable() -> tuple[type[Exception], ...]:
    """What reading raises when a whole object is not in the format that was said."""
    import zstandard

    return (
        EOFError, OSError, UnicodeDecodeError, csv.Error, ValueError, zlib.error,
        zstandard.ZstdError,
    )  # fmt: skip
