"""DynamoDB Streams: the second source of the same pipeline.

Stamps are whole seconds, records of one item come in order and once, B values are encoded once.
Source: DynamoDB Streams API reference, DescribeStream, GetShardIterator, GetRecords.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import PipelineError
from harness.pipelines.reference.aws import error_code, passes
from harness.pipelines.reference.shards import Page, Shard, Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.reference.retry import Retry

LIST_PAGES_MAX = 1000
RECORDS_MAX = 1000
UNREADABLE = ("TrimmedDataAccessException", "ResourceNotFoundException", "ValidationException")


class StreamsSource:
    """The table's own stream.

    Args:
        client: of botocore.
        stream_arn: of the stream; a stream enabled anew has another ARN.
        retry: repeats throttled and broken calls.
        report_loss: told when records were trimmed before they were read.
    """

    binary_layers = 1

    def __init__(
        self, client: Any, stream_arn: str, retry: Retry, *, report_loss: Callable[[str], None]
    ) -> None:
        self._client = client
        self._stream_arn = self.name_shown = stream_arn
        self._retry = retry
        self.report_loss = report_loss

    def call(self, operation: str, **parameters: Any) -> Any:
        """One API call, repeated while it fails for a passing reason."""
        method = getattr(self._client, operation)
        return self._retry.call(lambda: method(**parameters), passes)

    def identity(self) -> str:
        """The ARN: its label is the moment when the stream was enabled."""
        return self._stream_arn

    def shards(self) -> list[Shard]:
        """Every page of DescribeStream."""
        found: list[Shard] = []
        parameters: dict[str, Any] = {"StreamArn": self._stream_arn}
        for _ in range(LIST_PAGES_MAX):
            description = self.call("describe_stream", **parameters)["StreamDescription"]
            for shard in description["Shards"]:
                parent = shard.get("ParentShardId")
                found.append(Shard(shard["ShardId"], (parent,) if parent else ()))
            last = description.get("LastEvaluatedShardId")
            if not last:
                return found
            parameters["ExclusiveStartShardId"] = last
        raise PipelineError(f"DescribeStream did not end after {LIST_PAGES_MAX} pages")

    def reader(self, shard_id: str, start: Start) -> StreamsReader:
        """A reader of one shard."""
        return StreamsReader(self, self._stream_arn, shard_id, start)


class StreamsReader:
    """GetRecords in a row, with a new iterator whenever the old one has expired."""

    def __init__(self, source: StreamsSource, stream_arn: str, shard_id: str, start: Start) -> None:
        self._source = source
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._start = start
        self._iterator = ""

    def read(self) -> Page:
        """The next page, at once."""
        try:
            if not self._iterator:
                self._iterator = self._open()
            answer = self._source.call(
                "get_records", ShardIterator=self._iterator, Limit=RECORDS_MAX
            )
        except Exception as error:
            self._iterator = ""
            if error_code(error) == "ExpiredIteratorException":
                return Page(self._shard_id, ())
            if error_code(error) not in UNREADABLE or self._start.kind == "TRIM_HORIZON":
                raise
            self._source.report_loss(
                f"shard {self._shard_id}: position {self._start.value} was trimmed before it was "
                "read: reading on from the oldest record left"
            )
            self._start = Start("TRIM_HORIZON")
            return Page(self._shard_id, ())
        records = [_record(record) for record in answer["Records"]]
        if records:
            self._start = Start("AFTER", records[-1][0])
        self._iterator = answer.get("NextShardIterator") or ""
        return Page(self._shard_id, records, ended=not self._iterator)

    def close(self) -> None:
        """Nothing is held open between two polls."""

    def _open(self) -> str:
        start = self._start
        parameters: dict[str, Any] = {"ShardIteratorType": start.kind}
        if start.kind == "AT_TIMESTAMP":
            parameters["Timestamp"] = float(start.value)
        elif start.kind != "TRIM_HORIZON":
            parameters["ShardIteratorType"] = f"{start.kind}_SEQUENCE_NUMBER"
            parameters["SequenceNumber"] = start.value
        answer = self._source.call(
            "get_shard_iterator", StreamArn=self._stream_arn, ShardId=self._shard_id, **parameters
        )
        return str(answer["ShardIterator"])


def _record(record: dict[str, Any]) -> tuple[str, int, bytes]:
    body = record["dynamodb"]
    arrival_ms = int(float(body["ApproximateCreationDateTime"]) * 1000)
    return body["SequenceNumber"], arrival_ms, orjson.dumps(record)
