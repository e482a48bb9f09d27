"""The stream part of the sync: pages in, batches out, checkpoints behind them.

One thread decodes, versions and batches, so that ties are judged in one place and each shard's
records stay in order. Reading and flushing run beside it; with `workers = 0` everything happens in
this one thread, step by step.
"""

from __future__ import annotations

from collections import deque
from types import MethodType
from typing import TYPE_CHECKING

from harness.pipelines.reference.batches import REWRITTEN_MAX, Batch, Span
from harness.pipelines.reference.bookkeeping import ErrorRow
from harness.pipelines.reference.floor import Floor
from harness.pipelines.reference.reading import PAUSE_SECONDS, Pause
from harness.pipelines.reference.records import Poison
from harness.pipelines.reference.retry import Stopped
from harness.pipelines.reference.shards import EncodedRecords, decoded, size_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.batches import Checkpointer, Flusher
    from harness.pipelines.reference.bulk import Bulk
    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.reading import Readers
    from harness.pipelines.reference.records import Change, Decoder
    from harness.pipelines.reference.shards import EncodedRecord, Enumerator, Page, Record, Source
    from harness.pipelines.reference.versions import Versioner

REFRESH_SECONDS = 10.0
IDLE_REFRESH_SECONDS = 0.5
LOOKBACK_PAGES_MAX = 1000
HAND_OVER_SECONDS = 0.005
"""How often two threads look for each other: each look takes Python away from a third."""
CATCHING_UP = 20
CATCHING_UP_MS_MAX = 5000
FIRST_ROWS = 5_000
"""So many of a backlog are enough to begin with: ClickHouse has nothing else to do yet."""


