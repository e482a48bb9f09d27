"""What an operator does to the stream and to items, through the services' own APIs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import BackendError
from harness.run.source import time_to_live_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.run.source import Source
    from harness.scenario.model import Scenario

ACTIVE_SECONDS_MAX = 60.0
INCREMENT_SECONDS = 15 * 60
"""The shortest period that AWS exports incrementally."""


class StreamOperator:
    """Reshards a source's stream, and puts into it what is not a change.

    Args:
        source: whose stream and table.
        clock: bounds every wait.
    """

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._kinesis: Any = source.client("kinesis")

    def split(self, place: int) -> dict[str, Any]:
        """Split an open shard in the middle."""
        shards = self._open_shards()
        shard = shards[min(place, len(shards) - 1)]
        low, high = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
        return self._reshard(
            [shard],
            lambda: self._kinesis.split_shard(
                StreamName=self._source.stream,
                ShardToSplit=shard["ShardId"],
                NewStartingHashKey=str((low + high) // 2 + 1),
            ),
        )

    def merge(self, place: int) -> dict[str, Any]:
        """Merge two neighbours."""
        shards = self._open_shards()
        if len(shards) == 1:
            raise BackendError("act 'merge': the stream has one open shard")
        first = min(place, len(shards) - 2)
        pair = shards[first : first + 2]
        return self._reshard(
            pair,
            lambda: self._kinesis.merge_shards(
                StreamName=self._source.stream,
                ShardToMerge=pair[0]["ShardId"],
                AdjacentShardToMerge=pair[1]["ShardId"],
            ),
        )

    def scale(self, count: int) -> dict[str, Any]:
        """Scale the stream to `count` shards."""
        return self._reshard(
            self._open_shards(),
            lambda: self._kinesis.update_shard_count(
                StreamName=self._source.stream,
                TargetShardCount=count,
                ScalingType="UNIFORM_SCALING",
            ),
        )

    def put_foreign(self, count: int, data: bytes) -> None:
        """Put records that are no change records."""
        for number in range(count):
            ask = partial(
                self._kinesis.put_record,
                StreamName=self._source.stream,
                Data=data,
                PartitionKey=f"foreign-{number}",
            )
            _asked(ask, "PutRecord")

    def change_precision(self, precision: str) -> None:
        """Give the destination's time stamps another unit; returns when it is in force."""
        source = self._source
        if source.supplied_stream is not None:
            raise BackendError(
                "act 'change-precision': this endpoint has no streaming destination of its own",
                hint="run it with --aws embedded",
            )
        members = {"TableName": source.table, "StreamArn": source.stream_arn}
        update = {"ApproximateCreationDateTimePrecision": precision}
        ask = partial(
            source.dynamodb.update_kinesis_streaming_destination,
            **members,
            UpdateKinesisStreamingConfiguration=update,
        )
        _asked(ask, "UpdateKinesisStreamingDestination")
        self._clock.wait_until(
            lambda: source.destination() == "ACTIVE",
            timeout_seconds=ACTIVE_SECONDS_MAX,
            what="the destination to be ACTIVE",
        )

    def enable_time_to_live(self, scenario: Scenario) -> str:
        """Enable time to live; returns its attribute."""
        asked = time_to_live_request(scenario.table)
        _asked(lambda: self._source.dynamodb.update_time_to_live(**asked), "UpdateTimeToLive")
        return str(asked["TimeToLiveSpecification"]["AttributeName"])

    def put_with_text(self, attribute: str, text: str) -> dict[str, Any]:
        """Write an item again with a text in the place of an attribute; returns its key."""
        table = self._source.table
        dynamodb = self._source.dynamodb
        found = _asked(lambda: dynamodb.scan(TableName=table, Limit=1), "Scan")["Items"]
        if not found:
            raise BackendError(f"act 'change-type': {table} has no item")
        item = {**found[0], attribute: {"S": text}}
        _asked(lambda: dynamodb.put_item(TableName=table, Item=item), "PutItem")
        described = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
        return {part["AttributeName"]: item[part["AttributeName"]] for part in described}

    def export_increment(self, scenario: Scenario) -> str:
        """Request an incremental export that ends now; returns its ARN."""
        dynamodb = self._source.dynamodb
        backups = dynamodb.describe_continuous_backups(TableName=self._source.table)
        period = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        first = period["EarliestRestorableDateTime"]
        asked = _asked(
            lambda: dynamodb.export_table_to_point_in_time(
                TableArn=self._source.table_arn,
                S3Bucket=self._source.bucket,
                S3Prefix=f"{scenario.snapshot.s3_prefix}-increment",
                ExportFormat=scenario.snapshot.export_format,
                ExportType="INCREMENTAL_EXPORT",
                IncrementalExportSpecification={
                    "ExportFromTime": first.timestamp(),
                    "ExportToTime": first.timestamp() + INCREMENT_SECONDS,
                },
            ),
            "ExportTableToPointInTime",
        )
        return str(asked["ExportDescription"]["ExportArn"])

    def _open_shards(self) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"StreamName": self._source.stream}
        while asked:
            page = _asked(partial(self._kinesis.list_shards, **asked), "ListShards")
            shards += page["Shards"]
            asked = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        is_open = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return sorted(is_open, key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))

    def _reshard(self, parents: list[dict[str, Any]], ask: Callable[[], Any]) -> dict[str, Any]:
        before = {shard["ShardId"] for shard in self._open_shards()}
        _asked(ask, "resharding")

        def active() -> bool:
            found = self._kinesis.describe_stream_summary(StreamName=self._source.stream)
            return bool(found["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

        self._clock.wait_until(
            active, timeout_seconds=ACTIVE_SECONDS_MAX, what="the stream to be ACTIVE"
        )
        children = [s["ShardId"] for s in self._open_shards() if s["ShardId"] not in before]
        return {"parents": [shard["ShardId"] for shard in parents], "children": children}


def _asked(ask: Callable[[], Any], what: str) -> Any:
    """An answer of AWS.

    Raises:
        BackendError: AWS refuses.
    """
    try:
        return ask()
    except (ClientError, BotoCoreError) as error:
        raise BackendError(f"the operator's {what} was refused: {error}") from error
