"""Each sighting from the smallest history that has it, and the nearest one that has not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.faults.sightings import SIGHTINGS, SightingCounter

A, B = {"id": {"S": "a"}}, {"id": {"S": "b"}}


def change(number: int, time_us: int, key: Any = A, kind: str = "PUT") -> dict[str, Any]:
    return {"event": "change", "number": number, "time_us": time_us, "key": key, "kind": kind}


def delivery(number: int, key: Any = A, kind: str = "PUT", **more: Any) -> dict[str, Any]:
    return {
        "event": "delivery", "number": number, "key": key, "kind": kind, "copy": 0,
        "outcome": "delivered", **more,
    }  # fmt: skip


def request(operation: str, subject: str, *, status: int = 200, **more: Any) -> dict[str, Any]:
    return {
        "event": "request", "operation": operation, "subject": subject, "attempt": 0,
        "status": status, **more,
    }  # fmt: skip


def fault(name: str, operation: str = "INSERT", subject: str = "t") -> dict[str, Any]:
    return {"event": "fault", "fault": name, "operation": operation, "subject": subject}


def pipeline(state: str) -> dict[str, Any]:
    return {"event": "pipeline", "state": state}


def operator(act: str, **more: Any) -> dict[str, Any]:
    return {"event": "operator", "act": act, **more}


SPLIT = operator("split", parents=["p"], children=["c"])
OFF, WRITE = operator("destination-off"), {"event": "write", "outcome": "acked"}
READ = request("GetRecords", "p", records=1)
ROWS, CHECKPOINT = request("INSERT", "t"), request("INSERT", "t_checkpoint")
EXPORTED = request("INSERT", "t", from_export=True)


@pytest.mark.parametrize(
    ("name", "met", "not_met"),
    [
        ("version-tie-ms", [change(0, 1000), change(1, 1999)], [change(0, 1000), change(1, 2000)]),
        ("version-tie-ms", [change(0, 5), change(1, 5)], [change(0, 5), change(1, 5, B)]),
        ("delete", [change(0, 1, kind="REMOVE")], [change(0, 1)]),
        ("graceful-restart", [pipeline("stopped"), pipeline("started")], [pipeline("stopped")]),
        ("checkpoint-rolled-back", [operator("roll-back-checkpoints")], [operator("export")]),
        ("target-altered", [operator("add-column")], [operator("truncate")]),
        ("target-truncated", [operator("truncate")], [operator("alter-column")]),
        ("destination-disabled", [operator("destination-off")], [operator("destination-on")]),
        (
            "recreated-key",
            [change(0, 1, kind="REMOVE"), change(1, 9000)],
            [change(0, 1, kind="REMOVE"), change(1, 9000, B)],
        ),
        ("redelivered-change", [delivery(0), delivery(0)], [delivery(0), delivery(1)]),
        (
            "redelivered-delete",
            [delivery(0, kind="REMOVE"), delivery(0, kind="REMOVE")],
            [delivery(0), delivery(0)],
        ),
        ("overtaking-delivery", [delivery(1), delivery(0)], [delivery(1), delivery(0, B)]),
        (
            "late-duplicate",
            [delivery(0), delivery(1), delivery(0)],
            [delivery(0), delivery(0), delivery(1)],
        ),
        ("reshard", [SPLIT], []),
        (
            "split-with-unread-parent",
            [delivery(0, shard="p"), SPLIT],
            [delivery(0, shard="p"), READ, SPLIT],
        ),
        (
            "child-read-before-parent-end",
            [delivery(0, shard="p"), SPLIT, request("GetRecords", "c", records=0)],
            [delivery(0, shard="p"), SPLIT, READ, request("GetRecords", "c", records=0)],
        ),
        ("kill", [pipeline("killed")], [pipeline("stopped")]),
        (
            "kill-between-insert-and-checkpoint",
            [ROWS, pipeline("killed")],
            [ROWS, CHECKPOINT, pipeline("killed")],
        ),
        ("kill-with-insert-in-flight", [operator("land")], [pipeline("killed")]),
        ("restart", [pipeline("started"), pipeline("started")], [pipeline("started")]),
        ("fault", [fault("throttle")], []),
        ("ambiguous-insert", [fault("error-after")], [fault("error-before")]),
        ("ambiguous-insert", [fault("lost-answer")], [fault("lost-answer", subject="u")]),
        ("repeated-insert", [{**ROWS, "attempt": 1}], [ROWS]),
        ("partial-insert", [fault("partial-insert")], [fault("memory-limit")]),
        ("expired-iterator", [fault("expired-iterator", "GetRecords")], [fault("throttle")]),
        ("empty-page", [fault("empty-page", "GetRecords")], [fault("throttle")]),
        ("second-instance", [operator("second-instance")], [pipeline("started")]),
        ("second-export", [operator("export")], []),
        ("checkpoint-lost", [operator("lose-checkpoints")], []),
        ("snapshot-row-after-change", [ROWS, EXPORTED], [EXPORTED, ROWS]),
        ("version-tie-us", [change(0, 7), change(1, 7)], [change(0, 7), change(1, 8)]),
        ("precision-changed", [operator("change-precision")], [operator("destination-on")]),
        (
            "clock-set-back",
            [operator("clock-step", seconds=-2.0)],
            [operator("clock-step", seconds=2.0)],
        ),
        (
            "write-in-a-gap",
            [WRITE, OFF, WRITE, operator("destination-on"), WRITE],
            [WRITE, OFF, {**WRITE, "outcome": "refused"}, operator("destination-on"), WRITE],
        ),
        ("expired-item", [delivery(0, expired_us=1)], [delivery(0, kind="REMOVE")]),
        (
            "expiry-storm",
            [delivery(n, expired_us=n) for n in range(10)],
            [delivery(n, expired_us=n) for n in range(9)],
        ),
        (
            "expiry-storm",
            [delivery(n, expired_us=n * 111_111) for n in range(10)],
            [delivery(n, expired_us=n * 111_112) for n in range(10)],
        ),
        ("oversized-change", [delivery(0, outcome="oversized")], [delivery(0)]),
    ],
)
def test_a_sighting_is_counted_where_it_is_and_nowhere_else(
    name: str, met: list[dict[str, Any]], not_met: list[dict[str, Any]]
) -> None:
    assert SightingCounter("t").feed_all(met)[name] == 1
    assert SightingCounter("t").feed_all(not_met)[name] == 0


def test_every_sighting_says_what_it_is() -> None:
    assert all(SIGHTINGS.values())
    assert len(SIGHTINGS) == 36
