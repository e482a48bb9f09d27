"""Enhanced fan-out: registered consumers, and the subscriptions that push records to them.

A subscription is a `harness.web.message.Stream`: the server reads what is ready and is woken when
there is more. It lives five minutes of the clock, sends an empty event when nothing came for a while,
and ends after it reported a closed shard's children.

Source: API reference, RegisterStreamConsumer, SubscribeToShard, SubscribeToShardEvent; the KCL's
FanOutRecordsPublisher, which takes an event without ContinuationSequenceNumber for the shard's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.awsjson import JSON_1_1
from harness.kinesis import eventstream
from harness.kinesis.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.awsjson import AwsError, Codec
    from harness.kinesis.account import Account
    from harness.kinesis.shards import Shard
    from harness.kinesis.streams import Stream

EVENT_RECORDS_MAX = 10_000
EVENT_BYTES_MAX = MIB
STEAL_AFTER_US = 5_000_000


@dataclass(slots=True, eq=False)
class Consumer:
    """A registered consumer.

    Attributes:
        name: unique within its stream.
        arn: ends in the second of its creation, so a re-created consumer is told from this one.
        created_s: that second.
        status: CREATING, ACTIVE or DELETING.
        subscriptions: by shard index, those that still run or ran last.
    """

    name: str
    arn: str
    created_s: int
    status: str = "CREATING"
    tags: dict[str, str] = field(default_factory=dict)
    policy: str = "{}"
    subscriptions: dict[int, Subscription] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The API's Consumer."""
        return {
            "ConsumerName": self.name,
            "ConsumerARN": self.arn,
            "ConsumerStatus": self.status,
            "ConsumerCreationTimestamp": self.created_s,
        }


class Subscription:
    """One SubscribeToShard call: events of one shard, from a position on.

    Args:
        account: for clock and settings.
        stream: the shard's stream.
        shard: what is read.
        position: counter of the first record wanted.
    """

    def __init__(self, account: Account, stream: Stream, shard: Shard, position: int) -> None:
        self._account = account
        self._stream = stream
        self._shard = shard
        self._position = position
        self._codec: Codec = JSON_1_1
        self._wake: Callable[[], None] = lambda: None
        self._begun = False
        self._last_error: AwsError | None = None
        self._beat = True  # the first event tells where the subscription stands
        self._ended = False
        self.started_us = account.clock.now_us()
        self._heard_us = self.started_us
        settings = account.settings
        self._end = account.clock.call_later(settings.subscription_seconds, self.stop)
        self._pulse = account.clock.call_later(settings.heartbeat_seconds, self._on_pulse)
        shard.watchers.append(self._on_change)

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return not self._ended

    def speak(self, codec: Codec) -> None:
        """Use `codec` for all events."""
        self._codec = codec

    def read(self) -> bytes | None:
        """Frames that are ready: one event at most; None once it has ended."""
        if not self._begun:
            self._begun = True
            return eventstream.initial_response(self._codec)
        if self._ended:
            error, self._last_error = self._last_error, None
            return eventstream.exception(self._codec, error) if error else None
        self._account.settle()
        now_ms = self._account.clock.now_ms()
        shard = self._shard
        shard.log.trim(self._stream.horizon_ms(now_ms))
        page = shard.log.read(
            self._position,
            limit=EVENT_RECORDS_MAX,
            size_bytes_max=EVENT_BYTES_MAX,
            now_ms=now_ms,
        )
        self._position = page.next_position
        at_end = shard.drained(self._position)
        if not page.fragments and not self._beat and not at_end:
            return b""
        self._beat = False
        fields: dict[str, Any] = {"MillisBehindLatest": page.behind_ms}
        if at_end:
            fields["ChildShards"] = shard.child_shards()
            self.stop()
        else:
            fields["ContinuationSequenceNumber"] = self._continuation(page.last_counter, now_ms)
            self._heard_us = self._account.clock.now_us()
        return eventstream.event(self._codec, page.fragments, fields)

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever `read` may have something to give."""
        self._wake = wake
        wake()

    def close(self) -> None:
        """The reader has gone."""
        self.stop()
        self._last_error = None

    def stop(self, error: AwsError | None = None) -> None:
        """End in good order, or with `error` as the last frame."""
        if self._ended:
            return
        self._ended = True
        self._last_error = error
        self._end.cancel()
        self._pulse.cancel()
        self._shard.watchers.remove(self._on_change)
        self._wake()

    def _continuation(self, last_counter: int, now_ms: int) -> str:
        """Where AFTER_SEQUENCE_NUMBER goes on; advances though no record came."""
        if last_counter < 0:
            last_counter = max(self._position - 1, 0)
            if not self._shard.log.has_from(self._position):
                self._position = max(self._position, self._stream.counter + 1)
                last_counter = self._position - 1
        return self._shard.number(last_counter, now_ms // 1000)

    def _on_change(self) -> None:
        self._wake()

    def _on_pulse(self) -> None:
        """Send an empty event if it was silent for long enough, and look again later."""
        silence = (self._account.clock.now_us() - self._heard_us) / 1_000_000
        remaining = self._account.settings.heartbeat_seconds - silence
        if remaining > 0:
            self._pulse = self._account.clock.call_later(remaining, self._on_pulse)
            return
        self._heard_us = self._account.clock.now_us()
        self._beat = True
        seconds = self._account.settings.heartbeat_seconds
        self._pulse = self._account.clock.call_later(seconds, self._on_pulse)
        self._wake()
