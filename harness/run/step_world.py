"""The world of one stepped example, in this process and on a virtual clock.

`Bench` holds what is dear and can be used again: ClickHouse's engine, the clients of pipelines and
of the checks, and the S3 endpoint that the engine loads exports from. `StepWorld` is one example:
an AWS of its own, a fresh target, the scenario's table, stream and destination.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import orjson

from harness.clickhouse.access import Access
from harness.clickhouse.http import ClickHouseApp
from harness.clock import CorrectedClock, VirtualClock
from harness.dynamodb.export import ExportSettings
from harness.gateway.aws import Aws
from harness.gateway.caller import Caller
from harness.kinesis.settings import Settings as KinesisSettings
from harness.run.source import table_request, time_to_live_request
from harness.run.step_engine import step_engine
from harness.run.step_tables import Tables
from harness.run.step_target import StepTarget
from harness.run.step_transport import InProcessHttp, Transport
from harness.scenario.ddl import create_table
from harness.web.message import Request, Response
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.awsjson import Json
    from harness.dynamodb.relay import Relay
    from harness.dynamodb.tables import Table
    from harness.scenario.model import Scenario

BUCKET = "harness-export"
ENDPOINT = "http://aws.in.process:4566"
CLICKHOUSE_URL = "http://default:@clickhouse.in.process:8123"
INCREMENT_SECONDS = 900.0
SETUP_SECONDS_MAX = 60.0
SHARED_MEMORY = Path("/dev/shm")
BENCH_PREFIX = "harness-bench-"
"""And the process's id: whoever ends a process can take its folder away."""

_CALLER = Caller("stepped")


class Bench:
    """What many examples share; a context manager. One a process: there is one engine a process.

    Attributes:
        folder: for files that go with it.
    """

    def __init__(self) -> None:
        # Examples write little and drop it at once: memory is four times as quick as the disk.
        folder = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix=f"{BENCH_PREFIX}{os.getpid()}-", dir=folder))
        self.engine = step_engine(self.folder)
        self.clickhouse = ClickHouseApp(self.engine, Access(), VirtualClock())
        self.transport = Transport()
        self.client: Any = clickhouse_connect.get_client(
            dsn=f"{CLICKHOUSE_URL}/default",
            autogenerate_session_id=False,
            # A query with an id takes a connection of its own.
            autogenerate_query_id=False,
            pool_mgr=InProcessHttp(self.clickhouse),
        )
        self._aws: Aws | None = None
        self._objects: ServerThread | None = None
        self._has_settled = False
        self.tables = Tables(self.engine, self.clickhouse)
        self.tables.drop()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the servers and remove the data."""
        if self._objects is not None:
            self._objects.stop()
        self.client.close()
        self.tables.close()
        self.clickhouse.close()
        self.engine.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settle(self) -> None:
        """An example has ended. What the first one has loaded stays: no collector need look at it."""
        if not self._has_settled:
            self._has_settled = True
            gc.collect()
            gc.freeze()

    def sql(self, statement: str) -> bytes:
        """Run a statement of the harness's own.

        Raises:
            BackendError: ClickHouse refuses it.
        """
        return self.tables.sql(statement)

    def objects_url(self, aws: Aws) -> str:
        """Where the engine finds `aws`'s S3: the one part that needs a socket."""
        self._aws = aws
        if self._objects is None:
            self._objects = ServerThread(_CurrentAws(self))
            self._objects.start()
        return self._objects.url

    def current_aws(self, request: Request) -> Response:
        """Ask the AWS of the current example."""
        assert self._aws is not None
        return self._aws.app(request)


class _CurrentAws:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def __call__(self, request: Request) -> Response:
        return self._bench.current_aws(request)

    def runs_in_thread(self, request: Request) -> bool:
        return False


@dataclass(slots=True)
class Export:
    """An export that was requested."""

    arn: str
    time: str


