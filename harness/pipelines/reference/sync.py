"""The reference sync as a pipeline: `clickpipes`.

Order of work: its tables; the target, if it is managed; then the snapshot and the stream side by
side, which versions make safe (with `workers = 0`, and where the target has no version, the
snapshot comes first). Each step can be done again after a crash at any point.

Subclasses replace one step by overriding a `make_…` method: that is how the mutants are built.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, PipelineError
from harness.pipelines.reference.batches import Checkpointer, Flusher
from harness.pipelines.reference.bookkeeping import Bookkeeping, Checkpoint
from harness.pipelines.reference.bulk import Bulk
from harness.pipelines.reference.cells import Cells
from harness.pipelines.reference.clickhouse import ClickHouse, ClickHouseError
from harness.pipelines.reference.config import PipeConfig, parse_config
from harness.pipelines.reference.floor import Floor
from harness.pipelines.reference.lifecycle import Control, Resync
from harness.pipelines.reference.reading import Readers
from harness.pipelines.reference.records import Decoder
from harness.pipelines.reference.retry import Retry, Stopped
from harness.pipelines.reference.shards import AT_TIMESTAMP, HORIZON, Enumerator, Source
from harness.pipelines.reference.snapshot import SnapshotLoader
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.target import create_target, shows_the_last
from harness.pipelines.reference.variants import has_variants
from harness.pipelines.reference.versions import Versioner, VersionLayout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.aws import Aws
    from harness.pipelines.reference.kinesis import KinesisSource


BULK_COLUMNS_MAX = 120
"""ClickHouse analyses the short way's statement once a batch. The more columns, the longer that takes
and the fewer records fill a batch: with 160 columns it costs as much as decoding them here."""


class ClickPipes:
    """Carries one table by export and stream into one ClickHouse table.

    Args:
        config: see `harness.pipelines.reference.config`.

    Raises:
        UsageError: the config is wrong.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config: PipeConfig = parse_config(config)
        self.layout = VersionLayout(self.config.version_type)

    def run(self, env: Environment) -> None:
        """Work until told to stop.

        Raises:
            PipelineError: it cannot go on; its log table says the same, where it can be reached.
        """
        settings = self.config.settings
        retry = Retry(env, seconds_max=settings.retry_seconds_max)
        clickhouse = ClickHouse(env.clickhouse_url, retry, env.http)
        books = Bookkeeping(clickhouse, self.config, env.clock)
        try:
            books.create()
            books.claim()
            books.note("started", state="Running")
            self.prepare_target(clickhouse)
            while not self._work_on(env, retry, clickhouse, books):
                books.forget()
                books.note("resynchronising from the beginning", state="Running")
            books.note("told to stop", state="Stopped")
        except Stopped:
            return
        except Exception as error:
            if env.stopping():
                return
            message = _one_line(error)
            self._leave_state(env, books, message)
            raise PipelineError(f"pipe {self.config.name}: {message}") from error
        finally:
            clickhouse.close()

    def prepare_target(self, clickhouse: ClickHouse) -> None:
        """Make the target, if the pipe manages it."""
        if self.config.managed_table:
            create_target(clickhouse, self.config)

    def _work_on(
        self, env: Environment, retry: Retry, clickhouse: ClickHouse, books: Bookkeeping
    ) -> bool:
        """Work until told to stop; returns False when told to begin again."""
        try:
            self._work(env, retry, clickhouse, books)
        except Resync:
            return False
        return True

    def _work(
        self, env: Environment, retry: Retry, clickhouse: ClickHouse, books: Bookkeeping
    ) -> None:
        from harness.pipelines.reference.aws import Aws

        aws = Aws(env)
        loader = self.make_snapshot_loader(env, aws, retry, clickhouse, books)
        is_side_by_side = self.config.settings.workers > 0 and self.config.source != "none"
        floor = Floor(books.floor_us)
        if loader is not None:
            loader.floor = floor
            if is_side_by_side and not shows_the_last(clickhouse, self.config):
                floor.follow()
                env.start_thread(loader.run, "snapshot")
            else:
                loader.run()
                loader.raise_failure()
        if self.config.source == "none":
            while env.pause(1.0):
                pass
            return
        sync = self.make_stream_sync(env, aws, retry, clickhouse, books)
        sync.floor = floor
        if is_side_by_side:
            control = Control(env, books)
            control.begin()
            step = sync.step

            def watched_step() -> bool:
                if loader is not None:
                    loader.raise_failure()
                sync.heed_floor()
                if control.obey():
                    sync.close_batch()
                    return False
                return step()

            sync.step = watched_step  # type: ignore[method-assign] # two works and their control
        try:
            sync.run()
        finally:
            floor.is_abandoned = True
        if loader is not None and is_side_by_side:
            loader.wait()

    def make_snapshot_loader(
        self, env: Environment, aws: Aws, retry: Retry, clickhouse: ClickHouse, books: Bookkeeping
    ) -> SnapshotLoader | None:
        """The loader of the export that the config or the environment names."""
        url = self.config.export_url or env.export
        if not url:
            return None
        return self.snapshot_loader_class()(
            env, self.config, url, aws=aws, retry=retry, clickhouse=clickhouse,
            bookkeeping=books, layout=self.layout,
        )  # fmt: skip

    def snapshot_loader_class(self) -> type[SnapshotLoader]:
        """The class of the snapshot part."""
        return SnapshotLoader

    def make_stream_sync(
        self, env: Environment, aws: Aws, retry: Retry, clickhouse: ClickHouse, books: Bookkeeping
    ) -> StreamSync:
        """The stream part, with the steps that the other methods make."""
        config, settings = self.config, self.config.settings

        def report_loss(message: str) -> None:
            books.note(f"data loss: {message}", state="Degraded", level="error")

        source = self.make_source(env, aws, retry, report_loss)
        identity = source.identity()
        checkpoints = books.load(identity)
        decoder = self.make_decoder(binary_layers=source.binary_layers)
        versioner = self.make_versioner(decoder)
        flusher = self.make_flusher(clickhouse, decoder, books)
        sync_class = self.stream_sync_class()
        return sync_class(
            env,
            config,
            source,
            enumerator=self.make_enumerator(env, checkpoints, report_loss),
            readers=Readers(
                env,
                workers=settings.workers,
                poll_seconds=settings.poll_interval_ms / 1000,
                dedicated=config.use_enhanced_fan_out,
            ),
            decoder=decoder,
            versioner=versioner,
            flusher=flusher,
            checkpointer=self.make_checkpointer(books, identity, checkpoints),
            bulk=self._bulk(source, decoder, versioner, flusher, sync_class),
        )

    def _bulk(
        self,
        source: Source,
        decoder: Decoder,
        versioner: Versioner,
        flusher: Flusher,
        sync_class: type[StreamSync],
    ) -> Bulk | None:
        """The short way, unless the long one has a part that it would pass by.

        The records of DynamoDB Streams come one by one in another form, and in one thread every
        insert is to be seen as rows.
        """
        is_replaced = (
            type(decoder) is not Decoder
            or type(decoder.cells) is not Cells
            or type(versioner) is not Versioner
            or type(flusher) is not Flusher
            or sync_class.decode_record is not StreamSync.decode_record
        )
        is_wide = len(self.config.columns) > BULK_COLUMNS_MAX
        is_replaced = is_replaced or has_variants(self.config)
        is_replaced = is_replaced or any(column.virtual for column in self.config.columns)
        if is_replaced or is_wide or source.binary_layers == 1 or not self.config.settings.workers:
            return None
        bulk = Bulk(self.config)

        def judge(data: bytes, ticks: int) -> bytes:
            return decoder.row(decoder.read(data), versioner.layout.written(ticks))

        flusher.short_way = (bulk, judge)
        return bulk

    def stream_sync_class(self) -> type[StreamSync]:
        """The class of the stream part."""
        return StreamSync

    def make_source(self, env: Environment, aws: Aws, retry: Retry, report_loss: Any) -> Source:
        """The stream: Kinesis (polled or by enhanced fan-out) or DynamoDB Streams."""
        config = self.config
        if config.source == "dynamodb_streams":
            from harness.pipelines.reference.dynamodb_streams import StreamsSource

            if not env.table_stream_arn:
                raise PipelineError("HARNESS_TABLE_STREAM_ARN is empty: the table has no stream")
            client = aws.client("dynamodbstreams")
            return StreamsSource(client, env.table_stream_arn, retry, report_loss=report_loss)
        name = config.stream_name or env.stream or env.stream_arn
        if not name:
            raise PipelineError("no stream_name in the pipe and HARNESS_STREAM is empty")
        source = self.kinesis_source_class()(
            aws.client("kinesis"),
            name,
            retry,
            env.clock,
            read_limit=config.settings.read_limit,
            report_loss=report_loss,
        )
        source.keeps_keys = any(column.virtual == "_key" for column in config.columns)
        return source

    def kinesis_source_class(self) -> type[KinesisSource]:
        """The class that reads Kinesis."""
        from harness.pipelines.reference.fan_out import FanOutSource
        from harness.pipelines.reference.kinesis import KinesisSource

        return FanOutSource if self.config.use_enhanced_fan_out else KinesisSource

    def make_enumerator(
        self, env: Environment, checkpoints: dict[str, Checkpoint], report_loss: Any
    ) -> Enumerator:
        """Which shards are read, and from where."""
        first_start = HORIZON
        if self.config.iterator_type == "LATEST":
            # Fixed as a moment, so that a restart before the first record begins there as well.
            first_start = f"{AT_TIMESTAMP} {env.clock.now():.3f}"
        elif self.config.iterator_type == "AT_TIMESTAMP":
            first_start = f"{AT_TIMESTAMP} {_epoch_seconds(self.config.timestamp):.3f}"
        return Enumerator(first_start=first_start, checkpoints=checkpoints, report_loss=report_loss)

    def make_decoder(self, *, binary_layers: int) -> Decoder:
        """Records to rows."""
        return Decoder(self.config, Cells(binary_layers=binary_layers))

    def make_versioner(self, decoder: Decoder) -> Versioner:
        """Changes to versions."""
        window = self.config.settings.tie_window_records
        return Versioner(decoder, self.layout, window_records=window)

    def make_flusher(self, clickhouse: ClickHouse, decoder: Decoder, books: Bookkeeping) -> Flusher:
        """Batches to ClickHouse."""
        return Flusher(clickhouse, self.config, decoder.column_names, books)

    def make_checkpointer(
        self, books: Bookkeeping, identity: str, checkpoints: dict[str, Checkpoint]
    ) -> Checkpointer:
        """Stored spans to checkpoints."""
        return Checkpointer(books, identity, checkpoints)

    def _leave_state(self, env: Environment, books: Bookkeeping, message: str) -> None:
        """Say in the log why the pipe has stopped, unless that is what cannot be reached."""
        env.stopping = lambda: True  # no retries any more, and the threads end
        try:
            books.note(message, state="Failed", level="error")
        except (ClickHouseError, Stopped):
            return


def _one_line(error: Exception) -> str:
    if isinstance(error, HarnessError):
        return error.message
    text = str(error).split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _epoch_seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PipelineError(f"timestamp {text!r} is not ISO 8601") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
