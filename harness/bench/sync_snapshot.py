"""An export loaded by the pipe, and by the plain INSERT … SELECT FROM s3() of the same files."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import zstandard

from harness.bench import sync_data
from harness.bench.dynamodb_cases import fresh_name
from harness.bench.endpoint import UnsupportedError
from harness.bench.object_cases import export
from harness.clock import WallClock, stopwatch
from harness.errors import HarnessError
from harness.pipelines.pipeline import from_environ
from harness.pipelines.reference.snapshot import SnapshotLoader
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.bench.sync_world import World

EXPORT_SECONDS_MAX = 600.0
FILE_ITEMS = 100_000
_clock = WallClock()


def exported(here: World, target: str, items: int) -> str:
    """So many items imported into a table and exported again; the export's URL."""
    aws, table = here.aws, fresh_name()
    for start in range(0, items, FILE_ITEMS):
        body = zstandard.compress(sync_data.items(start, min(start + FILE_ITEMS, items)))
        aws.s3.put_object(Bucket=target, Key=f"import/{start:09d}.json.zst", Body=body)
    keys = [
        {"AttributeName": part["attribute_name"], "KeyType": part["key_type"]}
        for part in sync_data.KEY_SCHEMA
    ]
    told = aws.dynamodb.import_table(
        S3BucketSource={"S3Bucket": target, "S3KeyPrefix": "import/"},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="ZSTD",
        TableCreationParameters={
            "TableName": table,
            "KeySchema": keys,
            "AttributeDefinitions": [
                {"AttributeName": "customer_id", "AttributeType": "S"},
                {"AttributeName": "order_id", "AttributeType": "N"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )["ImportTableDescription"]

    def imported() -> bool:
        nonlocal told
        told = aws.dynamodb.describe_import(ImportArn=told["ImportArn"])["ImportTableDescription"]
        return bool(told["ImportStatus"] != "IN_PROGRESS")

    _clock.wait_until(imported, timeout_seconds=EXPORT_SECONDS_MAX, what="the import")
    aws.dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    export(aws, told["TableArn"], target, items, seconds_max=EXPORT_SECONDS_MAX)
    found = aws.dynamodb.list_exports(TableArn=told["TableArn"])["ExportSummaries"][0]
    aws.dynamodb.delete_table(TableName=table)
    return f"s3://{target}/AWSDynamoDB/{found['ExportArn'].rpartition('/')[2]}"


class _Tells(ClickPipes):
    """Says by itself when it has loaded all: asking ClickHouse would slow down what is measured."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.is_loaded = threading.Event()

    def snapshot_loader_class(self) -> type[SnapshotLoader]:
        """One that sets the event."""
        is_loaded = self.is_loaded

        class Loader(SnapshotLoader):
            def run(self) -> None:
                super().run()
                is_loaded.set()

        return Loader


class SnapshotPipe:
    """Pipes that load one export, in this process: Python does little in them.

    A process of its own would add the time that one takes to start. AWS clients are made once for
    the same reason.

    Args:
        here: the servers.
        url: of the export.
    """

    def __init__(self, here: World, url: str) -> None:
        self._here = here
        self._url = url
        self._clients: dict[str, Any] = {}
        self._failure: HarnessError | None = None

    def load(self) -> tuple[float, tuple[int, int]]:
        """Seconds from the pipe's start until it says that all is loaded; then `Target.final`.

        Raises:
            HarnessError: the pipe failed.
        """
        here, table, is_over = self._here, fresh_name().replace("-", "_"), threading.Event()
        env = from_environ(here.variables(target=table, export=self._url))
        env.stopping = is_over.is_set
        env.aws_client = self._client
        pipeline = _Tells(sync_data.pipe(table, source="none"))

        def work() -> None:
            try:
                pipeline.run(env)
            except HarnessError as error:
                self._failure = error
                pipeline.is_loaded.set()

        elapsed = stopwatch()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            is_loaded = pipeline.is_loaded.wait(EXPORT_SECONDS_MAX)
            seconds = elapsed()
        finally:
            is_over.set()
            thread.join()
        if self._failure is not None:
            raise self._failure
        if not is_loaded:
            raise UnsupportedError(f"the snapshot was not loaded after {EXPORT_SECONDS_MAX:.0f} s")
        answer = here.target.final(table)
        here.target.drop_pipe(table)
        return seconds, answer

    def _client(self, service: str, make: Callable[[], Any]) -> Any:
        if service not in self._clients:
            self._clients[service] = make()
        return self._clients[service]


def load_plainly(here: World, url: str) -> tuple[float, tuple[int, int]]:
    """The same by the plain statement, into a table made by the same statement."""
    table = fresh_name().replace("-", "_")
    here.target.run(sync_data.create_target(table))
    files = f"{here.aws.url}/{url.removeprefix('s3://')}/data/*.json.gz"
    statement = sync_data.raw_snapshot(table, files, here.aws)
    elapsed = stopwatch()
    here.target.run(statement)
    seconds = elapsed()
    answer = here.target.final(table)
    here.target.drop(table)
    return seconds, answer
