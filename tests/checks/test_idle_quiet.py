"""With nothing new, nothing goes in and nobody asks in a loop."""

from __future__ import annotations

from tests.checks.story import SHARD, Story

CHECK = "idle_quiet"


def carried() -> Story:
    story = Story()
    story.carry(story.put("a"))
    return story


def test_moderate_polling_and_no_writes_pass() -> None:
    story = carried()
    story.poll(times=20, after=0.2)
    verdict = story.verdict(CHECK)
    assert verdict.verdict == "pass"
    assert verdict.could_fail
    assert verdict.message == "idle for 4.0 s, asked 5.0 times a second"


def test_a_shard_that_is_asked_in_a_loop_fails() -> None:
    story = carried()
    story.poll(times=2000, after=0.001)
    assert story.answer(CHECK) == ("fail", True)


def test_a_loop_while_there_is_work_is_not_idle() -> None:
    story = carried()
    story.poll(times=900, after=0.001)
    story.carry(story.put("b"))
    assert story.answer(CHECK) == ("pass", False)


def test_refused_requests_of_a_loop_count() -> None:
    story = carried()
    for _ in range(2000):
        story.request("GetRecords", SHARD, after=0.001, service="kinesis", status=400)
    assert story.answer(CHECK) == ("fail", True)


def test_rows_that_go_in_again_and_again_fail() -> None:
    story = carried()
    story.store(0, after=2)
    assert story.answer(CHECK) == ("pass", True)
    story.store(0, after=2)
    assert story.answer(CHECK) == ("fail", True)


def test_a_late_flush_of_what_was_read_passes() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    story.read(number)
    story.store(number, after=5)
    assert story.answer(CHECK) == ("pass", True)


def test_without_an_idle_time_it_could_not_have_failed() -> None:
    assert carried().answer(CHECK) == ("pass", False)


def test_without_a_history_it_is_unknown() -> None:
    assert Story().answer(CHECK, history=None) == ("unknown", False)
