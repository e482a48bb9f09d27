"""DescribeStream(Summary), ListStreams, ListShards, DescribeLimits and the account's settings.

Source: API reference of each operation, ShardFilter in particular; kinesalite's tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.kinesis.fanout import check_creation
from harness.kinesis.paging import issue, page_of, redeem
from harness.kinesis.sequence import milliseconds
from harness.kinesis.shards import index_in

if TYPE_CHECKING:
    from harness.kinesis.account import Account
    from harness.kinesis.shards import Shard
    from harness.kinesis.streams import Stream

Json = dict[str, Any]

DESCRIBED_SHARDS_MAX = 100
LISTED_SHARDS_MAX = 1000
LISTED_STREAMS = 100
ON_DEMAND_STREAMS_MAX = 50
_KIND = "list shards"


def describe_stream(account: Account, payload: Json) -> Json:
    """DescribeStream: at most 100 shards a page."""
    stream = account.find(payload)
    shards = _listed(account, stream)
    start = payload.get("ExclusiveStartShardId")
    if start is not None:
        shards = [shard for shard in shards if shard.index > _index(account, stream, start)]
    limit = min(payload.get("Limit", DESCRIBED_SHARDS_MAX), DESCRIBED_SHARDS_MAX)
    described = stream.describe()
    described["Shards"] = [shard.describe() for shard in shards[:limit]]
    described["HasMoreShards"] = len(shards) > limit
    return {"StreamDescription": described}


def describe_stream_summary(account: Account, payload: Json) -> Json:
    """DescribeStreamSummary."""
    return {"StreamDescriptionSummary": account.find(payload).describe_summary()}


def list_streams(account: Account, payload: Json) -> Json:
    """ListStreams, in the order of their names."""
    names = sorted(account.streams)
    start = payload.get("ExclusiveStartStreamName")
    if start is not None:
        names = [name for name in names if name > start]
    limit = payload.get("Limit", LISTED_STREAMS)
    chosen, token = page_of(account, "list streams", names, payload, limit)
    answer: Json = {
        "StreamNames": chosen,
        "HasMoreStreams": bool(token),
        "StreamSummaries": [account.streams[name].summary() for name in chosen],
    }
    if token:
        answer["NextToken"] = token
    return answer


def list_shards(account: Account, payload: Json) -> Json:
    """ListShards: by default all from the trim horizon on."""
    stream, wanted = _what_to_list(account, payload)
    shards = [
        shard
        for shard in _chosen(_listed(account, stream), wanted)
        if shard.index > wanted["after"]
    ]
    limit = min(payload.get("MaxResults", LISTED_SHARDS_MAX), LISTED_SHARDS_MAX)
    answer: Json = {"Shards": [shard.describe() for shard in shards[:limit]]}
    if len(shards) > limit:
        again = {**wanted, "after": shards[limit - 1].index, "stream_id": stream.stream_id}
        answer["NextToken"] = issue(account, _KIND, {**again, "stream": stream.name})
    return answer


def describe_limits(account: Account, payload: Json) -> Json:
    """DescribeLimits."""
    del payload  # it has no members
    streams = account.streams.values()
    return {
        "ShardLimit": account.settings.shard_limit,
        "OpenShardCount": sum(stream.open_shard_count for stream in streams),
        "OnDemandStreamCount": sum(stream.mode == "ON_DEMAND" for stream in streams),
        "OnDemandStreamCountLimit": ON_DEMAND_STREAMS_MAX,
    }


def describe_account_settings(account: Account, payload: Json) -> Json:
    """DescribeAccountSettings."""
    del payload
    return {"MinimumThroughputBillingCommitment": dict(account.billing_commitment)}


def update_account_settings(account: Account, payload: Json) -> Json:
    """UpdateAccountSettings: billing only, nothing a consumer can see."""
    status = payload["MinimumThroughputBillingCommitment"]["Status"]
    if status != account.billing_commitment["Status"]:
        now_s = account.clock.now_us() // 1_000_000
        name = "StartedAt" if status == "ENABLED" else "EndedAt"
        account.billing_commitment.update({"Status": status, name: now_s})
    return {"MinimumThroughputBillingCommitment": dict(account.billing_commitment)}


def _listed(account: Account, stream: Stream) -> list[Shard]:
    """The shards that exist, oldest first; none before the stream is ACTIVE."""
    if stream.shards is None:
        return []
    stream.shards.expire(stream.horizon_ms(account.clock.now_ms()))
    return list(stream.shards)


def _what_to_list(account: Account, payload: Json) -> tuple[Stream, Json]:
    """The stream, and which shards: `after` an index, open at or from a moment."""
    named = [name for name in ("StreamName", "StreamARN", "StreamId") if name in payload]
    token = payload.get("NextToken")
    if token is None:
        if not named:
            raise _invalid("Either NextToken or StreamName should be provided.")
        stream = account.find(payload)
        check_creation(account, stream, payload)
        return stream, _wanted(account, stream, payload)
    for member in (*named, "ExclusiveStartShardId", "StreamCreationTimestamp", "ShardFilter"):
        if member in payload:
            raise _invalid(f"NextToken and {member} cannot be provided together.")
    wanted = redeem(account, _KIND, token)
    stream = account.stream(wanted["stream"])
    if stream.stream_id != wanted["stream_id"]:
        raise account.not_found(stream.name)
    return stream, wanted


def _wanted(account: Account, stream: Stream, payload: Json) -> Json:
    """The choice that ShardFilter and ExclusiveStartShardId make, fixed for all pages.

    `at_ms`: open at that moment. `from_ms`: open at that moment or later. `reshards`: open
    after so many reshards.
    """
    now_ms = account.clock.now_ms()
    oldest_ms = max(stream.horizon_ms(now_ms), stream.created_us // 1000)
    start = payload.get("ExclusiveStartShardId")
    wanted: Json = {"after": -1 if start is None else _index(account, stream, start)}
    chosen = payload.get("ShardFilter", {"Type": "FROM_TRIM_HORIZON"})
    match chosen["Type"]:
        case "AFTER_SHARD_ID":
            if "ShardId" not in chosen:
                raise _invalid("ShardFilter of type AFTER_SHARD_ID needs a ShardId.")
            wanted["after"] = max(wanted["after"], _index(account, stream, chosen["ShardId"]))
        case "AT_LATEST":
            wanted["reshards"] = stream.shards.reshards if stream.shards else 0
        case "AT_TRIM_HORIZON":
            wanted["at_ms"] = oldest_ms
        case "AT_TIMESTAMP":
            wanted["at_ms"] = max(_timestamp_ms(chosen, now_ms), oldest_ms)
        case "FROM_TIMESTAMP":
            wanted["from_ms"] = max(_timestamp_ms(chosen, now_ms), oldest_ms)
        case _:
            wanted["from_ms"] = oldest_ms
    return wanted


def _chosen(shards: list[Shard], wanted: Json) -> list[Shard]:
    """The shards open at a moment, or open at it or later, or all.

    A moment is a millisecond, and a split or several may fall into it: then those count as open that
    were so when it began. A reader that starts there meets the others as their children.
    """
    if "reshards" in wanted:
        now = wanted["reshards"]
        return [s for s in shards if s.born <= now and (s.died is None or s.died > now)]
    if "from_ms" in wanted:
        return [shard for shard in shards if shard.open_from(wanted["from_ms"])]
    if "at_ms" not in wanted:
        return shards
    moment = wanted["at_ms"]
    then = [shard for shard in shards if shard.opened_ms <= moment and shard.open_from(moment)]
    ids = {shard.shard_id for shard in then}
    return [shard for shard in then if ids.isdisjoint(shard.parents)]


def _timestamp_ms(chosen: Json, now_ms: int) -> int:
    if "Timestamp" not in chosen:
        raise _invalid(f"ShardFilter of type {chosen['Type']} needs a Timestamp.")
    timestamp_ms = milliseconds(chosen["Timestamp"])
    if timestamp_ms > now_ms:
        raise _invalid(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
            f" timestampInMillis: {timestamp_ms}, currentTimestampInMillis: {now_ms}"
        )
    return timestamp_ms


def _index(account: Account, stream: Stream, shard_id: str) -> int:
    index = index_in(shard_id)
    if index is None:
        raise account.no_such_shard(shard_id, stream.name)
    return index


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidArgumentException", text)
