"""Where a reader stands: the five ways to begin, and the iterator that carries it on.

Source: API reference, GetShardIterator; kinesalite's getShardIterator and getRecords tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.kinesis import sequence
from harness.kinesis.sequence import milliseconds
from harness.kinesis.shards import index_in, name_of
from harness.kinesis.tokens import BadToken, seal, unseal

if TYPE_CHECKING:
    from harness.kinesis.account import Account
    from harness.kinesis.shards import Shard
    from harness.kinesis.streams import Stream

LIFETIME_MS = 300_000
_KIND = "shard iterator"


@dataclass(frozen=True, slots=True)
class ShardIterator:
    """A reader's place.

    Attributes:
        issued_ms: when it was handed out; it lives five minutes.
        shard_index: of the shard it reads.
        position: counter of the next record.
        stream_id: which incarnation of the stream.
        stream_name: for AWS's sentences when that stream is gone.
    """

    issued_ms: int
    shard_index: int
    position: int
    stream_id: str
    stream_name: str

    def token(self) -> str:
        """The ShardIterator of the API."""
        parts = (self.issued_ms, self.shard_index, self.position, self.stream_id, self.stream_name)
        return seal(_KIND, " ".join(map(str, parts)))

    @staticmethod
    def parse(token: str, now_ms: int) -> ShardIterator:
        """The place that `token` stands for; AWS forgives a pair of double quotes around it.

        Raises:
            AwsError: InvalidArgumentException, or ExpiredIteratorException after five minutes.
        """
        try:
            parts = unseal(_KIND, token.strip('"')).split(" ")
        except BadToken as error:
            raise AwsError("InvalidArgumentException", "Invalid ShardIterator.") from error
        place = ShardIterator(int(parts[0]), int(parts[1]), int(parts[2]), parts[3], parts[4])
        if now_ms - place.issued_ms > LIFETIME_MS:
            raise AwsError(
                "ExpiredIteratorException",
                f"Iterator expired. The iterator was created at time {_java_date(place.issued_ms)}"
                f" while right now it is {_java_date(now_ms)} which is further in the future than"
                f" the tolerated delay of {LIFETIME_MS} milliseconds.",
            )
        return place


def shard_to_read(account: Account, payload: dict[str, Any]) -> tuple[Stream, Shard]:
    """The stream and shard that a reading request means, trimmed to what is retained.

    Raises:
        AwsError: ResourceNotFoundException in the words for readers.
    """
    name = account.name_in(payload)
    index = index_in(payload["ShardId"])
    if index is None:
        raise account.no_such_shard(payload["ShardId"], name)
    stream = account.streams.get(name)
    if stream is None or stream.shards is None:
        raise account.no_shard_to_read(name_of(index), name)
    shard = live_shard(account, stream, index)
    if shard is None:
        raise account.no_shard_to_read(name_of(index), name)
    return stream, shard


def live_shard(account: Account, stream: Stream, index: int) -> Shard | None:
    """The shard of that index, trimmed to what is retained; None when it has expired."""
    if stream.shards is None:
        return None
    horizon_ms = stream.horizon_ms(account.clock.now_ms())
    stream.shards.expire(horizon_ms)
    shard = stream.shards.find(index)
    if shard is not None:
        shard.log.trim(horizon_ms)
    return shard


def starting_position(
    account: Account, stream: Stream, shard: Shard, start: dict[str, Any], operation: str
) -> int:
    """The counter at which reading begins.

    Args:
        account: for the clock and AWS's sentences.
        stream: that of `shard`.
        shard: the shard to read.
        start: `Type`, and `SequenceNumber` or `Timestamp` where the type needs one.
        operation: named in AWS's sentences.

    Raises:
        AwsError: InvalidArgumentException.
    """
    kind: str = start["Type"]
    number = start.get("SequenceNumber")
    if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        if number is None:
            raise _mismatch(kind, "no")
        counter = _counter_of(account, stream, shard, number, operation)
        return counter + 1 if kind == "AFTER_SEQUENCE_NUMBER" else counter
    if number is not None:
        raise _mismatch(kind, "also a")
    if kind == "TRIM_HORIZON":
        return 0
    if kind == "LATEST":
        return stream.counter + 1
    timestamp_ms = _timestamp_ms(account, start.get("Timestamp"))
    position = shard.log.position_at(timestamp_ms)
    return stream.counter + 1 if position is None else position


def _counter_of(account: Account, stream: Stream, shard: Shard, number: str, operation: str) -> int:
    where = (
        f"StartingSequenceNumber {number} used in {operation} on shard {shard.shard_id}"
        f" in stream {stream.name} under account {account.account_id} is invalid"
    )
    try:
        parsed = sequence.parse(number)
    except sequence.BadSequence as error:
        raise AwsError("InvalidArgumentException", f"{where}.") from error
    if parsed.shard_index != shard.index:
        raise AwsError(
            "InvalidArgumentException",
            f"Invalid StartingSequenceNumber. It encodes {name_of(parsed.shard_index)}, while it was"
            f" used in a call to a shard with {shard.shard_id}",
        )
    if parsed.version == 0:
        raise AwsError("InternalFailure", status=500)
    if parsed.version != sequence.VERSION or parsed.shard_created_s != shard.created_s:
        raise AwsError(
            "InvalidArgumentException", f"{where} because it did not come from this stream."
        )
    return parsed.counter


def _timestamp_ms(account: Account, timestamp: float | None) -> int:
    if timestamp is None:
        raise AwsError(
            "InvalidArgumentException",
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP."
            " Current request has no timestamp parameter.",
        )
    timestamp_ms = milliseconds(timestamp)
    now_ms = account.clock.now_ms()
    if timestamp_ms > now_ms:
        raise AwsError(
            "InvalidArgumentException",
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
            f" timestampInMillis: {timestamp_ms}, currentTimestampInMillis: {now_ms}",
        )
    return timestamp_ms


def _mismatch(kind: str, number: str) -> AwsError:
    return AwsError(
        "InvalidArgumentException",
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and"
        " StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber."
        f" Request specified {kind} and {number} StartingSequenceNumber.",
    )


def _java_date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
