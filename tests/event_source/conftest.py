"""A shard's delivery without a stream: records made by hand, a clock that moves when told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.clock import VirtualClock
from harness.pipelines.event_source.delivery import Delivery
from harness.pipelines.event_source.discarded import Discarded
from harness.pipelines.event_source.function import Function
from harness.pipelines.event_source.records import Record, kinesis_record
from harness.pipelines.event_source.settings import Settings
from harness.pipelines.pipeline import Environment

STREAM = "arn:aws:kinesis:eu-west-1:000000000000:stream/orders-cdc"
SHARD = "shardId-000000000003"
NOW = 1_700_000_000


def record(number: int, *, data: str = "e30=", key: str = "k", arrival: float = NOW) -> Record:
    wire = {
        "SequenceNumber": str(number),
        "PartitionKey": key,
        "Data": data,
        "ApproximateArrivalTimestamp": arrival,
    }
    return kinesis_record(wire, shard_id=SHARD, stream_arn=STREAM, role_arn="arn:aws:iam::0:role/r")


@dataclass
class Shard:
    """One shard's delivery, and what it did."""

    folder: Path
    handler: Callable[[list[str]], Any]
    settings: dict[str, Any]
    calls: list[list[str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(seed=1)
        self.clock.advance(NOW - self.clock.now())
        env = Environment(clock=self.clock)
        settings = Settings("m:f", **self.settings)
        function = Function(self._handle, "pipeline", "eu-west-1", self.clock)
        discarded = Discarded(
            self.folder,
            settings.on_failure,
            source="kinesis",
            stream_arn=STREAM,
            shard_id=SHARD,
            function_arn=function.arn,
            clock=self.clock,
        )
        self.delivery = Delivery(settings, function, env, discarded, self._done)

    def _handle(self, event: dict[str, Any], _context: Any) -> Any:
        numbers = [r["kinesis"]["sequenceNumber"] for r in event["Records"]]
        self.calls.append(numbers)
        self.events.append(event)
        return self.handler(numbers)

    def _done(self, records: Sequence[Record]) -> None:
        self.done += [r.sequence_number for r in records]

    def deliver(self, *numbers: int) -> None:
        self.delivery.deliver([record(n) for n in numbers])


@pytest.fixture
def shard(tmp_path: Path) -> Callable[..., Shard]:
    def make(handler: Callable[[list[str]], Any], **settings: Any) -> Shard:
        return Shard(tmp_path, handler, settings)

    return make
