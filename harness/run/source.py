"""The AWS side of a run, through boto3 alone: table, stream, destination, bucket, export, scan."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.backends.world import AwsAccess
    from harness.clock import Clock
    from harness.scenario.model import Scenario, Table

BUCKET = "harness-export"
READY_SECONDS = 60.0
EXPORT_SECONDS = 600.0

Item = dict[str, Any]


class Source:
    """One scenario's table and everything of AWS around it.

    Args:
        scenario: what to create.
        aws: the endpoint.
        clock: bounds every wait.
    """

    def __init__(self, scenario: Scenario, aws: AwsAccess, clock: Clock) -> None:
        self._scenario = scenario
        self._clock = clock
        self._session: Any = boto3.Session(
            aws_access_key_id=aws.access_key,
            aws_secret_access_key=aws.secret_key,
            region_name=aws.region,
        )
        self._endpoint = aws.endpoint_url
        self.dynamodb = self._client("dynamodb")
        self.table = scenario.table.table_name
        self.stream = scenario.stream.stream_name or f"{self.table}-cdc"
        self.table_arn = ""
        self.table_stream_arn = ""
        self.stream_arn = ""

    def _client(self, service: str) -> Any:
        config = Config(
            retries={"max_attempts": 3, "mode": "standard"},
            parameter_validation=False,
            max_pool_connections=16,
            s3={"addressing_style": "path"},
        )
        return self._session.client(service, endpoint_url=self._endpoint, config=config)

    def create(self) -> None:
        """Create stream, table and bucket, and wait until all are active.

        Raises:
            BackendError: AWS refuses one of them.
        """
        try:
            self._create_stream()
            self._create_table()
            if self._scenario.snapshot.export:
                self._client("s3").create_bucket(Bucket=BUCKET)
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"setting up AWS failed: {error}") from error

    def start_streaming(self) -> None:
        """Enable the streaming destination and wait until it is active.

        Raises:
            BackendError: AWS refuses it, or it fails to enable.
        """
        try:
            self._enable_destination()
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"enabling the streaming destination failed: {error}") from error

    def _create_stream(self) -> None:
        kinesis = self._client("kinesis")
        kinesis.create_stream(StreamName=self.stream, ShardCount=self._scenario.stream.shard_count)

        def active() -> bool:
            found = kinesis.describe_stream_summary(StreamName=self.stream)
            summary = found["StreamDescriptionSummary"]
            self.stream_arn = summary["StreamARN"]
            return bool(summary["StreamStatus"] == "ACTIVE")

        self._wait(active, f"stream {self.stream} to be ACTIVE")

    def _create_table(self) -> None:
        table = self._scenario.table
        self.dynamodb.create_table(**table_request(table))

        def active() -> bool:
            found = self.dynamodb.describe_table(TableName=self.table)["Table"]
            self.table_arn = found["TableArn"]
            self.table_stream_arn = found.get("LatestStreamArn", "")
            return bool(found["TableStatus"] == "ACTIVE")

        self._wait(active, f"table {self.table} to be ACTIVE")
        if table.time_to_live:
            self.dynamodb.update_time_to_live(
                TableName=self.table,
                TimeToLiveSpecification={
                    "Enabled": True,
                    "AttributeName": table.time_to_live.attribute_name,
                },
            )
        self.dynamodb.update_continuous_backups(
            TableName=self.table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

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
        """Request a full export now; returns its ARN and export time (ISO 8601)."""
        snapshot = self._scenario.snapshot
        try:
            asked = self.dynamodb.export_table_to_point_in_time(
                TableArn=self.table_arn,
                S3Bucket=BUCKET,
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
        parts = [BUCKET, *([prefix] if prefix else []), "AWSDynamoDB", export_arn.split("/")[-1]]
        return "s3://" + "/".join(parts)

    def scan(self) -> Iterator[Item]:
        """Every item of the table, in wire form as the service answers it (strongly consistent).

        Binary values are base64 text, as on the wire: the checks decode for themselves.
        """
        pages = self.dynamodb.get_paginator("scan")
        try:
            for page in pages.paginate(TableName=self.table, ConsistentRead=True):
                for item in page["Items"]:
                    yield _wire(item)
        except (ClientError, BotoCoreError) as error:
            raise BackendError(f"the scan of {self.table} failed: {error}") from error

    def _wait(
        self, condition: Callable[[], bool], what: str, *, seconds: float = READY_SECONDS
    ) -> None:
        self._clock.wait_until(condition, timeout_seconds=seconds, what=what)


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


def _wire(item: Item) -> Item:
    """boto3 decodes base64; the wire form has it encoded."""
    return {name: _wire_value(value) for name, value in item.items()}


def _wire_value(attribute: dict[str, Any]) -> dict[str, Any]:
    kind, value = next(iter(attribute.items()))
    if kind in ("S", "N", "BOOL", "NULL", "SS", "NS"):
        return attribute
    if kind == "B":
        return {"B": _base64(value)}
    if kind == "BS":
        return {"BS": [_base64(member) for member in value]}
    if kind == "M":
        return {"M": {name: _wire_value(member) for name, member in value.items()}}
    return {"L": [_wire_value(member) for member in value]}


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
