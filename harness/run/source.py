"""The AWS side of a run, through boto3 alone: table, stream, destination, bucket, export, scan.

What the endpoint lacks (`harness.backends.lacks`) is supplied by other public operations of it.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.backends.aws_clients import AwsClients, made_in, wire_item
from harness.backends.supplied_export import supply_export
from harness.backends.supplied_stream import SuppliedStream
from harness.dynamodb.numbers import normalise
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from harness.backends.lacks import Feature
    from harness.backends.world import AwsAccess
    from harness.clock import Clock
    from harness.scenario.model import Scenario, Table

BUCKET = "harness-export"
READY_SECONDS = 60.0
EXPORT_SECONDS = 600.0

SUPPLY_VIEW = "NEW_AND_OLD_IMAGES"
"""What a table's stream must show to make change records of it."""

Item = dict[str, Any]


def _tell_nobody(_event: str, **_members: Any) -> None:
    return


class Source:
    """One scenario's table and everything of AWS around it.

    Args:
        scenario: what to create.
        aws: the endpoint.
        clock: bounds every wait.
        lacks: what of change capture the endpoint does not have, and gets from here.
        tell: told the `change` and `delivery` events of a supplied stream.
    """

    def __init__(
        self,
        scenario: Scenario,
        aws: AwsAccess,
        clock: Clock,
        *,
        lacks: Collection[Feature] = (),
        tell: Callable[..., None] = _tell_nobody,
    ) -> None:
        self._scenario = scenario
        self._clock = clock
        self._lacks = lacks
        self._tell = tell
        self._clients = AwsClients(aws)
        self.dynamodb = self._clients["dynamodb"]
        self.table = scenario.table.table_name
        self.stream = scenario.stream.stream_name or f"{self.table}-cdc"
        self.table_arn = ""
        self.table_stream_arn = ""
        self.stream_arn = ""
        self.supplied_stream: SuppliedStream | None = None
        self.bucket = BUCKET
        self._supplied_items = -1

    def create(self) -> None:
        """Create stream, table and bucket, and wait until all are active.

        Raises:
            BackendError: AWS refuses one of them.
        """
        try:
            self._create_stream()
            self._create_table()
            if self._scenario.snapshot.export:
                s3 = self._clients["s3"]
                s3.create_bucket(Bucket=self.bucket, **made_in(s3.meta.region_name))
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"setting up AWS failed: {error}") from error

    def require_free(self) -> None:
        """Make sure that a lasting endpoint has nothing of the names that will be made.

        Raises:
            BackendError: it has; what is there may be somebody's.
        """
        tables = self.dynamodb.get_paginator("list_tables").paginate()
        taken = [f"table {self.table}"] if self.table in _all(tables, "TableNames") else []
        streams = self._clients["kinesis"].get_paginator("list_streams").paginate()
        taken += [f"stream {self.stream}"] if self.stream in _all(streams, "StreamNames") else []
        if taken:
            raise BackendError(
                f"{self._clients.access.endpoint_url} already has {' and '.join(taken)}",
                hint="remove it, or name another: --set table.table_name=… "
                "--set stream.stream_name=…",
            )
        self.bucket = f"{BUCKET}-{secrets.token_hex(4)}"

    def remove(self) -> None:
        """Remove what `create` and the exports made; what is not there is no matter."""
        s3 = self._clients["s3"]
        steps: list[Callable[[], Any]] = [
            lambda: self.dynamodb.delete_table(TableName=self.table),
            lambda: self._clients["kinesis"].delete_stream(StreamName=self.stream),
        ]
        if self._scenario.snapshot.export:
            steps += [lambda: _empty(s3, self.bucket), lambda: s3.delete_bucket(Bucket=self.bucket)]
        for step in steps:
            with suppress(ClientError, BotoCoreError):
                step()

    def delivered(self) -> int:
        """How many records a supplied stream has put; 0 without one."""
        return self.supplied_stream.delivered if self.supplied_stream is not None else 0

    def require_health(self) -> None:
        """Make sure that a supplied stream was in order, before anybody is judged.

        Raises:
            BackendError: the endpoint has refused it something for good.
        """
        if self.supplied_stream is not None:
            self.supplied_stream.raise_if_broken()

    def close(self) -> None:
        """End what supplies the stream; harmless when nothing does."""
        if self.supplied_stream is not None:
            self.supplied_stream.close()

    def client(self, service: str) -> Any:
        """The client of a service."""
        return self._clients[service]

    def stop_streaming(self) -> None:
        """Disable the streaming destination and wait until it is disabled.

        Raises:
            BackendError: AWS refuses it.
        """
        try:
            self.dynamodb.disable_kinesis_streaming_destination(
                TableName=self.table, StreamArn=self.stream_arn
            )
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"disabling the streaming destination failed: {error}") from error
        self._wait(lambda: self.destination() == "DISABLED", "the destination to be DISABLED")

    def recreate_table(self) -> None:
        """Delete the table, make it again under its name, and enable its destination.

        Raises:
            BackendError: AWS refuses it.
        """
        try:
            self.dynamodb.delete_table(TableName=self.table)
            waiter = self.dynamodb.get_waiter("table_not_exists")
            waiter.wait(TableName=self.table, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
            self._create_table()
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"making {self.table} again failed: {error}") from error
        self.start_streaming()

    def destination(self) -> str:
        """The status of the streaming destination; empty without one."""
        found = self.dynamodb.describe_kinesis_streaming_destination(TableName=self.table)
        destinations = found["KinesisDataStreamDestinations"]
        named = (d for d in destinations if d["StreamArn"] == self.stream_arn)
        return str(next((d["DestinationStatus"] for d in named), ""))

    def start_streaming(self) -> None:
        """Enable the streaming destination and wait until it is active; or supply one.

        Raises:
            BackendError: AWS refuses it, or it fails to enable.
        """
        try:
            if "streaming destination" in self._lacks:
                self._supply_stream()
            else:
                self._enable_destination()
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"enabling the streaming destination failed: {error}") from error

    def _create_stream(self) -> None:
        kinesis = self._clients["kinesis"]
        kinesis.create_stream(StreamName=self.stream, ShardCount=self._scenario.stream.shard_count)

        def active() -> bool:
            found = kinesis.describe_stream_summary(StreamName=self.stream)
            summary = found["StreamDescriptionSummary"]
            self.stream_arn = summary["StreamARN"]
            return bool(summary["StreamStatus"] == "ACTIVE")

        self._wait(active, f"stream {self.stream} to be ACTIVE")

    def _create_table(self) -> None:
        table = self._scenario.table
        self.dynamodb.create_table(**self._table_request())

        def active() -> bool:
            found = self.dynamodb.describe_table(TableName=self.table)["Table"]
            self.table_arn = found["TableArn"]
            self.table_stream_arn = found.get("LatestStreamArn", "")
            return bool(found["TableStatus"] == "ACTIVE")

        self._wait(active, f"table {self.table} to be ACTIVE")
        if table.time_to_live and table.time_to_live.enabled:
            self.dynamodb.update_time_to_live(**time_to_live_request(table))
        if "point-in-time recovery" not in self._lacks:
            self.dynamodb.update_continuous_backups(
                TableName=self.table,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )

    def _table_request(self) -> dict[str, Any]:
        request = table_request(self._scenario.table)
        if "streaming destination" in self._lacks:
            given = self._scenario.table.stream_view_type
            if given not in (None, SUPPLY_VIEW):
                raise BackendError(
                    f"this endpoint's streaming destination must be supplied from {SUPPLY_VIEW}, "
                    f"but the scenario's table stream is {given}",
                    hint="run it with --aws embedded",
                )
            request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": SUPPLY_VIEW}
        return request

    def _supply_stream(self) -> None:
        stream = self._scenario.stream
        self.supplied_stream = SuppliedStream(
            self._clients,
            self._clock,
            table=self.table,
            table_stream_arn=self.table_stream_arn,
            stream=self.stream,
            precision=stream.approximate_creation_date_time_precision,
            tell=self._tell,
        )
        self.supplied_stream.start()

    def _enable_destination(self) -> None:
        precision = self._scenario.stream.approximate_creation_date_time_precision
        self.dynamodb.enable_kinesis_streaming_destination(
            TableName=self.table,
            StreamArn=self.stream_arn,
            EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": precision},
        )

        def active() -> bool:
            found = self.dynamodb.describe_kinesis_streaming_destination(TableName=self.table)
            statuses = [
                d["DestinationStatus"]
                for d in found["KinesisDataStreamDestinations"]
                if d["StreamArn"] == self.stream_arn
            ]
            if "ENABLE_FAILED" in statuses:
                raise BackendError(f"the streaming destination of {self.table} failed to enable")
            return statuses == ["ACTIVE"]

        self._wait(active, f"the streaming destination of {self.table} to be ACTIVE")

    def export(self) -> tuple[str, str]:
        """Request a full export now, or make it; returns its ARN and export time (ISO 8601)."""
        snapshot = self._scenario.snapshot
        try:
            if "export" in self._lacks:
                arn, time, self._supplied_items = supply_export(
                    self._clients, self._clock, snapshot, table=self.table, bucket=self.bucket
                )
                return arn, time
            asked = self.dynamodb.export_table_to_point_in_time(
                TableArn=self.table_arn,
                S3Bucket=self.bucket,
                S3Prefix=snapshot.s3_prefix,
                ExportFormat=snapshot.export_format,
            )["ExportDescription"]
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"the export of {self.table} was refused: {error}") from error
        return asked["ExportArn"], asked["ExportTime"].isoformat()

    def wait_for_export(self, export_arn: str) -> int:
        """Wait until the export is COMPLETED; returns its item count.

        Raises:
            BackendError: it FAILED; the message gives AWS's reason.
        """
        if self._supplied_items >= 0:
            return self._supplied_items
        description: dict[str, Any] = {}

        def done() -> bool:
            found = self.dynamodb.describe_export(ExportArn=export_arn)["ExportDescription"]
            description.update(found)
            if found["ExportStatus"] == "FAILED":
                raise BackendError(
                    f"the export failed: {found.get('FailureCode')}: {found.get('FailureMessage')}"
                )
            return bool(found["ExportStatus"] == "COMPLETED")

        self._wait(done, f"export {export_arn} to be COMPLETED", seconds=EXPORT_SECONDS)
        return int(description.get("ItemCount", 0))

    def export_location(self, export_arn: str) -> str:
        """`s3://bucket/prefix/AWSDynamoDB/<export-id>` of an export."""
        prefix = self._scenario.snapshot.s3_prefix.strip("/")
        parts = [
            self.bucket,
            *([prefix] if prefix else []),
            "AWSDynamoDB",
            export_arn.split("/")[-1],
        ]
        return "s3://" + "/".join(parts)

    def scan(self) -> Iterator[Item]:
        """Every item of the table, in wire form as the service answers it (strongly consistent).

        Binary values are base64 text, as on the wire: the checks decode for themselves.
        """
        number = normalise if "number form" in self._lacks else str
        pages = self.dynamodb.get_paginator("scan")
        try:
            for page in pages.paginate(TableName=self.table, ConsistentRead=True):
                for item in page["Items"]:
                    yield wire_item(item, number)
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"the scan of {self.table} failed: {error}") from error

    def _wait(
        self, condition: Callable[[], bool], what: str, *, seconds: float = READY_SECONDS
    ) -> None:
        self._clock.wait_until(condition, timeout_seconds=seconds, what=what)


def _all(pages: Any, member: str) -> set[str]:
    return {name for page in pages for name in page[member]}


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])


def time_to_live_request(table: Table) -> dict[str, Any]:
    """The UpdateTimeToLive request that enables what a scenario's `[table]` names."""
    assert table.time_to_live is not None
    named = table.time_to_live.attribute_name
    specification = {"Enabled": True, "AttributeName": named}
    return {"TableName": table.table_name, "TimeToLiveSpecification": specification}


def table_request(table: Table) -> dict[str, Any]:
    """The CreateTable request of a scenario's `[table]`."""
    request: dict[str, Any] = {
        "TableName": table.table_name,
        "KeySchema": [
            {"AttributeName": k.attribute_name, "KeyType": k.key_type} for k in table.key_schema
        ],
        "AttributeDefinitions": [
            {"AttributeName": a.attribute_name, "AttributeType": a.attribute_type}
            for a in table.attribute_definitions
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if table.stream_view_type:
        request["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": table.stream_view_type,
        }
    return request
