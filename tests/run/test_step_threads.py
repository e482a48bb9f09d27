"""Who waits for something is looked after by the scheduler, at the moments at which it would look."""

from __future__ import annotations

from harness.clock import VirtualClock
from harness.run.step_threads import Activities, PipelineClock, Watch

TURNS_US = (1_000, 2_000, 4_000, 8_000, 16_000, 20_000)


def never() -> bool:
    return False


def test_turns_that_pass_at_once_end_where_they_end_one_by_one() -> None:
    for to_us in (0, 999, 1_000, 1_001, 31_000, 31_001, 51_000, 51_001, 5_000_000):
        taken, wake_us = 0, 1_000
        while wake_us < to_us:
            taken += 1
            wake_us += TURNS_US[min(taken, 5)]
        assert Watch(TURNS_US, never, never).passed(1_000, to_us) == (taken, wake_us)


def _sleeper(clock: VirtualClock, news: list[int], until_us: int) -> tuple[Activities, list[int]]:
    """A thread that sleeps in turns of 20 ms until there is news, and tells when it woke."""
    activities = Activities()
    woken: list[int] = []
    own = PipelineClock(clock, activities)

    def run() -> None:
        own.sleep_in_turns((0.02,), lambda: bool(news), start_us + until_us)
        woken.append(own.now_us() - start_us)

    start_us = clock.now_us()
    activities.start(run, "sleeper")
    activities.run_ready(start_us)
    return activities, woken


def _go_on(activities: Activities, clock: VirtualClock, end_us: int) -> None:
    """As the scheduler does: from one moment at which somebody wakes to the next."""
    while clock.now_us() < end_us and (wake_us := activities.next_wake_us()) is not None:
        now_us = activities.pass_turns(wake_us, end_us)
        clock.advance((now_us - clock.now_us()) / 1e6)
        activities.run_ready(now_us)


def test_news_is_found_at_the_end_of_a_turn() -> None:
    clock, news = VirtualClock(), list[int]()
    start_us = clock.now_us()
    activities, woken = _sleeper(clock, news, until_us=900_000)
    _go_on(activities, clock, start_us + 95_000)
    assert clock.now_us() == start_us + 100_000  # the first turn that ends there or later
    assert woken == []
    news.append(1)
    _go_on(activities, clock, start_us + 900_000)
    assert woken == [120_000]


def test_without_news_the_sleep_ends_with_the_turn_in_which_its_time_is_up() -> None:
    clock = VirtualClock()
    activities, woken = _sleeper(clock, [], until_us=909_000)
    assert activities.next_wake_us() == clock.now_us() + 920_000
    _go_on(activities, clock, clock.now_us() + 5_000_000)
    assert woken == [920_000]


def test_a_clock_without_a_scheduler_sleeps_turn_by_turn() -> None:
    clock = VirtualClock()
    start_us = clock.now_us()
    looks: list[int] = []

    def has_news() -> bool:
        looks.append(clock.now_us() - start_us)
        return len(looks) == 3

    assert clock.sleep_in_turns((0.001, 0.02), has_news, start_us + 900_000) == 3
    assert looks == [1_000, 21_000, 41_000]
    assert clock.sleep_in_turns((0.02,), never, clock.now_us() + 30_000) == 2
