"""Defects in batches and inserts: what is written of what was read."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import orjson

from harness.pipelines.reference.batches import Batch, Flusher
from harness.pipelines.reference.clickhouse import ClickHouseError
from harness.pipelines.reference.records import Poison
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse
    from harness.pipelines.reference.records import Decoder

SMALL_BYTES = 2_000
"""What `SkipsLargeRecords` takes for too large; kept small so that tests stay so."""

ROWS_OF_A_FULL_BATCH = 1_000
FIRST_PART_ROWS = 4
UNSENT_EVERY = 3


class Flushes(ClickPipes):
    """A sync with another flusher."""

    flusher_class: type[Flusher] = Flusher

    def make_flusher(self, clickhouse: ClickHouse, decoder: Decoder, books: Bookkeeping) -> Flusher:
        """The mutant's own."""
        made = self.flusher_class(clickhouse, self.config, decoder.column_names, books)
        names = [column.name for column in self.config.columns]
        made.key_places = [names.index(n) for n in self.config.key_columns]  # type: ignore[attr-defined] # mutants' own
        return made


class _ByKey(Flusher):
    key_places: list[int]

    def key_of(self, line: bytes) -> tuple[Any, ...]:
        """The key in a row's line."""
        row = orjson.loads(line)
        return tuple(str(row[place]) for place in self.key_places)


class _KeepsFirst(_ByKey):
    def flush(self, batch: Batch) -> None:
        first: dict[Any, int] = {}
        for index, line in enumerate(batch.rows):
            first.setdefault(self.key_of(line), index)
        _keep(batch, sorted(first.values()))
        super().flush(batch)


class KeepsFirstOfABatch(Flushes):
    """Of several changes of a key in one batch the first is written, not the last."""

    flusher_class = _KeepsFirst


class _DeletesWin(_ByKey):
    def flush(self, batch: Batch) -> None:
        deleted = {self.key_of(line) for line in batch.rows if orjson.loads(line)[-1]}
        rows = enumerate(batch.rows)
        _keep(
            batch,
            [i for i, line in rows if orjson.loads(line)[-1] or self.key_of(line) not in deleted],
        )
        super().flush(batch)


class DeletesWinInABatch(Flushes):
    """A delete anywhere in a batch outranks every write of its key in that batch."""

    flusher_class = _DeletesWin


def _keep(batch: Batch, places: list[int]) -> None:
    batch.rows = [batch.rows[place] for place in places]
    batch.origins = [batch.origins[place] for place in places]


class _TokenOfKeys(_ByKey):
    def send(self, body: bytes, deduplication_token: str) -> None:
        keys = sorted({self.key_of(line) for line in body.splitlines()})
        super().send(body, orjson.dumps(keys).hex())


class TokenOfKeys(Flushes):
    """An insert's deduplication token is made of its keys, not of its records."""

    flusher_class = _TokenOfKeys


class _SwallowsErrors(StreamSync):
    def store(self, batch: Batch) -> None:
        try:
            self.flusher.flush(batch)
        except ClickHouseError:
            batch.errors.clear()
        self.checkpointer.save(batch.spans)


class _Once:
    """Calls once, whatever comes of it."""

    def call(self, work: Callable[[], Any], passes: Callable[[Exception], bool]) -> Any:
        return work()


class ImpatientSync(ClickPipes):
    """A failed insert is not repeated by the client; its sync decides what becomes of it."""

    sync_class: type[StreamSync] = StreamSync

    def stream_sync_class(self) -> type[StreamSync]:
        """The mutant's own."""
        return self.sync_class

    def make_flusher(self, clickhouse: ClickHouse, decoder: Decoder, books: Bookkeeping) -> Flusher:
        """With a client that tells of each failure at once."""
        impatient = copy(clickhouse)
        impatient._retry = _Once()  # type: ignore[assignment] # noqa: SLF001 - the one part to change
        return super().make_flusher(impatient, decoder, books)


class SwallowsWriteFailures(ImpatientSync):
    """An insert that failed is logged, and its records are checkpointed all the same."""

    sync_class = _SwallowsErrors


class _SendsFirstPart(Flusher):
    def send(self, body: bytes, deduplication_token: str) -> None:
        lines = body.splitlines()
        super().send(b"\n".join(lines[:FIRST_PART_ROWS]), deduplication_token)


class AcknowledgesTheFirstPart(Flushes):
    """A large insert is sent in parts and taken for stored when the first part is."""

    flusher_class = _SendsFirstPart


class _SkipsSends(Flusher):
    sent = 0

    def send(self, body: bytes, deduplication_token: str) -> None:
        self.sent += 1
        if self.sent % UNSENT_EVERY:
            super().send(body, deduplication_token)


class AcknowledgesUnsentInserts(Flushes):
    """Every third insert is acknowledged and stored nowhere."""

    flusher_class = _SkipsSends


class _FlushesBySize(StreamSync):
    def _is_due(self) -> bool:
        return self._batch.row_count >= ROWS_OF_A_FULL_BATCH


class FlushesBySizeOnly(ClickPipes):
    """A batch waits until it is full, however long that takes."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that waits."""
        return _FlushesBySize


class _Buffers(StreamSync):
    held: Batch | None = None

    def store(self, batch: Batch) -> None:
        if self.held is not None:
            self.flusher.flush(self.held)
        self.held = batch
        for span in batch.spans.values():
            span.resume = ""
        self.checkpointer.save(batch.spans)

    def step(self) -> bool:
        done = super().step()
        if not done and self._batch.is_empty and self.held is not None:
            self.flusher.flush(self.held)
            self.held = None
        return done


class AcknowledgesFromMemory(ClickPipes):
    """A batch counts as stored when the client has buffered it; it is sent with the next."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The buffering one."""
        return _Buffers


class _StopsAtPoison(StreamSync):
    def _set_aside(self, shard_id: str, record: Any, reason: str) -> None:
        raise PoisonMet(f"shard {shard_id}: {reason}")


class PoisonMet(Exception):  # noqa: N818 - the record is at fault
    """A record without a row has stopped the pipe."""


class StopsAtPoison(ClickPipes):
    """A record that cannot be stored ends the pipe, and does so again after each restart."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that stops."""
        return _StopsAtPoison


class _DropsNeighbours(StreamSync):
    def _decode(self, shard_id: str, records: Any) -> None:
        for record in records:
            try:
                change = self.decoder.read(record[2])
                self.decoder.row(change, self.versioner.layout.version(change.stamp_us))
            except Poison as error:
                self._set_aside(shard_id, record, str(error))
                return
        super()._decode(shard_id, records)


class DropsNeighboursOfPoison(ClickPipes):
    """A page with a record that cannot be stored is dropped whole."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that drops."""
        return _DropsNeighbours


class _SkipsLarge(StreamSync):
    def _decode(self, shard_id: str, records: Any) -> None:
        super()._decode(shard_id, [r for r in records if len(r[2]) <= SMALL_BYTES])


class SkipsLargeRecords(ClickPipes):
    """Records above a limit are counted and skipped."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that skips."""
        return _SkipsLarge
