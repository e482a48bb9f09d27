"""At a barrier the target is the source, or it never will be, or nobody knows yet."""

from __future__ import annotations

import pytest

from tests.checks.story import Story

CHECK = "convergence"


def story(*, is_whole: bool) -> Story:
    told = Story()
    number = told.put("a")
    if is_whole:
        told.carry(number)
    return told


@pytest.mark.parametrize("how", ["stalled", "ended"])
def test_a_target_at_rest_that_differs_fails(how: str) -> None:
    assert story(is_whole=False).answer(CHECK, barriers=[how]) == ("fail", True)


@pytest.mark.parametrize("how", ["equal", "stalled", "ended"])
def test_a_target_at_rest_that_is_the_source_passes(how: str) -> None:
    assert story(is_whole=True).answer(CHECK, barriers=[how]) == ("pass", True)


@pytest.mark.parametrize("how", ["timeout", "stuck"])
def test_a_target_that_was_still_changing_is_unknown(how: str) -> None:
    assert story(is_whole=False).answer(CHECK, barriers=[how]) == ("unknown", True)


def test_without_a_barrier_it_is_unknown() -> None:
    assert story(is_whole=True).answer(CHECK, barriers=[]) == ("unknown", False)
