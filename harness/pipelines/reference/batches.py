"""Rows on their way: collected into batches, flushed with what they cover, then checkpointed.

A batch covers a contiguous run of records of each shard in it. Batches are flushed in the order
they were closed and a checkpoint is written only after the batch that carries it, and every batch
before, was acknowledged: no checkpoint can pass a gap.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.pipelines.reference.bookkeeping import ENDED, OPEN, Checkpoint, ErrorRow
from harness.pipelines.reference.clickhouse import ClickHouseError, quote
from harness.pipelines.reference.records import Poison
from harness.pipelines.reference.shards import HORIZON, decoded
from harness.pipelines.reference.variants import VARIANT_SETTINGS, has_variants, insert_variants

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.bulk import Bulk, BulkRow
    from harness.pipelines.reference.clickhouse import ClickHouse
    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.shards import EncodedRecord, Record

    ShortWay = tuple[Bulk, Callable[[bytes, int], bytes]]
    """How bulk rows are written, and how one becomes a row (or `Poison`) without ClickHouse."""

INSERT_SETTINGS = {
    "async_insert": 0,
    "precise_float_parsing": 1,
    "json_type_escape_dots_in_keys": 1,
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_bools_as_strings": 0,
    "insert_deduplicate": 1,
}
"""An insert is acknowledged when it is stored; floats are the nearest; in JSON text stays text,
and a boolean stays one among numbers or texts."""


WITHOUT_INPUT = frozenset({46, 48, 62, 497})
"""The user lacks input()'s right (CREATE TEMPORARY TABLE), or the server something of the statement."""

REWRITTEN_MAX = 3
"""A table that ClickHouse cannot flatten (nested binary, views that count) takes the long way."""

BULK_SETTINGS = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_block_size": 8192,
    "max_insert_block_size": 8192,
    "min_insert_block_size_rows": 1_048_449,
    "min_insert_block_size_bytes": 268_402_944,
    "output_format_decimal_trailing_zeros": 0,
    "use_query_condition_cache": 0,
    "compile_expressions": 0,
}
"""One part for a statement, the same at each repetition, made of blocks that stay in the caches.

The condition cache would remember where in a file nothing is to be stored. To name the condition it
writes all of it out, which takes longer than all else before the first row; a table of 85 columns
waits a second for it. Compiling what runs once for some thousand rows does not pay either.
"""


@dataclass(slots=True)
class Span:
    """The run of one shard's records that a batch covers.

    Attributes:
        first: sequence number of its first record.
        last: of its last.
        resume: where the shard is to be read again from after a restart.
        ended: the shard has nothing after `last`.
    """

    first: str = ""
    last: str = ""
    resume: str = ""
    arrival_ms: int = 0
    records: int = 0
    ended: bool = False


@dataclass(slots=True)
class Batch:
    """Rows, the records behind them, and the spans that they cover.

    Attributes:
        rows: as JSONCompactEachRow; `origins` has the record of each.
        bulk: what ClickHouse flattens itself.
        framed: the same as the data and the token of its statement, once they are made.
    """

    opened_us: int
    rows: list[bytes] = field(default_factory=list)
    bulk: list[BulkRow] = field(default_factory=list)
    framed: tuple[bytearray, str] | None = None
    origins: list[tuple[str, Record | EncodedRecord]] = field(default_factory=list)
    errors: list[ErrorRow] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)
    size_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """True when flushing it would change nothing."""
        return not self.rows and not self.bulk and not self.errors and not self.spans

    @property
    def row_count(self) -> int:
        """Rows of both kinds."""
        return len(self.rows) + len(self.bulk)


