"""A shard that nobody reads any more stands; one that is merely behind does not."""

from __future__ import annotations

from tests.checks.story import Story

CHECK = "bounded_lag"
OTHER = "shardId-000000000001"


def standing(seconds: float) -> Story:
    """A change lies in a shard that nobody asks for so long."""
    story = Story()
    story.carry(story.put("a"))
    story.deliver(story.put("b"), shard=OTHER)
    story.event("settled", after=seconds, how="stalled")
    return story


def test_a_shard_that_nobody_reads_fails_and_is_named() -> None:
    verdict = standing(10).verdict(CHECK)
    assert verdict.verdict == "fail"
    assert verdict.message == f"1 records of {OTHER} were never read"
    assert verdict.keys[0].key == {"id": "b"}


def test_a_record_that_has_only_just_come_is_not_late() -> None:
    assert standing(0.5).answer(CHECK) == ("pass", True)


def test_an_unread_copy_of_what_is_stored_already_harms_nothing() -> None:
    story = Story()
    number = story.put("a")
    story.carry(number)
    story.deliver(number, shard=OTHER)
    story.event("settled", after=10, how="equal")
    assert story.answer(CHECK) == ("pass", True)


def test_a_record_that_was_read_and_lost_is_no_lag() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    story.read(number)
    story.event("settled", after=10, how="stalled")
    assert story.answer(CHECK) == ("pass", True)


def test_the_longest_wait_is_told_and_bounded_where_the_scenario_says_so() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    story.event("phase", after=3, name="changes")
    story.read(number)
    story.store(number)
    verdict = story.verdict(CHECK)
    assert verdict.verdict == "pass"
    assert verdict.message == "1 records, none waited longer than 3.010 s"
    assert story.answer(CHECK, lag_seconds_max=3.5) == ("pass", True)
    assert story.answer(CHECK, lag_seconds_max=2.5) == ("fail", True)


def test_another_feed_is_not_judged() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    story.read(number, service="streams")
    assert story.answer(CHECK) == ("pass", False)


def test_without_a_history_it_is_unknown() -> None:
    assert Story().answer(CHECK, history=None) == ("unknown", False)
