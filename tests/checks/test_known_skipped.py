"""A change record above the stream's limit is left out by AWS: listed, and no loss."""

from __future__ import annotations

from harness.checks.check import as_json
from tests.checks.story import Story

LOSS = ("no_lost_update", "no_resurrection", "hand_off", "checkpoint_honesty", "bounded_lag")


def story(*, later: bool = False) -> Story:
    """A change that is too large, and one after it that is not, where asked for."""
    told = Story()
    told.carry(told.put("a"), told.put("b"))
    told.deliver(told.put("a"), outcome="oversized")
    if later:
        told.deliver(told.put("a"))
    return told


def test_a_change_that_aws_leaves_out_is_listed_and_no_check_fails() -> None:
    told = story()
    verdict = told.verdict("final_state")
    assert verdict.verdict == "pass"
    assert verdict.message == "2 items equal 2 rows; 1 are known to be skipped by AWS"
    assert [f.key for f in verdict.known_skipped] == [{"id": "a"}]
    assert as_json(verdict)["known_skipped"][0]["what"].endswith("too large for the stream")
    assert {told.verdict(name).verdict for name in LOSS} == {"pass"}


def test_a_later_change_of_the_key_that_is_lost_is_a_loss() -> None:
    told = story(later=True)
    assert told.verdict("no_lost_update").verdict == "fail"
    assert told.verdict("final_state").known_skipped == ()


def test_another_key_that_is_lost_is_a_loss() -> None:
    told = story()
    told.deliver(told.put("b"))
    assert [f.key for f in told.verdict("no_lost_update").keys] == [{"id": "b"}]


def test_a_value_that_was_never_written_is_not_excused() -> None:
    told = story()
    told.rows["a"]["_w"] = "w77"
    assert told.verdict("type_fidelity").verdict == "fail"


def test_a_delete_record_that_was_left_out_leaves_its_row_behind() -> None:
    told = Story()
    told.carry(told.put("a"), told.put("b"))
    told.deliver(told.delete("a"), outcome="oversized")
    assert told.verdict("no_resurrection").verdict == "pass"
    assert [f.key for f in told.verdict("final_state").known_skipped] == [{"id": "a"}]
