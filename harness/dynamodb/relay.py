"""The one place where stream disorder enters: between a table's change log and a Kinesis stream.

AWS says of its streaming destination that records may come more than once and in another order
than the writes; Kinesis then keeps the order in which it got them. A `Relay` does the same on
purpose, as its `Behaviour` says, with all chance drawn from the clock's seed. The default is calm:
every change once, in order, at once.

A scheduler can drive a relay step by step instead: with `stepped=True` nothing is delivered until
`deliver(index)` is called for one of `pending()`.

Source: developer guide, "Using Kinesis Data Streams to capture changes to DynamoDB".
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.awsjson import AwsError
from harness.clock import SECOND_US
from harness.dynamodb.change_record import ChangeRecords, Precision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.clock import Clock, Timer
    from harness.dynamodb.change_log import Change

RETRY_SECONDS = 0.1
RETRYABLE = frozenset({"ProvisionedThroughputExceededException", "InternalFailure"})

log = logging.getLogger(__name__)


class RecordSink(Protocol):
    """Where records go: one Kinesis stream."""

    def put(self, data: bytes, partition_key: str) -> tuple[str, str]:
        """Append one record; returns its shard's id and its sequence number.

        Raises:
            AwsError: as PutRecord; a throttle is tried again, anything else loses the record.
        """
        ...

    def record_bytes_max(self) -> int:
        """Most bytes of data and partition key together that one record may have.

        Raises:
            AwsError: the stream is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a relay treats the records of one destination.

    Attributes:
        duplicate_probability: chance of each change to be delivered more than once, 0 to 1.
        copies_max: most deliveries of such a change; drawn from 2 to this.
        reorder_window: among how many of the oldest waiting deliveries the next one is drawn;
            1 keeps the order.
        delay_ms_min: least time from the write to its delivery.
        delay_ms_max: most time; drawn for each change. A delay alone keeps the order.
        burst: deliveries are held back until so many wait, then leave together.
        hold_ms: longest time that one is held back for the company that a burst or a reorder
            window wants.
    """

    duplicate_probability: float = 0.0
    copies_max: int = 2
    reorder_window: int = 1
    delay_ms_min: float = 0.0
    delay_ms_max: float = 0.0
    burst: int = 1
    hold_ms: float = 200.0

    def __post_init__(self) -> None:
        checks = (
            (0 <= self.duplicate_probability <= 1, "duplicate_probability is not within 0..1"),
            (self.copies_max >= 2, "copies_max is below 2"),
            (self.reorder_window >= 1, "reorder_window is below 1"),
            (0 <= self.delay_ms_min <= self.delay_ms_max, "delay_ms_min..delay_ms_max is empty"),
            (self.burst >= 1, "burst is below 1"),
            (self.hold_ms >= 0, "hold_ms is negative"),
        )
        for holds, complaint in checks:
            if not holds:
                raise ValueError(f"relay behaviour: {complaint}: {self}")

    @property
    def is_calm(self) -> bool:
        """True when every change is delivered once, in order, at once."""
        return (
            self.duplicate_probability == 0
            and self.reorder_window == 1
            and self.delay_ms_max == 0
            and self.burst == 1
        )


CALM = Behaviour()


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that has not happened yet.

    Attributes:
        change: what will be delivered.
        precision: the unit of its time stamp, fixed when it was written.
        copy: 0 for the first delivery of the change, 1 for its first duplicate, …
        due_us: not before this time, unless a scheduler says so.
        expires_us: at this time it is no longer held back for company.
    """

    change: Change
    precision: Precision
    copy: int
    due_us: int
    expires_us: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a listener hears: one record has reached the stream, or will never.

    Attributes:
        stream: name of the stream.
        table: name of the table.
        number: the change's number in the table's log.
        copy: 0 for the first delivery of that change.
        order: position among all deliveries of this relay, from 0.
        time_us: clock time of the delivery.
        outcome: `delivered`; `oversized`, skipped because the stream's limit forbids it; or `lost`,
            refused by the stream for good (it was deleted).
        change: what was delivered.
        shard: where it lies now; empty unless delivered.
        sequence_number: which it has there; empty unless delivered.
    """

    stream: str
    table: str
    number: int
    copy: int
    order: int
    time_us: int
    outcome: str
    change: Change = field(compare=False)
    shard: str = ""
    sequence_number: str = ""


class Relay:
    """Carries the changes of one table to one stream.

    Args:
        clock: time, and chance from its substream `relay/<table>/<stream>`.
        records: encodes the changes.
        sink: the stream.
        table: name of the table.
        stream: name of the stream.
        precision: of the time stamps, until `precision` is set.
        behaviour: how orderly deliveries are.
        listener: hears each delivery.
        stepped: deliver only when `deliver` is called.

    Attributes:
        is_fed: whether more changes may come; its owner says so.
    """

    def __init__(
        self,
        clock: Clock,
        records: ChangeRecords,
        sink: RecordSink,
        *,
        table: str,
        stream: str,
        precision: Precision = "MILLISECOND",
        behaviour: Behaviour = CALM,
        listener: Callable[[Delivery], None] | None = None,
        stepped: bool = False,
    ) -> None:
        self.table = table
        self.stream = stream
        self.precision: Precision = precision
        self.stepped = stepped
        self.is_fed = False
        self.delivered_count = 0
        self.oversized_count = 0
        self.lost_count = 0
        self._clock = clock
        self._records = records
        self._sink = sink
        self._behaviour = behaviour
        self._listener = listener
        self._random = clock.substream(f"relay/{table}/{stream}")
        self._pending: deque[Pending] = deque()
        self._order = 0
        self._last_due_us = 0
        self._timer: Timer | None = None

    @property
    def behaviour(self) -> Behaviour:
        """How orderly deliveries are; setting it lets those through that need not wait now."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._pump()

    def pending(self) -> Sequence[Pending]:
        """What waits for delivery, in the order of the writes."""
        return self._pending

    def accept(self, change: Change) -> None:
        """Take over a change just written; calm relays deliver it before this returns."""
        calm = not self.stepped and not self._pending and self._behaviour.is_calm
        if calm and self._send(Pending(change, self.precision, 0, 0, 0)):
            return
        now_us = self._clock.now_us()
        for copy in range(self._copies()):
            self._enqueue(change, copy, now_us)
        self._pump()

    def deliver(self, index: int, *, again: bool = False) -> bool:
        """Deliver the pending delivery at `index` now, whatever its behaviour says.

        Args:
            index: position in `pending()`.
            again: leave it pending as well, so that this one becomes a duplicate.

        Returns:
            False when the stream throttled it: it is still pending.
        """
        entry = self._pending[index]
        if not self._send(entry):
            return False
        if again:
            self._pending[index] = Pending(
                entry.change, entry.precision, entry.copy + 1, entry.due_us, entry.expires_us
            )
        else:
            del self._pending[index]
        return True

    def flush(self) -> None:
        """Deliver everything that waits, in order: the calm phase at the end of a run."""
        while self._pending:
            if not self.deliver(0):
                self._wake_at(self._clock.now_us() + round(RETRY_SECONDS * SECOND_US))
                return

    def _copies(self) -> int:
        behaviour = self._behaviour
        if behaviour.duplicate_probability == 0 or self.stepped:
            return 1
        if self._random.random() >= behaviour.duplicate_probability:
            return 1
        return self._random.randint(2, behaviour.copies_max)

    def _enqueue(self, change: Change, copy: int, now_us: int) -> None:
        behaviour = self._behaviour
        delay_ms = behaviour.delay_ms_min
        if behaviour.delay_ms_max > behaviour.delay_ms_min and not self.stepped:
            delay_ms = self._random.uniform(behaviour.delay_ms_min, behaviour.delay_ms_max)
        due_us = max(now_us + round(delay_ms * 1000), self._last_due_us)
        self._last_due_us = due_us
        expires_us = due_us + round(behaviour.hold_ms * 1000)
        self._pending.append(Pending(change, self.precision, copy, due_us, expires_us))

    def _pump(self) -> None:
        """Deliver what may leave now and plan the next look at the rest."""
        if self.stepped:
            return
        now_us = self._clock.now_us()
        while self._pending and self._pending[0].due_us <= now_us:
            burst = self._leaving(now_us)
            if burst == 0:
                break
            for _ in range(burst):
                # Re-read at each step: a delivery may call back into the table's writers.
                window = min(self._behaviour.reorder_window, self._due_count(now_us))
                index = self._random.randrange(window) if window > 1 else 0
                if not self.deliver(index):
                    self._wake_at(now_us + round(RETRY_SECONDS * SECOND_US))
                    return
        if self._pending:
            first = self._pending[0]
            self._wake_at(first.due_us if first.due_us > now_us else first.expires_us)

    def _leaving(self, now_us: int) -> int:
        """How many deliveries may leave now: 0 when the due ones still wait for company."""
        behaviour = self._behaviour
        due = self._due_count(now_us)
        if self._pending[0].expires_us <= now_us:
            # All whose time is up leave together, so that a window can still mix them.
            return next((i for i in range(due) if self._pending[i].expires_us > now_us), due)
        if due < max(behaviour.burst, behaviour.reorder_window):
            return 0
        return behaviour.burst

    def _due_count(self, now_us: int) -> int:
        """How many of the first deliveries are due, counted no further than anybody needs."""
        enough = max(self._behaviour.burst, self._behaviour.reorder_window)
        count = 0
        for entry in self._pending:
            if entry.due_us > now_us or count >= enough:
                break
            count += 1
        return count

    def _send(self, entry: Pending) -> bool:
        """Put one record on the stream; False when it was throttled and must be tried again."""
        data = self._records.encode(entry.change, entry.precision)
        partition_key = self._records.partition_key(entry.change.keys)
        place = ("", "")
        try:
            outcome, place = self._put(data, partition_key)
        except AwsError as error:
            if error.code in RETRYABLE:
                return False
            log.info("change %d of %s is lost: %s", entry.change.number, self.table, error)
            outcome = "lost"
            self.lost_count += 1
        if self._listener is not None:
            self._listener(
                Delivery(
                    self.stream, self.table, entry.change.number, entry.copy,
                    self._order, self._clock.now_us(), outcome, entry.change, *place,
                )
            )  # fmt: skip
        self._order += 1
        return True

    def _put(self, data: bytes, partition_key: str) -> tuple[str, tuple[str, str]]:
        """What became of one record, and where it lies."""
        if len(data) + len(partition_key) > self._sink.record_bytes_max():
            self.oversized_count += 1
            return "oversized", ("", "")
        place = self._sink.put(data, partition_key)
        self.delivered_count += 1
        return "delivered", place

    def _wake_at(self, due_us: int) -> None:
        timer = self._timer
        if timer is not None and not timer.cancelled and timer.due_us <= due_us:
            return
        if timer is not None:
            timer.cancel()
        self._timer = self._clock.call_at(due_us, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()
