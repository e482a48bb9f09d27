"""An embedded AWS under a virtual clock, and boto3 clients that ask it without a socket."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import VirtualClock
from harness.gateway.aws import Aws
from harness.web.inprocess import attach

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodbstreams.client import DynamoDBStreamsClient
    from mypy_boto3_kinesis.client import KinesisClient

Json = dict[str, Any]
REGION = "eu-west-1"
START_US = 1_731_400_000_123_456
_SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
_CLIENTS: dict[str, Any] = {}


def _client(service: str) -> Any:
    """One client per service for all tests: making one costs more than a test."""
    if service not in _CLIENTS:
        config = Config(retries={"max_attempts": 0, "mode": "standard"}, parameter_validation=False)
        _CLIENTS[service] = _SESSION.client(
            service,  # type: ignore[call-overload]
            endpoint_url="http://localhost",
            config=config,
        )
    return _CLIENTS[service]


class CaptureWorld:
    """Table `users` (key `id`), stream `changes` and bucket `exports` of one account."""

    def __init__(self, *, seed: int = 1, start_us: int = START_US) -> None:
        self.clock = VirtualClock(seed=seed, start_us=start_us)
        self.aws = Aws(self.clock)
        self.region = self.aws.region(REGION)
        self.dynamodb: DynamoDBClient = _client("dynamodb")
        self.kinesis: KinesisClient = _client("kinesis")
        self.streams: DynamoDBStreamsClient = _client("dynamodbstreams")
        services = ("dynamodb", "kinesis", "dynamodbstreams")
        self._detach = [attach(_client(name), self.aws.app) for name in services]
        self.store = self.aws.store
        self.store.create_bucket("exports", REGION)
        self.table_arn = self.create_table("users")

    def close(self) -> None:
        """Let the clients go."""
        for detach in self._detach:
            detach()

    def create_table(self, name: str) -> str:
        """A table with the key `id`; returns its ARN."""
        description = self.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.clock.advance(1)
        return description["TableDescription"]["TableArn"]

    def create_stream(self, name: str = "changes") -> str:
        """An active stream of one shard; returns its ARN."""
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        self.clock.advance(60)
        summary = self.kinesis.describe_stream_summary(StreamName=name)
        return summary["StreamDescriptionSummary"]["StreamARN"]

    def put(self, identity: str, **attributes: Any) -> None:
        """Put one item."""
        item = {"id": {"S": identity}, **attributes}
        self.dynamodb.put_item(TableName="users", Item=item)

    def delete(self, identity: str) -> None:
        """Delete one item."""
        self.dynamodb.delete_item(TableName="users", Key={"id": {"S": identity}})

    def records(self, stream: str = "changes") -> list[Json]:
        """The data of every record in the stream's first shard, decoded."""
        (shard, *_) = self.kinesis.list_shards(StreamName=stream)["Shards"]
        iterator = self.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        page = self.kinesis.get_records(ShardIterator=iterator)
        return [orjson.loads(record["Data"]) for record in page["Records"]]

    def enable_stream(self, view_type: Any = "NEW_AND_OLD_IMAGES") -> str:
        """A DynamoDB stream for `users`; returns its ARN."""
        answer = self.dynamodb.update_table(
            TableName="users",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type},
        )
        self.clock.advance(1)
        return answer["TableDescription"]["LatestStreamArn"]

    def stream_records(self, arn: str) -> list[Any]:
        """Every record of every shard of a DynamoDB stream, shard by shard."""
        records: list[Any] = []
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator: str | None = self.streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator is not None:
                page = self.streams.get_records(ShardIterator=iterator)
                records += page["Records"]
                iterator = page.get("NextShardIterator") if page["Records"] else None
        return records

    def enable_recovery(self) -> None:
        """Point-in-time recovery for `users`."""
        self.dynamodb.update_continuous_backups(
            TableName="users",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def export(self, **more: Any) -> Json:
        """Export `users` and wait for the end; returns its description."""
        request = {"TableArn": self.table_arn, "S3Bucket": "exports", **more}
        answer: Any = self.dynamodb.export_table_to_point_in_time(**request)
        self.clock.advance(5)
        arn = answer["ExportDescription"]["ExportArn"]
        described: Any = self.dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
        return dict(described)

    def exported_lines(self, description: Json) -> list[bytes]:
        """The lines of an export's data files, found through its manifests, sorted."""
        summary = orjson.loads(self.store.get_object("exports", description["ExportManifest"]))
        files = self.store.get_object("exports", summary["manifestFilesS3Key"]).splitlines()
        lines: list[bytes] = []
        for file in map(orjson.loads, files):
            body = self.store.get_object("exports", file["dataFileS3Key"])
            lines += gzip.decompress(body).splitlines()
        return sorted(lines)


def refusal(error: ClientError) -> tuple[str, str]:
    """Code and sentence of what boto3 raised."""
    return error.response["Error"]["Code"], error.response["Error"]["Message"]
