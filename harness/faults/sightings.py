"""What a run met that makes it prove something: "sometimes" claims, counted from its events.

A scenario lists the sightings without which its pass proves nothing. Counting is a pure function of
the events, so that stepped runs, live runs and old histories are counted alike.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGHTINGS: dict[str, str] = {
    "version-tie-ms": "two changes of one item within one millisecond",
    "version-tie-us": "two changes of one item within one microsecond",
    "delete": "an item was deleted",
    "expired-item": "time to live deleted an item",
    "expiry-storm": "time to live deleted ten items within one second",
    "recreated-key": "an item was written again after its delete",
    "redelivered-change": "the relay delivered a change a second time",
    "redelivered-delete": "the relay delivered a delete a second time",
    "overtaking-delivery": "a change was delivered before an older one of the same item",
    "late-duplicate": "a change was delivered again after a newer one of the same item",
    "reshard": "a shard was split or merged",
    "split-with-unread-parent": "a shard was closed with records that the pipeline had not read",
    "child-read-before-parent-end": "a child shard was read while its parent was not yet drained",
    "kill": "the pipeline was killed",
    "kill-between-insert-and-checkpoint": "killed after rows were stored, before the checkpoint was",
    "kill-with-insert-in-flight": "an INSERT of a killed pipeline took effect after its death",
    "restart": "the pipeline was started again",
    "second-instance": "two instances of the pipeline ran at once",
    "fault": "a request met a fault",
    "ambiguous-insert": "an INSERT was stored and answered by an error or not at all",
    "repeated-insert": "an INSERT was sent again after an error",
    "partial-insert": "a part of an INSERT was stored",
    "expired-iterator": "an iterator had expired",
    "empty-page": "a page was empty though there were records",
    "graceful-restart": "the pipeline was told to end, ended, and was started again",
    "checkpoint-rolled-back": "older positions of the pipeline came back",
    "target-altered": "a column of the target was added or altered",
    "target-truncated": "the target was emptied",
    "destination-disabled": "the streaming destination was off for a while",
    "write-in-a-gap": "an item was written while the streaming destination was off",
    "precision-changed": "the unit of the stream's time stamps changed",
    "clock-set-back": "AWS's clock was set back",
    "second-export": "a second export was taken",
    "checkpoint-lost": "the pipeline's checkpoints were lost",
    "snapshot-row-after-change": "rows of an export were stored after rows of the stream",
    "oversized-change": "a change was too large for the stream, and AWS left it out",
}
"""Name to what it means."""

_OK = 200
_ACTS = {
    "roll-back-checkpoints": "checkpoint-rolled-back",
    "add-column": "target-altered",
    "alter-column": "target-altered",
    "truncate": "target-truncated",
    "destination-off": "destination-disabled",
    "change-precision": "precision-changed",
}
STORM_ITEMS = 10
_SECOND_US = 1_000_000
_AMBIGUOUS = frozenset({"error-after", "lost-answer", "cut-mid-body", "hang"})

Event = dict[str, Any]


class SightingCounter:
    """Counts sightings as events come.

    Args:
        target: the name of the target table.
    """

    def __init__(self, target: str) -> None:
        self.counts: Counter[str] = Counter()
        self._target = target
        self._last_change: dict[str, tuple[int, bool]] = {}
        self._delivered: dict[str, int] = {}
        self._copies: set[int] = set()
        self._unread: Counter[str] = Counter()
        self._parents: dict[str, list[str]] = {}
        self._stored_unsaved = False
        self._stream_rows = False
        self._starts = 0
        self._was_stopped = False
        self._is_off = False
        self._expiries: list[int] = []
        self._failed_inserts: set[tuple[str, int]] = set()

    def feed_all(self, events: Iterable[Mapping[str, Any]]) -> Counter[str]:
        """Feed events in their order; returns the counts."""
        for event in events:
            self.feed(event)
        return self.counts

    def feed(self, event: Mapping[str, Any]) -> None:
        """One more event."""
        kind = event["event"]
        if kind == "change":
            self._change(event)
        elif kind == "delivery":
            self._delivery(event)
        elif kind == "request":
            self._request(event)
        elif kind == "records":
            self._read(event)
        elif kind == "fault":
            self._fault(event)
        elif kind == "pipeline":
            self._pipeline(event)
        elif kind == "operator":
            self._operator(event)
        elif kind == "write" and self._is_off and event["outcome"] == "acked":
            self.saw("write-in-a-gap")

    def saw(self, name: str) -> None:
        """One more of it."""
        assert name in SIGHTINGS, name
        self.counts[name] += 1

    def _change(self, event: Mapping[str, Any]) -> None:
        key = _key(event["key"])
        is_delete = event["kind"] == "REMOVE"
        last = self._last_change.get(key)
        if last is not None:
            if last[0] // 1000 == event["time_us"] // 1000:
                self.saw("version-tie-ms")
            if last[0] == event["time_us"]:
                self.saw("version-tie-us")
            if last[1] and not is_delete:
                self.saw("recreated-key")
        if is_delete:
            self.saw("delete")
        self._last_change[key] = (event["time_us"], is_delete)

    def _delivery(self, event: Mapping[str, Any]) -> None:
        number, key = event["number"], _key(event["key"])
        if event["outcome"] == "oversized":
            self.saw("oversized-change")
            return
        newest = self._delivered.get(key, -1)
        if "expired_us" in event and number not in self._copies:
            self._expired(event["expired_us"])
        if number in self._copies:
            self.saw("redelivered-change")
            if event["kind"] == "REMOVE":
                self.saw("redelivered-delete")
            if newest > number:
                self.saw("late-duplicate")
        elif newest > number:
            self.saw("overtaking-delivery")
        self._copies.add(number)
        self._delivered[key] = max(newest, number)
        if event.get("shard"):
            self._unread[event["shard"]] += 1

    def _expired(self, time_us: int) -> None:
        self.saw("expired-item")
        self._expiries = [at for at in self._expiries if time_us - at < _SECOND_US] + [time_us]
        if len(self._expiries) == STORM_ITEMS:
            self.saw("expiry-storm")

    def _request(self, event: Mapping[str, Any]) -> None:
        operation, is_answered = event["operation"], event["status"] == _OK
        if operation == "GetRecords":
            self._read(event)
        elif operation == "INSERT" and is_answered:
            if event["subject"] != self._target:
                self._stored_unsaved = False
            elif event.get("from_export"):
                if self._stream_rows:
                    self.saw("snapshot-row-after-change")
            else:
                self._stored_unsaved = self._stream_rows = True
        if operation == "INSERT" and event["attempt"]:
            self.saw("repeated-insert")

    def _read(self, event: Mapping[str, Any]) -> None:
        shard = event["subject"]
        for parent in self._parents.pop(shard, []):
            if self._unread[parent] > 0:
                self.saw("child-read-before-parent-end")
        self._unread[shard] -= event.get("records", 0)

    def _fault(self, event: Mapping[str, Any]) -> None:
        self.saw("fault")
        if event["fault"] in ("expired-iterator", "empty-page", "partial-insert"):
            self.saw(event["fault"])
        is_insert = event["operation"] == "INSERT" and event["subject"] == self._target
        if is_insert and event["fault"] in _AMBIGUOUS and event.get("had_effect", True):
            self.saw("ambiguous-insert")
            self._stored_unsaved = True

    def _pipeline(self, event: Mapping[str, Any]) -> None:
        if event["state"] == "started":
            if self._was_stopped:
                self.saw("graceful-restart")
            self._starts += 1
            if self._starts > 1:
                self.saw("restart")
        elif event["state"] == "killed":
            self.saw("kill")
            if self._stored_unsaved or event.get("insert_landed"):
                self.saw("kill-between-insert-and-checkpoint")
            self._stored_unsaved = False
        self._was_stopped = event["state"] == "stopped"

    def _operator(self, event: Mapping[str, Any]) -> None:
        act = event["act"]
        if act in ("destination-off", "destination-on"):
            self._is_off = act == "destination-off"
        if act in _ACTS:
            self.saw(_ACTS[act])
        elif act == "clock-step":
            if event["seconds"] < 0:
                self.saw("clock-set-back")
        elif act in ("split", "merge", "reshard"):
            self.saw("reshard")
            if any(self._unread[parent] > 0 for parent in event["parents"]):
                self.saw("split-with-unread-parent")
            for child in event["children"]:
                self._parents[child] = event["parents"]
        elif act == "export":
            self.saw("second-export")
        elif act == "lose-checkpoints":
            self.saw("checkpoint-lost")
        elif act == "second-instance":
            self.saw("second-instance")
        elif act == "land":
            self.saw("kill-with-insert-in-flight")


def _key(key: Any) -> str:
    return key if isinstance(key, str) else orjson.dumps(key, option=orjson.OPT_SORT_KEYS).decode()
