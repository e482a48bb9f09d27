"""What can be chosen about the emulator; the defaults are calm."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are seconds of the clock; 0 takes effect within the call.

    Attributes:
        create_seconds: CREATING before ACTIVE.
        update_seconds: UPDATING: a reshard, encryption, mode or size change.
        delete_seconds: DELETING before the stream is gone.
        consumer_seconds: a consumer's CREATING and DELETING.
        throttled: keep a shard to AWS's limits: 1,000 records and 1 MiB a second in, 5 calls and
            2 MiB a second out; and UpdateShardCount to ten a day.
        shard_limit: open shards of an account, for CreateStream and resharding.
        shard_end_with_records: a closed shard's last records come with a null NextShardIterator
            already; otherwise an empty page follows that has it. AWS does either.
        heartbeat_seconds: silence of a subscription before it sends an empty event.
        subscription_seconds: a subscription's life.
    """

    create_seconds: float = 0.5
    update_seconds: float = 0.5
    delete_seconds: float = 0.5
    consumer_seconds: float = 0.5
    throttled: bool = False
    shard_limit: int = 500
    shard_end_with_records: bool = False
    heartbeat_seconds: float = 5.0
    subscription_seconds: float = 300.0

    @classmethod
    def instant(cls) -> Settings:
        """Every change of status takes effect within its call."""
        return cls(create_seconds=0, update_seconds=0, delete_seconds=0, consumer_seconds=0)
