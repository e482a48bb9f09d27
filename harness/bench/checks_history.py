"""A history of any length as a right run leaves it, and how long the checks take to judge it.

`python -m harness.bench.checks_history EVENTS LOST` judges one in a process of its own and prints
its figures as one JSON object: LOST keys are read before a restart and never stored. Seconds are of
the processor.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness.checks.every  # noqa: F401 - importing registers each check
from harness.bench.contenders import peak_bytes
from harness.checks.check import judge
from harness.checks.evidence import Column, Evidence, RawRow, Write
from harness.checks.journal import JournalReader
from harness.clock import VirtualClock, stopwatch
from harness.history import History, read

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 100
CHANGES_PER_KEY = 5
EVENTS_PER_CHANGE = 3.05
DELETES = 0.15
SHARDS = 4
SEED = 7
COLUMNS = (
    Column("id", "String", "id"),
    Column("total", "Decimal(18, 2)", "total"),
    Column("_w", "String", "_w"),
    Column("_n", "UInt64", "_n"),
)


class Run:
    """A run that never was: its history goes to a file, its evidence is kept as a run keeps it.

    Args:
        path: of the history; it is created.
        events: how many it should have, about.
        lost: how many keys end unstored.
    """

    def __init__(self, path: Path, events: int, lost: int) -> None:
        self._path = path
        self._clock = VirtualClock(seed=SEED)
        self._random = self._clock.substream("history")
        self._history = History(path, self._clock)
        self.writes: list[Write] = []
        self.applied: list[RawRow] = []
        self._counters: dict[str, int] = {}
        self._items: dict[str, dict[str, Any]] = {}
        changes = round(events / EVENTS_PER_CHANGE)
        keys = max(10, changes // CHANGES_PER_KEY)
        self._history.add("pipeline", incarnation=1, state="started")
        for start in range(0, changes, PAGE):
            self._page(
                [f"k{self._random.randrange(keys)}" for _ in range(min(PAGE, changes - start))]
            )
        self._restart(lost)
        self._history.close()

    def evidence(self) -> Evidence:
        """What the checks get."""
        # Each side is held by itself, as the answers of two servers are.
        rows = [
            {"id": key, "total": i["total"]["N"], "_w": i["_w"]["S"], "_n": int(i["_n"]["N"])}
            for key, i in self._items.items()
            if not key.startswith("lost")
        ]
        return Evidence(
            columns=COLUMNS,
            key_attributes=("id",),
            source=list(self._items.values()),
            rows=rows,
            writes=self.writes,
            id_column="_w",
            counter_column="_n",
            raw_rows=self.applied,
            applied=self.applied,
            history=lambda: read(self._path),
            target="orders",
            barriers=["stalled"],
        )

    def _page(self, keys: list[str]) -> None:
        """A page of changes: written, delivered, read, stored."""
        shard = f"shardId-{self._random.randrange(SHARDS):012d}"
        numbers = [self._change(key, shard) for key in keys]
        self._read(shard, numbers[0], numbers[-1], len(numbers))
        self._request("INSERT", "orders", rows=len(numbers))
        self._request("INSERT", "orders_checkpoint", rows=1)
        shown = [
            [[key], self._items[key]["_w"]["S"]] for key in set(keys[:3]) if key in self._items
        ]
        gone = [[key] for key in set(keys[:3]) if key not in self._items]
        self._history.add("sample", shown=shown, gone=gone)

    def _restart(self, lost: int) -> None:
        shard = f"shardId-{0:012d}"
        numbers = [self._change(f"lost{n}", shard, is_stored=False) for n in range(lost)]
        if numbers:
            self._read(shard, numbers[0], numbers[-1], len(numbers))
        self._history.add("pipeline", incarnation=1, state="killed")
        self._history.add("pipeline", incarnation=2, state="started")
        for _ in range(5):
            self._request("GetRecords", shard, service="kinesis", records=0)

    def _change(self, key: str, shard: str, *, is_stored: bool = True) -> int:
        self._clock.advance(0.0001)
        number = len(self.writes)
        counter = self._counters[key] = self._counters.get(key, 0) + 1
        is_delete = key in self._items and self._random.random() < DELETES
        marker = "" if is_delete else f"w{number:06d}"
        wire = {"id": {"S": key}}
        kind = "delete" if is_delete else "put"
        if is_delete:
            del self._items[key]
        else:
            self._items[key] = {
                "id": {"S": key}, "total": {"N": f"{number % 9000}.25"},
                "_w": {"S": marker}, "_n": {"N": str(counter)},
            }  # fmt: skip
        self.writes.append(Write(number, wire, kind, marker, counter, "acked"))
        if is_stored:
            self.applied.append(RawRow((key,), number, is_delete, marker, counter))
        now = self._clock.now_us()
        self._history.add(
            "write", number=number, kind=kind, phase="after", key=wire, id=marker,
            counter=counter, started_us=now, outcome="acked", error="",
        )  # fmt: skip
        event = "REMOVE" if is_delete else "PUT"
        self._history.add("change", number=number, key=wire, kind=event, time_us=now)
        self._history.add(
            "delivery", number=number, copy=0, key=wire, kind=event, outcome="delivered",
            shard=shard, sequence_number=_sequence(number),
        )  # fmt: skip
        return number

    def _read(self, shard: str, first: int, last: int, records: int) -> None:
        outermost = {"first": _sequence(first), "last": _sequence(last)}
        self._request("GetRecords", shard, service="kinesis", records=records, **outermost)

    def _request(self, operation: str, subject: str, **members: Any) -> None:
        known = {"service": "clickhouse", "ordinal": 0, "attempt": 0, "status": 200}
        self._history.add("request", operation=operation, subject=subject, **{**known, **members})


def _sequence(number: int) -> str:
    return f"4965917205192187607335963085{number:028d}"


def judged(events: int, lost: int) -> dict[str, Any]:
    """Make a history, judge it, and say what that took."""
    with tempfile.TemporaryDirectory(prefix="harness-checks-") as folder:
        run = Run(Path(folder) / "history.jsonl", events, lost)
        evidence = run.evidence()
        before = peak_bytes(os.getpid())
        begun = _cpu_seconds()
        reader = JournalReader(evidence)
        for event in _history(evidence):
            reader.feed(event)
        count = reader.end().events
        journal_seconds = _cpu_seconds() - begun
        wall = stopwatch()
        begun = _cpu_seconds()
        verdicts = judge(evidence)
        judge_seconds, wall_seconds = _cpu_seconds() - begun, wall()
    return {
        "events": count,
        "journal_seconds": journal_seconds,
        "judge_seconds": judge_seconds,
        "judge_wall_seconds": wall_seconds,
        "evidence_gb": before / 1e9,
        "peak_gb": peak_bytes(os.getpid()) / 1e9,
        "failing": [v.name for v in verdicts if v.verdict == "fail"],
        "broken": [v.message for v in verdicts if "itself broke" in v.message],
    }


def _history(evidence: Evidence) -> Iterator[Any]:
    assert evidence.history is not None
    yield from evidence.history()


def _cpu_seconds() -> float:
    """Of this process: what others do on the machine at the same time is not in it."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    sys.stdout.write(json.dumps(judged(int(sys.argv[1]), int(sys.argv[2]))) + "\n")
