"""Kinesis by polling: iterators that expire, pages that may be empty, shards that end.

Source: Kinesis Data Streams API reference, GetShardIterator, GetRecords, ListShards.
"""

from __future__ import annotations

from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from harness.errors import PipelineError
from harness.pipelines.reference.aws import error_code, passes
from harness.pipelines.reference.shards import EncodedRecords, Page, Shard, Start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.clock import Clock
    from harness.pipelines.reference.retry import Retry
    from harness.pipelines.reference.shards import Record

LIST_PAGES_MAX = 1000
HOUR_MS = 3_600_000
UNREADABLE = ("InvalidArgumentException", "ResourceNotFoundException", "TrimmedDataAccessException")


class KinesisSource:
    """The Kinesis data stream that DynamoDB's streaming destination writes to.

    Args:
        client: of botocore.
        stream_name: of the stream; its ARN does as well.
        retry: repeats throttled and broken calls.
        clock: tells whether a checkpoint is older than the retention.
        read_limit: records per GetRecords, at most 10,000.
        report_loss: told when records were trimmed before they were read.

    Attributes:
        name_shown: the stream's name, as the virtual column has it.
        keeps_keys: records carry their partition keys.
    """

    binary_layers = 2

    def __init__(
        self,
        client: Any,
        stream_name: str,
        retry: Retry,
        clock: Clock,
        *,
        read_limit: int,
        report_loss: Callable[[str], None],
    ) -> None:
        self.client = client
        self.name = {"StreamARN" if stream_name.startswith("arn:") else "StreamName": stream_name}
        self.name_shown = stream_name.rpartition("/")[2]
        self.keeps_keys = False
        self.read_limit = read_limit
        self.clock = clock
        self.report_loss = report_loss
        self.retention_hours = 24
        self._retry = retry

    def call(self, operation: str, **parameters: Any) -> Any:
        """One API call, repeated while it fails for a passing reason."""
        method = getattr(self.client, operation)
        return self._retry.call(lambda: method(**parameters), passes)

    def identity(self) -> str:
        """ARN and creation time.

        Raises:
            PipelineError: there is no such stream.
        """
        try:
            summary = self.call("describe_stream_summary", **self.name)["StreamDescriptionSummary"]
        except Exception as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise PipelineError(f"the Kinesis stream is not there: {error}") from None
        self.retention_hours = summary.get("RetentionPeriodHours", self.retention_hours)
        created = summary["StreamCreationTimestamp"]
        return f"{summary['StreamARN']}@{getattr(created, 'timestamp', lambda: created)():.3f}"

    def shards(self) -> list[Shard]:
        """Every page of ListShards."""
        found: list[Shard] = []
        parameters: dict[str, Any] = dict(self.name)
        for _ in range(LIST_PAGES_MAX):
            answer = self.call("list_shards", **parameters)
            for shard in answer["Shards"]:
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found.append(Shard(shard["ShardId"], tuple(p for p in parents if p)))
            if not answer.get("NextToken"):
                return found
            parameters = {"NextToken": answer["NextToken"]}
        raise PipelineError(f"ListShards did not end after {LIST_PAGES_MAX} pages")

    def reader(self, shard_id: str, start: Start) -> PollingReader:
        """A reader that polls with GetRecords."""
        self.check_retention(shard_id, start)
        return PollingReader(self, shard_id, start)

    def check_retention(self, shard_id: str, start: Start) -> None:
        """Report a position that has aged out: what followed it may be gone unread."""
        age_ms = self.clock.now_ms() - start.stored_ms
        if start.stored_ms and age_ms > self.retention_hours * HOUR_MS:
            self.report_loss(
                f"shard {shard_id}: the checkpoint is {age_ms / HOUR_MS:.1f} h old and the stream "
                f"keeps {self.retention_hours} h: records after {start.value} may be lost"
            )


class PollingReader:
    """GetRecords in a row, with a new iterator whenever the old one has expired."""

    def __init__(self, source: KinesisSource, shard_id: str, start: Start) -> None:
        self._source = source
        self._shard_id = shard_id
        self._start = start
        self._iterator = ""
        self._read_up_to_ms = 0

    def read(self) -> Page:
        """The next page, at once; nothing is awaited when there is nothing."""
        asked_ms = self._source.clock.now_ms()
        self._report_gap(asked_ms)
        if not self._iterator:
            self._iterator = self._open()
        try:
            answer = self._source.call(
                "get_records", ShardIterator=self._iterator, Limit=self._source.read_limit
            )
        except Exception as error:
            if error_code(error) != "ExpiredIteratorException":
                raise
            self.renew()
            return Page(self._shard_id, ())
        records = self._records(answer["Records"])
        behind_ms = answer.get("MillisBehindLatest") or 0
        if records:
            self._start = Start("AFTER", records[-1][0])
            self._read_up_to_ms = records[-1][1]
        if not behind_ms:
            self._read_up_to_ms = asked_ms
        self._iterator = answer.get("NextShardIterator") or ""
        return Page(self._shard_id, records, ended=not self._iterator, behind_ms=behind_ms)

    def _records(self, answered: list[dict[str, Any]]) -> Sequence[Record]:
        found = [
            (r["SequenceNumber"], int(r["ApproximateArrivalTimestamp"] * 1000), r["Data"])
            for r in answered
        ]
        if not self._source.keeps_keys:
            return EncodedRecords(found)
        keyed: list[Any] = [
            (number, arrival_ms, a2b_base64(data), r["PartitionKey"])
            for (number, arrival_ms, data), r in zip(found, answered, strict=True)
        ]
        return keyed

    def _report_gap(self, now_ms: int) -> None:
        """Kinesis trims in silence: whoever reads too rarely never hears of what is gone."""
        limit_ms = self._source.retention_hours * HOUR_MS
        if self._read_up_to_ms and now_ms - self._read_up_to_ms > limit_ms:
            self._source.report_loss(
                f"shard {self._shard_id}: last read {(now_ms - self._read_up_to_ms) / HOUR_MS:.1f} h "
                f"ago and the stream keeps {self._source.retention_hours} h: records after "
                f"{self._start.value or 'the beginning'} may be lost"
            )
            self._read_up_to_ms = now_ms

    def renew(self) -> None:
        """The iterator has expired: the next read takes a new one after the last record."""
        self._iterator = ""

    def close(self) -> None:
        """Nothing is held open between two polls."""

    def _open(self) -> str:
        start = self._start
        parameters: dict[str, Any] = {"ShardIteratorType": start.kind}
        if start.kind == "AT_TIMESTAMP":
            parameters["Timestamp"] = float(start.value)
        elif start.kind != "TRIM_HORIZON":
            parameters["ShardIteratorType"] = f"{start.kind}_SEQUENCE_NUMBER"
            parameters["StartingSequenceNumber"] = start.value
        try:
            return self._get_iterator(parameters)
        except Exception as error:
            if start.kind not in ("AT", "AFTER") or error_code(error) not in UNREADABLE:
                raise
            self._source.report_loss(
                f"shard {self._shard_id}: position {start.value} is no longer readable ({error}): "
                "reading on from the oldest record left"
            )
            return self._get_iterator({"ShardIteratorType": "TRIM_HORIZON"})

    def _get_iterator(self, parameters: dict[str, Any]) -> str:
        answer = self._source.call(
            "get_shard_iterator", ShardId=self._shard_id, **self._source.name, **parameters
        )
        return str(answer["ShardIterator"])
