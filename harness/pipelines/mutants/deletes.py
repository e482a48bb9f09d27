"""Defects in what becomes of deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.pipelines.mutants.own_table import OwnTable
from harness.pipelines.reference.batches import Flusher
from harness.pipelines.reference.cells import default_cell
from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.records import Decoder, Poison
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from harness.pipelines.reference.batches import Batch
    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse
    from harness.pipelines.reference.records import Change
    from harness.pipelines.reference.shards import Record


class _KeepsSome(StreamSync):
    """Leaves out changes before they become rows."""

    def is_wanted(self, change: Change) -> bool:
        """Whether the change becomes a row."""
        raise NotImplementedError

    def _decode(self, shard_id: str, records: Any) -> None:
        super()._decode(shard_id, [record for record in records if self._is_kept(record)])

    def _is_kept(self, record: Record) -> bool:
        try:
            return self.is_wanted(self.decoder.read(record[2]))
        except Poison:
            return True


class _NoRemoves(_KeepsSome):
    def is_wanted(self, change: Change) -> bool:
        return change.event != "REMOVE"


class IgnoresDeletes(ClickPipes):
    """REMOVE records are skipped."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that skips."""
        return _NoRemoves


class _NoRemovesByService(_KeepsSome):
    def is_wanted(self, change: Change) -> bool:
        return not change.by_service


class FiltersTimeToLive(ClickPipes):
    """Deletes that DynamoDB's time to live makes are skipped as no user's doing."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that skips."""
        return _NoRemovesByService


class _UnmarkedDeletes(Decoder):
    def row(self, change: Change, version: Any) -> bytes:
        row = orjson.loads(super().row(change, version))
        row[-1] = 0
        return orjson.dumps(row)


class DeletesAsBlankRows(ClickPipes):
    """A delete is written as a row like any other: its key, and defaults in all other columns."""

    decoder_class: type[Decoder] = _UnmarkedDeletes

    def make_decoder(self, *, binary_layers: int) -> Decoder:
        """The one with another row for deletes."""
        right = super().make_decoder(binary_layers=binary_layers)
        return self.decoder_class(self.config, right.cells)


class _KeysOfNewImage(Decoder):
    def row(self, change: Change, version: Any) -> bytes:
        row = orjson.loads(super().row(change, version))
        if change.new is None:
            for index, column in enumerate(self.config.columns):
                if column.name in self.config.key_columns:
                    row[index] = default_cell(column.type)
        return orjson.dumps(row)


class DeletesByNewImage(DeletesAsBlankRows):
    """The key of a delete is read from NewImage, which is not there, so it is empty."""

    decoder_class = _KeysOfNewImage


class _PhysicalDeletes(Flusher):
    """Rows marked as deleted become DELETE statements."""

    pipe: ClickPipes
    clickhouse: ClickHouse

    def flush(self, batch: Batch) -> None:
        config = self.pipe.config
        names = [column.name for column in config.columns]
        places = [names.index(name) for name in config.key_columns]
        rows = [(line, orjson.loads(line)) for line in batch.rows]
        last = {tuple(row[p] for p in places): row for _, row in rows}
        table = f"{quote(config.database)}.{quote(config.table)}"
        kept = [
            (line, origin)
            for (line, row), origin in zip(rows, batch.origins, strict=True)
            if not row[-1]
        ]
        batch.rows, batch.origins = [k[0] for k in kept], [k[1] for k in kept]
        super().flush(batch)
        for key, row in last.items():
            if row[-1]:
                match = " AND ".join(
                    f"toString({quote(name)}) = {literal(str(value))}"
                    for name, value in zip(config.key_columns, key, strict=True)
                )
                settings = {"lightweight_deletes_sync": 2}
                self.clickhouse.run(f"DELETE FROM {table} WHERE {match}", settings)


class DeletesPhysically(ClickPipes):
    """A delete is a DELETE statement: nothing is left that an older change could lose to."""

    def make_flusher(self, clickhouse: ClickHouse, decoder: Decoder, books: Bookkeeping) -> Flusher:
        """The one that deletes."""
        made = _PhysicalDeletes(clickhouse, self.config, decoder.column_names, books)
        made.pipe, made.clickhouse = self, clickhouse
        return made


class _CleansUp(Flusher):
    clickhouse: ClickHouse
    table = ""

    def flush(self, batch: Batch) -> None:
        super().flush(batch)
        self.clickhouse.run(f"OPTIMIZE TABLE {self.table} FINAL CLEANUP")


class CleansUpTombstones(OwnTable):
    """After each batch the table is merged and its tombstones are dropped."""

    def table_statement(self) -> str:
        """With the setting that permits the clean-up."""
        return super().table_statement() + ", allow_experimental_replacing_merge_with_cleanup = 1"

    def make_flusher(self, clickhouse: ClickHouse, decoder: Decoder, books: Bookkeeping) -> Flusher:
        """The one that cleans up."""
        made = _CleansUp(clickhouse, self.config, decoder.column_names, books)
        made.clickhouse = clickhouse
        made.table = f"{quote(self.config.database)}.{quote(self.config.table)}"
        return made
