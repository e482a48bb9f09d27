"""The short way for pages that are read in bulk: ClickHouse flattens, Python only orders.

Of each record just its key and its stamp are read, which is what a version needs; the rest travels
as it came (see stream_sql.py). A record that does not look as DynamoDB writes it takes the long way
through `Decoder`. So does everything that ClickHouse leaves out: the decoder then says why. Both
ways store the same rows; tests hold them to it.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any

import orjson

from harness.pipelines.reference.records import MILLISECONDS_BELOW, SECONDS_BELOW, STAMP_US_END
from harness.pipelines.reference.shards import decoded
from harness.pipelines.reference.stream_sql import SECOND_TAG, insert_records
from harness.pipelines.reference.trimming import cut
from harness.pipelines.reference.wire_types import WireTypes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.pipelines.reference.batches import Span
    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.shards import EncodedRecord, Record

HELD = r':\{"[SN]":"([^"\\]*)"\}'
STAMP = "([0-9]{10,16})"
HEAD = '"dynamodb":{"ApproximateCreationDateTime":'
HEAD_CHARACTERS = 512
"""Of base64: the key stands near the beginning, and the rest need not be decoded."""

SPARE_BYTES = 48
"""How much longer than the last one a key may be to be found where the last one stood."""

SAMPLE_RECORDS = 200
SAMPLE_STEP = 0.6180339887498949
"""Of the whole: what recurs in a stream at regular intervals is in the sample as often as there."""

FRAMED_ROWS = 1_000
"""At once: a batch as one text, and then that as bytes, would be twice as much memory for a while."""

NAMED_SHARE = 0.02
"""Records in which an attribute is called as a type tag is take the long way, up to that share."""

_SECOND_TAG = re.compile(SECOND_TAG.encode())

BulkRow = tuple[int, str, "Record | EncodedRecord"]
"""Version in ticks, shard, record."""


class Bulk:
    """Reads the key and the stamp of records, and frames them for the statement.

    Args:
        config: the pipe.

    Attributes:
        trims: records are sent without the image before the change.
    """

    def __init__(self, config: PipeConfig) -> None:
        self._config = config
        self._types = WireTypes(config)
        self._statement = ""
        self._typed: tuple[bool, ...] = ()
        self._may_be_typed = True
        names = [f'"{re.escape(name)}"{HELD}' for name in config.key_attributes]
        # Whether the key's attributes stand in the key's order is not documented.
        self._match = _matcher(names)
        self._match_turned = _matcher(names[::-1])
        self._is_turned = False
        self._is_pair = len(names) > 1
        self._window = slice(0, 0)
        self.trims = True

    def look(self, data: bytes | str) -> tuple[str | tuple[str, ...], int, int] | None:
        """Key, stamp in µs and its unit in µs, as `Decoder.read` finds them; None: the long way."""
        # What is no UTF-8 is no JSON either: the decoder will say so, once ClickHouse refused it.
        if isinstance(data, str):
            text = a2b_base64(data[self._window]).decode(errors="surrogateescape")
            found = self._find(text) or self._find_elsewhere(data)
        else:
            found = self._find(data.decode(errors="surrogateescape"))
        if found is None:
            return None
        key: str | tuple[str, ...]
        if self._is_pair:
            written, first, second = found.groups()
            key = (second, first) if self._is_turned else (first, second)
        else:
            written, key = found.groups()
        stamp = int(written)
        if stamp >= MILLISECONDS_BELOW:
            return (key, stamp, 1) if stamp < STAMP_US_END else None
        if stamp >= SECONDS_BELOW:
            return key, stamp * 1000, 1000
        return key, stamp * 1_000_000, 1_000_000

    def statement(self, rows: Sequence[BulkRow]) -> str:
        """The statement: made once, for what a sample of the rows comes with."""
        if not self._statement:
            count = len(rows)
            picked = range(min(count, SAMPLE_RECORDS))
            records = [decoded(rows[int(n * SAMPLE_STEP % 1 * count)][2][2]) for n in picked]
            for record in records:
                self._learn(record)
            self._note_names([_SECOND_TAG.search(record) is not None for record in records])
            always = self._types.always if self._may_be_typed else None
            self._statement, self._typed = insert_records(self._config, self._types.tags, always)
        return self._statement

    def unknown(self, rows: Sequence[BulkRow]) -> list[bool]:
        """Which rows hold what the statement is not made for; the next one is."""
        records = [decoded(row[2][2]) for row in rows]
        takes_for_granted = any(self._typed)
        refused = [takes_for_granted and _SECOND_TAG.search(r) is not None for r in records]
        self._note_names(refused)
        found = [no or self._is_unknown(r) for no, r in zip(refused, records, strict=True)]
        for record, is_new, is_refused in zip(records, found, refused, strict=True):
            if is_new and not is_refused:
                self._learn(record)
                self._statement = ""
        return found

    def _note_names(self, named: Sequence[bool]) -> None:
        """Take nothing for granted where attributes are often called as type tags are."""
        if named.count(True) > len(named) * NAMED_SHARE:
            self._may_be_typed, self._statement = False, ""

    def _learn(self, record: bytes) -> None:
        item, is_whole = _item(record)
        if item is not None:
            self._types.learn(item, is_whole=is_whole)

    def _is_unknown(self, record: bytes) -> bool:
        item, is_whole = _item(record)
        if item is None:
            return False
        if is_whole and any(self._typed) and self._types.is_missing(item, self._typed):
            return True
        return self._types.is_unknown(item)

    def _find(self, text: str) -> re.Match[str] | None:
        # Unescaped quotes before a bare number: nothing inside an item can look like this.
        at = text.find(HEAD)
        if at < 0:
            return None
        at += len(HEAD)
        found = self._match(text, at)
        if found is None and self._is_pair:
            found = self._match_turned(text, at)
            if found is not None:
                # The others will be written the same way.
                self._match, self._match_turned = self._match_turned, self._match
                self._is_turned = not self._is_turned
        return found

    def _find_elsewhere(self, data: str) -> re.Match[str] | None:
        """Look through all of a record; the next one will have its key at the same place."""
        for part in (data[:HEAD_CHARACTERS], data):
            text = a2b_base64(part).decode(errors="surrogateescape")
            found = self._find(text)
            if found is not None:
                before, upto = text[: found.start() - len(HEAD)], text[: found.end()]
                first = len(before.encode(errors="surrogateescape")) // 3
                last = (len(upto.encode(errors="surrogateescape")) + SPARE_BYTES) // 3
                self._window = slice(4 * first, 4 * last)
                return found
        return None

    def body(self, rows: Sequence[BulkRow]) -> bytearray:
        """The statement's data: lines of a version and a record in base64."""
        body = bytearray()
        trims, look_from = self.trims, self._window.stop
        for start in range(0, len(rows), FRAMED_ROWS):
            parts: list[str] = []
            add = parts.append
            for ticks, _, record in rows[start : start + FRAMED_ROWS]:
                data = record[2]  # a partition key may follow it
                if not isinstance(data, str):
                    data = b2a_base64(data, newline=False).decode()
                end, closing = cut(data, look_from) if trims else (0, "")
                # The data themselves are copied no more than they must be.
                add(f"{ticks}\t")
                add(data[:end] if closing else data)
                add(f"{closing}\n")
            body += "".join(parts).encode()
        return body

    def token(self, rows: Iterable[BulkRow], spans: dict[str, Span]) -> str:
        """The same for the same records with the same versions, and for nothing else."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(array("q", [row[0] for row in rows]).tobytes())
        digest.update(",".join([row[2][0] for row in rows]).encode())
        for shard_id in sorted(spans):
            digest.update(f"{shard_id}:{spans[shard_id].first}-{spans[shard_id].last};".encode())
        return digest.hexdigest()


def _matcher(attributes: Sequence[str]) -> Callable[[str, int], re.Match[str] | None]:
    return re.compile(STAMP + r',"Keys":\{' + ",".join(attributes) + r"\}[,}]").match


def _item(record: bytes) -> tuple[Any, bool]:
    """The item that a record's row comes from, and whether it is more than a key; or None."""
    try:
        change = orjson.loads(record)["dynamodb"]
        image = change.get("NewImage")
        return image or change["Keys"], bool(image)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, False
