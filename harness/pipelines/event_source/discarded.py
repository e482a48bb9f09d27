"""The on-failure destination: what a queue or a bucket would get, as files.

A queue is a file of JSON lines, one SQS message each, whose Body is the invocation record. A bucket
is a folder in which each invocation record is an object under Lambda's own key, with the whole
event as `payload`.

Source: AWS Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event
source in Lambda", example invocation records.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.clock import Clock
    from harness.pipelines.event_source.function import Invocation
    from harness.pipelines.event_source.records import Record

INFO_NAMES = {"kinesis": "KinesisBatchInfo", "dynamodb": "DDBStreamBatchInfo"}
_LOCK = Lock()


class Discarded:
    """Takes the batches of one shard that are given up.

    Args:
        folder: where queues and buckets are.
        destination: ARN of one of them; empty tells stderr alone.
        source: `kinesis` or `dynamodb`.
        stream_arn: of the stream.
        shard_id: of the shard.
        function_arn: of the function.
        clock: for stamps and ids.
    """

    def __init__(
        self,
        folder: Path,
        destination: str,
        *,
        source: str,
        stream_arn: str,
        shard_id: str,
        function_arn: str,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._destination = destination
        self._info = INFO_NAMES[source]
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._function_arn = function_arn
        self._clock = clock

    def put(
        self,
        records: Sequence[Record],
        condition: str,
        count: int,
        invocation: Invocation | None,
        event: dict[str, Any],
    ) -> None:
        """Tell the destination of a batch.

        Args:
            condition: RetryAttemptsExhausted or RecordAgeExceeded.
            count: invocations that the batch has seen.
            invocation: the last of them; None when it was never handed over.
            event: what the function got.
        """
        first, last = records[0], records[-1]
        sys.stderr.write(
            f"discarded {len(records)} records of {self._shard_id}, {first.sequence_number} to "
            f"{last.sequence_number}: {condition}\n"
        )
        sys.stderr.flush()
        if not self._destination:
            return
        document = self._document(records, condition, count, invocation)
        with _LOCK:
            if self._destination.split(":")[2] == "sqs":
                self._send(document)
            else:
                self._store({**document, "payload": orjson.dumps(event).decode()})

    def _document(
        self,
        records: Sequence[Record],
        condition: str,
        count: int,
        invocation: Invocation | None,
    ) -> dict[str, Any]:
        context: dict[str, Any] = {
            "requestId": invocation.request_id if invocation else self._clock.uuid(),
            "functionArn": self._function_arn,
            "condition": condition,
            "approximateInvokeCount": count,
        }
        document: dict[str, Any] = {"requestContext": context}
        if invocation is not None:
            answer: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
            if invocation.failed:
                answer["functionError"] = "Unhandled"
            document["responseContext"] = answer
        document["version"] = "1.0"
        document["timestamp"] = _stamp(self._clock.now())
        document[self._info] = {
            "shardId": self._shard_id,
            "startSequenceNumber": records[0].sequence_number,
            "endSequenceNumber": records[-1].sequence_number,
            "approximateArrivalOfFirstRecord": _stamp(records[0].arrival),
            "approximateArrivalOfLastRecord": _stamp(records[-1].arrival),
            "batchSize": len(records),
            "streamArn": self._stream_arn,
        }
        return document

    def _send(self, document: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        message = {
            "MessageId": self._clock.uuid(),
            "Body": orjson.dumps(document).decode(),
            "Attributes": {"SentTimestamp": str(self._clock.now_ms())},
        }
        queue = self._folder / f"{self._destination.rsplit(':', 1)[-1]}.jsonl"
        with queue.open("ab") as lines:
            lines.write(orjson.dumps(message) + b"\n")

    def _store(self, document: dict[str, Any]) -> None:
        now = self._clock.datetime()
        bucket = self._destination.rsplit(":", 1)[-1]
        mapping_id = self._function_arn.rsplit(":", 1)[-1]
        folder = self._folder / bucket / "aws" / "lambda" / mapping_id / self._shard_id
        folder = folder / f"{now:%Y}" / f"{now:%m}" / f"{now:%d}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{now:%Y-%m-%dT%H.%M.%S}-{self._clock.uuid()}"
        while path.exists():
            path = folder / f"{now:%Y-%m-%dT%H.%M.%S}-{self._clock.uuid()}"
        path.write_bytes(orjson.dumps(document))


def _stamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
