"""The snapshot: each data file of the export is loaded by ClickHouse's own s3(), once.

**Version.** Every row of a full export gets (export time − margin, 5 minutes by default). It is
right for this reason. The export's cut is fuzzy by up to a minute, so an item's row S holds at
least everything written before the cut less a minute, hence everything before V = time − margin.
(1) A change on the stream after V has a higher version than S, and the last such change is the
newest image whether S holds it or not. (2) A change on the stream before V is contained in S, so S
may and must outrank it. (3) An item deleted before V is not in the export, and its delete keeps
its place; one deleted after V has a delete above S. (4) A later export has a higher V, so it
repairs rows whose changes were lost, which a constant 0 never could; a row stamped with the load's
or the export's own time would hide changes made just before. The proof needs the stream to carry
everything after V, or after its enabling if that was later: then nothing of the item before it
competes with S.

After a *second* full export, keys whose winning row is older than V exist no more (else the export
or a change would be above): they get a delete at V. A change of such a key that the stream brings
later is no better: once all is loaded, what is older than V is left out (floor.py), and the deletes
are written when nothing of the kind is on its way any more.

A row of an incremental export has its own WriteTimestampMicros, cut to ms so that no stream of any
precision has a change of the same moment below it; one without NewImage is a delete.

**Once.** A file is one INSERT … SELECT read by one thread in order, so that its blocks are the same
each time, with a deduplication token of export and file: after a crash before the checkpoint the
target's deduplication window drops what is there already. Without a window (a MergeTree setting)
the rows are repeated, equal in key and version, and FINAL counts them once.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import quote as quote_url

import orjson

from harness.errors import PipelineError
from harness.pipelines.reference.bookkeeping import ENDED, OPEN, ORPHANS, Checkpoint
from harness.pipelines.reference.clickhouse import quote
from harness.pipelines.reference.clusters import cluster_of, s3_function
from harness.pipelines.reference.floor import Floor
from harness.pipelines.reference.manifest import DataFile, Export, ExportReader
from harness.pipelines.reference.retry import Stopped
from harness.pipelines.reference.snapshot_sql import LINES, LINES_FORMAT, ROWS_FORMAT, SnapshotSql
from harness.pipelines.reference.variants import VARIANT_SETTINGS, has_variants
from harness.pipelines.reference.wire_types import ANY, WireTypes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.aws import Aws
    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse
    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.retry import Retry
    from harness.pipelines.reference.versions import VersionLayout

MANIFEST_POLL_SECONDS = 0.25
BEGUN = "begun"
LOAD_SETTINGS = {
    "async_insert": 0,
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_block_size": 65_409,
    "min_insert_block_size_rows": 1_048_449,
    "min_insert_block_size_bytes": 268_402_944,
    "insert_deduplicate": 1,
    "input_format_parallel_parsing": 0,
    "precise_float_parsing": 1,
    "json_type_escape_dots_in_keys": 1,
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_bools_as_strings": 0,
    "output_format_decimal_trailing_zeros": 0,
    "use_query_condition_cache": 0,  # it takes longer to write out a long condition than to load
}
"""One thread and fixed block sizes: a repeated load makes the same blocks."""


class SnapshotLoader:
    """Loads one export.

    Args:
        env: clock, stop signal, threads and S3's endpoint.
        config: the pipe.
        url: `s3://bucket/prefix/AWSDynamoDB/<export-id>`.
        aws: makes the S3 client for manifests and checksums.
        retry: repeats what may pass.
        clickhouse: the target's server.
        bookkeeping: progress per data file, and the error table.
        layout: of the version column.

    Attributes:
        floor: raised to the export's version, once all of it is loaded.
    """

    def __init__(
        self,
        env: Environment,
        config: PipeConfig,
        url: str,
        *,
        aws: Aws,
        retry: Retry,
        clickhouse: ClickHouse,
        bookkeeping: Bookkeeping,
        layout: VersionLayout,
    ) -> None:
        self.env = env
        self.config = config
        self.layout = layout
        self.clickhouse = clickhouse
        self.bookkeeping = bookkeeping
        self.reader = ExportReader(aws.client("s3"), url, retry)
        self.floor = Floor()
        self._cluster = ""
        self._failure: Exception | None = None
        self._open_threads = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        """Load what is not loaded yet; `raise_failure` tells if that went wrong."""
        self._open_threads = 1
        try:
            self._load()
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - carried to the pipe's own thread
            self._failure = error
        finally:
            self._open_threads = 0

    def raise_failure(self) -> None:
        """Raise what the load died of."""
        if self._failure is not None:
            raise self._failure

    def wait(self) -> None:
        """Wait until a load under way has noticed that the pipe ends."""
        while self._open_threads:
            self.env.clock.sleep(0.01)
        self.raise_failure()

    def _load(self) -> None:
        while not self.reader.is_there():
            if not self.env.pause(MANIFEST_POLL_SECONDS):
                return
        export = self.reader.read()
        source = f"export {export.identity}"
        if self.config.settings.object_storage_use_cluster_function:
            self._cluster = cluster_of(self.clickhouse)
        done = self.bookkeeping.load(source)
        if not done:
            # Before any row: a later export must know of this one, however it ends.
            self.bookkeeping.save(source, [Checkpoint(BEGUN, status=OPEN)])
        waiting = deque(file for file in export.files if file.key not in done)
        sql = self.make_sql(export)
        # A first file alone would leave the other threads nothing to share.
        helpers = min(self.config.settings.object_storage_concurrency, len(waiting)) - 1
        if self.config.settings.workers:
            for number in range(max(0, helpers)):
                self._start_helper(number, export, sql, source, waiting)
        self._load_files(export, sql, source, waiting)
        while self._open_threads > 1 and self._failure is None:
            self.env.clock.sleep(0.002)
        if self._failure is not None or self.env.stopping():
            return
        floor_us = 0 if export.is_incremental else self._version_us(export)
        self.floor.raise_to(floor_us)
        if ORPHANS in done:
            return
        if floor_us:
            if not self._await_floor():
                return
            self._delete_orphans(export)
        self.bookkeeping.save(source, [Checkpoint(ORPHANS, start=str(floor_us), status=ENDED)])
        self.bookkeeping.note(f"snapshot loaded: {export.item_count} items", state="Running")

    def _await_floor(self) -> bool:
        """Wait until nothing older than the export is on its way to the target; False: never."""
        while not self.floor.is_in_force:
            if self.floor.is_abandoned or self.env.stopping():
                return False
            self.env.clock.sleep(0.002)
        return True

    def _version_us(self, export: Export) -> int:
        """The stamp of the rows of a full export."""
        return export.time_us - self.config.settings.snapshot_margin_seconds * 1_000_000

    def _start_helper(
        self, number: int, export: Export, sql: SnapshotSql, source: str, waiting: deque[DataFile]
    ) -> None:
        def work() -> None:
            try:
                self._load_files(export, sql, source, waiting)
            except Stopped:
                pass
            except Exception as error:  # noqa: BLE001 - carried to the pipe's own thread
                self._failure = error
            finally:
                with self._lock:
                    self._open_threads -= 1

        with self._lock:
            self._open_threads += 1
        self.env.start_thread(work, f"snapshot {number}")

    def _load_files(
        self, export: Export, sql: SnapshotSql, source: str, waiting: deque[DataFile]
    ) -> None:
        while not self.env.stopping() and self._failure is None:
            try:
                file = waiting.popleft()
            except IndexError:
                return
            if file.item_count:
                if self.config.settings.object_storage_verify_checksums:
                    self.reader.verify(file)
                self.load_file(export, file, sql, source)
            with self._lock:
                checkpoint = Checkpoint(file.key, status=ENDED, records=file.item_count)
                self.bookkeeping.save(source, [checkpoint])

    def make_sql(self, export: Export) -> SnapshotSql:
        """The statements for this export's rows."""
        return SnapshotSql(
            self.config.without_virtual,
            self.layout,
            version_us=self._version_us(export),
            is_incremental=export.is_incremental,
        )

    def load_file(self, export: Export, file: DataFile, sql: SnapshotSql, source: str) -> None:
        """Rows into the target, the others into the error table, and not one missing.

        Raises:
            PipelineError: the file does not hold as many items as the manifest says.
        """
        table = self._s3_table(export, file, ROWS_FORMAT, sql.structure)
        token = f"{source} {file.key}"
        settings = {**LOAD_SETTINGS, "insert_deduplication_token": token}
        if has_variants(self.config):
            settings |= VARIANT_SETTINGS
        types = self._sampled(export, file)
        narrow = sql.made_for(types.tags, types.always)
        statement = narrow.insert_rows(table)
        if narrow.reads_lines:
            texts = self._s3_table(export, file, LINES_FORMAT, LINES)
            statement = narrow.insert_rows(texts, as_text=True)
        written = self.clickhouse.insert_select(statement, settings)
        if written == file.item_count:
            return
        sql = self._load_rest(file, table, sql, narrow, settings)
        total, storable = self._counts(sql.count(table))
        if total != file.item_count:
            raise PipelineError(
                f"data file {file.key} holds {total} items, the manifest says {file.item_count}"
            )
        if storable < total:
            settings["insert_deduplication_token"] = f"{token} errors"
            statement = sql.insert_errors(
                table, self.bookkeeping.errors, file.key, self.env.clock.now_ms(), export.time_us
            )
            self.clickhouse.run(statement, settings)

    def _sampled(self, export: Export, file: DataFile) -> WireTypes:
        """Which type tags the first items of a file have."""
        types = WireTypes(self.config.without_virtual)
        for line in self.reader.sample(file):
            try:
                read = orjson.loads(line)
                item = read["Item"] if not export.is_incremental else read.get("NewImage")
                types.learn(item or read.get("Keys"))
            except (ValueError, KeyError, AttributeError, TypeError):
                continue  # the load will say what is wrong
        return types

    def _load_rest(
        self,
        file: DataFile,
        table: str,
        sql: SnapshotSql,
        narrow: SnapshotSql,
        settings: Mapping[str, object],
    ) -> SnapshotSql:
        """Rows with type tags that the sample did not show; returns what is made for all."""
        found = self.clickhouse.rows(sql.made_for(narrow.tags).tags_of(table))[0]
        tags = [
            frozenset(seen) & ANY | known for seen, known in zip(found[0], narrow.tags, strict=True)
        ]
        wide = sql.made_for(tags)
        if tags == list(narrow.tags) and not narrow.is_typed:
            return wide
        token = f"{settings['insert_deduplication_token']} rest"
        self.clickhouse.insert_select(
            wide.insert_rows(table, unless=narrow.known),
            {**settings, "insert_deduplication_token": token},
        )
        return wide

    def _counts(self, sql: str) -> list[int]:
        (counted,) = self.clickhouse.rows(f"{sql} SETTINGS precise_float_parsing = 1")
        return [int(value) for value in counted]

    def _s3_table(self, export: Export, file: DataFile, form: str, structure: str) -> str:
        env = self.env
        path = quote_url(f"{export.bucket}/{file.key}", safe="/-_.~!$&'()+,;=:@")
        arguments = (
            f"{env.aws_endpoint_url.rstrip('/')}/{path}",
            env.aws_access_key_id or "harness",
            env.aws_secret_access_key or "harness",
            form,
            structure,
        )
        return s3_function(self._cluster, arguments)

    def _delete_orphans(self, export: Export) -> None:
        """Delete what was loaded before, by a snapshot or from the stream, and is not there now.

        Every row of this snapshot has its version or a higher one, so what ranks below was deleted
        by then; the stream may have lost the record that said so.
        """
        version = self.layout.sql(self._version_us(export))
        table = f"{quote(self.config.database)}.{quote(self.config.table)}"
        keys = ", ".join(quote(name) for name in self.config.key_columns)
        version_column = quote(self.config.version_column)
        # A first load has none, and is told so without a merge of the whole table.
        if not self.clickhouse.rows(
            f"SELECT 1 FROM {table} WHERE {version_column} < {version} LIMIT 1"
        ):
            return
        self.clickhouse.run(
            f"INSERT INTO {table} ({keys}, {version_column}, {quote(self.config.deleted_column)}) "
            f"SELECT {keys}, {version}, 1 FROM {table} FINAL WHERE {version_column} < {version}",
            {"async_insert": 0},
        )
