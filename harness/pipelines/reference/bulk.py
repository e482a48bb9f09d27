"""The short way for pages that are read in bulk: ClickHouse flattens, Python only orders.

Of each record just its key and its stamp are read, which is what a version needs; the rest travels
as it came (see stream_sql.py). A record that does not look as DynamoDB writes it takes the long way
through `Decoder`. So does everything that ClickHouse leaves out: the decoder then says why. Both
ways store the same rows; tests hold them to it.
"""

from __future__ import annotations

import hashlib
import re
import struct
from array import array
from typing import TYPE_CHECKING, Any

import orjson

from harness.pipelines.reference.records import MILLISECONDS_BELOW, SECONDS_BELOW, STAMP_US_END
from harness.pipelines.reference.stream_sql import insert_records
from harness.pipelines.reference.wire_types import WireTypes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.pipelines.reference.batches import Span
    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.shards import Record

ATTRIBUTE = rb'"([^"\\]*)":\{"[SN]":"([^"\\]*)"\}'
HEAD = b'"dynamodb":{"ApproximateCreationDateTime":'

SAMPLE_RECORDS = 200

BulkRow = tuple[int, str, "Record"]
"""Version in ticks, shard, record."""

_LENGTHS = {n: bytes([n]) for n in range(128)}


class Bulk:
    """Reads the key and the stamp of records, and frames them for the statement.

    Args:
        config: the pipe.
    """

    def __init__(self, config: PipeConfig) -> None:
        self._config = config
        self._types = WireTypes(config)
        self._statement = ""
        self._names = [name.encode() for name in config.key_attributes]
        attributes = b",".join([ATTRIBUTE] * len(self._names))
        self._match = re.compile(rb'(\d{10,16}),"Keys":\{%b\}[,}]' % attributes).match

    def look(self, data: bytes) -> tuple[str | tuple[str, ...], int, int] | None:
        """Key, stamp in µs and its unit in µs, as `Decoder.read` finds them; None: the long way."""
        # Unescaped quotes before a bare number: nothing inside an item can look like this.
        at = data.find(HEAD)
        found = self._match(data, at + len(HEAD)) if at >= 0 else None
        if found is None:
            return None
        groups = found.groups()
        names = self._names
        if len(names) == 1:
            if groups[1] != names[0]:
                return None
            key: str | tuple[str, ...] = _text(groups[2])
        else:
            held = {groups[1]: groups[2], groups[3]: groups[4]}
            if names[0] not in held or names[1] not in held:
                return None
            key = (_text(held[names[0]]), _text(held[names[1]]))
        stamp = int(groups[0])
        if stamp >= MILLISECONDS_BELOW:
            return (key, stamp, 1) if stamp < STAMP_US_END else None
        if stamp >= SECONDS_BELOW:
            return key, stamp * 1000, 1000
        return key, stamp * 1_000_000, 1_000_000

    def statement(self, rows: Sequence[BulkRow]) -> str:
        """The statement: made once, for the type tags that a sample of the rows comes with."""
        if not self._statement:
            for row in rows[:: max(1, len(rows) // SAMPLE_RECORDS)]:
                self._types.learn(_item(row[2][2]))
            self._statement = insert_records(self._config, self._types.tags)
        return self._statement

    def unknown(self, rows: Sequence[BulkRow]) -> list[bool]:
        """Which rows hold type tags that the statement is not made for; the next one is."""
        items = [_item(row[2][2]) for row in rows]
        found = [bool(self._types.unknown(item)) for item in items]
        for item, is_new in zip(items, found, strict=True):
            if is_new and self._types.learn(item):
                self._statement = ""
        return found

    def body(self, rows: Iterable[BulkRow]) -> bytes:
        """The statement's data."""
        pack = struct.Struct("<q").pack
        parts: list[bytes] = []
        for ticks, _, record in rows:
            data = record[2]
            parts += (pack(ticks), _length(len(data)), data)
        return b"".join(parts)

    def token(self, rows: Iterable[BulkRow], spans: dict[str, Span]) -> str:
        """The same for the same records with the same versions, and for nothing else."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(array("q", [row[0] for row in rows]).tobytes())
        digest.update(",".join([row[2][0] for row in rows]).encode())
        for shard_id in sorted(spans):
            digest.update(f"{shard_id}:{spans[shard_id].first}-{spans[shard_id].last};".encode())
        return digest.hexdigest()


def _item(data: bytes) -> Any:
    """The item that a record's row comes from; None where there is none."""
    try:
        change = orjson.loads(data)["dynamodb"]
        return change.get("NewImage") or change["Keys"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _text(raw: bytes) -> str:
    # What is no UTF-8 is no JSON either: the decoder will say so, once ClickHouse has refused it.
    return raw.decode(errors="surrogateescape")


def _length(size: int) -> bytes:
    """LEB128, as RowBinary writes the length of a string."""
    known = _LENGTHS.get(size)
    if known is not None:
        return known
    rest, out = size, bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    if len(_LENGTHS) < 100_000:
        _LENGTHS[size] = bytes(out)
    return bytes(out)
