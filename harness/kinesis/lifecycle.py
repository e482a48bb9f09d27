"""Creating and deleting streams, and the settings of a stream that change over time.

Source: API reference of each operation; kinesalite's tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.kinesis.fanout import end_subscriptions
from harness.kinesis.shards import Shards
from harness.kinesis.streams import DEFAULT_MAX_RECORD_KIB, Stream

if TYPE_CHECKING:
    from harness.kinesis.account import Account

Json = dict[str, Any]

ON_DEMAND_SHARDS = 4
RETENTION_HOURS_LEAST = 24
MODE_SWITCHES_PER_DAY = 2
DAY_US = 86_400_000_000
ALL_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)


def create_stream(account: Account, payload: Json) -> None:
    """CreateStream; without ShardCount the stream is on demand, with four shards."""
    name: str = payload["StreamName"]
    count: int | None = payload.get("ShardCount")
    mode = payload.get("StreamModeDetails", {}).get("StreamMode")
    if mode is None:
        mode = "ON_DEMAND" if count is None else "PROVISIONED"
    if mode == "PROVISIONED" and count is None:
        raise _invalid(
            "ShardCount must be specified for a stream in PROVISIONED mode.", "Validation"
        )
    if mode == "ON_DEMAND" and count is not None:
        raise _invalid(
            "ShardCount must not be specified for a stream in ON_DEMAND mode.", "Validation"
        )
    distribution: str | None = payload.get("RecordDistributionStrategy")
    if mode == "PROVISIONED" and distribution is not None:
        raise _invalid("RecordDistributionStrategy is for streams in ON_DEMAND mode.", "Validation")
    if name in account.streams:
        raise AwsError(
            "ResourceInUseException",
            f"Stream {name} under account {account.account_id} already exists.",
        )
    shard_count = count or ON_DEMAND_SHARDS
    account.check_shard_limit(shard_count)
    stream = Stream(
        name=name,
        arn=account.arn_of(name),
        stream_id=account.new_stream_id(name),
        created_us=account.clock.now_us(),
        mode=mode,
        tags=dict(payload.get("Tags", {})),
        max_record_kib=payload.get("MaxRecordSizeInKiB", DEFAULT_MAX_RECORD_KIB),
        distribution=distribution,
        warm_mibps=payload.get("WarmThroughputMiBps"),
    )
    account.streams[name] = stream

    def activate() -> None:
        if stream.status == "CREATING":
            stream.shards = Shards(shard_count, stream.created_us // 1000)
            stream.status = "ACTIVE"

    account.after(account.settings.create_seconds, activate)


def delete_stream(account: Account, payload: Json) -> None:
    """DeleteStream, in any state; registered consumers must be given up by word."""
    stream = account.find(payload)
    if stream.consumers and not payload.get("EnforceConsumerDeletion"):
        raise AwsError(
            "ResourceInUseException",
            f"Stream {stream.name} under account {account.account_id} has registered consumers:"
            " deregister them first, or set EnforceConsumerDeletion.",
        )
    stream.status = "DELETING"
    for consumer in stream.consumers.values():
        end_subscriptions(consumer, account.not_found(stream.name))

    def remove() -> None:
        if account.streams.get(stream.name) is stream:
            del account.streams[stream.name]

    account.after(account.settings.delete_seconds, remove)


def increase_retention(account: Account, payload: Json) -> None:
    """IncreaseStreamRetentionPeriod; what is already trimmed does not come back."""
    stream = account.find_active(payload)
    hours: int = payload["RetentionPeriodHours"]
    _check_least_retention(hours)
    if hours < stream.retention_hours:
        raise _invalid(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be shorter"
            f" than existing retention period ({stream.retention_hours} hours)."
            " Use DecreaseRetentionPeriod API."
        )
    stream.trim(account.clock.now_ms())
    stream.retention_hours = hours


def decrease_retention(account: Account, payload: Json) -> None:
    """DecreaseStreamRetentionPeriod; older records are gone at once."""
    stream = account.find_active(payload)
    hours: int = payload["RetentionPeriodHours"]
    _check_least_retention(hours)
    if hours > stream.retention_hours:
        raise _invalid(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be longer"
            f" than existing retention period ({stream.retention_hours} hours)."
            " Use IncreaseRetentionPeriod API."
        )
    stream.retention_hours = hours
    stream.trim(account.clock.now_ms())


def start_encryption(account: Account, payload: Json) -> None:
    """StartStreamEncryption: records put from then on carry EncryptionType KMS."""
    stream = account.find_active(payload)
    if payload["EncryptionType"] != "KMS":
        raise _invalid("Encryption type must be KMS.")

    def change() -> None:
        stream.key_id = payload["KeyId"]

    account.update(stream, change)


def stop_encryption(account: Account, payload: Json) -> None:
    """StopStreamEncryption."""
    stream = account.find_active(payload)
    if payload["EncryptionType"] != "KMS":
        raise _invalid("Encryption type must be KMS.")

    def change() -> None:
        stream.key_id = None

    account.update(stream, change)


def enable_monitoring(account: Account, payload: Json) -> Json:
    """EnableEnhancedMonitoring."""
    wanted = _metrics_in(payload)
    return _set_metrics(account, payload, lambda current: current | wanted)


def disable_monitoring(account: Account, payload: Json) -> Json:
    """DisableEnhancedMonitoring."""
    unwanted = _metrics_in(payload)
    return _set_metrics(account, payload, lambda current: current - unwanted)


def update_mode(account: Account, payload: Json) -> None:
    """UpdateStreamMode: the shards stay as they are."""
    stream = account.find_active(payload)
    mode = payload["StreamModeDetails"]["StreamMode"]
    now_us = account.clock.now_us()
    stream.mode_switched_us[:] = [at for at in stream.mode_switched_us if at > now_us - DAY_US]
    if account.settings.throttled and len(stream.mode_switched_us) >= MODE_SWITCHES_PER_DAY:
        raise AwsError(
            "LimitExceededException",
            f"The mode of stream {stream.name} under account {account.account_id} was switched"
            f" {MODE_SWITCHES_PER_DAY} times within 24 hours.",
        )
    stream.mode_switched_us.append(now_us)

    def change() -> None:
        stream.mode = mode
        if mode == "PROVISIONED":
            stream.distribution = None
        stream.warm_mibps = payload.get("WarmThroughputMiBps", stream.warm_mibps)

    account.update(stream, change)


def update_max_record_size(account: Account, payload: Json) -> None:
    """UpdateMaxRecordSize."""
    stream = account.find_active(payload)

    def change() -> None:
        stream.max_record_kib = payload["MaxRecordSizeInKiB"]

    account.update(stream, change)


def update_warm_throughput(account: Account, payload: Json) -> Json:
    """UpdateStreamWarmThroughput, of on-demand streams; it changes nothing a consumer can see."""
    stream = account.find_active(payload)
    if stream.mode != "ON_DEMAND":
        raise _invalid("Warm throughput is for streams in ON_DEMAND mode.", "Validation")

    def change() -> None:
        stream.warm_mibps = payload["WarmThroughputMiBps"]

    current = stream.warm_mibps or 0
    account.update(stream, change)
    return {
        "StreamARN": stream.arn,
        "StreamName": stream.name,
        "WarmThroughput": {
            "TargetMiBps": payload["WarmThroughputMiBps"],
            "CurrentMiBps": current,
        },
    }


def update_distribution(account: Account, payload: Json) -> None:
    """UpdateStreamRecordDistributionStrategy: AUTO ignores partition keys, and so per-key order."""
    stream = account.find_active(payload)
    if stream.mode != "ON_DEMAND":
        raise _invalid("RecordDistributionStrategy is for streams in ON_DEMAND mode.", "Validation")

    def change() -> None:
        stream.distribution = payload["RecordDistributionStrategy"]

    account.update(stream, change)


def _metrics_in(payload: Json) -> set[str]:
    named = set(payload["ShardLevelMetrics"])
    return set(ALL_METRICS) if "ALL" in named else named


def _set_metrics(account: Account, payload: Json, change: Any) -> Json:
    stream = account.find_active(payload)
    before = list(stream.metrics)
    chosen = change(set(before))
    stream.metrics = [metric for metric in ALL_METRICS if metric in chosen]
    return {
        "StreamName": stream.name,
        "CurrentShardLevelMetrics": before,
        "DesiredShardLevelMetrics": list(stream.metrics),
        "StreamARN": stream.arn,
    }


def _check_least_retention(hours: int) -> None:
    if hours < RETENTION_HOURS_LEAST:
        raise _invalid(
            f"Minimum allowed retention period is {RETENTION_HOURS_LEAST} hours."
            f" Requested retention period ({hours} hours) is too short."
        )


def _invalid(text: str, kind: str = "InvalidArgument") -> AwsError:
    return AwsError(f"{kind}Exception", text)
