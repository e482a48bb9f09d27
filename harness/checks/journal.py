"""The history read once, event by event, for all checks that speak of how a run went.

Nothing is kept for each event but what is still open: records that nobody has read yet, what a key
showed last. So a history of any length is read in the memory that its backlog needs.

A *generation* is the time between two ends of the pipeline: what one incarnation, or several side
by side, did until they were killed or exited. Generation 0 is the first.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from harness.checks.samples import Shown

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence

Event = Mapping[str, Any]
ENDS = ("killed", "exited", "stopped")
"""States of an incarnation that is no more; a paused one may go on."""

SCANS = ("Scan", "Query", "GetItem", "BatchGetItem", "ExecuteStatement")
IDLE_US = 1_000_000
"""Nothing new for so long: from here on a pipeline has nothing to do."""

_GIVEN = (200, 206)
_EXPORT_DATA = "/data/"


@dataclass(slots=True)
class ShardReading:
    """One shard of the stream: what went in, and how far it was read.

    Attributes:
        waiting: sequence number and time of each record that nobody was given yet.
        last: the highest sequence number that was read.
    """

    waiting: deque[tuple[int, int]] = field(default_factory=deque)
    last: int = -1


@dataclass(slots=True)
class Journal:
    """What a history comes to.

    Attributes:
        events: how many there were.
        ends: how the pipeline's incarnations ended, one state each.
        deliveries: records that reached the stream.
        overtaken: of them, those that came after a newer one of their key.
        skipped: key, as JSON text, to the change that was too large for the stream, where no later
            change of the key reached it.
        records: handed out to the pipeline, repeats included.
        records_before_end: those that were handed out before an incarnation ended.
        readers: which services records came from.
        lag_us_max: longest time from a record's delivery to when it was handed out.
        unread: shard to how many of its records nobody was given.
        oldest_unread_us: when the oldest of those was delivered; 0 when there is none.
        end_us: when the last event happened.
        inserts: INSERTs into the target that were answered well.
        rows: that those stored, by ClickHouse's own count.
        budget: rows that what was handed out justifies; see `write_amplification`.
        idle_rows: rows stored beyond twice the budget while nothing was new.
        idle_seconds: the longest time in which nothing was new.
        idle_polls_per_second: of one shard, the most in any such time.
        shown: what samples of FINAL showed.
    """

    events: int = 0
    ends: list[str] = field(default_factory=list)
    deliveries: int = 0
    overtaken: int = 0
    skipped: dict[str, Event] = field(default_factory=dict)
    records: int = 0
    records_before_end: int = 0
    readers: Counter[str] = field(default_factory=Counter)
    lag_us_max: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    oldest_unread_us: int = 0
    end_us: int = 0
    inserts: int = 0
    rows: int = 0
    budget: int = 0
    idle_rows: int = 0
    idle_seconds: float = 0.0
    idle_polls_per_second: float = 0.0
    shown: Shown = field(default_factory=Shown)


@lru_cache(maxsize=1)
def journal_of(evidence: Evidence) -> Journal | None:
    """Read the history once for each evidence; None where there is none."""
    if evidence.history is None:
        return None
    reader = JournalReader(evidence)
    for event in evidence.history():
        reader.feed(event)
    return reader.end()


def _is_export_data(event: Event) -> bool:
    return event["operation"] == "GET" and _EXPORT_DATA in event["subject"]


class JournalReader:
    """Builds a journal.

    Args:
        evidence: names the target, and knows which writes there were.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._journal = Journal()
        self._journal.shown = Shown(evidence.writes)
        self._target = evidence.target
        self._writes = len(evidence.writes)
        self._shards: dict[str, ShardReading] = {}
        self._newest: dict[str, int] = {}
        self._busy_us = 0
        self._polls: Counter[str] = Counter()
        self._feeds = {
            "request": self._request,
            "records": self._page,
            "delivery": self._delivery,
            "change": self._something,
            "write": self._something,
            "fault": self._something,
            "pipeline": self._pipeline,
            "operator": self._operator,
            "sample": self._sample,
        }

    def feed(self, event: Event) -> None:
        """One more event; they come in their order."""
        self._journal.events += 1
        self._journal.end_us = event["at"]
        feed = self._feeds.get(event["event"])
        if feed is not None:
            feed(event)

    def end(self) -> Journal:
        """The journal, after the last event."""
        journal = self._journal
        self._note_idle(journal.end_us)
        for name, shard in self._shards.items():
            if shard.waiting:
                journal.unread[name] = len(shard.waiting)
                oldest = shard.waiting[0][1]
                journal.oldest_unread_us = min(journal.oldest_unread_us or oldest, oldest)
        return journal

    def _request(self, event: Event) -> None:
        operation = event["operation"]
        is_into_target = operation == "INSERT" and event["subject"] == self._target
        is_loading = event.get("from_export")
        if is_loading and is_into_target:
            # Whatever was answered: some or all of its rows may be stored.
            self._journal.shown.stored_export()
        if operation == "GetRecords":
            self._polls[event["subject"]] += 1
            if event.get("records"):
                self._page(event)
            return
        if is_into_target and (event.get("attempt") or is_loading):
            # Whatever was answered: an error calls for an INSERT to be sent again, and each may store.
            self._journal.budget += event.get("rows", 0)
        if event["status"] not in _GIVEN:
            return
        if operation == "INSERT":
            self._insert(event)
        is_fetched = is_loading and not is_into_target
        if is_fetched or operation in SCANS or _is_export_data(event):
            # What a snapshot brings is not counted at the gate: as much as was ever written.
            self._journal.budget += self._writes
            self._journal.shown.fetched_export()

    def _insert(self, event: Event) -> None:
        if event["subject"] != self._target:
            return
        journal = self._journal
        rows = event.get("rows", 0)
        journal.inserts += 1
        journal.rows += rows
        excess = journal.rows - 2 * journal.budget
        if excess > 0 and journal.budget and event["at"] - self._busy_us > IDLE_US:
            journal.idle_rows += min(rows, excess)

    def _page(self, event: Event) -> None:
        self._busy(event["at"])
        journal = self._journal
        journal.records += event["records"]
        journal.budget += event["records"]
        journal.readers[event["service"]] += event["records"]
        last = int(event.get("last") or -1)
        shard = self._shards.get(event["subject"])
        if shard is None or last <= shard.last:
            return
        shard.last = last
        waiting = shard.waiting
        while waiting and waiting[0][0] <= last:
            lag = event["at"] - waiting.popleft()[1]
            if lag > journal.lag_us_max:
                journal.lag_us_max = lag

    def _delivery(self, event: Event) -> None:
        self._busy(event["at"])
        journal, number = self._journal, event["number"]
        key = key_text(event["key"])
        newest = self._newest.get(key, -1)
        if event["outcome"] == "oversized":
            if number > newest:
                journal.skipped[key] = event
            return
        skipped = journal.skipped.get(key)
        if skipped is not None and skipped["number"] < number:
            del journal.skipped[key]
        journal.deliveries += 1
        if number < newest:
            journal.overtaken += 1
        else:
            self._newest[key] = number
        if event.get("sequence_number"):
            shard = self._shards.get(event["shard"])
            if shard is None:
                shard = self._shards[event["shard"]] = ShardReading()
            shard.waiting.append((int(event["sequence_number"]), event["at"]))

    def _pipeline(self, event: Event) -> None:
        self._busy(event["at"])
        if event.get("from_export"):
            self._journal.shown.stored_export()
        if event["state"] in ENDS:
            self._journal.ends.append(event["state"])
            self._journal.records_before_end = self._journal.records

    def _operator(self, event: Event) -> None:
        self._busy(event["at"])
        self._journal.shown.forget_after(event["act"])
        if event.get("from_export"):
            self._journal.shown.stored_export()

    def _sample(self, event: Event) -> None:
        self._journal.shown.feed(event)

    def _something(self, event: Event) -> None:
        self._busy(event["at"])

    def _busy(self, at_us: int) -> None:
        """Something is new: whatever follows may have it to do."""
        if at_us - self._busy_us > IDLE_US:
            self._note_idle(at_us)
        if self._polls:
            self._polls.clear()
        self._busy_us = at_us

    def _note_idle(self, at_us: int) -> None:
        seconds = (at_us - self._busy_us) / 1e6
        if not self._busy_us or seconds * 1e6 < IDLE_US:
            return
        journal = self._journal
        journal.idle_seconds = max(journal.idle_seconds, seconds)
        if self._polls:
            most = self._polls.most_common(1)[0][1] / seconds
            journal.idle_polls_per_second = max(journal.idle_polls_per_second, most)


def key_text(key: Any) -> str:
    """A key of the history as text that is equal for equal keys."""
    return key if isinstance(key, str) else orjson.dumps(key, option=orjson.OPT_SORT_KEYS).decode()
