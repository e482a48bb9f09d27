"""The door to the emulator: one call per operation, and an append without the wire.

Every operation of the service model is either here or refused by name: queues and channels, which
deliver a stream to SQS-like readers and to S3, have no part in change data capture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.kinesis import fanout, lifecycle, listing, reading, resharding, tagging, writing
from harness.kinesis.account import Account
from harness.kinesis.requests import REQUESTS
from harness.kinesis.settings import Settings
from harness.kinesis.validation import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.kinesis.streams import Stream
    from harness.web.message import Stream as Body

Json = dict[str, Any]

TARGET = "Kinesis_20131202"
_NOT_EMULATED = frozenset(
    {
        "AcknowledgeDeadLetterQueueRecords",
        "AcknowledgeQueueRecords",
        "CreateChannel",
        "CreateQueue",
        "DeleteChannel",
        "DeleteQueue",
        "DescribeChannel",
        "DescribeQueue",
        "ListChannels",
        "ListQueues",
        "ReceiveDeadLetterQueueRecords",
        "ReceiveQueueRecords",
        "RestoreDeadLetterQueueRecords",
        "UpdateChannel",
        "UpdateDeadLetterQueueRecordsVisibility",
        "UpdateQueue",
        "UpdateQueueRecordsVisibility",
    }
)

_OPERATIONS: dict[str, Callable[[Account, Json], Json | None]] = {
    "AddTagsToStream": tagging.add_tags_to_stream,
    "CreateStream": lifecycle.create_stream,
    "DecreaseStreamRetentionPeriod": lifecycle.decrease_retention,
    "DeleteResourcePolicy": tagging.delete_resource_policy,
    "DeleteStream": lifecycle.delete_stream,
    "DeregisterStreamConsumer": fanout.deregister_stream_consumer,
    "DescribeAccountSettings": listing.describe_account_settings,
    "DescribeLimits": listing.describe_limits,
    "DescribeStream": listing.describe_stream,
    "DescribeStreamConsumer": fanout.describe_stream_consumer,
    "DescribeStreamSummary": listing.describe_stream_summary,
    "DisableEnhancedMonitoring": lifecycle.disable_monitoring,
    "EnableEnhancedMonitoring": lifecycle.enable_monitoring,
    "GetResourcePolicy": tagging.get_resource_policy,
    "GetShardIterator": reading.get_shard_iterator,
    "IncreaseStreamRetentionPeriod": lifecycle.increase_retention,
    "ListShards": listing.list_shards,
    "ListStreamConsumers": fanout.list_stream_consumers,
    "ListStreams": listing.list_streams,
    "ListTagsForResource": tagging.list_tags_for_resource,
    "ListTagsForStream": tagging.list_tags_for_stream,
    "MergeShards": resharding.merge_shards,
    "PutResourcePolicy": tagging.put_resource_policy,
    "RegisterStreamConsumer": fanout.register_stream_consumer,
    "RemoveTagsFromStream": tagging.remove_tags_from_stream,
    "SplitShard": resharding.split_shard,
    "StartStreamEncryption": lifecycle.start_encryption,
    "StopStreamEncryption": lifecycle.stop_encryption,
    "TagResource": tagging.tag_resource,
    "UntagResource": tagging.untag_resource,
    "UpdateAccountSettings": listing.update_account_settings,
    "UpdateMaxRecordSize": lifecycle.update_max_record_size,
    "UpdateShardCount": resharding.update_shard_count,
    "UpdateStreamMode": lifecycle.update_mode,
    "UpdateStreamRecordDistributionStrategy": lifecycle.update_distribution,
    "UpdateStreamWarmThroughput": lifecycle.update_warm_throughput,
}


class Kinesis:
    """Kinesis Data Streams of one account in one region.

    Args:
        clock: the one source of time; nothing here sleeps.
        region: as in ARNs.
        account: twelve digits.
        settings: durations and throttles; the attribute may be replaced at any time.
    """

    operations = frozenset(REQUESTS) | _NOT_EMULATED
    """The names of the service model's operations, those refused included."""

    def __init__(
        self,
        clock: Clock,
        *,
        region: str = "us-east-1",
        account: str = "000000000000",
        settings: Settings | None = None,
    ) -> None:
        self._account = Account(clock, region, account, settings or Settings())

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._account.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._account.settings = settings

    def handle(
        self, operation: str, payload: Json, caller: object = None
    ) -> Json | bytes | Body | None:
        """Answer one operation.

        Args:
            operation: e.g. `PutRecords`.
            payload: members in JSON form, see `harness.awsjson`.
            caller: who asks; all callers see the same streams.

        Returns:
            Members; or members as JSON text (GetRecords); or an event stream (SubscribeToShard); or
            None for a write, which AWS answers with an empty body.

        Raises:
            AwsError: as AWS would.
        """
        del caller
        request = REQUESTS.get(operation)
        if request is None:
            raise _refusal(operation)
        account = self._account
        account.settle()
        if operation == "PutRecords":
            return writing.put_records(account, writing.checked_records(account, payload))
        if operation == "PutRecord":
            return writing.put_record(account, writing.checked_record(account, payload))
        members = check(request, payload)
        if operation == "GetRecords":
            return reading.get_records(account, members)
        if operation == "SubscribeToShard":
            return fanout.subscribe_to_shard(account, members)
        return _OPERATIONS[operation](account, members)

    def append(
        self,
        stream_name_or_arn: str,
        data: bytes,
        partition_key: str,
        explicit_hash_key: int | None = None,
    ) -> tuple[str, str]:
        """Put one record in-process.

        Returns:
            Shard id and sequence number.

        Raises:
            AwsError: as PutRecord would.
        """
        return writing.append(
            self._account, stream_name_or_arn, data, partition_key, explicit_hash_key
        )

    def sink(self, stream_name_or_arn: str) -> StreamSink | None:
        """Where the relay of a streaming destination puts its records; None without such a stream."""
        try:
            name = (
                self._account.name_of_arn(stream_name_or_arn)
                if ":" in stream_name_or_arn
                else stream_name_or_arn
            )
            self.stream(name)
        except AwsError:
            return None
        return StreamSink(self, name)

    def rescale(self, stream_name: str, shards: int) -> None:
        """Reshard a stream in any mode, as an on-demand stream does under load, unasked.

        Raises:
            AwsError: ResourceNotFoundException, ResourceInUseException.
        """
        self._account.settle()
        stream = self._account.find_active({"StreamName": stream_name})
        resharding.scale(self._account, stream, shards)

    def stream(self, name: str) -> Stream:
        """The state of a stream, to look at.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        self._account.settle()
        return self._account.stream(name)


class StreamSink:
    """One stream, to put records on without the wire.

    Args:
        kinesis: the emulator.
        name: of the stream; one re-created under the same name gets the records from then on.
    """

    def __init__(self, kinesis: Kinesis, name: str) -> None:
        self._kinesis = kinesis
        self._name = name

    def put(self, data: bytes, partition_key: str) -> tuple[str, str]:
        """Append one record; returns its shard's id and its sequence number.

        Raises:
            AwsError: as PutRecord would.
        """
        return self._kinesis.append(self._name, data, partition_key)

    def record_bytes_max(self) -> int:
        """Most bytes of data and partition key together that one record may have.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        return self._kinesis.stream(self._name).max_record_kib * 1024


def _refusal(operation: str) -> AwsError:
    if operation in _NOT_EMULATED:
        return AwsError(
            "UnknownOperationException",
            f"not emulated: {operation}. Queues and channels have no part in change data capture.",
        )
    return AwsError("UnknownOperationException")
