"""Defects in checkpoints: what a restart reads again, and what it never reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.mutants.batches import ImpatientSync
from harness.pipelines.reference.batches import Batch
from harness.pipelines.reference.bookkeeping import ENDED, Checkpoint
from harness.pipelines.reference.clickhouse import ClickHouseError
from harness.pipelines.reference.shards import Enumerator, Start
from harness.pipelines.reference.snapshot import ORPHANS, SnapshotLoader
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from typing import Any

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.manifest import DataFile, Export
    from harness.pipelines.reference.snapshot_sql import SnapshotSql


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
        done = Checkpoint(file.key, status=ENDED, records=file.item_count)
        self.bookkeeping.save(source, [done])
        super().load_file(export, file, sql, source)


class CheckpointsFilesFirst(ClickPipes):
    """A data file of the export is marked as loaded when its load begins."""

    def snapshot_loader_class(self) -> type[SnapshotLoader]:
        """The hasty one."""
        return _FilesFirst


class _PassesGaps(StreamSync):
    """A batch that failed waits for its turn while later ones go on."""

    failed: list[Batch]

    def store(self, batch: Batch) -> None:
        _without_lookback(batch)
        waiting, self.failed = [*getattr(self, "failed", []), batch], []
        stored = False
        for each in waiting:
            try:
                self.flusher.flush(each)
            except ClickHouseError:
                self.failed.append(each)
            else:
                stored = True
                self.checkpointer.save(each.spans)
        if not stored:
            self.env.pause(0.1)

    def step(self) -> bool:
        if getattr(self, "failed", None) and self._batch.is_empty:
            first = self.failed.pop(0)
            self.store(first)
        return super().step()


class CheckpointsPastGaps(ImpatientSync):
    """The highest stored position is saved although a batch before it still waits to be written."""

    sync_class = _PassesGaps


class _ResumesByTime(Enumerator):
    def start(self, shard_id: str) -> Start:
        known = self.checkpoint(shard_id)
        if known.position:
            return Start("AT_TIMESTAMP", f"{(known.arrival_ms + 1) / 1000:.3f}")
        return super().start(shard_id)


class ResumesAfterTheMillisecond(ClickPipes):
    """A restart begins after the arrival time of the last record, and others share that time."""

    def make_enumerator(
        self, env: Environment, checkpoints: dict[str, Checkpoint], report_loss: Any
    ) -> Enumerator:
        """The one that resumes by time."""
        first_start = super().make_enumerator(env, checkpoints, report_loss)._first_start  # noqa: SLF001 - of its own kind
        return _ResumesByTime(
            first_start=first_start, checkpoints=checkpoints, report_loss=report_loss
        )


class _SkipsOne(Enumerator):
    def start(self, shard_id: str) -> Start:
        right = super().start(shard_id)
        known = self.checkpoint(shard_id)
        if not known.position:
            return right
        return Start("AFTER", str(int(known.position) + 1), right.stored_ms)


class ResumesOneTooFar(ResumesAfterTheMillisecond):
    """A restart begins behind the record that comes next."""

    def make_enumerator(
        self, env: Environment, checkpoints: dict[str, Checkpoint], report_loss: Any
    ) -> Enumerator:
        """The one that skips."""
        made = super().make_enumerator(env, checkpoints, report_loss)
        return _SkipsOne(
            first_start=made._first_start,  # noqa: SLF001 - of its own kind
            checkpoints=checkpoints,
            report_loss=report_loss,
        )


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
