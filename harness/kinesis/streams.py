"""One stream: its status, settings, shards and consumers, and how the API describes it.

Source: API reference, StreamDescription and StreamDescriptionSummary; field sets as recorded on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from harness.kinesis.consumers import Consumer
    from harness.kinesis.shards import Shards

HOUR_MS = 3_600_000
DEFAULT_RETENTION_HOURS = 24
DEFAULT_MAX_RECORD_KIB = 1024

Status = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING"]


@dataclass(slots=True, eq=False)
class Stream:
    """A stream and everything in it.

    Attributes:
        name: unique among the live streams of the account.
        arn: follows from region, account and name.
        stream_id: unique for ever, so a re-created stream is told from its forerunner.
        created_us: when.
        shards: None until it is ACTIVE for the first time.
        counter: the highest counter given to a record, see `harness.kinesis.sequence`.
        key_id: the KMS key while encrypted.
    """

    name: str
    arn: str
    stream_id: str
    created_us: int
    mode: str
    tags: dict[str, str]
    max_record_kib: int = DEFAULT_MAX_RECORD_KIB
    distribution: str | None = None
    warm_mibps: int | None = None
    shards: Shards | None = None
    status: Status = "CREATING"
    retention_hours: int = DEFAULT_RETENTION_HOURS
    key_id: str | None = None
    metrics: list[str] = field(default_factory=list)
    policy: str = "{}"
    consumers: dict[str, Consumer] = field(default_factory=dict)
    counter: int = 0
    rescaled_us: list[int] = field(default_factory=list)
    mode_switched_us: list[int] = field(default_factory=list)

    @property
    def created_s(self) -> int:
        """The API's StreamCreationTimestamp: whole seconds."""
        return self.created_us // 1_000_000

    @property
    def open_shard_count(self) -> int:
        """How many shards take records."""
        return len(self.shards.open) if self.shards else 0

    def horizon_ms(self, now_ms: int) -> int:
        """The trim horizon: what arrived before it is gone."""
        return now_ms - self.retention_hours * HOUR_MS

    def trim(self, now_ms: int) -> None:
        """Forget what is past retention: records, and closed shards as a whole."""
        if self.shards is None:
            return
        horizon_ms = self.horizon_ms(now_ms)
        self.shards.expire(horizon_ms)
        for shard in self.shards:
            shard.log.trim(horizon_ms)

    def describe(self) -> dict[str, Any]:
        """What StreamDescription and StreamDescriptionSummary have in common."""
        described: dict[str, Any] = {
            "StreamName": self.name,
            "StreamARN": self.arn,
            "StreamStatus": self.status,
            "StreamModeDetails": {"StreamMode": self.mode},
            "RetentionPeriodHours": self.retention_hours,
            "StreamCreationTimestamp": self.created_s,
            "EnhancedMonitoring": [{"ShardLevelMetrics": list(self.metrics)}],
            "EncryptionType": "KMS" if self.key_id else "NONE",
        }
        if self.key_id:
            described["KeyId"] = self.key_id
        return described

    def describe_summary(self) -> dict[str, Any]:
        """The API's StreamDescriptionSummary.

        Deviation: it has no StreamId. An SDK that is told one (KCL repeats it in every later call)
        sends to a host name of AWS made from it, whatever endpoint it was given.
        """
        summary = self.describe()
        summary["OpenShardCount"] = self.open_shard_count
        summary["ConsumerCount"] = len(self.consumers)
        summary["MaxRecordSizeInKiB"] = self.max_record_kib
        if self.warm_mibps is not None:
            summary["WarmThroughput"] = self.warm_throughput()
        if self.distribution is not None:
            summary["RecordDistributionStrategy"] = self.distribution
        return summary

    def summary(self) -> dict[str, Any]:
        """The API's StreamSummary, as ListStreams gives it."""
        return {
            "StreamName": self.name,
            "StreamARN": self.arn,
            "StreamStatus": self.status,
            "StreamModeDetails": {"StreamMode": self.mode},
            "StreamCreationTimestamp": self.created_s,
        }

    def warm_throughput(self) -> dict[str, int]:
        """The API's WarmThroughputObject; the wish is granted at once."""
        return {"TargetMiBps": self.warm_mibps or 0, "CurrentMiBps": self.warm_mibps or 0}