class StreamSync:
    """Follows one stream.

    Args:
        env: clock, stop signal and threads.
        config: the pipe.
        source: the stream.
        enumerator: its shards.
        readers: the shards being read.
        decoder: records to rows.
        versioner: which row is the later one.
        flusher: rows to ClickHouse.
        checkpointer: what is stored.
        bulk: the short way for large pages; None for none.

    Attributes:
        floor: records from below it are left out: an export has them.
    """

    def __init__(
        self,
        env: Environment,
        config: PipeConfig,
        source: Source,
        *,
        enumerator: Enumerator,
        readers: Readers,
        decoder: Decoder,
        versioner: Versioner,
        flusher: Flusher,
        checkpointer: Checkpointer,
        bulk: Bulk | None = None,
    ) -> None:
        self.env = env
        self.settings = config.settings
        self.source = source
        self.enumerator = enumerator
        self.readers = readers
        self.decoder = decoder
        self.versioner = versioner
        self.flusher = flusher
        self.checkpointer = checkpointer
        self.floor = Floor()
        self._bulk = bulk
        self._batch = Batch(0)
        self._is_first_batch = True
        self._handed_over: Batch | None = None
        self._failure: Exception | None = None
        self._is_over = False
        self._behind: set[str] = set()
        self._recent: dict[str, deque[tuple[str, int]]] = {}
        self._refresh_due_us = 0

    def run(self) -> None:
        """Follow the stream until the pipe must end, then store what was read.

        Raises:
            Exception: what a reader or the flusher died of.
        """
        if self.settings.workers:
            self.env.start_thread(self._flush_in_turn, "flusher")
        pause = Pause(self.env)
        # Alone in its thread it knows what the next step waits for; a step of its own may not.
        is_plain = not self.settings.workers and self.step == MethodType(StreamSync.step, self)
        try:
            while not self.env.stopping():
                if self.step():
                    pause.reset()
                elif is_plain:
                    pause.wait_for(self._has_news, self._due_us())
                else:
                    pause.wait()
            self._await_flusher()
            if not self._batch.is_empty:
                self.store(self._batch)
        finally:
            self._is_over = True
            self.readers.close()

    def step(self) -> bool:
        """Do what can be done now; returns False when there was nothing."""
        if self._failure is not None:
            raise self._failure
        if self.env.clock.now_us() >= self._refresh_due_us:
            self.refresh()
        page = self.readers.next_page()
        if page is not None:
            self._note_lag(page)
            self.apply(page)
        if self._is_due():
            self.close_batch()
        return page is not None

    def _has_news(self) -> bool:
        return self._failure is not None or self.readers.has_news()

    def _due_us(self) -> int:
        """When the next step has something to do, if nobody brings news before."""
        due_us = self._refresh_due_us
        reading_us = self.readers.due_us()
        if reading_us is not None:
            due_us = min(due_us, reading_us)
        if not self._batch.is_empty:
            wait_us = self.settings.streaming_max_insert_wait_ms * 1000
            due_us = min(due_us, self._batch.opened_us + wait_us)
        return due_us

    def refresh(self) -> None:
        """List the shards and begin those whose turn has come."""
        self.checkpointer.register(self.enumerator.update(self.source.shards()))
        for shard, start in self.enumerator.take_ready():
            self.readers.add(shard.shard_id, self.source.reader(shard.shard_id, start))
        seconds = REFRESH_SECONDS if self.readers.open_shards else IDLE_REFRESH_SECONDS
        self._refresh_due_us = self.env.clock.now_us() + round(seconds * 1e6)

    def heed_floor(self) -> None:
        """Store what was decoded before the floor was raised, if it was, and confirm that."""
        if not self.floor.is_in_force:
            floor_us = self.floor.us
            self.close_batch()
            self._await_flusher()
            self.floor.confirm(floor_us)

    def apply(self, page: Page) -> None:
        """Decode a page into the open batch; a full batch is closed in between."""
        records, rows_max = page.records, max(1, self.settings.streaming_max_insert_rows)
        for start in range(0, len(records), rows_max):
            part = records[start : start + rows_max] if len(records) > rows_max else records
            self._make_room(len(part), size_bytes(part))
            self._open_batch()
            self._decode(page.shard_id, part)
            self._cover(page.shard_id, part)
        if page.ended:
            self._open_batch().spans.setdefault(page.shard_id, Span()).ended = True
            self.enumerator.end(page.shard_id)
            self._recent.pop(page.shard_id, None)
            self._refresh_due_us = 0

    def _note_lag(self, page: Page) -> None:
        """Remember which shards have more waiting."""
        if page.behind_ms and not page.ended:
            self._behind.add(page.shard_id)
        else:
            self._behind.discard(page.shard_id)

    def decode_record(self, shard_id: str, record: Record) -> tuple[Change, bytes]:
        """The change that a record tells, and its row.

        Raises:
            Poison: it has none.
        """
        data = record[2]
        if len(data) > self.settings.message_max_bytes:
            raise Poison(f"record of {len(data)} bytes, {self.settings.message_max_bytes} allowed")
        change = self.decoder.read(data)
        version = self.versioner.version(change, data, (shard_id, record))
        self.decoder.origin = (self.source.name_shown, record)
        return change, self.decoder.row(change, version)

    def _decode(self, shard_id: str, records: Sequence[Record]) -> None:
        least = self.settings.bulk_page_records
        if self.flusher.rewritten_in_a_row >= REWRITTEN_MAX:
            self._bulk = None
        if self._bulk is not None and least and len(records) >= least:
            waiting = records.encoded if isinstance(records, EncodedRecords) else records
            records = self._take_bulk(self._bulk, shard_id, waiting)
        batch = self._batch
        rows, origins = batch.rows, batch.origins
        decode, reissues = self.decode_record, self.versioner.reissues
        size, floor_us = 0, self.floor.us
        for record in records:
            try:
                change, row = decode(shard_id, record)
            except Poison as error:
                if not self._is_in_export(record):
                    self._set_aside(shard_id, record, str(error))
            else:
                if change.stamp_us < floor_us:
                    continue
                size += len(row)
                rows.append(row)
                origins.append((shard_id, record))
            if reissues:
                self._reissue()
        batch.size_bytes += size

    def _take_bulk(
        self, bulk: Bulk, shard_id: str, records: Sequence[Record | EncodedRecord]
    ) -> Sequence[Record]:
        """What can go the short way goes; returns the rest."""
        batch, rest = self._batch, []
        taken, look, place = batch.bulk, bulk.look, self.versioner.ticks
        floor_us = self.floor.us
        size, size_max = 0, self.settings.message_max_bytes
        for record in records:
            data = record[2]
            seen = look(data) if len(data) <= size_max else None
            if seen is None:
                rest.append((record[0], record[1], decoded(data)))
                continue
            key, stamp_us, unit_us = seen
            if stamp_us < floor_us:
                continue
            size += len(data) * 3 // 4 if isinstance(data, str) else len(data)
            ticks = place(key, stamp_us, unit_us, data, (shard_id, record))
            taken.append((ticks, shard_id, record))
        batch.size_bytes += size
        if self.versioner.reissues:
            self._reissue()
        return rest

    def _reissue(self) -> None:
        """Write rows again whose rank has risen."""
        for change, version, entry in self.versioner.reissues:
            if change.stamp_us < self.floor.us:
                continue
            shard_id, record = entry[-1]
            self.decoder.origin = (self.source.name_shown, record)
            try:
                row = self.decoder.row(change, version)
            except Poison:
                continue  # it has been set aside when it came
            self._batch.rows.append(row)
            self._batch.origins.append((shard_id, record))
        self.versioner.reissues.clear()

    def _is_in_export(self, record: Record) -> bool:
        """True for a change that the snapshot has, or has set aside itself."""
        if not self.floor.us:
            return False
        try:
            return self.decoder.read(record[2]).stamp_us < self.floor.us
        except Poison:
            return False

    def _set_aside(self, shard_id: str, record: Record, reason: str) -> None:
        sequence_number, arrival_ms, data, *_ = record
        self._batch.errors.append(ErrorRow(reason, data, shard_id, sequence_number, arrival_ms))

    def _cover(self, shard_id: str, records: Sequence[Record]) -> None:
        """The batch now covers these records too."""
        if not records:
            return
        first, last, arrival_ms = records[0][0], records[-1][0], records[-1][1]
        span = self._batch.spans.setdefault(shard_id, Span(first=first))
        recent = self._recent.setdefault(shard_id, deque(maxlen=LOOKBACK_PAGES_MAX))
        recent.append((first, arrival_ms))
        while recent[0][1] < arrival_ms - self.settings.resume_lookback_ms:
            recent.popleft()
        span.first = span.first or first
        span.last, span.arrival_ms, span.resume = last, arrival_ms, recent[0][0]
        span.records += len(records)

    def _open_batch(self) -> Batch:
        if self._batch.is_empty:
            self._batch.opened_us = self.env.clock.now_us()
        return self._batch

    def _make_room(self, rows: int, size_bytes: int) -> None:
        batch, settings = self._batch, self.settings
        if batch.row_count and (
            batch.row_count + rows > settings.streaming_max_insert_rows
            or batch.size_bytes + size_bytes > settings.streaming_max_insert_bytes
        ):
            self.close_batch()

    def _is_due(self) -> bool:
        if self._batch.is_empty:
            return False
        wait_ms = self.settings.streaming_max_insert_wait_ms
        if self.settings.workers:
            if self._handed_over is not None:
                return False  # it can as well grow until its turn comes
            if self._is_first_batch and self._batch.row_count >= FIRST_ROWS:
                return True
            if self._behind:
                # With more waiting in the stream, larger batches bring all of it sooner.
                wait_ms = max(wait_ms, min(CATCHING_UP * wait_ms, CATCHING_UP_MS_MAX))
        return self.env.clock.now_us() - self._batch.opened_us >= wait_ms * 1000

    def close_batch(self) -> None:
        """Hand the open batch over to be stored; waits for the one before."""
        batch, self._batch = self._batch, Batch(0)
        if batch.is_empty:
            return
        self._is_first_batch = False
        if not self.settings.workers:
            self.store(batch)
            return
        self.flusher.frame(batch)
        self._await_flusher()
        self._handed_over = batch

    def _await_flusher(self) -> None:
        while self._handed_over is not None and self._failure is None:
            self.env.clock.sleep(HAND_OVER_SECONDS)
        if self._failure is not None:
            raise self._failure

    def store(self, batch: Batch) -> None:
        """Flush, then checkpoint."""
        self.flusher.flush(batch)
        self.checkpointer.save(batch.spans)

    def _flush_in_turn(self) -> None:
        try:
            while not self._is_over:
                batch = self._handed_over
                if batch is not None:
                    self.store(batch)
                    self._handed_over = None
                else:
                    is_idle = self._batch.is_empty
                    self.env.clock.sleep(PAUSE_SECONDS[1] if is_idle else HAND_OVER_SECONDS)
        except Stopped as stopped:
            self._failure = stopped
        except Exception as error:  # noqa: BLE001 - carried to the pipe's own thread
            self._failure = error