class StepWorld:
    """One example's AWS and target.

    Args:
        bench: what is shared.
        scenario: what to set up.
        purpose: names a pipeline whose own tables are the same in every example; else empty.

    Raises:
        BackendError: AWS or ClickHouse refuse a part of it.
    """

    def __init__(self, bench: Bench, scenario: Scenario, *, purpose: str = "") -> None:
        self._purpose = purpose
        self.bench = bench
        self.scenario = scenario
        self.clock = VirtualClock(seed=scenario.seed)
        self.aws_clock = CorrectedClock(self.clock)
        self.aws = Aws(self.aws_clock, stepped=True)
        self.region = self.aws.region()
        self.region.kinesis.settings = KinesisSettings.instant()
        self.region.exports.settings = ExportSettings(
            seconds=1.0, data_files=min(2, scenario.snapshot.data_files)
        )
        self.table_name = scenario.table.table_name
        self.stream_name = scenario.stream.stream_name or f"{self.table_name}-cdc"
        self.exports: list[Export] = []
        self.endpoint = ENDPOINT
        self.target = StepTarget(scenario, bench)
        self._create_target()
        self._create_stream()
        self._create_table()

    @property
    def table(self) -> Table:
        """The source table."""
        return self.region.dynamodb.tables.get(self.table_name)

    def relays(self) -> list[Relay]:
        """The relays that carry the table's changes, those of disabled destinations included."""
        return list(self.region.destinations.relays())

    def call(self, service: str, operation: str, payload: Json) -> Json:
        """One operation of the harness's own, past the gate.

        Raises:
            AwsError: as AWS refuses it.
        """
        emulator = self.region.emulators[service]
        answer = emulator.handle(operation, payload, _CALLER)
        if isinstance(answer, bytes):
            answer = orjson.loads(answer)
        return answer if isinstance(answer, dict) else {}

    def dynamodb(self, operation: str, **payload: Any) -> Json:
        """One operation of DynamoDB."""
        return self.call("DynamoDB_20120810", operation, payload)

    def kinesis(self, operation: str, **payload: Any) -> Json:
        """One operation of Kinesis."""
        return self.call("Kinesis_20131202", operation, payload)

    def start_streaming(self) -> None:
        """Enable the streaming destination and let the time pass until it is active."""
        precision = self.scenario.stream.approximate_creation_date_time_precision
        self.dynamodb(
            "EnableKinesisStreamingDestination",
            TableName=self.table_name,
            StreamArn=self.stream_arn,
            EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": precision},
        )
        self._pass_until_destination_is("ACTIVE")

    def request_export(self) -> Export:
        """Request a full export of the table as it is now."""
        if not self.exports:
            self.endpoint = self.bench.objects_url(self.aws)
            if not any(bucket.name == BUCKET for bucket in self.aws.store.buckets()):
                self.aws.app(_create_bucket())
        asked = self.dynamodb(
            "ExportTableToPointInTime",
            TableArn=self.table_arn,
            S3Bucket=BUCKET,
            S3Prefix=self.scenario.snapshot.s3_prefix,
            ExportFormat=self.scenario.snapshot.export_format,
        )["ExportDescription"]
        export = Export(asked["ExportArn"], _iso(asked["ExportTime"]))
        self.exports.append(export)
        return export

    def request_incremental_export(self) -> str:
        """Request an export of the last quarter of an hour's changes; returns its ARN."""
        self.clock.advance(INCREMENT_SECONDS)
        self.endpoint = self.bench.objects_url(self.aws)
        if not any(bucket.name == BUCKET for bucket in self.aws.store.buckets()):
            self.aws.app(_create_bucket())
        now = self.aws_clock.now()
        asked = self.dynamodb(
            "ExportTableToPointInTime",
            TableArn=self.table_arn,
            S3Bucket=BUCKET,
            S3Prefix="incremental",
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={
                "ExportFromTime": now - INCREMENT_SECONDS,
                "ExportToTime": now,
            },
        )["ExportDescription"]
        return str(asked["ExportArn"])

    def switch_streaming(self, *, on: bool) -> None:
        """Disable the streaming destination, or enable it again."""
        if on:
            self.start_streaming()
            return
        self.dynamodb(
            "DisableKinesisStreamingDestination",
            TableName=self.table_name,
            StreamArn=self.stream_arn,
        )
        self._pass_until_destination_is("DISABLED")

    def change_precision(self, precision: str) -> None:
        """Give the destination's stamps another unit, and let the time pass until it is in force."""
        self.dynamodb(
            "UpdateKinesisStreamingDestination",
            TableName=self.table_name,
            StreamArn=self.stream_arn,
            UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": precision},
        )
        self._pass_until_destination_is("ACTIVE")

    def enable_time_to_live(self) -> None:
        """Enable it; what has expired is deleted as soon as time passes."""
        self.dynamodb("UpdateTimeToLive", **time_to_live_request(self.scenario.table))

    def export_is_complete(self, export: Export) -> bool:
        """True once its files are there."""
        found = self.dynamodb("DescribeExport", ExportArn=export.arn)["ExportDescription"]
        return bool(found["ExportStatus"] == "COMPLETED")

    def export_location(self, export: Export) -> str:
        """`s3://bucket/prefix/AWSDynamoDB/<export-id>`."""
        prefix = self.scenario.snapshot.s3_prefix.strip("/")
        parts = [BUCKET, *([prefix] if prefix else []), "AWSDynamoDB", export.arn.split("/")[-1]]
        return "s3://" + "/".join(parts)

    def shard_sizes(self) -> dict[str, int]:
        """How many records each shard holds."""
        # The emulator's own state: no API of Kinesis tells it.
        stream = self.region.kinesis._account.streams[self.stream_name]  # noqa: SLF001
        return {shard.shard_id: len(shard.log) for shard in stream.shards or ()}

    def open_shards(self) -> dict[str, int]:
        """As `shard_sizes`, of the shards that take records."""
        stream = self.region.kinesis._account.streams[self.stream_name]  # noqa: SLF001
        return {s.shard_id: len(s.log) for s in stream.shards or () if s.is_open}

    def scan(self) -> list[dict[str, Any]]:
        """Every item, in wire form."""
        items: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            page = self.dynamodb("Scan", TableName=self.table_name, ConsistentRead=True, **start)
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def close(self, inserted: Collection[str] = ()) -> None:
        """Take away what the example left in ClickHouse.

        Args:
            inserted: names of the tables that INSERTs were sent to.
        """
        self.bench.tables.leave(inserted)
        self.bench.settle()

    def _create_target(self) -> None:
        statements = create_table(self.scenario)
        made = (self.scenario.target, self.scenario.table.key_schema, statements)
        purpose = f"{self._purpose} {made!r}" if statements else ""
        self.bench.tables.prepare(purpose, statements, ships=bool(self._purpose))
        self.target.keep_log(self.scenario)

    def _create_stream(self) -> None:
        count = self.scenario.stream.shard_count
        self.kinesis("CreateStream", StreamName=self.stream_name, ShardCount=count)
        found = self.kinesis("DescribeStreamSummary", StreamName=self.stream_name)
        self.stream_arn = str(found["StreamDescriptionSummary"]["StreamARN"])

    def _create_table(self) -> None:
        table = self.scenario.table
        self.dynamodb("CreateTable", **table_request(table))

        def active() -> bool:
            found = self.dynamodb("DescribeTable", TableName=self.table_name)["Table"]
            self.table_arn = str(found["TableArn"])
            self.table_stream_arn = str(found.get("LatestStreamArn", ""))
            return bool(found["TableStatus"] == "ACTIVE")

        self._pass_until(active, "the table to be ACTIVE")
        if table.time_to_live and table.time_to_live.enabled:
            self.enable_time_to_live()
        self.dynamodb(
            "UpdateContinuousBackups",
            TableName=self.table_name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def _pass_until_destination_is(self, status: str) -> None:
        def reached() -> bool:
            found = self.dynamodb("DescribeKinesisStreamingDestination", TableName=self.table_name)
            newest = found["KinesisDataStreamDestinations"][0]
            return bool(newest["DestinationStatus"] == status)

        self._pass_until(reached, f"the streaming destination to be {status}")

    def _pass_until(self, condition: Any, what: str) -> None:
        self.clock.wait_until(condition, timeout_seconds=SETUP_SECONDS_MAX, what=what)


def _create_bucket() -> Request:
    authorization = (
        "AWS4-HMAC-SHA256 Credential=stepped/20250101/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    headers = {"authorization": authorization, "host": "s3", "x-amz-date": "20250101T000000Z"}
    return Request("PUT", f"/{BUCKET}", "", headers, b"")


def _iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat()
