"""A record that was read, never stored and never read again: the position ran ahead of the rows."""

from __future__ import annotations

import pytest

from tests.checks.story import SHARD, Story

CHECK = "checkpoint_honesty"


def restarted(*, read_again: bool, stored: bool) -> Story:
    """Two changes; the second is read by the first incarnation, which is then killed."""
    story = Story()
    story.start()
    first, second = story.put("a"), story.put("b")
    story.carry(first)
    story.deliver(second)
    story.read(second)
    story.kill()
    story.start()
    if read_again:
        story.read(second)
    if stored:
        story.store(second)
    story.poll(times=5)
    return story


def test_a_record_that_no_incarnation_reads_again_fails_and_is_named() -> None:
    verdict = restarted(read_again=False, stored=False).verdict(CHECK)
    assert verdict.verdict == "fail"
    assert verdict.keys[0].key == {"id": "b"}
    assert f"{SHARD}, sequence number 1002" in verdict.keys[0].what
    assert "read before restart 1, never stored, and never read again" in verdict.keys[0].what


def test_a_record_that_is_read_again_and_stored_passes() -> None:
    assert restarted(read_again=True, stored=True).answer(CHECK) == ("pass", True)


def test_a_row_that_was_stored_before_the_kill_passes() -> None:
    assert restarted(read_again=False, stored=True).answer(CHECK) == ("pass", True)


def test_a_record_that_is_read_again_and_then_swallowed_is_no_checkpoint_of_it() -> None:
    assert restarted(read_again=True, stored=False).answer(CHECK) == ("pass", True)


def test_a_row_that_entered_and_lost_to_another_is_no_checkpoint_of_it() -> None:
    story = restarted(read_again=False, stored=False)
    story.enter(1)
    assert story.answer(CHECK) == ("pass", True)


def test_a_restart_that_begins_behind_an_unread_record_fails() -> None:
    story = Story()
    story.start()
    first, lost, third = story.put("a"), story.put("b"), story.put("c")
    story.carry(first)
    story.kill()
    story.deliver(lost)
    story.deliver(third)
    story.start()
    story.read(third)
    story.store(third)
    verdict = story.verdict(CHECK)
    assert verdict.verdict == "fail"
    assert "never read: reading went on behind it after restart 1" in verdict.keys[0].what


def test_an_unread_record_in_a_shard_that_was_hardly_asked_is_not_left_behind() -> None:
    story = Story()
    story.start()
    first, late = story.put("a"), story.put("b")
    story.carry(first)
    story.kill()
    story.start()
    story.deliver(late)
    story.poll(times=2)
    assert story.answer(CHECK) == ("pass", True)


def test_a_delete_whose_tombstone_never_came_fails() -> None:
    story = Story()
    story.start()
    story.carry(story.put("a"))
    gone = story.delete("a")
    story.deliver(gone)
    story.read(gone)
    story.kill()
    story.start()
    story.poll(times=5)
    assert story.answer(CHECK) == ("fail", True)


def test_without_a_restart_it_could_not_have_failed() -> None:
    story = Story()
    story.start()
    story.deliver(story.put("a"))
    story.read(0)
    assert story.answer(CHECK) == ("pass", False)


@pytest.mark.parametrize("applied", [None])
def test_without_the_log_of_rows_a_lost_record_is_not_blamed_on_a_checkpoint(
    applied: None,
) -> None:
    story = restarted(read_again=False, stored=False)
    assert story.answer(CHECK, applied=applied) == ("pass", True)


def test_without_a_history_it_is_unknown() -> None:
    story = restarted(read_again=False, stored=False)
    assert story.answer(CHECK, history=None) == ("unknown", False)


def test_a_feed_whose_records_have_no_place_in_the_history_is_unknown() -> None:
    story = Story()
    story.deliver(story.put("a"))
    story.read(0, service="streams")
    story.kill()
    assert story.answer(CHECK) == ("unknown", False)
