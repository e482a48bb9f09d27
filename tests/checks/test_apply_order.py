"""Where no version decides, a row that comes late is wrong from then on."""

from __future__ import annotations

from tests.checks.story import Story

CHECK = "apply_order"


def entered(*order: int, has_versions: bool = False) -> Story:
    """Three writes of one key, whose rows enter in this order."""
    story = Story()
    story.has_versions = has_versions
    for _ in range(3):
        story.deliver(story.put("a"))
    for number in order:
        story.enter(number)
    return story


def test_rows_in_the_order_of_their_writes_pass() -> None:
    assert entered(0, 1, 2).answer(CHECK) == ("pass", True)


def test_a_row_that_comes_after_a_later_one_fails() -> None:
    verdict = entered(0, 2, 1).verdict(CHECK)
    assert verdict.verdict == "fail"
    assert verdict.keys[0].key == {"id": "a"}
    assert verdict.keys[0].what == "write w1 entered after the later w2"


def test_a_disorder_that_the_last_row_makes_good_fails_too() -> None:
    story = entered(1, 0, 2)
    assert story.answer(CHECK) == ("fail", True)


def test_rows_that_come_again_are_a_redelivery() -> None:
    assert entered(0, 1, 2, 0, 1, 2).answer(CHECK) == ("pass", True)


def test_changes_that_a_batch_leaves_out_are_no_disorder() -> None:
    assert entered(0, 2).answer(CHECK) == ("pass", True)


def test_versions_make_a_late_row_harmless_and_it_is_told() -> None:
    verdict = entered(0, 2, 1, has_versions=True).verdict(CHECK)
    assert (verdict.verdict, verdict.could_fail) == ("pass", False)
    assert (
        verdict.message == "2 rows came after others of their key, 1 of them late; versions decide"
    )


def test_a_stream_that_was_out_of_order_itself_excuses_the_reader() -> None:
    story = entered(0, 2, 1)
    story.deliver(1)
    assert story.answer(CHECK) == ("pass", False)


def test_without_the_whole_log_it_is_unknown() -> None:
    assert entered(0, 1).answer(CHECK, applied=None) == ("unknown", False)
