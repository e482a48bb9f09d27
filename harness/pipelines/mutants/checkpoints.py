"""Defects in checkpoints: what a restart reads again, and what it never reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.pipelines.mutants.batches import ImpatientSync
from harness.pipelines.mutants.shards import Enumerates, Reads
from harness.pipelines.reference.batches import Batch
from harness.pipelines.reference.bookkeeping import ENDED, ORPHANS, Checkpoint
from harness.pipelines.reference.clickhouse import ClickHouseError
from harness.pipelines.reference.kinesis import PollingReader
from harness.pipelines.reference.shards import Enumerator, Page, Start
from harness.pipelines.reference.snapshot import SnapshotLoader
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.reference.manifest import DataFile, Export
    from harness.pipelines.reference.snapshot_sql import SnapshotSql

ROWS_OF_A_BATCH = 1
RETRY_US = 10_000_000


def _without_lookback(batch: Batch) -> None:
    """The reference reads a little again after a restart, which would hide most losses."""
    for span in batch.spans.values():
        span.resume = ""


class _CheckpointsFirst(StreamSync):
    def store(self, batch: Batch) -> None:
        _without_lookback(batch)
        self.checkpointer.save(batch.spans)
        self.flusher.flush(batch)


class CheckpointsFirst(ClickPipes):
    """The checkpoint of a batch is saved before the batch is."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The hasty one."""
        return _CheckpointsFirst


class _FilesFirst(SnapshotLoader):
    def load_file(self, export: Export, file: DataFile, sql: SnapshotSql, source: str) -> None:
        done = [Checkpoint(f.key, status=ENDED, records=f.item_count) for f in export.files]
        self.bookkeeping.save(source, done)
        super().load_file(export, file, sql, source)


class CheckpointsFilesFirst(ClickPipes):
    """All data files of the export are marked as loaded when the load begins."""

    def snapshot_loader_class(self) -> type[SnapshotLoader]:
        """The hasty one."""
        return _FilesFirst


class _PassesGaps(StreamSync):
    """A batch that failed is tried again a while later, and the next ones go on."""

    waiting: list[tuple[int, Batch]]

    def store(self, batch: Batch) -> None:
        _without_lookback(batch)
        try:
            self.flusher.flush(batch)
        except ClickHouseError:
            due_us = self.env.clock.now_us() + RETRY_US
            self.waiting = [*getattr(self, "waiting", []), (due_us, batch)]
        else:
            self.checkpointer.save(batch.spans)

    def step(self) -> bool:
        waiting = getattr(self, "waiting", [])
        if waiting and waiting[0][0] <= self.env.clock.now_us():
            _, batch = waiting.pop(0)
            self.store(batch)
        return super().step()


class CheckpointsPastGaps(ImpatientSync):
    """The highest stored position is saved although a batch before it still waits to be written."""

    sync_class = _PassesGaps

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        # Small batches: there is a next one soon.
        settings = replace(self.config.settings, streaming_max_insert_rows=2)
        self.config = replace(self.config, settings=settings)


class _CoversThePage(StreamSync):
    def apply(self, page: Page) -> None:
        for number, record in enumerate(page.records):
            self._open_batch()
            self._decode(page.shard_id, [record])
            self._cover(page.shard_id, [record] if number else page.records)
            if self._batch.row_count >= ROWS_OF_A_BATCH:
                self.close_batch()
        super().apply(replace(page, records=()))

    def store(self, batch: Batch) -> None:
        _without_lookback(batch)
        super().store(batch)


class CheckpointsThePage(ClickPipes):
    """The checkpoint names the page that a batch began, and the page is longer than the batch."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that covers too much."""
        return _CoversThePage


class _SkipsTheFirst(PollingReader):
    """Takes the first record after a restart for the one that is stored."""

    is_first = True

    def read(self) -> Page:
        is_resumed = self.is_first and self._start.kind == "AFTER"
        page = super().read()
        if not page.records:
            return page
        self.is_first = False
        return replace(page, records=page.records[1:]) if is_resumed else page


class _ResumesAfter(Enumerator):
    def start(self, shard_id: str) -> Start:
        known = self.checkpoint(shard_id)
        right = super().start(shard_id)
        return Start("AFTER", known.position, right.stored_ms) if known.position else right


class ResumesOneTooFar(Reads, Enumerates):
    """A restart reads after the last stored record, and then skips one as stored already."""

    reader_class = _SkipsTheFirst
    enumerator_class = _ResumesAfter


class _LoadsOnce(SnapshotLoader):
    def _load(self) -> None:
        for source in self.bookkeeping.sources():
            if source.startswith("export ") and ORPHANS in self.bookkeeping.load(source):
                return
        super()._load()


class LoadsOneExportEver(ClickPipes):
    """That a snapshot was loaded is remembered for the table, not for the export."""

    def snapshot_loader_class(self) -> type[SnapshotLoader]:
        """The one that remembers too much."""
        return _LoadsOnce
