"""The members of every request, with their bounds.

Source: botocore's kinesis service model of 2013-12-02; where kinesalite's tests found a bound on AWS
that the model leaves out (ShardCount, RetentionPeriodHours), that bound.
"""

from __future__ import annotations

from functools import cache

from harness.kinesis.limits import MIB
from harness.kinesis.validation import (
    Blob,
    Flag,
    Many,
    Moment,
    Pairs,
    Shape,
    Structure,
    Text,
    Whole,
)

_NAME = Text("[a-zA-Z0-9_.-]+", 1, 128)
_STREAM_ARN = Text(r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+", 1, 2048)
_RESOURCE_ARN = Text(r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+", 1, 2048)
_CONSUMER_ARN = Text(
    r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+",
    1,
    2048,
)
_STREAM_ID = Text("[a-z0-9]{20}-[a-z0-9]{3}", 1, 24)
_HASH_KEY = Text(r"0|([1-9]\d{0,38})")
_SEQUENCE_NUMBER = Text(r"0|([1-9]\d{0,128})")
_START_TYPES = (
    "AFTER_SEQUENCE_NUMBER",
    "LATEST",
    "AT_TIMESTAMP",
    "AT_SEQUENCE_NUMBER",
    "TRIM_HORIZON",
)
_START_TYPE = Text(enum=_START_TYPES)
_PARTITION_KEY = Text("", 1, 256)
_PAGE = Whole(1, 10_000)
_NEXT_TOKEN = Text("", 1, 1_048_576)
_HOURS = Whole(1, 8760)
_KEY_ID = Text("", 1, 2048)
_ENCRYPTION = Text(enum=("NONE", "KMS"))
_RECORD_KIB = Whole(1024, 10_240)
_MIBPS = Whole(0)
_MODE = Structure({"StreamMode": Text(enum=("PROVISIONED", "ON_DEMAND"))}, ("StreamMode",))
_DISTRIBUTION = Text(enum=("AUTO", "USER_PARTITION_KEY"))
_TAGS = Pairs(1, 200, (1, 128), (0, 256))
_TAG_KEYS = Many(Text("", 1, 128), 1, 50)
_METRICS = Many(
    Text(
        enum=(
            "IncomingBytes",
            "IncomingRecords",
            "OutgoingBytes",
            "OutgoingRecords",
            "WriteProvisionedThroughputExceeded",
            "ReadProvisionedThroughputExceeded",
            "IteratorAgeMilliseconds",
            "ALL",
        )
    ),
    1,
    7,
)
_FILTER_TYPES = (
    "AFTER_SHARD_ID",
    "AT_TRIM_HORIZON",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AT_TIMESTAMP",
    "FROM_TIMESTAMP",
)
_ENTRY_SHOWN = "com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@c965e310"


def _of_stream(*required: str, **members: Shape) -> Structure:
    """A request that names its stream in one of three ways."""
    ways = {"StreamName": _NAME, "StreamARN": _STREAM_ARN, "StreamId": _STREAM_ID}
    return Structure({**members, **ways}, required, (("StreamName", "StreamARN", "StreamId"),))


def _of_arn(*required: str, **members: Shape) -> Structure:
    """A request that names its stream by ARN or id only."""
    ways = {"StreamARN": _STREAM_ARN, "StreamId": _STREAM_ID}
    return Structure({**members, **ways}, required, (("StreamARN", "StreamId"),))


def _of_resource(*required: str, **members: Shape) -> Structure:
    """A request that names a stream or a consumer by ARN."""
    ways = {"ResourceARN": _RESOURCE_ARN, "StreamId": _STREAM_ID}
    return Structure({**members, **ways}, (*required, "ResourceARN"))


def _of_consumer() -> Structure:
    """A request that names a consumer, by its ARN or by name within a stream."""
    return Structure(
        {
            "StreamARN": _STREAM_ARN,
            "ConsumerName": _NAME,
            "ConsumerARN": _CONSUMER_ARN,
            "StreamId": _STREAM_ID,
        }
    )


@cache
def put_record(size_bytes_max: int, *, keyed: bool) -> Structure:
    """PutRecord on a stream whose records may have so many bytes.

    Args:
        size_bytes_max: of data.
        keyed: the partition key must be there; a stream that distributes records by itself asks none.
    """
    members: dict[str, Shape] = {"Data": Blob(size_bytes_max), "PartitionKey": _PARTITION_KEY}
    return _of_stream(
        *(("Data", "PartitionKey") if keyed else ("Data",)),
        **members,
        ExplicitHashKey=_HASH_KEY,
        SequenceNumberForOrdering=_SEQUENCE_NUMBER,
        DryRun=Flag(),
    )


@cache
def put_records(size_bytes_max: int, *, keyed: bool) -> Structure:
    """PutRecords, likewise."""
    entry = Structure(
        {
            "PartitionKey": _PARTITION_KEY,
            "ExplicitHashKey": _HASH_KEY,
            "Data": Blob(size_bytes_max),
        },
        ("Data", "PartitionKey") if keyed else ("Data",),
    )
    return _of_stream("Records", Records=Many(entry, 1, 500, _ENTRY_SHOWN), DryRun=Flag())


REQUESTS: dict[str, Structure] = {
    "AddTagsToStream": _of_stream("Tags", Tags=_TAGS),
    "CreateStream": Structure(
        {
            "StreamName": _NAME,
            "ShardCount": Whole(1, 100_000),
            "StreamModeDetails": _MODE,
            "Tags": _TAGS,
            "WarmThroughputMiBps": _MIBPS,
            "MaxRecordSizeInKiB": _RECORD_KIB,
            "RecordDistributionStrategy": _DISTRIBUTION,
        },
        ("StreamName",),
    ),
    "DecreaseStreamRetentionPeriod": _of_stream(
        "RetentionPeriodHours", RetentionPeriodHours=_HOURS
    ),
    "DeleteResourcePolicy": _of_resource(),
    "DeleteStream": _of_stream(EnforceConsumerDeletion=Flag()),
    "DeregisterStreamConsumer": _of_consumer(),
    "DescribeAccountSettings": Structure({}),
    "DescribeLimits": Structure({}),
    "DescribeStream": _of_stream(Limit=_PAGE, ExclusiveStartShardId=_NAME),
    "DescribeStreamConsumer": _of_consumer(),
    "DescribeStreamSummary": _of_stream(),
    "DisableEnhancedMonitoring": _of_stream("ShardLevelMetrics", ShardLevelMetrics=_METRICS),
    "EnableEnhancedMonitoring": _of_stream("ShardLevelMetrics", ShardLevelMetrics=_METRICS),
    "GetRecords": Structure(
        {
            "ShardIterator": Text("", 1, 512),
            "Limit": _PAGE,
            "StreamARN": _STREAM_ARN,
            "StreamId": _STREAM_ID,
            "DryRun": Flag(),
        },
        ("ShardIterator",),
    ),
    "GetResourcePolicy": _of_resource(),
    "GetShardIterator": _of_stream(
        "ShardId",
        "ShardIteratorType",
        ShardId=_NAME,
        ShardIteratorType=_START_TYPE,
        StartingSequenceNumber=_SEQUENCE_NUMBER,
        Timestamp=Moment(),
        DryRun=Flag(),
    ),
    "IncreaseStreamRetentionPeriod": _of_stream(
        "RetentionPeriodHours", RetentionPeriodHours=_HOURS
    ),
    "ListShards": Structure(
        {
            "StreamName": _NAME,
            "NextToken": _NEXT_TOKEN,
            "ExclusiveStartShardId": _NAME,
            "MaxResults": _PAGE,
            "StreamCreationTimestamp": Moment(),
            "ShardFilter": Structure(
                {"Type": Text(enum=_FILTER_TYPES), "ShardId": _NAME, "Timestamp": Moment()},
                ("Type",),
            ),
            "StreamARN": _STREAM_ARN,
            "StreamId": _STREAM_ID,
        }
    ),
    "ListStreamConsumers": _of_arn(
        NextToken=_NEXT_TOKEN, MaxResults=_PAGE, StreamCreationTimestamp=Moment()
    ),
    "ListStreams": Structure(
        {"Limit": _PAGE, "ExclusiveStartStreamName": _NAME, "NextToken": _NEXT_TOKEN}
    ),
    "ListTagsForResource": _of_resource(),
    "ListTagsForStream": _of_stream(ExclusiveStartTagKey=Text("", 1, 128), Limit=Whole(1, 50)),
    "MergeShards": _of_stream(
        "ShardToMerge", "AdjacentShardToMerge", ShardToMerge=_NAME, AdjacentShardToMerge=_NAME
    ),
    "PutRecord": put_record(MIB, keyed=True),
    "PutRecords": put_records(MIB, keyed=True),
    "PutResourcePolicy": _of_resource("Policy", Policy=Text()),
    "RegisterStreamConsumer": _of_arn("ConsumerName", ConsumerName=_NAME, Tags=_TAGS),
    "RemoveTagsFromStream": _of_stream("TagKeys", TagKeys=_TAG_KEYS),
    "SplitShard": _of_stream(
        "ShardToSplit", "NewStartingHashKey", ShardToSplit=_NAME, NewStartingHashKey=_HASH_KEY
    ),
    "StartStreamEncryption": _of_stream(
        "EncryptionType", "KeyId", EncryptionType=_ENCRYPTION, KeyId=_KEY_ID
    ),
    "StopStreamEncryption": _of_stream(
        "EncryptionType", "KeyId", EncryptionType=_ENCRYPTION, KeyId=_KEY_ID
    ),
    "SubscribeToShard": Structure(
        {
            "ConsumerARN": _CONSUMER_ARN,
            "StreamId": _STREAM_ID,
            "ShardId": _NAME,
            "StartingPosition": Structure(
                {"Type": _START_TYPE, "SequenceNumber": _SEQUENCE_NUMBER, "Timestamp": Moment()},
                ("Type",),
            ),
            "DryRun": Flag(),
        },
        ("ConsumerARN", "ShardId", "StartingPosition"),
    ),
    "TagResource": _of_resource("Tags", Tags=_TAGS),
    "UntagResource": _of_resource("TagKeys", TagKeys=_TAG_KEYS),
    "UpdateAccountSettings": Structure(
        {
            "MinimumThroughputBillingCommitment": Structure(
                {"Status": Text(enum=("ENABLED", "DISABLED"))}, ("Status",)
            )
        },
        ("MinimumThroughputBillingCommitment",),
    ),
    "UpdateMaxRecordSize": _of_arn("MaxRecordSizeInKiB", MaxRecordSizeInKiB=_RECORD_KIB),
    "UpdateShardCount": _of_stream(
        "TargetShardCount",
        "ScalingType",
        TargetShardCount=Whole(1),
        ScalingType=Text(enum=("UNIFORM_SCALING",)),
    ),
    "UpdateStreamMode": _of_arn(
        "StreamModeDetails", StreamModeDetails=_MODE, WarmThroughputMiBps=_MIBPS
    ),
    "UpdateStreamRecordDistributionStrategy": _of_arn(
        "RecordDistributionStrategy", RecordDistributionStrategy=_DISTRIBUTION
    ),
    "UpdateStreamWarmThroughput": _of_stream("WarmThroughputMiBps", WarmThroughputMiBps=_MIBPS),
}
