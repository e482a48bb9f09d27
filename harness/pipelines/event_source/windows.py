"""Tumbling windows: the function's state is carried through a window, then handed back to it.

Windows are aligned to the epoch by the records' arrival. An invocation must return `state`; the
last one of a window has no records. A state above 1 MB ends its window early.

Source: AWS Lambda developer guide, "Implementing stateful Kinesis Data Streams processing".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.pipelines.event_source.delivery import Delivery
    from harness.pipelines.event_source.records import Record

STATE_BYTES_MAX = 1024 * 1024


@dataclass(slots=True)
class Window:
    """The open window of a shard.

    Attributes:
        start: epoch seconds; None while no window is open.
        state: what the function returned last.
    """

    start: int | None = None
    state: dict[str, Any] = field(default_factory=dict)


class Windows:
    """Delivers the batches of one shard, window by window.

    Args:
        delivery: brings each batch to its end.
        seconds: length of a window.
        shard_id: of the shard.
        stream_arn: of the stream.
        window: as it was when the mapping stopped.
        keep: told whenever the window changes.
    """

    def __init__(
        self,
        delivery: Delivery,
        seconds: int,
        *,
        shard_id: str,
        stream_arn: str,
        window: Window,
        keep: Callable[[Window], None],
    ) -> None:
        self._delivery = delivery
        self._seconds = seconds
        self._shard_id = shard_id
        self._stream_arn = stream_arn
        self._window = window
        self._keep = keep

    def deliver(self, records: Sequence[Record]) -> None:
        """Deliver a batch, cut where a window ends."""
        for start, group in groupby(records, self._start_of):
            if self._window.start is not None and start > self._window.start:
                self.close()
            if self._window.start is None:
                self._set(Window(start))
            self._delivery.deliver(list(group), self._event, self._accept)
            if len(orjson.dumps(self._window.state)) > STATE_BYTES_MAX:
                self.close(early=True)

    def close_if_over(self, now: float) -> None:
        """End the open window once its time is over and nothing waits to be delivered."""
        if self._window.start is not None and now >= self._window.start + self._seconds:
            self.close()

    def close(self, *, early: bool = False) -> None:
        """Call the function a last time for the open window."""
        if self._window.start is None:
            return
        self._delivery.finish(self._event((), is_final=True, early=early))
        self._set(Window())

    def _start_of(self, record: Record) -> int:
        return int(record.arrival // self._seconds * self._seconds)

    def _event(
        self, records: Sequence[Record], *, is_final: bool = False, early: bool = False
    ) -> dict[str, Any]:
        start = self._window.start or 0
        return {
            "Records": [record.event for record in records],
            "window": {"start": _stamp(start), "end": _stamp(start + self._seconds)},
            "state": self._window.state,
            "shardId": self._shard_id,
            "eventSourceARN": self._stream_arn,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": early,
        }

    def _accept(self, response: Any) -> bool:
        if not isinstance(response, dict) or not isinstance(response.get("state"), dict):
            return False
        self._set(Window(self._window.start, response["state"]))
        return True

    def _set(self, window: Window) -> None:
        self._window = window
        self._keep(window)


def _stamp(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
