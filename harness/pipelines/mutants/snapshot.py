"""Defects in the snapshot and in its hand-off to the stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from harness.pipelines.mutants.batches import Flushes
from harness.pipelines.reference.batches import Flusher
from harness.pipelines.reference.clickhouse import ClickHouseError, literal, quote
from harness.pipelines.reference.snapshot import SnapshotLoader
from harness.pipelines.reference.snapshot_sql import SnapshotSql
from harness.pipelines.reference.sql_cells import SqlCell
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.reference.batches import Batch
    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse
    from harness.pipelines.reference.manifest import DataFile, Export
    from harness.pipelines.reference.records import Decoder


class Loads(ClickPipes):
    """A sync with another loader."""

    loader_class: type[SnapshotLoader] = SnapshotLoader

    def snapshot_loader_class(self) -> type[SnapshotLoader]:
        """The mutant's own."""
        return self.loader_class


class StreamsFromLatest(ClickPipes):
    """The stream is read from the moment in which the snapshot is loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.config = replace(self.config, iterator_type="LATEST")


class _AtLoadTime(SnapshotLoader):
    def make_sql(self, export: Export) -> SnapshotSql:
        return SnapshotSql(
            self.config,
            self.layout,
            version_us=self.env.clock.now_us(),
            is_incremental=export.is_incremental,
        )


class VersionsSnapshotByLoadTime(Loads):
    """Rows of the snapshot get the time of their load as version."""

    loader_class = _AtLoadTime


class _AtZero(SnapshotLoader):
    def make_sql(self, export: Export) -> SnapshotSql:
        return SnapshotSql(
            self.config, self.layout, version_us=0, is_incremental=export.is_incremental
        )


class VersionsSnapshotByConstant(Loads):
    """Rows of every snapshot get the version 0, so a later one repairs nothing."""

    loader_class = _AtZero


class _FirstFile(SnapshotLoader):
    def load_file(self, export: Export, file: DataFile, sql: SnapshotSql, source: str) -> None:
        if file == next(f for f in export.files if f.item_count):
            super().load_file(export, file, sql, source)


class LoadsTheFirstFile(Loads):
    """Of the export's data files the first is loaded."""

    loader_class = _FirstFile


class _SkipsFailures(SnapshotLoader):
    def load_file(self, export: Export, file: DataFile, sql: SnapshotSql, source: str) -> None:
        try:
            super().load_file(export, file, sql, source)
        except ClickHouseError as error:
            self.bookkeeping.note(f"{file.key} skipped: {error}", level="error")


class SkipsFilesThatFail(Loads):
    """A data file whose load fails is logged and left out."""

    loader_class = _SkipsFailures

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        # Without patience a load fails at the first error.
        self.config = replace(
            self.config, settings=replace(self.config.settings, retry_seconds_max=0)
        )


class _KeepsOrphans(SnapshotLoader):
    def _delete_orphans(self, export: Export) -> None:
        return


class KeepsOrphans(Loads):
    """A second snapshot adds and replaces, and what is gone from the source stays."""

    loader_class = _KeepsOrphans


class _DeletesWhatIsThere(Flusher):
    """A delete is written only where there is a row to delete."""

    clickhouse: ClickHouse
    key_places: list[int]
    table = ""
    key_columns: tuple[str, ...]

    def flush(self, batch: Batch) -> None:
        kept = [i for i, line in enumerate(batch.rows) if self._is_kept(orjson.loads(line))]
        batch.rows = [batch.rows[i] for i in kept]
        batch.origins = [batch.origins[i] for i in kept]
        super().flush(batch)

    def _is_kept(self, row: list[Any]) -> bool:
        if not row[-1]:
            return True
        match = " AND ".join(
            f"toString({quote(name)}) = {literal(str(row[place]))}"
            for name, place in zip(self.key_columns, self.key_places, strict=True)
        )
        counted = self.clickhouse.rows(f"SELECT count() FROM {self.table} WHERE {match}")
        return int(counted[0][0]) > 0


class _LoadsLate(StreamSync):
    """Reads what is on the stream, and when there is nothing more, loads the snapshot."""

    pipe: DeletesOnlyWhatIsLoaded

    def step(self) -> bool:
        done = super().step()
        loader = self.pipe.loader
        if not done and loader is not None:
            self.pipe.loader = None
            self.close_batch()
            loader.run()
            loader.raise_failure()
        return done


class DeletesOnlyWhatIsLoaded(Flushes):
    """A delete that overtakes the snapshot finds no row and is dropped; then its row is loaded."""

    flusher_class = _DeletesWhatIsThere
    loader: SnapshotLoader | None = None

    def make_snapshot_loader(self, *arguments: Any) -> SnapshotLoader | None:
        """Kept for later: the stream comes first."""
        self.loader = super().make_snapshot_loader(*arguments)
        return None

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that loads late."""
        pipeline = self

        class Sync(_LoadsLate):
            pipe = pipeline

        return Sync

    def make_flusher(self, clickhouse: ClickHouse, decoder: Decoder, books: Bookkeeping) -> Flusher:
        """The one that looks first."""
        made = super().make_flusher(clickhouse, decoder, books)
        assert isinstance(made, _DeletesWhatIsThere)
        made.clickhouse, made.key_columns = clickhouse, self.config.key_columns
        made.table = f"{quote(self.config.database)}.{quote(self.config.table)}"
        return made


class _WholeNumbers(SnapshotSql):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._items.cells = [
            (column, SqlCell(f"trunc({cell.value})", cell.storable))
            if column.type.family in ("Decimal", "Float64", "Float32")
            else (column, cell)
            for column, cell in self._items.cells
        ]


class _DecodesByItself(SnapshotLoader):
    def make_sql(self, export: Export) -> SnapshotSql:
        margin_us = self.config.settings.snapshot_margin_seconds * 1_000_000
        return _WholeNumbers(
            self.config,
            self.layout,
            version_us=export.time_us - margin_us,
            is_incremental=export.is_incremental,
        )


class ReadsSnapshotNumbersAsIntegers(Loads):
    """The snapshot's own decoder reads numbers as integers; the stream's does not."""

    loader_class = _DecodesByItself
