"""A run told by hand: its history, its keys' ends, its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.explain.material import Material

if TYPE_CHECKING:
    from pathlib import Path

    from harness.explain.material import End, KeyText

SHARD = "shardId-000000000000"
SCENARIO = {
    "name": "told",
    "table": {
        "key_schema": [{"attribute_name": "id", "key_type": "HASH"}],
        "attribute_definitions": [{"attribute_name": "id", "attribute_type": "S"}],
    },
    "target": {"table": "orders"},
}


class Story:
    """Adds events one after the other, a millisecond apart."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.at_us = 1_000_000_000
        self.sequence = 100
        self.writes = self.changes = 0
        self.add("run", headline="told", seed=1)

    def add(self, event: str, *, after_us: int = 1000, **members: Any) -> dict[str, Any]:
        self.at_us += after_us
        line = {"at": self.at_us, "event": event, **members}
        self.events.append(line)
        return line

    def write(self, key: str, kind: str = "put", *, phase: str = "after", **more: Any) -> int:
        """A write and its change; returns the change's number."""
        after_us = more.pop("after_us", 1000)
        number, self.writes = self.writes, self.writes + 1
        event = self.add(
            "write", after_us=after_us, number=number, kind=kind, phase=phase,
            key={"id": {"S": key}}, id=f"w{number:06d}", counter=number + 1,
            started_us=self.at_us + after_us, outcome="acked", error="", **more,
        )  # fmt: skip
        event["started_us"] = event["at"]
        change, self.changes = self.changes, self.changes + 1
        if phase != "before":
            self.events.append(
                {
                    "at": self.at_us, "event": "change", "number": change,
                    "key": {"id": {"S": key}},
                    "kind": "REMOVE" if kind == "delete" else "PUT", "time_us": self.at_us,
                }
            )  # fmt: skip
        return change

    def deliver(self, key: str, change: int, *, copy: int = 0, outcome: str = "delivered") -> int:
        """A delivery into the only shard; returns its sequence number."""
        self.sequence += 1
        delivered = outcome == "delivered"
        self.add(
            "delivery", number=change, key={"id": {"S": key}}, kind="PUT", copy=copy,
            outcome=outcome, shard=SHARD if delivered else "",
            sequence_number=str(self.sequence) if delivered else "",
        )  # fmt: skip
        return self.sequence

    def read(self, first: int, last: int) -> None:
        """A page."""
        self.add(
            "request", service="kinesis", operation="GetRecords", subject=SHARD, ordinal=0,
            attempt=0, status=200, records=last - first + 1, first=str(first), last=str(last),
        )  # fmt: skip

    def insert(
        self, rows: int, *, fault: str = "", had_effect: bool = True, status: int = 200
    ) -> None:
        """An INSERT into the target."""
        asked: dict[str, Any] = {
            "service": "clickhouse", "operation": "INSERT", "subject": "orders",
            "ordinal": 0, "attempt": 0,
        }  # fmt: skip
        if fault:
            self.add("fault", fault=fault, had_effect=had_effect, **asked)
        self.add("request", **asked, status=status, rows=rows)

    def start(self, number: int = 1) -> None:
        """The pipeline starts."""
        self.add("pipeline", incarnation=number, state="started")

    def kill(self, number: int = 1) -> None:
        """The pipeline is killed."""
        self.add("pipeline", incarnation=number, state="killed", exit_code=-9)

    def material(self, ends: dict[KeyText, End] | None = None, **verdict: Any) -> Material:
        """The run as explain takes it."""
        return Material(
            "told", verdict=verdict, scenario=SCENARIO, ends=ends or {}, recorded=self.events
        )

    def write_to(
        self, folder: Path, *, keys: list[dict[str, Any]], verdict: dict[str, Any]
    ) -> None:
        """The run as a directory."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = b"".join(orjson.dumps(event) + b"\n" for event in self.events)
        (folder / "history.jsonl").write_bytes(lines)
        (folder / "scenario.json").write_bytes(orjson.dumps(SCENARIO))
        (folder / "verdict.json").write_bytes(orjson.dumps(verdict))
        head = {"keys": len(keys), "kept": len(keys), "differ": 1, "columns": {"id": "String"}}
        body = b"".join(orjson.dumps(line) + b"\n" for line in [head, *keys])
        (folder / "keys.jsonl").write_bytes(body)
