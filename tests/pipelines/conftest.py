"""Real servers for the pipelines: one AWS endpoint and one ClickHouse for the whole run."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import clickhouse_connect
import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.clock import WallClock
from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.config import pipe_config
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NUMBERS = itertools.count()
BUCKET = "exports"
WAIT_SECONDS = 20.0


@dataclass
class Servers:
    """Both ends and a client for each."""

    aws: EmbeddedAws
    clickhouse: EmbeddedClickHouse
    clock: WallClock = field(default_factory=WallClock)

    def __post_init__(self) -> None:
        self._session = boto3.session.Session()
        self.sql: Any = clickhouse_connect.get_client(dsn=self.clickhouse.url)
        self.s3 = self.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.dynamodb = self.client("dynamodb")
        self.kinesis = self.client("kinesis")

    def close(self) -> None:
        for client in (self.s3, self.dynamodb, self.kinesis, self.sql):
            client.close()

    def client(self, service: str) -> Any:
        return self._session.client(  # type: ignore[call-overload] # any service
            service,
            endpoint_url=self.aws.endpoint,
            aws_access_key_id=self.aws.access_key,
            aws_secret_access_key=self.aws.secret_key,
            region_name=self.aws.region,
        )

    def environment(self, **fields: Any) -> Environment:
        return Environment(
            aws_endpoint_url=self.aws.endpoint,
            aws_access_key_id=self.aws.access_key,
            aws_secret_access_key=self.aws.secret_key,
            aws_region=self.aws.region,
            clickhouse_url=self.clickhouse.url,
            clock=self.clock,
            **fields,
        )


class Running:
    """A pipeline in a thread, until the block ends."""

    def __init__(self, pipeline: Any, env: Environment) -> None:
        self._stop = threading.Event()
        env.stopping = self._stop.is_set
        self.failure: Exception | None = None

        def run() -> None:
            try:
                pipeline.run(env)
            except Exception as error:  # noqa: BLE001 - raised again at the end
                self.failure = error

        self._thread = threading.Thread(target=run, daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive(), "the pipeline did not stop"
        if self.failure is not None:
            raise self.failure


@dataclass
class Table:
    """A DynamoDB table, its stream and a pipe into a target of the same name."""

    servers: Servers
    columns: Mapping[str, str]
    key: Mapping[str, str]
    name: str = ""
    shards: int = 1
    precision: str = "MICROSECOND"
    paths: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = self.name or f"table_{next(_NUMBERS)}"
        roles = dict(zip(self.key, ("HASH", "RANGE"), strict=False))
        self.servers.dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": n, "KeyType": roles[n]} for n in self.key],
            AttributeDefinitions=[
                {"AttributeName": n, "AttributeType": t} for n, t in self.key.items()
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.key_schema = [{"attribute_name": n, "key_type": roles[n]} for n in self.key]

    def put(self, item: dict[str, Any]) -> None:
        self.servers.dynamodb.put_item(TableName=self.name, Item=item)

    def delete(self, key: dict[str, Any]) -> None:
        self.servers.dynamodb.delete_item(TableName=self.name, Key=key)

    def enable_stream(self) -> None:
        kinesis, stream = self.servers.kinesis, f"{self.name}-cdc"
        kinesis.create_stream(StreamName=stream, ShardCount=self.shards)
        kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
        arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        self.servers.dynamodb.enable_kinesis_streaming_destination(
            TableName=self.name,
            StreamArn=arn["StreamARN"],
            EnableKinesisStreamingConfiguration={
                "ApproximateCreationDateTimePrecision": self.precision
            },
        )
        self.servers.clock.wait_until(self._is_streaming, timeout_seconds=20, what="streaming")

    def _is_streaming(self) -> bool:
        found = self.servers.dynamodb.describe_kinesis_streaming_destination(TableName=self.name)
        return bool(found["KinesisDataStreamDestinations"][0]["DestinationStatus"] == "ACTIVE")

    def stream_arn(self) -> str:
        table = self.servers.dynamodb.describe_table(TableName=self.name)["Table"]
        return str(table["LatestStreamArn"])

    def export(self) -> str:
        dynamodb = self.servers.dynamodb
        dynamodb.update_continuous_backups(
            TableName=self.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        arn = dynamodb.describe_table(TableName=self.name)["Table"]["TableArn"]
        export = dynamodb.export_table_to_point_in_time(
            TableArn=arn, S3Bucket=BUCKET, S3Prefix=self.name
        )["ExportDescription"]["ExportArn"]

        def is_done() -> bool:
            found = dynamodb.describe_export(ExportArn=export)["ExportDescription"]
            assert found["ExportStatus"] != "FAILED", found
            return bool(found["ExportStatus"] == "COMPLETED")

        self.servers.clock.wait_until(is_done, timeout_seconds=20, what="the export")
        return f"s3://{BUCKET}/{self.name}/AWSDynamoDB/{export.rpartition('/')[2]}"

    def config(self, **changes: Any) -> dict[str, Any]:
        settings = {
            "streaming_max_insert_wait_ms": 50,
            "poll_interval_ms": 20,
            **changes.pop("settings", {}),
        }
        columns = [
            {"name": n, "type": t, **({"attribute": self.paths[n]} if n in self.paths else {})}
            for n, t in self.columns.items()
        ]
        options: dict[str, Any] = {"stream_name": f"{self.name}-cdc", "managed_table": True}
        return pipe_config(
            table=self.name,
            columns=columns,
            key_schema=self.key_schema,
            settings=settings,
            **{**options, **changes},
        )

    def running(self, pipeline: Any = ClickPipes, export: str = "", **changes: Any) -> Running:
        env = self.servers.environment(
            table=self.name, target=self.name, export=export, table_stream_arn=self.stream_arn()
        )
        return Running(pipeline(self.config(**changes)), env)

    def rows(self, columns: str = "", suffix: str = "") -> list[tuple[Any, ...]]:
        """FINAL, ordered by the key."""
        names = columns or ", ".join(self.columns)
        sql = f"SELECT {names} FROM {self.name}{suffix} FINAL ORDER BY {', '.join(self.key)}"
        try:
            return list(self.servers.sql.query(sql).result_rows)
        except Exception as error:
            if "UNKNOWN_TABLE" in str(error):
                return []
            raise

    def errors(self) -> list[tuple[str, str]]:
        found = self.servers.sql.query(
            f"SELECT error_msg, record_value FROM {self.name}_clickpipes_error ORDER BY 1"
        )
        return list(found.result_rows)

    def wait_for_rows(self, expected: list[tuple[Any, ...]], columns: str = "") -> None:
        def arrived() -> bool:
            return self.rows(columns) == expected

        try:
            self.servers.clock.wait_until(arrived, timeout_seconds=WAIT_SECONDS, what="the rows")
        finally:
            assert self.rows(columns) == expected


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with EmbeddedAws() as aws, EmbeddedClickHouse() as clickhouse:
        made = Servers(aws, clickhouse)
        yield made
        made.close()
