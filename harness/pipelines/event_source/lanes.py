"""A lane: records of some keys of one shard, cut into batches and delivered one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from harness.pipelines.event_source.settings import PAYLOAD_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.pipelines.event_source.records import Record
    from harness.pipelines.event_source.settings import Settings
    from harness.pipelines.pipeline import Environment

IDLE_SHARE = 0.2
"""Of the time between two polls: how long a lane with nothing to do waits."""


class Deliverer(Protocol):
    """Brings a batch to its end."""

    def deliver(self, records: Sequence[Record]) -> None:
        """Returns when it is done, discarded, or the mapping must stop."""
        ...


class Lane:
    """One of the concurrent batches of a shard (`parallelization_factor`).

    Args:
        settings: batch size and batching window.
        env: clock and stop signal.
        deliver: brings a batch to its end.
        idle: called while there is nothing to deliver.
    """

    def __init__(
        self,
        settings: Settings,
        env: Environment,
        deliver: Callable[[Sequence[Record]], None],
        idle: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._env = env
        self._deliver = deliver
        self._idle = idle
        self._waiting: deque[Record] = deque()
        self._since = 0.0
        self._closed = False
        self.has_ended = False

    def offer(self, records: Iterable[Record]) -> None:
        """Records to deliver, in order."""
        if not self._waiting:
            self._since = self._env.clock.now()
        self._waiting.extend(records)

    def close(self) -> None:
        """No more records will come."""
        self._closed = True

    def run(self) -> None:
        """Deliver until closed and empty, or told to stop."""
        while not self._env.stopping():
            batch = self._take()
            if batch:
                self._deliver(batch)
            elif self._closed and not self._waiting:
                self.has_ended = True
                return
            else:
                if not self._waiting:
                    self._idle()
                self._env.pause(self._settings.poll_seconds * IDLE_SHARE)

    def _take(self) -> list[Record]:
        """The next batch; empty while it may still grow."""
        waiting = list(self._waiting)
        window = self._settings.maximum_batching_window_in_seconds
        size, count = 0, 0
        for record in waiting[: self._settings.batch_size]:
            if count and size + record.size_bytes > PAYLOAD_BYTES_MAX:
                break
            size += record.size_bytes
            count += 1
        is_full = count < len(waiting) or count == self._settings.batch_size
        is_due = self._closed or self._env.clock.now() - self._since >= window
        if not count or not (is_full or is_due):
            return []
        batch = [self._waiting.popleft() for _ in range(count)]
        self._since = self._env.clock.now()
        return batch
