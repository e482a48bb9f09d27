"""How far the last change of a lost key came: into the stream, to the pipeline, into the target.

Read only for keys on which source and target disagree, so that a run which is right pays nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.checks.difference import compare, row_key, writes_by_key
from harness.checks.journal import ENDS, key_text
from harness.checks.order import numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.checks.check import Finding
    from harness.checks.evidence import Evidence, Key

_OK = 200


@dataclass(slots=True)
class Journey:
    """One lost key.

    Attributes:
        finding: what is wrong with it.
        number: the last change of the key that reached the stream; -1 when none did.
        places: where that change lies: shard and sequence number of each copy.
        read_in: generations that were given it.
        skipped_in: generations that read its shard beyond it, or polled it often, and were not.
        began_beyond: its shard was read, but nothing of it up to this change ever was.
        is_stored: a row of that change, or of a later one, entered the target; None: not known.
    """

    finding: Finding
    number: int = -1
    places: list[tuple[str, int]] = field(default_factory=list)
    read_in: set[int] = field(default_factory=set)
    skipped_in: set[int] = field(default_factory=set)
    began_beyond: bool = False
    is_stored: bool | None = None


@dataclass(slots=True)
class Journeys:
    """All lost keys, and what they have in common.

    Attributes:
        lost: by key.
        generations: how many there were; see `harness.checks.journal`.
        reads_stream: records came to the pipeline from the stream that deliveries name.
    """

    lost: dict[Key, Journey]
    generations: int = 1
    reads_stream: bool = False


POLLS_ENOUGH = 3
"""A page may be empty though there are records; not so many one after the other."""


@lru_cache(maxsize=1)
def journeys_of(evidence: Evidence) -> Journeys | None:
    """Follow every lost key; None where there is no history."""
    if evidence.history is None:
        return None
    found = compare(evidence).keys_of("missing", "stale", "resurrected")
    journeys = Journeys({key: Journey(finding) for key, finding in found.items()})
    if not found:
        return journeys
    follower = _Follower(evidence, journeys)
    for event in evidence.history():
        follower.feed(event)
    follower.end()
    _note_stored(evidence, journeys)
    return journeys


class _Follower:
    def __init__(self, evidence: Evidence, journeys: Journeys) -> None:
        self._journeys = journeys
        self._by_text: dict[str, Journey] = {}
        for key, journey in journeys.lost.items():
            for write in writes_by_key(evidence).get(key, ()):
                # One key has as many texts as a number has spellings.
                self._by_text[key_text(write.key)] = journey
        self._generation = 0
        self._is_up = False
        self._pages: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self._polls: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._first: dict[str, int] = {}
        self._placed_at: dict[tuple[str, int], dict[int, int]] = {}
        self._shards: set[str] = set()

    def feed(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind in ("request", "records"):
            self._read(event)
        elif kind == "delivery" and event.get("sequence_number"):
            journey = self._by_text.get(key_text(event["key"]))
            if journey is None or event["number"] < journey.number:
                return
            place = (event["shard"], int(event["sequence_number"]))
            if event["number"] > journey.number:
                journey.number, journey.places = event["number"], []
            journey.places.append(place)
            self._shards.add(place[0])
            polls = {g: n for (shard, g), n in self._polls.items() if shard == place[0]}
            self._placed_at[place] = polls
        elif kind == "pipeline":
            if event["state"] == "started":
                self._is_up = True
            elif event["state"] in ENDS:
                self._generation += self._is_up
                self._is_up = False

    def _read(self, event: Mapping[str, Any]) -> None:
        if event["operation"] not in ("GetRecords", "SubscribeToShard"):
            return
        shard = event["subject"]
        if event.get("status", _OK) == _OK:
            self._polls[shard, self._generation] += 1
        if not event.get("records") or not event.get("first"):
            return
        first, last = int(event["first"]), int(event["last"])
        self._journeys.reads_stream |= event["service"] == "kinesis"
        self._first[shard] = min(first, self._first.get(shard, first))
        if shard in self._shards:
            self._pages[shard].append((self._generation, first, last))

    def end(self) -> None:
        self._journeys.generations = self._generation + self._is_up
        for journey in self._journeys.lost.values():
            for place in journey.places:
                self._follow(journey, place)

    def _follow(self, journey: Journey, place: tuple[str, int]) -> None:
        shard, number = place
        beyond: set[int] = set()
        for generation, first, last in self._pages[shard]:
            if first <= number <= last:
                journey.read_in.add(generation)
            elif first > number:
                beyond.add(generation)
        for (polled, generation), count in self._polls.items():
            before = self._placed_at[place].get(generation, 0)
            if polled == shard and count - before >= POLLS_ENOUGH:
                beyond.add(generation)
        journey.skipped_in |= beyond - journey.read_in
        earliest = self._first.get(shard)
        # Nothing of the shard up to there was ever read, though somebody was reading it.
        journey.began_beyond |= bool(beyond) and (earliest is None or earliest > number)


def _note_stored(evidence: Evidence, journeys: Journeys) -> None:
    """Whether a row of each key's last write ever entered the target."""
    if evidence.applied is None:
        return
    writes = writes_by_key(evidence)
    numbers = numbers_of(evidence)
    newest: defaultdict[Key, int] = defaultdict(lambda: -1)
    tombstones: set[Key] = set()
    for row in evidence.applied:
        key = row_key(evidence, row.key)
        if key not in journeys.lost:
            continue
        newest[key] = max(newest[key], numbers.get(row.id, -1))
        if row.deleted:
            tombstones.add(key)
    for key, journey in journeys.lost.items():
        if key not in writes:
            # It was there before the workload began.
            continue
        last = writes[key][-1]
        is_delete = last.kind == "delete"
        journey.is_stored = key in tombstones if is_delete else newest[key] >= last.number
