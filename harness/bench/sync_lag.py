"""How long after a write its row can be read, at a steady rate of writes."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING

from harness.bench.dynamodb_cases import fresh_name
from harness.bench.endpoint import UnsupportedError
from harness.bench.kinesis_cases import stream
from harness.bench.raw_cases import DYNAMODB
from harness.bench.sync_data import KEY_SCHEMA, image
from harness.bench.sync_world import running
from harness.clock import WallClock, stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.bench.sync_world import World

RATE = 1_000
BATCH = 25
SETTLE_SECONDS_MAX = 60.0
POLL_SECONDS = 0.01
PERCENT = 100
LATE_SHARE_MAX = 0.2
LATE_SECONDS_MAX = 1.0
_clock = WallClock()


def percentiles(here: World, seconds: float) -> tuple[float, float]:
    """Milliseconds from the answer to a write until a SELECT sees it: median and 99th percentile.

    Every write is one BatchWriteItem of 25 new items, 40 a second, into a table whose streaming
    destination feeds the pipe. The reader looks about every ten milliseconds, which is in it.

    Raises:
        UnsupportedError: writes were refused, or the endpoint could not take them at that rate.
    """
    table, target, total = fresh_name(), fresh_name().replace("-", "_"), round(RATE * seconds)
    written: list[float] = []
    with stream(here.aws) as name:
        _create_table(here, table, name)
        with running(here, target, stream_name=name):
            _wait_until_it_runs(here, target)
            elapsed = stopwatch()
            reader = _Reader(here, target, elapsed)
            writer = threading.Thread(
                target=_write, args=(here, table, total, elapsed, written), daemon=True
            )
            writer.start()

            def done() -> bool:
                reader.look()
                return reader.low >= total or (not writer.is_alive() and len(written) < total)

            _clock.wait_until(
                done,
                timeout_seconds=seconds + SETTLE_SECONDS_MAX,
                what="the rows",
                step_seconds=POLL_SECONDS,
            )
            writer.join()
    here.aws.dynamodb.delete_table(TableName=table)
    here.target.drop_pipe(target)
    if len(written) < total:
        raise UnsupportedError(f"only {len(written)} of {total} items could be written")
    # What is written later than due makes the rate another one.
    late = written[-1] - total / RATE
    if late > LATE_SECONDS_MAX + LATE_SHARE_MAX * seconds:
        raise UnsupportedError(f"the writes took {late:.1f} s longer than they should")
    lags = [(reader.seen[n] - moment) * 1000 for n, moment in enumerate(written)]
    cuts = quantiles(lags, n=PERCENT, method="inclusive")
    return cuts[49], cuts[98]


def _create_table(here: World, table: str, stream_name: str) -> None:
    client = here.aws.dynamodb
    client.create_table(
        TableName=table,
        KeySchema=[
            {"AttributeName": p["attribute_name"], "KeyType": p["key_type"]} for p in KEY_SCHEMA
        ],
        AttributeDefinitions=[
            {"AttributeName": "customer_id", "AttributeType": "S"},
            {"AttributeName": "order_id", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    summary = here.aws.kinesis.describe_stream_summary(StreamName=stream_name)
    client.enable_kinesis_streaming_destination(
        TableName=table,
        StreamArn=summary["StreamDescriptionSummary"]["StreamARN"],
        EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )

    def is_streaming() -> bool:
        found = client.describe_kinesis_streaming_destination(TableName=table)
        return bool(found["KinesisDataStreamDestinations"][0]["DestinationStatus"] == "ACTIVE")

    _clock.wait_until(is_streaming, timeout_seconds=SETTLE_SECONDS_MAX, what="streaming")


def _wait_until_it_runs(here: World, target: str) -> None:
    def runs() -> bool:
        try:
            return bool(
                here.target.rows(
                    f"SELECT 1 FROM {target}_clickpipes_checkpoint WHERE startsWith(unit, 'shardId-') LIMIT 1"
                )
            )
        except UnsupportedError:
            return False

    _clock.wait_until(runs, timeout_seconds=SETTLE_SECONDS_MAX, what="the pipe")


def _write(
    here: World, table: str, total: int, elapsed: Callable[[], float], written: list[float]
) -> None:
    """Write at the rate; note for each item when its write was answered."""
    for start in range(0, total, BATCH):
        early = start / RATE - elapsed()
        if early > 0:
            _clock.sleep(early)
        puts = ",".join(
            f'{{"PutRequest":{{"Item":{image(n, 0)}}}}}' for n in range(start, start + BATCH)
        )
        body = f'{{"RequestItems":{{{json.dumps(table)}:[{puts}]}}}}'
        answer = here.aws.raw.ask(DYNAMODB + "BatchWriteItem", body.encode())
        if b'"PutRequest"' in answer:
            return
        written += [elapsed()] * BATCH


@dataclass(slots=True)
class _Reader:
    """Sees rows arrive.

    Attributes:
        seen: when each number was first read.
        low: all numbers below it have been.
    """

    here: World
    target: str
    elapsed: Callable[[], float]
    seen: dict[int, float] = field(default_factory=dict)
    low: int = 0

    def look(self) -> None:
        """Note the rows that are there now and were not at the last look."""
        found = self.here.target.rows(
            f"SELECT order_id FROM {self.target} WHERE order_id >= {self.low}",
            output_format_json_quote_64bit_integers=0,
        )
        now = self.elapsed()
        for (number,) in found:
            self.seen.setdefault(int(number), now)
        while self.low in self.seen:
            self.low += 1
