"""When a target counts as settled, on a clock that moves only when told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.clock import VirtualClock
from harness.run.settle import Expected, Settled, settle
from harness.run.target import Sample
from harness.scenario.model import Settle

RULES = Settle(timeout_seconds=30, quiet_seconds=0.5, stall_seconds=5)
EXPECTED = Expected(items=10, counters=25)


def run(
    clock: VirtualClock,
    take: Callable[[float], Sample],
    *,
    activity: Callable[[float], int] = lambda _: 0,
    ended: Callable[[float], bool] = lambda _: False,
    starved: Callable[[float], float] = lambda _: 0.0,
) -> Settled:
    start = clock.now()
    return settle(
        lambda: take(clock.now() - start),
        EXPECTED,
        clock=clock,
        rules=RULES,
        activity=lambda: activity(clock.now() - start),
        has_ended=lambda: ended(clock.now() - start),
        starved=lambda: starved(clock.now() - start),
    )


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_an_equal_target_must_stay_so_for_the_quiet_time(clock: VirtualClock) -> None:
    settled = run(
        clock,
        lambda t: Sample(10, 12, 25, mark=7 if t >= 2 else 1) if t >= 2 else Sample(9, 11, 20, 1),
    )
    assert settled.how == "equal"
    assert settled.seconds == pytest.approx(2.5, abs=0.15)


def test_the_right_count_with_older_writes_is_not_equal(clock: VirtualClock) -> None:
    settled = run(clock, lambda _: Sample(10, 12, 24, 1))
    assert settled.how == "stalled"
    assert settled.seconds == pytest.approx(5, abs=0.15)
    assert settled.at_rest


def test_a_pipeline_that_gets_no_processor_is_not_stalled(clock: VirtualClock) -> None:
    settled = run(clock, lambda _: Sample(3, 3, 3, 1), starved=lambda t: 0.75 * min(t, 12))
    assert settled.how == "stalled"
    assert settled.seconds == pytest.approx(12 + 2, abs=0.3)


def test_many_threads_that_wait_side_by_side_do_not_put_it_off_for_ever(
    clock: VirtualClock,
) -> None:
    settled = run(clock, lambda _: Sample(3, 3, 3, 1), starved=lambda t: 40.0 * t)
    assert settled.how == "stalled"
    assert settled.seconds == pytest.approx(5 / 0.25, abs=0.3)
    settled = run(clock, lambda _: Sample(3, 3, 3, 1), starved=lambda t: 9.0 - t)
    assert settled.seconds == pytest.approx(5, abs=0.15)


def test_records_still_being_read_are_no_stall(clock: VirtualClock) -> None:
    settled = run(clock, lambda _: Sample(3, 3, 3, 1), activity=lambda t: int(min(t, 10)))
    assert settled.how == "stalled"
    assert settled.seconds == pytest.approx(15, abs=0.3)


def test_a_target_that_never_stops_changing_times_out(clock: VirtualClock) -> None:
    settled = run(clock, lambda t: Sample(3, 3, 3, mark=int(t * 100)))
    assert settled.how == "timeout"
    assert not settled.at_rest
    assert settled.seconds == pytest.approx(30, abs=0.2)


def test_a_merge_of_superseded_rows_is_no_change(clock: VirtualClock) -> None:
    settled = run(clock, lambda t: Sample(9, 12, 20, 7) if t < 4 else Sample(9, 9, 20, 5))
    assert settled.how == "stalled"
    assert settled.seconds == pytest.approx(5, abs=0.15)


def test_a_target_that_loses_rows_for_good_is_changing(clock: VirtualClock) -> None:
    settled = run(clock, lambda t: Sample(9, 12, 20, 7) if t < 4 else Sample(3, 3, 6, 5))
    assert settled.how == "stalled"
    assert settled.seconds == pytest.approx(9, abs=0.15)


def test_rows_stored_between_merges_are_changes(clock: VirtualClock) -> None:
    settled = run(clock, lambda t: Sample(9, 9 + int(t * 10) % 5, 20, mark=int(t * 10)))
    assert settled.how == "timeout"


def test_a_pipeline_that_ended_is_not_waited_for(clock: VirtualClock) -> None:
    settled = run(clock, lambda _: Sample(3, 3, 3, 1), ended=lambda t: t >= 1)
    assert settled.how == "ended"
    assert settled.seconds == pytest.approx(1, abs=0.15)


def test_a_target_without_markers_is_equal_by_its_count(clock: VirtualClock) -> None:
    assert run(clock, lambda _: Sample(10, 10, 0, 1)).how == "equal"