class Flusher:
    """Inserts a batch; rows that ClickHouse refuses are found by halving and set aside.

    Args:
        clickhouse: the target's server.
        config: the pipe.
        column_names: of a row, in its order.
        bookkeeping: gets what is refused.

    Attributes:
        short_way: needed for batches with bulk rows.
        rewritten_in_a_row: how many batches had to be written a second time, as rows.
    """

    def __init__(
        self,
        clickhouse: ClickHouse,
        config: PipeConfig,
        column_names: list[str],
        bookkeeping: Bookkeeping,
    ) -> None:
        self.short_way: ShortWay | None = None
        self.rewritten_in_a_row = 0
        self._is_counted = False  # a batch was stored whole, and counted as that: no view is
        self._clickhouse = clickhouse
        self._bookkeeping = bookkeeping
        columns = ", ".join(quote(name) for name in column_names)
        table = f"{quote(config.database)}.{quote(config.table)}"
        self._head = f"INSERT INTO {table} ({columns}) FORMAT JSONCompactEachRow"
        self._settings = INSERT_SETTINGS
        if has_variants(config):
            self._head = insert_variants(config, f"INSERT INTO {table} ({columns})")
            self._settings = {**INSERT_SETTINGS, **VARIANT_SETTINGS}

    def frame(self, batch: Batch) -> None:
        """Make what a batch will be sent as; the one before may be on its way meanwhile."""
        if batch.bulk and self.short_way is not None:
            bulk, _ = self.short_way
            batch.framed = bulk.body(batch.bulk), bulk.token(batch.bulk, batch.spans)

    def flush(self, batch: Batch) -> None:
        """Store rows and errors; returns when ClickHouse has acknowledged them all.

        Raises:
            ClickHouseError: the table or the server is at fault; nothing must be checkpointed.
        """
        if batch.bulk:
            self._insert_bulk(batch)
        if batch.rows:
            self._insert(batch, 0, len(batch.rows))
        if batch.errors:
            digest = hashlib.blake2b(digest_size=16)
            for row in batch.errors:
                digest.update(f"{row.partition}/{row.offset}/{row.reason};".encode())
            self._bookkeeping.add_errors(batch.errors, digest.hexdigest())

    def _insert_bulk(self, batch: Batch) -> None:
        """All bulk rows in one statement; what it leaves out takes the long way."""
        assert self.short_way is not None, "a batch with bulk rows needs the short way"
        bulk, judge = self.short_way
        if batch.framed is None:
            self.frame(batch)
        assert batch.framed is not None, "it has just been framed"
        (body, deduplication_token), batch.framed = batch.framed, None
        settings = {
            **INSERT_SETTINGS,
            **BULK_SETTINGS,
            "insert_deduplication_token": deduplication_token,
        }
        written = 0
        try:
            written = self._clickhouse.insert(bulk.statement(batch.bulk), body, settings)
        except ClickHouseError as error:
            if error.code in WITHOUT_INPUT:
                self.rewritten_in_a_row = REWRITTEN_MAX
            elif not error.blames_data:
                raise
        if written == len(batch.bulk):
            self.rewritten_in_a_row = 0
            self._is_counted = True
        else:
            self._judge(batch, bulk, judge, written)

    def _judge(
        self, batch: Batch, bulk: Bulk, judge: Callable[[bytes, int], bytes], written: int
    ) -> None:
        """What the statement left out takes the long way: into rows or errors."""
        rows: list[tuple[bytes, tuple[str, Record | EncodedRecord], bool]] = []
        unknown = bulk.unknown(batch.bulk)
        is_all_of_known = self._is_counted and written == unknown.count(False)
        for (ticks, shard_id, record), is_unknown in zip(batch.bulk, unknown, strict=True):
            if is_all_of_known and not is_unknown:
                continue
            try:
                rows.append((judge(decoded(record[2]), ticks), (shard_id, record), is_unknown))
            except Poison as error:
                sequence_number, arrival_ms, data, *_ = record
                batch.errors.append(
                    ErrorRow(str(error), decoded(data), shard_id, sequence_number, arrival_ms)
                )
        # With as many written as have known types, those of unknown types are what is missing.
        # Else some were refused, or views count too: write all, which changes nothing of the rest.
        is_told = is_all_of_known or written == sum(not is_new for _, _, is_new in rows)
        missing = [row for row in rows if row[2] or not is_told]
        batch.rows += [row for row, _, _ in missing]
        batch.origins += [origin for _, origin, _ in missing]
        if is_told:
            self.rewritten_in_a_row = 0
        elif bulk.trims:
            bulk.trims = False  # an attribute may have the name of what is cut off
        else:
            self.rewritten_in_a_row += 1

    def _insert(self, batch: Batch, start: int, end: int) -> None:
        body = b"\n".join(batch.rows[start:end])
        try:
            self.send(body, token(batch.spans, body))
        except ClickHouseError as error:
            if not error.blames_data:
                raise
            if end - start == 1:
                batch.errors.append(self._refused(batch, start, str(error)))
                return
            middle = (start + end) // 2
            self._insert(batch, start, middle)
            self._insert(batch, middle, end)

    def send(self, body: bytes, deduplication_token: str) -> None:
        """One insert, acknowledged."""
        settings = {**self._settings, "insert_deduplication_token": deduplication_token}
        self._clickhouse.insert(self._head, body, settings)

    def _refused(self, batch: Batch, index: int, reason: str) -> ErrorRow:
        shard_id, (sequence_number, arrival_ms, data, *_) = batch.origins[index]
        return ErrorRow(reason, decoded(data), shard_id, sequence_number, arrival_ms, kind="insert")


