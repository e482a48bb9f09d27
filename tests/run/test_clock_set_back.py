"""A clock that is set back: what it shows, and that no timer waits for it."""

from __future__ import annotations

import orjson
import pytest

from harness.clock import CorrectedClock, VirtualClock, WallClock
from harness.dynamodb.change_log import ChangeLog
from harness.gateway.aws import Aws
from harness.kinesis.records import ShardLog
from harness.web.message import Request, Response

BEGIN_US = 1_000_000_000
KEY = {"id": {"S": "a"}}


def test_a_wall_clock_shows_an_earlier_time_and_its_timers_keep_their_distance() -> None:
    clock = WallClock()
    first = clock.call_later(5.0, lambda: None)
    second = clock.call_later(9.0, lambda: None)
    before = clock.now_us()
    clock.set_back(60.0)
    assert -60_000_000 <= clock.now_us() - before < -59_000_000
    assert clock.next_timer_us() == first.due_us
    assert 4_000_000 < first.due_us - clock.now_us() <= 5_000_000
    assert 8_000_000 < second.due_us - clock.now_us() <= 9_000_000
    clock.advance(5.0)
    assert clock.next_timer_us() == second.due_us


def test_a_corrected_clock_runs_its_timers_by_the_clock_that_drives_it() -> None:
    driving = VirtualClock(seed=7, start_us=BEGIN_US)
    clock = CorrectedClock(driving)
    ran: list[int] = []
    clock.call_later(3.0, lambda: ran.append(clock.now_us()))
    clock.set_back(2.0)
    assert (clock.now_us(), driving.now_us()) == (BEGIN_US - 2_000_000, BEGIN_US)
    clock.call_later(1.0, lambda: ran.append(clock.now_us()))
    driving.advance(3.0)
    assert ran == [BEGIN_US - 1_000_000, BEGIN_US + 1_000_000]


def test_a_corrected_clock_draws_what_the_other_would() -> None:
    drawn = CorrectedClock(VirtualClock(seed=7)).uuid()
    assert drawn == VirtualClock(seed=7).uuid()


def test_stamps_of_a_table_stand_still_until_the_clock_has_caught_up() -> None:
    log = ChangeLog()
    stamps = [5, 9, 4, 8, 10]
    for stamp in stamps:
        log.append(stamp, "MODIFY", KEY, b"{}", b"{}")
    assert [change.time_us for change in log.read(0, 9)] == [5, 9, 9, 9, 10]


def test_records_that_arrive_earlier_than_those_before_are_found_by_time() -> None:
    log = ShardLog()
    for counter, arrival_ms in enumerate((1_000, 2_000, 500, 3_000)):
        log.append(counter, arrival_ms, 1, b"x")
    assert log.position_at(2_000) == 1
    assert log.position_at(2_001) == 3


@pytest.mark.parametrize(("seconds", "status"), [(-86_400, 200), (-86_401, 400)])
def test_the_control_path_sets_a_clock_back_by_a_day_at_most(seconds: int, status: int) -> None:
    clock = CorrectedClock(VirtualClock(start_us=10**12))
    body = orjson.dumps({"advance_seconds": seconds})
    answer = Aws(clock).app(Request("POST", "/_harness/clock", "", {}, body))
    assert isinstance(answer, Response)
    assert answer.status == status
    assert clock.now_us() == 10**12 - (86_400_000_000 if status == 200 else 0)
