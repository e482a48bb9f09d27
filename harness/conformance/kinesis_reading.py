"""Short forms for cases that read and write Kinesis streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

FIRST = "shardId-000000000000"
HASH_KEYS = 1 << 128
PAGES_MAX = 50
EMPTY_PAGES_MAX = 5


def put(lab: Lab, stream: str, data: str, key: str = "key", at: int | None = None) -> Any:
    """PutRecord.

    Args:
        lab: where.
        stream: its name.
        data: text of the record.
        key: partition key.
        at: explicit hash key.
    """
    more = {} if at is None else {"ExplicitHashKey": str(at)}
    return lab.kinesis.put_record(StreamName=stream, Data=data.encode(), PartitionKey=key, **more)


def shards(lab: Lab, stream: str, **more: Any) -> list[dict[str, Any]]:
    """ListShards, one page."""
    listed: list[dict[str, Any]] = lab.kinesis.list_shards(StreamName=stream, **more)["Shards"]
    return listed


def ids(listed: list[dict[str, Any]]) -> list[str]:
    """The shards' ids."""
    return [one["ShardId"] for one in listed]


def iterator(
    lab: Lab, stream: str, shard: str = FIRST, kind: str = "TRIM_HORIZON", **more: Any
) -> str:
    """GetShardIterator."""
    answer = lab.kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more
    )
    return str(answer["ShardIterator"])


def read(lab: Lab, stream: str, shard: str = FIRST, **more: Any) -> tuple[list[str], Any]:
    """All data of a shard as texts, and the last answer.

    Reads until the shard ends or some pages in a row have nothing more.
    """
    token: str | None = iterator(lab, stream, shard, **more)
    texts: list[str] = []
    answer: Any = {}
    empty = 0
    for _ in range(PAGES_MAX):
        answer = lab.kinesis.get_records(ShardIterator=token)
        texts += [record["Data"].decode() for record in answer["Records"]]
        token = answer.get("NextShardIterator")
        behind = answer.get("MillisBehindLatest", 0)
        empty = 0 if answer["Records"] or behind else empty + 1
        if token is None or empty >= EMPTY_PAGES_MAX:
            break
    return texts, answer


def records(lab: Lab, stream: str, shard: str = FIRST) -> list[dict[str, Any]]:
    """One page of records from the trim horizon."""
    answer = lab.kinesis.get_records(ShardIterator=iterator(lab, stream, shard))
    found: list[dict[str, Any]] = answer["Records"]
    return found


def split(lab: Lab, stream: str, shard: str = FIRST, at: int = HASH_KEYS // 2) -> None:
    """SplitShard, and wait until the stream is ACTIVE again."""
    lab.kinesis.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str(at))
    lab.wait_for_stream(stream)


def merge(lab: Lab, stream: str, shard: str, adjacent: str) -> None:
    """MergeShards, and wait until the stream is ACTIVE again."""
    lab.kinesis.merge_shards(StreamName=stream, ShardToMerge=shard, AdjacentShardToMerge=adjacent)
    lab.wait_for_stream(stream)


def number_of(shard: dict[str, Any]) -> int:
    """The shard's starting sequence number."""
    return int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
