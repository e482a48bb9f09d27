"""GetShardIterator and GetRecords.

Source: API reference, GetShardIterator and GetRecords; kinesalite's tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.kinesis.iterators import (
    ShardIterator,
    live_shard,
    shard_to_read,
    starting_position,
)
from harness.kinesis.limits import MIB
from harness.kinesis.shards import name_of
from harness.kinesis.validation import dry_run

if TYPE_CHECKING:
    from harness.kinesis.account import Account

Json = dict[str, Any]

RECORDS_MAX = 10_000
ANSWER_BYTES_MAX = 10 * MIB


def get_shard_iterator(account: Account, payload: Json) -> Json:
    """GetShardIterator."""
    stream, shard = shard_to_read(account, payload)
    start = {
        "Type": payload["ShardIteratorType"],
        "SequenceNumber": payload.get("StartingSequenceNumber"),
        "Timestamp": payload.get("Timestamp"),
    }
    position = starting_position(account, stream, shard, start, "GetShardIterator")
    dry_run(payload)
    now_ms = account.clock.now_ms()
    place = ShardIterator(now_ms, shard.index, position, stream.stream_id, stream.name)
    return {"ShardIterator": place.token()}


def get_records(account: Account, payload: Json) -> bytes:
    """GetRecords, as JSON text: joined from what the records were stored as."""
    now_us = account.clock.now_us()
    now_ms = now_us // 1000
    place = ShardIterator.parse(payload["ShardIterator"], now_ms)
    stream = account.streams.get(place.stream_name)
    gone = account.no_shard_to_read(name_of(place.shard_index), place.stream_name)
    if stream is None or stream.stream_id != place.stream_id:
        raise gone
    if "StreamARN" in payload and account.name_in(payload) != stream.name:
        raise account.not_found(account.name_in(payload))
    shard = live_shard(account, stream, place.shard_index)
    if shard is None:
        raise gone
    throttled = account.settings.throttled
    if throttled and not shard.use.may_read(now_us):
        raise account.rate_exceeded(shard, stream)
    dry_run(payload)
    limit = payload.get("Limit", RECORDS_MAX)
    page = shard.log.read(
        place.position, limit=limit, size_bytes_max=ANSWER_BYTES_MAX, now_ms=now_ms
    )
    if throttled:
        shard.use.gave(page.size_bytes, now_us)
    answer: Json = {"MillisBehindLatest": page.behind_ms}
    at_end = shard.drained(page.next_position)
    if at_end and (not page.fragments or account.settings.shard_end_with_records):
        answer["ChildShards"] = shard.child_shards()
    else:
        after = ShardIterator(
            now_ms, shard.index, page.next_position, stream.stream_id, stream.name
        )
        answer["NextShardIterator"] = after.token()
    return b'{"Records":[' + b",".join(page.fragments) + b"]," + orjson.dumps(answer)[1:]
