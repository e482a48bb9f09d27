"""Reading shards: listing with lineage, iterators that expire, pages in wire form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import PipelineError
from harness.pipelines.event_source.records import Record, dynamodb_record, kinesis_record
from harness.pipelines.reference.aws import error_code, passes

if TYPE_CHECKING:
    from harness.pipelines.reference.retry import Retry

LIST_PAGES_MAX = 1000
EXPIRED = ("ExpiredIteratorException",)
ACCOUNT_FIELD = 4


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as the stream lists it."""

    shard_id: str
    parents: tuple[str, ...] = ()


class Stream(Protocol):
    """A stream that a mapping reads."""

    arn: str

    def shards(self) -> list[Shard]:
        """All shards, every page of the listing."""
        ...

    def iterator(self, shard_id: str, kind: str, after: str) -> str:
        """An iterator after a sequence number, or of `kind` where `after` is empty."""
        ...

    def read(self, shard_id: str, iterator: str) -> tuple[list[Record], str]:
        """The next records and the next iterator; an empty one says that the shard has ended."""
        ...


class KinesisStream:
    """A Kinesis data stream.

    Args:
        client: of botocore, with GetRecords in wire form.
        arn: of the stream.
        retry: repeats throttled and broken calls.
        function_name: names the role that events show.
    """

    records_max = 10_000

    def __init__(self, client: Any, arn: str, retry: Retry, function_name: str) -> None:
        self.arn = arn
        self._client = client
        self._retry = retry
        self._role = f"arn:aws:iam::{arn.split(':')[ACCOUNT_FIELD]}:role/{function_name}-role"

    def shards(self) -> list[Shard]:
        """Every page of ListShards."""
        found: list[Shard] = []
        parameters: dict[str, Any] = {"StreamARN": self.arn}
        for _ in range(LIST_PAGES_MAX):
            answer = _call(self._retry, self._client.list_shards, **parameters)
            for shard in answer["Shards"]:
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found.append(Shard(shard["ShardId"], tuple(p for p in parents if p)))
            if not answer.get("NextToken"):
                return found
            parameters = {"NextToken": answer["NextToken"]}
        raise PipelineError(f"ListShards did not end after {LIST_PAGES_MAX} pages")

    def iterator(self, shard_id: str, kind: str, after: str) -> str:
        """GetShardIterator."""
        place = _place(kind, after, "StartingSequenceNumber")
        call = self._client.get_shard_iterator
        answer = _call(self._retry, call, StreamARN=self.arn, ShardId=shard_id, **place)
        return str(answer["ShardIterator"])

    def read(self, shard_id: str, iterator: str) -> tuple[list[Record], str]:
        """GetRecords."""
        call = self._client.get_records
        answer = _call(self._retry, call, ShardIterator=iterator, Limit=self.records_max)
        records = [
            kinesis_record(wire, shard_id=shard_id, stream_arn=self.arn, role_arn=self._role)
            for wire in answer["Records"]
        ]
        return records, answer.get("NextShardIterator") or ""


class TableStream:
    """A table's own stream.

    Args:
        client: of botocore, with GetRecords in wire form.
        arn: of the stream.
        retry: repeats throttled and broken calls.
    """

    records_max = 1000

    def __init__(self, client: Any, arn: str, retry: Retry) -> None:
        self.arn = arn
        self._client = client
        self._retry = retry

    def shards(self) -> list[Shard]:
        """Every page of DescribeStream."""
        found: list[Shard] = []
        parameters: dict[str, Any] = {"StreamArn": self.arn}
        for _ in range(LIST_PAGES_MAX):
            answer = _call(self._retry, self._client.describe_stream, **parameters)
            description = answer["StreamDescription"]
            for shard in description["Shards"]:
                parent = shard.get("ParentShardId")
                found.append(Shard(shard["ShardId"], (parent,) if parent else ()))
            last = description.get("LastEvaluatedShardId")
            if not last:
                return found
            parameters["ExclusiveStartShardId"] = last
        raise PipelineError(f"DescribeStream did not end after {LIST_PAGES_MAX} pages")

    def iterator(self, shard_id: str, kind: str, after: str) -> str:
        """GetShardIterator."""
        place = _place(kind, after, "SequenceNumber")
        call = self._client.get_shard_iterator
        answer = _call(self._retry, call, StreamArn=self.arn, ShardId=shard_id, **place)
        return str(answer["ShardIterator"])

    def read(self, shard_id: str, iterator: str) -> tuple[list[Record], str]:
        """GetRecords."""
        del shard_id  # the iterator knows it
        call = self._client.get_records
        answer = _call(self._retry, call, ShardIterator=iterator, Limit=self.records_max)
        records = [dynamodb_record(wire, stream_arn=self.arn) for wire in answer["Records"]]
        return records, answer.get("NextShardIterator") or ""


def is_expired(error: Exception) -> bool:
    """True for an iterator that is five minutes old: a new one reads on."""
    return error_code(error) in EXPIRED


def _place(kind: str, after: str, name: str) -> dict[str, str]:
    if after:
        return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", name: after}
    return {"ShardIteratorType": kind}


def _call(retry: Retry, method: Any, **parameters: Any) -> Any:
    return retry.call(lambda: method(**parameters), passes)
