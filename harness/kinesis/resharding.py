"""SplitShard, MergeShards and UpdateShardCount: what changes the shards, and what is refused.

Source: API reference of the three operations; kinesalite's split and merge tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.kinesis.shards import index_in, name_of

if TYPE_CHECKING:
    from harness.kinesis.account import Account
    from harness.kinesis.shards import Shard, Shards
    from harness.kinesis.streams import Stream

Json = dict[str, Any]

DAY_US = 86_400_000_000
RESCALES_PER_DAY = 10


def split_shard(account: Account, payload: Json) -> None:
    """SplitShard: the parent takes records until the stream is ACTIVE again."""
    [index] = _indexes(account, payload, "ShardToSplit")
    stream = account.find_active(payload)
    _must_be_provisioned(account, stream, "SplitShard")
    shards, shard = _shard(account, stream, index)
    account.check_shard_limit(1)
    start = int(payload["NewStartingHashKey"])
    if not shard.first_hash + 1 < start < shard.last_hash:
        raise AwsError(
            "InvalidArgumentException",
            f"NewStartingHashKey {start} used in SplitShard() on shard {shard.shard_id} in stream"
            f" {stream.name} under account {account.account_id} is not both greater than one plus"
            f" the shard's StartingHashKey {shard.first_hash} and less than the shard's"
            f" EndingHashKey {shard.last_hash}.",
        )
    _must_be_open(account, stream, shard)
    account.update(stream, lambda: _keep(shards.split(shard, start, account.clock.now_ms())))


def merge_shards(account: Account, payload: Json) -> None:
    """MergeShards: the second shard must follow the first in the hash ring."""
    indexes = _indexes(account, payload, "ShardToMerge", "AdjacentShardToMerge")
    stream = account.find_active(payload)
    _must_be_provisioned(account, stream, "MergeShards")
    (shards, one), (_, other) = (_shard(account, stream, index) for index in indexes)
    _must_be_open(account, stream, one)
    _must_be_open(account, stream, other)
    if one.last_hash + 1 != other.first_hash:
        raise AwsError(
            "InvalidArgumentException",
            f"Shards {one.shard_id} and {other.shard_id} in stream {stream.name} under account"
            f" {account.account_id} are not an adjacent pair of shards eligible for merging",
        )
    account.update(stream, lambda: _keep(shards.merge(one, other, account.clock.now_ms())))


def update_shard_count(account: Account, payload: Json) -> Json:
    """UpdateShardCount: at most double or half at once."""
    stream = account.find_active(payload)
    _must_be_provisioned(account, stream, "UpdateShardCount")
    current = stream.open_shard_count
    target: int = payload["TargetShardCount"]
    counts = f"Current open shard count: {current} Target shard count: {target}"
    if target > 2 * current:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}",
        )
    if 2 * target < current:
        raise AwsError(
            "LimitExceededException",
            "UpdateShardCount cannot scale down below half your current open shard count."
            f" {counts}",
        )
    account.check_shard_limit(target - current)
    _count_rescale(account, stream)
    scale(account, stream, target)
    return {
        "StreamName": stream.name,
        "CurrentShardCount": current,
        "TargetShardCount": target,
        "StreamARN": stream.arn,
    }


def scale(account: Account, stream: Stream, target: int) -> None:
    """Become `target` uniform shards; also what an on-demand stream does by itself."""
    shards = stream.shards
    if shards is None:
        raise AssertionError("an ACTIVE stream has shards")
    account.update(stream, lambda: shards.scale(target, account.clock.now_ms()))


def _count_rescale(account: Account, stream: Stream) -> None:
    now_us = account.clock.now_us()
    stream.rescaled_us[:] = [at for at in stream.rescaled_us if at > now_us - DAY_US]
    if account.settings.throttled and len(stream.rescaled_us) >= RESCALES_PER_DAY:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount was called {RESCALES_PER_DAY} times on stream {stream.name} under"
            f" account {account.account_id} within 24 hours.",
        )
    stream.rescaled_us.append(now_us)


def _indexes(account: Account, payload: Json, *members: str) -> list[int]:
    """The shards named, before anybody asks whether the stream exists: AWS's order."""
    indexes = []
    for member in members:
        index = index_in(payload[member])
        if index is None:
            raise account.no_such_shard(payload[member], account.name_in(payload))
        indexes.append(index)
    return indexes


def _shard(account: Account, stream: Stream, index: int) -> tuple[Shards, Shard]:
    stream.trim(account.clock.now_ms())
    shard = stream.shards.find(index) if stream.shards else None
    if shard is None or stream.shards is None:
        raise account.no_such_shard(name_of(index), stream.name)
    return stream.shards, shard


def _must_be_open(account: Account, stream: Stream, shard: Shard) -> None:
    if not shard.is_open:
        raise AwsError(
            "InvalidArgumentException",
            f"Shard {shard.shard_id} in stream {stream.name} under account {account.account_id}"
            " has already been merged or split, and thus is not eligible for merging or splitting.",
        )


def _must_be_provisioned(account: Account, stream: Stream, operation: str) -> None:
    if stream.mode != "PROVISIONED":
        raise AwsError(
            "ValidationException",
            f"{operation} is not supported for stream {stream.name} under account"
            f" {account.account_id}: its capacity mode is {stream.mode}.",
        )


def _keep(_: object) -> None:
    """A change answers nothing."""
