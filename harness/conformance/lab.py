"""What a case works with: clients, things made for it alone, bounded waits, the endpoint's clock."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.backends.aws_clients import made_in
from harness.conformance.expect import Failed
from harness.errors import NotSettled

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from harness.conformance.endpoint import Endpoint

WAIT_SECONDS_MAX = 8.0
POLL_SECONDS = 0.02
KEY = {"pk": "S"}


class Lab:
    """One case's place on an endpoint; a context manager that clears away what the case made.

    Args:
        endpoint: where AWS is.
        case_id: made part of all names.

    Attributes:
        dynamodb: boto3 client.
        streams: boto3 client of DynamoDB Streams.
        kinesis: boto3 client.
        s3: boto3 client.
    """

    def __init__(self, endpoint: Endpoint, case_id: str) -> None:
        self.endpoint = endpoint
        self.dynamodb = endpoint.client("dynamodb")
        self.streams = endpoint.client("dynamodbstreams")
        self.kinesis = endpoint.client("kinesis")
        self.s3 = endpoint.client("s3")
        self._random = endpoint.clock.substream(f"{case_id}/{endpoint.clock.now_us()}")
        self._clearing = ExitStack()

    def name(self, kind: str = "case") -> str:
        """A name that nothing else has."""
        return f"{kind}-{self._random.getrandbits(56):014x}"

    def table(self, keys: dict[str, str] | None = None, view: str = "", **more: Any) -> str:
        """Make a table, ACTIVE; returns its name.

        Args:
            keys: names of the hash key and perhaps the range key, with their types.
            view: StreamViewType of its stream; empty for no stream.
            more: further parameters of CreateTable.
        """
        name = self.name("table")
        keys = keys or KEY
        roles = zip(keys, ("HASH", "RANGE"), strict=False)
        request: dict[str, Any] = {
            "TableName": name,
            "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in roles],
            "AttributeDefinitions": [
                {"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()
            ],
            "BillingMode": "PAY_PER_REQUEST",
        }
        if view:
            request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
        self.dynamodb.create_table(**{**request, **more})
        self.forget_table(name)
        self.wait_for_table(name)
        return name

    def wait_for_table(self, name: str) -> None:
        """Until the table is ACTIVE."""
        self.wait(
            lambda: self.describe_table(name)["TableStatus"] == "ACTIVE", f"table {name} ACTIVE"
        )

    def describe_table(self, name: str) -> dict[str, Any]:
        """DescribeTable."""
        described: dict[str, Any] = self.dynamodb.describe_table(TableName=name)["Table"]
        return described

    def put(self, table: str, **attributes: Any) -> None:
        """PutItem, attributes as `{"S": …}`; a plain text is a string."""
        self.dynamodb.put_item(TableName=table, Item=item(**attributes))

    def get(self, table: str, **key: Any) -> dict[str, Any] | None:
        """GetItem, consistently; None when there is none."""
        answer = self.dynamodb.get_item(TableName=table, Key=item(**key), ConsistentRead=True)
        found: dict[str, Any] | None = answer.get("Item")
        return found

    def stream(self, shards: int = 1, **more: Any) -> str:
        """Make a Kinesis stream, ACTIVE; returns its name."""
        name = self.name("stream")
        request = {"StreamName": name, **({"ShardCount": shards} if shards else {}), **more}
        self.kinesis.create_stream(**request)
        self.forget_stream(name)
        self.wait_for_stream(name)
        return name

    def wait_for_stream(self, name: str) -> None:
        """Until the stream is ACTIVE."""
        self.wait(
            lambda: self.describe_stream(name)["StreamStatus"] == "ACTIVE", f"stream {name} ACTIVE"
        )

    def describe_stream(self, name: str) -> dict[str, Any]:
        """DescribeStreamSummary."""
        answer = self.kinesis.describe_stream_summary(StreamName=name)
        described: dict[str, Any] = answer["StreamDescriptionSummary"]
        return described

    def stream_arn(self, name: str) -> str:
        """The ARN of a Kinesis stream."""
        return str(self.describe_stream(name)["StreamARN"])

    def bucket(self) -> str:
        """Make a bucket; returns its name."""
        name = self.name("bucket")
        self.s3.create_bucket(Bucket=name, **made_in(self.s3.meta.region_name))
        self.forget_bucket(name)
        return name

    def forget_table(self, name: str) -> None:
        """Delete the table once the case is over."""
        self.clear(lambda: self.dynamodb.delete_table(TableName=name))

    def forget_stream(self, name: str) -> None:
        """Delete the stream once the case is over."""
        self.clear(
            lambda: self.kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        )

    def forget_bucket(self, name: str) -> None:
        """Delete the bucket and its objects once the case is over."""

        def remove() -> None:
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=name):
                for found in page.get("Contents", []):
                    self.s3.delete_object(Bucket=name, Key=found["Key"])
            for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=name):
                for found in page.get("Versions", []) + page.get("DeleteMarkers", []):
                    self.s3.delete_object(
                        Bucket=name, Key=found["Key"], VersionId=found["VersionId"]
                    )
            self.s3.delete_bucket(Bucket=name)

        self.clear(remove)

    def clear(self, action: Callable[[], object]) -> None:
        """Do this once the case is over, whatever its verdict; a refusal is no matter."""

        def attempt() -> None:
            with suppress(ClientError, BotoCoreError):
                action()

        self._clearing.callback(attempt)

    def wait(
        self, condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS_MAX
    ) -> None:
        """Look until the condition holds.

        Raises:
            Failed: it did not within `seconds`, times the endpoint's patience.
        """
        try:
            self.endpoint.clock.wait_until(
                condition,
                timeout_seconds=seconds * self.endpoint.patience,
                what=what,
                step_seconds=POLL_SECONDS,
            )
        except NotSettled as error:
            raise Failed(str(error)) from error

    def now(self) -> float:
        """The endpoint's time, epoch seconds."""
        return self.endpoint.now()

    def advance(self, seconds: float) -> None:
        """Let the endpoint live through `seconds` at once; for cases that run alone."""
        self.endpoint.advance(seconds)

    def let_pass(self, seconds: float) -> None:
        """As `advance` where the clock can be advanced, else nothing: AWS's own time will do."""
        if self.endpoint.has_controls:
            self.endpoint.advance(seconds)

    def settings(self, **parts: dict[str, Any]) -> None:
        """Change settings until the case is over, where there are any; for cases that run alone."""
        before = self.endpoint.settings()
        if before:
            old = {
                part: {name: before[part][name] for name in names} for part, names in parts.items()
            }
            self.endpoint.change_settings(parts)
            self.clear(lambda: self.endpoint.change_settings(old))

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clearing.close()


def item(**attributes: Any) -> dict[str, Any]:
    """Attributes on the wire: a text becomes `{"S": …}`, a whole number `{"N": …}`."""
    return {
        name: {"S": value} if isinstance(value, str)
        else {"N": str(value)} if isinstance(value, int)
        else value
        for name, value in attributes.items()
    }  # fmt: skip