def token(spans: dict[str, Span], body: bytes) -> str:
    """The same for the same rows of the same records, and for nothing else.

    The content is part of it: a span read again may carry higher ranks (see versions.py), and a
    token of positions alone would have ClickHouse drop them.
    """
    digest = hashlib.blake2b(body, digest_size=16)
    for shard_id in sorted(spans):
        digest.update(f"{shard_id}:{spans[shard_id].first}-{spans[shard_id].last};".encode())
    return digest.hexdigest()


class Checkpointer:
    """Writes how far each shard is stored.

    Args:
        bookkeeping: holds the checkpoints.
        source: identity of the stream.
        known: what was stored before, by shard.
    """

    def __init__(self, bookkeeping: Bookkeeping, source: str, known: dict[str, Checkpoint]) -> None:
        self._bookkeeping = bookkeeping
        self._source = source
        self._known = dict(known)
        self._unwritten: dict[str, Checkpoint] = {}
        self._lock = threading.Lock()

    def register(self, found: list[Checkpoint]) -> None:
        """Remember new shards and where they start, before any is read.

        One that begins at the horizon would be found again just so. It is written together with the
        next positions, the end of its parent among them, or else when shards are next listed.
        """
        self._known.update((c.unit, c) for c in found)
        due = self._take_unwritten({c.unit: c for c in found if c.start == HORIZON})
        due |= {c.unit: c for c in found if c.start != HORIZON}
        self._bookkeeping.save(self._source, due.values())

    def save(self, spans: dict[str, Span]) -> None:
        """Write the ends of the spans; call after they are stored."""
        moved = self._take_unwritten({})
        for shard_id, span in spans.items():
            known = self._known.get(shard_id) or Checkpoint(shard_id)
            is_ahead = not known.position or int(span.last or 0) >= int(known.position)
            checkpoint = Checkpoint(
                unit=shard_id,
                start=known.start,
                position=span.last if span.last and is_ahead else known.position,
                resume=span.resume if span.last and is_ahead else known.resume,
                status=ENDED if span.ended else OPEN,
                arrival_ms=span.arrival_ms if span.last and is_ahead else known.arrival_ms,
                records=known.records + span.records,
            )
            moved[shard_id] = self._known[shard_id] = checkpoint
        self._bookkeeping.save(self._source, moved.values())

    def _take_unwritten(self, instead: dict[str, Checkpoint]) -> dict[str, Checkpoint]:
        # Shards are listed in one thread, and positions saved in another.
        with self._lock:
            taken, self._unwritten = self._unwritten, instead
        return taken
