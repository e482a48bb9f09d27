"""One batch to its end: handled, split, retried, or given up.

A failed batch is tried again until it is handled, its retries are used up, or its records are too
old. Splitting a batch in two uses up no retry. A partial response gives back the first record that
was not handled: everything before it is done.

Source: AWS Lambda developer guide, "Retain discarded batch records …", "Configuring partial batch
response"; API reference, CreateEventSourceMapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.pipelines.event_source.function import first_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.pipelines.event_source.discarded import Discarded
    from harness.pipelines.event_source.function import Function, Invocation
    from harness.pipelines.event_source.records import Record
    from harness.pipelines.event_source.settings import Settings
    from harness.pipelines.pipeline import Environment

FIRST_PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 1.0
EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Batch:
    records: list[Record]
    failures: int = 0


def plain_event(records: Sequence[Record]) -> Event:
    """What the function gets without tumbling windows."""
    return {"Records": [record.event for record in records]}


def any_response(_response: Any) -> bool:
    """Without tumbling windows every response will do."""
    return True


class Delivery:
    """Delivers batches of one shard to the function.

    Args:
        settings: retries, splitting, ages, partial responses.
        function: to call.
        env: clock and stop signal.
        discarded: gets the batches that are given up.
        done: told the records that need never be delivered again.
    """

    def __init__(
        self,
        settings: Settings,
        function: Function,
        env: Environment,
        discarded: Discarded,
        done: Callable[[Sequence[Record]], None],
    ) -> None:
        self._settings = settings
        self._function = function
        self._env = env
        self._discarded = discarded
        self._done = done

    def deliver(
        self,
        records: Sequence[Record],
        event_of: Callable[[Sequence[Record]], Event] = plain_event,
        accepts: Callable[[Any], bool] = any_response,
    ) -> None:
        """Bring a batch to its end; returns early when the mapping must stop.

        Args:
            records: of one shard, in order.
            event_of: makes the event of any part of them.
            accepts: False turns an invocation that ended well into a failed one.
        """
        waiting = [_Batch(list(records))]
        pause = FIRST_PAUSE_SECONDS
        while waiting and not self._env.stopping():
            batch = self._drop_old(waiting.pop(0))
            if not batch.records:
                continue
            event = event_of(batch.records)
            invocation = self._function.invoke(event)
            failed_at = self._failed_at(batch, invocation, accepts)
            if failed_at is None:
                self._done(batch.records)
                pause = FIRST_PAUSE_SECONDS
                continue
            waiting[:0] = self._next(batch, failed_at, invocation, event_of)
            self._env.pause(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def finish(self, event: Event, accepts: Callable[[Any], bool] = any_response) -> None:
        """Call the function with an event without records until it succeeds or gives up."""
        failures = 0
        pause = FIRST_PAUSE_SECONDS
        while not self._env.stopping():
            invocation = self._function.invoke(event)
            if not invocation.failed and accepts(invocation.response):
                return
            failures += 1
            if self._is_used_up(failures):
                return
            self._env.pause(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def _failed_at(
        self, batch: _Batch, invocation: Invocation, accepts: Callable[[Any], bool]
    ) -> int | None:
        """Index of the first record to deliver again; -1 for a failure that names none."""
        if invocation.failed or not accepts(invocation.response):
            return -1
        if not self._settings.reports_batch_item_failures:
            return None
        return first_failure(invocation.response, [r.sequence_number for r in batch.records])

    def _next(
        self,
        batch: _Batch,
        failed_at: int,
        invocation: Invocation,
        event_of: Callable[[Sequence[Record]], Event],
    ) -> list[_Batch]:
        """What to deliver next of a batch that failed."""
        bisects = self._settings.bisect_batch_on_function_error
        rest = batch.records[max(0, failed_at) :]
        self._done(batch.records[: len(batch.records) - len(rest)])
        if bisects and failed_at > 0:
            # The batch is split at the record that was given back: no retry is used up.
            return [_Batch(rest, batch.failures)]
        if bisects and failed_at < 0 and len(rest) > 1:
            half = (len(rest) + 1) // 2
            return [_Batch(rest[:half], batch.failures), _Batch(rest[half:], batch.failures)]
        failures = batch.failures + 1
        if not self._is_used_up(failures):
            return [_Batch(rest, failures)]
        self._give_up(rest, EXHAUSTED, failures, invocation, event_of(rest))
        return []

    def _is_used_up(self, failures: int) -> bool:
        return 0 <= self._settings.maximum_retry_attempts < failures

    def _drop_old(self, batch: _Batch) -> _Batch:
        age_max = self._settings.maximum_record_age_in_seconds
        if age_max < 0:
            return batch
        oldest = self._env.clock.now() - age_max
        old = [record for record in batch.records if record.arrival < oldest]
        if old:
            self._give_up(old, TOO_OLD, batch.failures, None, plain_event(old))
        young = [record for record in batch.records if record.arrival >= oldest]
        return _Batch(young, batch.failures)

    def _give_up(
        self,
        records: Sequence[Record],
        condition: str,
        count: int,
        invocation: Invocation | None,
        event: Event,
    ) -> None:
        self._discarded.put(records, condition, count, invocation, event)
        self._done(records)
