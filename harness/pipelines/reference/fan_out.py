"""Kinesis by enhanced fan-out: a consumer of its own, to which each shard's records are pushed.

A subscription lasts up to five minutes, then it is made again from where it ended; so is one that
breaks off. Source: Kinesis API reference, RegisterStreamConsumer, SubscribeToShard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import PipelineError
from harness.pipelines.reference.aws import error_code, passes
from harness.pipelines.reference.kinesis import UNREADABLE, KinesisSource
from harness.pipelines.reference.shards import Page, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

CONSUMER_NAME = "cdc-harness-clickpipe"
ACTIVE_POLLS_MAX = 600
ACTIVE_POLL_SECONDS = 0.1


class FanOutSource(KinesisSource):
    """The stream of KinesisSource, read through one registered consumer."""

    _consumer_arn = ""

    def consumer_arn(self) -> str:
        """The consumer, registered when it is not there yet, once it is active.

        Raises:
            PipelineError: it does not become active.
        """
        if self._consumer_arn:
            return self._consumer_arn
        arn = self.call("describe_stream_summary", **self.name)["StreamDescriptionSummary"][
            "StreamARN"
        ]
        try:
            self.client.register_stream_consumer(StreamARN=arn, ConsumerName=CONSUMER_NAME)
        except Exception as error:
            if error_code(error) != "ResourceInUseException" and not passes(error):
                raise
        for _ in range(ACTIVE_POLLS_MAX):
            described = self.call(
                "describe_stream_consumer", StreamARN=arn, ConsumerName=CONSUMER_NAME
            )["ConsumerDescription"]
            if described["ConsumerStatus"] == "ACTIVE":
                self._consumer_arn = described["ConsumerARN"]
                return self._consumer_arn
            self.clock.sleep(ACTIVE_POLL_SECONDS)
        raise PipelineError(f"the stream consumer {CONSUMER_NAME} does not become ACTIVE")

    def reader(self, shard_id: str, start: Start) -> SubscribedReader:  # type: ignore[override] # another Reader
        """A reader that is pushed to."""
        self.check_retention(shard_id, start)
        return SubscribedReader(self, shard_id, start)


class SubscribedReader:
    """One shard's subscription, renewed whenever it ends."""

    def __init__(self, source: FanOutSource, shard_id: str, start: Start) -> None:
        self._source = source
        self._shard_id = shard_id
        self._start = start
        self._events: Iterator[Any] | None = None
        self._stream: Any = None

    def close(self) -> None:
        """End the subscription: a read that waits ends with an error."""
        if self._stream is not None:
            self._stream.close()

    def read(self) -> Page:
        """Wait for the next event; an ended or broken subscription gives an empty page."""
        if self._events is None:
            self._events = self._subscribe()
        try:
            event = next(self._events, None)
        except Exception as error:
            self._events = None
            if not passes(error):
                raise
            return Page(self._shard_id, ())
        if event is None or "SubscribeToShardEvent" not in event:
            self._events = None
            return Page(self._shard_id, ())
        return self._page(event["SubscribeToShardEvent"])

    def _page(self, event: dict[str, Any]) -> Page:
        records: list[Any] = [
            (
                r["SequenceNumber"],
                int(r["ApproximateArrivalTimestamp"].timestamp() * 1000),
                r["Data"],
                r["PartitionKey"],
            )
            for r in event["Records"]
        ]
        position = event.get("ContinuationSequenceNumber") or ""
        if records:
            self._start = Start("AFTER", records[-1][0])
        elif position:
            self._start = Start("AFTER", position)
        # Only the last event of a closed shard names children (or has nowhere to go on from).
        ended = bool(event.get("ChildShards")) or not position
        behind_ms = event.get("MillisBehindLatest") or 0
        return Page(self._shard_id, records, ended=ended, behind_ms=behind_ms)

    def _subscribe(self) -> Iterator[Any]:
        self.close()
        start = self._start
        position: dict[str, Any] = {"Type": start.kind}
        if start.kind == "AT_TIMESTAMP":
            position["Timestamp"] = float(start.value)
        elif start.kind != "TRIM_HORIZON":
            position = {"Type": f"{start.kind}_SEQUENCE_NUMBER", "SequenceNumber": start.value}
        try:
            answer = self._source.call(
                "subscribe_to_shard",
                ConsumerARN=self._source.consumer_arn(),
                ShardId=self._shard_id,
                StartingPosition=position,
            )
        except Exception as error:
            if start.kind not in ("AT", "AFTER") or error_code(error) not in UNREADABLE:
                raise
            self._source.report_loss(
                f"shard {self._shard_id}: position {start.value} is no longer readable ({error}): "
                "reading on from the oldest record left"
            )
            self._start = Start("TRIM_HORIZON")
            return iter(())
        self._stream = answer["EventStream"]
        return iter(self._stream)
