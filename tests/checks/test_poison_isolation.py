"""What cannot be stored is isolated: its neighbours arrive, and the error table knows of it."""

from __future__ import annotations

from typing import Any

from harness.checks.evidence import Column
from tests.checks.story import COLUMNS, Story

CHECK = "poison_isolation"
TYPED = {"columns": (*COLUMNS, Column("total", "UInt8", "total"))}


def story(*, neighbour_arrives: bool = True) -> Story:
    """An item with a text where a number belongs, beside a good one."""
    told = Story()
    poison, good = told.put("bad"), told.put("good")
    told.source["bad"]["total"] = {"S": "seven"}
    told.source["good"]["total"] = {"N": "7"}
    told.deliver(poison)
    told.deliver(good)
    told.read(poison, good)
    if neighbour_arrives:
        told.store(good)
        told.rows["good"]["total"] = 7
    return told


def answer(told: Story, **changed: Any) -> tuple[str, bool]:
    return told.answer(CHECK, **TYPED, **changed)


def test_a_neighbour_that_is_lost_fails() -> None:
    verdict = story(neighbour_arrives=False).verdict(CHECK, **TYPED)
    assert verdict.verdict == "fail"
    assert verdict.keys[0].key == {"id": "good"}


def test_a_neighbour_that_arrives_passes() -> None:
    assert answer(story()) == ("pass", True)


def test_an_error_table_that_does_not_know_it_fails() -> None:
    assert answer(story(), count_errors=lambda: 0) == ("fail", True)
    assert answer(story(), count_errors=lambda: 1) == ("pass", True)
    assert answer(story(), count_errors=lambda: None) == ("pass", True)


def test_without_poison_it_could_not_have_failed() -> None:
    told = Story()
    told.put("lost")
    assert told.answer(CHECK) == ("pass", False)
