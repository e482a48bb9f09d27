"""Tumbling windows carry state; lanes cut batches by size, payload and time; progress has no gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.clock import VirtualClock
from harness.pipelines.event_source.checkpoints import Progress
from harness.pipelines.event_source.lanes import Lane
from harness.pipelines.event_source.settings import Settings
from harness.pipelines.event_source.windows import Window, Windows
from harness.pipelines.pipeline import Environment
from tests.event_source.conftest import NOW, SHARD, STREAM, Shard, record

Make = Callable[..., Shard]
START = NOW // 60 * 60


def windows(ours: Shard, kept: list[Window]) -> Windows:
    return Windows(
        ours.delivery, 60, shard_id=SHARD, stream_arn=STREAM, window=Window(), keep=kept.append
    )


def test_state_is_carried_through_a_window_and_handed_back_at_its_end(shard: Make) -> None:
    events: list[dict[str, Any]] = []
    ours = shard(lambda _numbers: None)

    def handle(event: dict[str, Any], _context: Any) -> Any:
        events.append(event)
        if event["isFinalInvokeForWindow"]:
            return {"state": {}}
        return {"state": {"count": event["state"].get("count", 0) + len(event["Records"])}}

    ours.delivery._function._handler = handle
    kept: list[Window] = []
    w = windows(ours, kept)
    w.deliver([record(1, arrival=START), record(2, arrival=START + 1)])
    w.deliver([record(3, arrival=START + 59), record(4, arrival=START + 60)])
    shown = [
        (len(e["Records"]), e["state"], e["window"]["start"], e["isFinalInvokeForWindow"])
        for e in events
    ]
    assert shown == [
        (2, {}, "2023-11-14T22:13:00Z", False),
        (1, {"count": 2}, "2023-11-14T22:13:00Z", False),
        (0, {"count": 3}, "2023-11-14T22:13:00Z", True),
        (1, {}, "2023-11-14T22:14:00Z", False),
    ]
    assert (events[0]["shardId"], events[0]["eventSourceARN"]) == (SHARD, STREAM)
    assert events[0]["window"]["end"] == "2023-11-14T22:14:00Z"
    assert kept[-1] == Window(START + 60, {"count": 1})
    w.close_if_over(START + 119)
    assert len(events) == 4
    w.close_if_over(START + 120)
    assert (len(events), kept[-1]) == (5, Window())


def test_a_response_without_state_is_a_failed_invocation(shard: Make) -> None:
    answers: list[Any] = [None, {"state": {"ok": 1}}]
    ours = shard(lambda _numbers: answers.pop(0))
    windows(ours, []).deliver([record(1)])
    assert ours.calls == [["1"], ["1"]]


def test_a_state_above_a_megabyte_ends_its_window_early(shard: Make) -> None:
    ours = shard(lambda _numbers: {"state": {"text": "x" * 1_100_000}})
    windows(ours, []).deliver([record(1)])
    ends = [(e["isFinalInvokeForWindow"], e["isWindowTerminatedEarly"]) for e in ours.events]
    assert ends == [(False, False), (True, True)]


def lane(batches: list[list[str]], clock: VirtualClock, **settings: Any) -> Lane:
    env = Environment(clock=clock)
    made = Lane(
        Settings("m:f", **settings),
        env,
        lambda records: batches.append([r.sequence_number for r in records]),
        lambda: None,
    )
    env.stopping = lambda: made.has_ended
    return made


def test_a_batch_holds_batch_size_records_at_most() -> None:
    batches: list[list[str]] = []
    ours = lane(batches, VirtualClock(), batch_size=2)
    ours.offer(record(n) for n in range(1, 6))
    ours.close()
    ours.run()
    assert batches == [["1", "2"], ["3", "4"], ["5"]]


def test_a_batch_stays_below_six_megabytes() -> None:
    batches: list[list[str]] = []
    ours = lane(batches, VirtualClock())
    ours.offer(record(n, data="A" * 2_500_000) for n in range(1, 4))
    ours.close()
    ours.run()
    assert batches == [["1", "2"], ["3"]]


def test_a_batch_waits_for_its_window() -> None:
    clock = VirtualClock()
    batches: list[list[str]] = []
    ours = lane(batches, clock, batch_size=10, maximum_batching_window_in_seconds=5)
    ours.offer([record(1)])
    assert ours._take() == []
    clock.advance(4.9)
    ours.offer([record(2)])
    assert ours._take() == []
    clock.advance(0.2)
    assert [r.sequence_number for r in ours._take()] == ["1", "2"]


def test_progress_moves_only_past_what_is_done() -> None:
    progress = Progress()
    one, two, three = record(1), record(2), record(3)
    progress.add([one, two, three])
    assert progress.finish([two]) == ""
    assert progress.finish([one]) == "2"
    assert progress.finish([three]) == "3"
    assert len(progress) == 0
