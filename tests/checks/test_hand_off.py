"""Every key comes by the export or by the stream; what falls between the two is named."""

from __future__ import annotations

from tests.checks.story import Story

CHECK = "hand_off"


def test_a_key_of_the_export_alone_that_was_never_loaded_fails() -> None:
    story = Story()
    story.put("old")
    story.carry(story.put("new"))
    verdict = story.verdict(CHECK, has_export=True)
    assert verdict.verdict == "fail"
    assert verdict.keys[0].key == {"id": "old"}
    assert verdict.keys[0].what == "only the export holds it, and it was never loaded"


def test_a_reader_that_begins_behind_a_change_leaves_a_gap() -> None:
    story = Story()
    early, late = story.put("a"), story.put("b")
    story.deliver(early)
    story.deliver(late)
    story.read(late)
    story.store(late)
    verdict = story.verdict(CHECK, has_export=True)
    assert verdict.verdict == "fail"
    assert "began behind its last change (sequence number 1001)" in verdict.keys[0].what


def test_a_reader_that_begins_at_the_end_and_finds_nothing_more_leaves_a_gap() -> None:
    story = Story()
    story.deliver(story.put("a"))
    story.poll(times=2)
    assert story.answer(CHECK, has_export=True) == ("pass", True)
    story.poll(times=1)
    assert story.answer(CHECK, has_export=True) == ("fail", True)


def test_a_shard_whose_earlier_records_were_read_has_no_gap_at_its_beginning() -> None:
    story = Story()
    story.carry(story.put("a"))
    story.deliver(story.put("b"))
    story.poll(times=9)
    assert story.answer(CHECK, has_export=True) == ("pass", True)


def test_a_change_at_the_cut_that_either_feed_brought_passes() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    # The export held it too: it was loaded, and the stream's record was never read.
    story.store(number)
    story.carry(story.put("b"))
    assert story.answer(CHECK, has_export=True) == ("pass", True)


def test_a_change_that_was_read_and_lost_is_no_gap() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    story.read(number)
    assert story.answer(CHECK, has_export=True) == ("pass", True)


def test_a_key_without_a_record_is_no_gap_where_there_is_no_export() -> None:
    story = Story()
    story.put("a")
    story.carry(story.put("b"))
    assert story.answer(CHECK) == ("pass", True)


def test_with_neither_feed_it_could_not_have_failed() -> None:
    assert Story().answer(CHECK) == ("pass", False)


def test_without_a_history_it_is_unknown() -> None:
    assert Story().answer(CHECK, history=None) == ("unknown", False)
