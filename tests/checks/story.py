"""A run told step by step, for checks to judge: writes, deliveries, pages, rows, restarts.

A story begins right: what is written is delivered, read and stored. Each test leaves out or adds
the one thing that its check is about.
"""

from __future__ import annotations

from typing import Any

import harness.checks.every  # noqa: F401 - importing registers each check
from harness.checks.check import Verdict, checks
from harness.checks.evidence import Column, Evidence, RawRow, Write

SHARD = "shardId-000000000000"
COLUMNS = (Column("id", "String", "id"), Column("_w", "String", "_w"), Column("_n", "UInt64", "_n"))


class Story:
    """Tells a run; `evidence` is what it leaves behind."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.writes: list[Write] = []
        self.source: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.applied: list[RawRow] = []
        self.changes: dict[int, tuple[str, str]] = {}
        self.sequence = 1000
        self.sequences: dict[int, tuple[str, int]] = {}
        self.at = 1_000_000
        self.has_versions = True

    def event(self, event: str, *, after: float = 0.01, **members: Any) -> None:
        """One more event, `after` seconds later."""
        self.at += round(after * 1_000_000)
        self.events.append({"at": self.at, "event": event, **members})

    def put(self, key: str) -> int:
        """Write an item; its number."""
        number = len(self.writes)
        counter = 1 + sum(w.key["id"]["S"] == key for w in self.writes)
        marker = f"w{number}"
        self.writes.append(Write(number, {"id": {"S": key}}, "put", marker, counter, "acked"))
        self.source[key] = {"id": {"S": key}, "_w": {"S": marker}, "_n": {"N": str(counter)}}
        self.changes[number] = (key, "PUT")
        return number

    def delete(self, key: str) -> int:
        """Delete an item; the write's number."""
        number = len(self.writes)
        counter = 1 + sum(w.key["id"]["S"] == key for w in self.writes)
        self.writes.append(Write(number, {"id": {"S": key}}, "delete", "", counter, "acked"))
        self.source.pop(key, None)
        self.changes[number] = (key, "REMOVE")
        return number

    def change(self, number: int, *, names_write: bool = True) -> None:
        """The table's log has it."""
        key, kind = self.changes[number]
        told = {"write": number} if names_write else {}
        self.event("change", number=number, key={"id": {"S": key}}, kind=kind, **told)

    def deliver(self, number: int, *, shard: str = SHARD, outcome: str = "delivered") -> None:
        """A change reaches the stream, or is too large for it."""
        key, kind = self.changes[number]
        members: dict[str, Any] = {"number": number, "key": {"id": {"S": key}}, "kind": kind}
        if outcome == "delivered":
            self.sequence += 1
            self.sequences[number] = (shard, self.sequence)
            members |= {"shard": shard, "sequence_number": str(self.sequence)}
        self.event("delivery", copy=0, outcome=outcome, **members)

    def read(self, *numbers: int, service: str = "kinesis") -> None:
        """A page with these changes is handed out."""
        placed = sorted(self.sequences[number] for number in numbers)
        members: dict[str, Any] = {
            "records": len(placed),
            "first": str(placed[0][1]),
            "last": str(placed[-1][1]),
        }
        self.request("GetRecords", placed[0][0], service=service, **members)

    def poll(self, shard: str = SHARD, *, times: int = 1, after: float = 0.01) -> None:
        """Empty pages."""
        for _ in range(times):
            self.request("GetRecords", shard, after=after, service="kinesis", records=0)

    def request(self, operation: str, subject: str, *, after: float = 0.01, **members: Any) -> None:
        """Any request that was answered well."""
        given = {"service": "clickhouse", "attempt": 0, "status": 200, **members}
        self.event("request", after=after, operation=operation, subject=subject, **given)

    def store(self, *numbers: int, after: float = 0.01, attempt: int = 0) -> None:
        """An INSERT of the rows of these changes; FINAL shows them."""
        self.request("INSERT", "orders", after=after, rows=len(numbers), attempt=attempt)
        for number in numbers:
            self.enter(number)
            key, kind = self.changes[number]
            write = self.writes[number]
            if kind == "REMOVE":
                self.rows.pop(key, None)
            else:
                self.rows[key] = {"id": key, "_w": write.id, "_n": write.counter}

    def enter(self, number: int) -> None:
        """A row enters the target, whatever FINAL shows."""
        key, kind = self.changes[number]
        write = self.writes[number]
        deleted = kind == "REMOVE"
        counter = 0 if deleted else write.counter
        self.applied.append(RawRow((key,), 10 * number, deleted, write.id, counter))

    def carry(self, *numbers: int) -> None:
        """Deliver, hand out and store."""
        for number in numbers:
            self.deliver(number)
        self.read(*numbers)
        self.store(*numbers)

    def start(self) -> None:
        """An incarnation begins."""
        self.event("pipeline", incarnation=1, state="started")

    def kill(self) -> None:
        """It ends."""
        self.event("pipeline", incarnation=1, state="killed")

    def evidence(self, **changed: Any) -> Evidence:
        """What the run left behind."""
        given: dict[str, Any] = {
            "columns": COLUMNS,
            "key_attributes": ("id",),
            "source": list(self.source.values()),
            "rows": list(self.rows.values()),
            "writes": self.writes,
            "id_column": "_w",
            "counter_column": "_n",
            "raw_rows": self.applied if self.has_versions else None,
            "applied": self.applied,
            "history": lambda: self.events,
            "target": "orders",
            "barriers": ["equal"],
        }
        return Evidence(**{**given, **changed})

    def verdict(self, check: str, **changed: Any) -> Verdict:
        """What one check says of it."""
        return checks.get(check).check(self.evidence(**changed))

    def answer(self, check: str, **changed: Any) -> tuple[str, bool]:
        """Its verdict, and whether it could have failed."""
        found = self.verdict(check, **changed)
        return found.verdict, found.could_fail
