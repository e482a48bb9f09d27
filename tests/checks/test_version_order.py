"""Versions against writes, and the quick way against comparing all pairs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checks.evidence import RawRow
from tests.checks.story import Story

CHECK = "version_order"
KEYS = ("a", "b")


def written() -> Story:
    """Six writes, three to each key in turn."""
    story = Story()
    for number in range(6):
        story.put(KEYS[number % 2])
    return story


def row(number: int, version: int, counter: int = 0) -> RawRow:
    return RawRow((KEYS[number % 2],), version, False, f"w{number}", counter or 1 + number // 2)


def test_an_item_that_expired_counts_its_writes_anew_and_is_no_contradiction() -> None:
    """Time to live took the item away: the counter of the next update begins at one."""
    story = written()
    story.applied = [row(0, 10, counter=5), row(2, 20, counter=1)]
    assert story.answer(CHECK) == ("pass", True)


def test_a_row_of_another_write_of_the_same_counter_is_judged_by_its_write() -> None:
    story = written()
    story.applied = [row(0, 20, counter=1), row(2, 10, counter=1)]
    assert story.answer(CHECK) == ("fail", True)


def test_one_row_of_each_key_could_not_have_failed() -> None:
    story = written()
    story.applied = [row(0, 10), row(1, 10)]
    assert story.answer(CHECK) == ("pass", False)


def test_without_a_version_column_it_is_unknown() -> None:
    assert written().answer(CHECK, raw_rows=None) == ("unknown", False)


def streamed(*delivered: int, names_write: bool = True) -> Story:
    """Six writes of two keys, of which the stream carries these."""
    story = written()
    for number in range(6):
        story.change(number, names_write=names_write)
    for number in delivered:
        story.deliver(number)
    return story


@pytest.mark.parametrize("names_write", [True, False], ids=["told", "by-place"])
def test_a_write_that_only_an_export_tells_of_may_be_below_an_earlier_one_of_the_stream(
    *, names_write: bool
) -> None:
    """The destination was off when it was made, and the export ranks below all of the stream."""
    story = streamed(0, names_write=names_write)
    story.applied = [row(2, 10), row(0, 20)]
    assert story.answer(CHECK) == ("pass", True)


@pytest.mark.parametrize(
    ("delivered", "rows"),
    [
        ((0, 2), [row(2, 10), row(0, 20)]),
        ((2,), [row(0, 20), row(2, 10)]),
        ((1,), [row(0, 20), row(2, 10)]),
        ((0, 4), [row(2, 10), row(0, 20), row(4, 15)]),
        ((0, 4), [row(0, 20), row(2, 40), row(4, 30)]),
        ((), [row(2, 10), row(0, 20)]),
    ],
    ids=["both-streamed", "earlier-exported", "both-exported", "later-streamed", "above-the-later",
         "nothing-streamed"],
)  # fmt: skip
def test_all_other_contradictions_stay(delivered: tuple[int, ...], rows: list[RawRow]) -> None:
    story = streamed(*delivered)
    story.applied = rows
    assert story.answer(CHECK) == ("fail", True)


def test_changes_that_do_not_fit_their_writes_excuse_nothing() -> None:
    story = streamed(0, names_write=False)
    story.events = [e for e in story.events if e.get("number") != 4]
    story.applied = [row(2, 10), row(0, 20)]
    assert story.answer(CHECK) == ("fail", True)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=8),
    st.sets(st.integers(0, 5), min_size=1),
)
def test_with_gaps_it_agrees_with_comparing_all_pairs(
    rows: list[tuple[int, int]], delivered: set[int]
) -> None:
    story = streamed(*sorted(delivered))
    story.applied = [row(number, version) for number, version in rows]
    highest = {n: max(v for m, v in rows if m == n) for n, _ in rows}
    contradicts = any(
        earlier < later and earlier % 2 == later % 2 and highest[earlier] >= highest[later]
        and not (earlier in delivered and later not in delivered)
        for earlier in highest
        for later in highest
    )  # fmt: skip
    assert (story.verdict(CHECK).verdict == "fail") == contradicts


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=8))
def test_it_agrees_with_comparing_all_pairs(rows: list[tuple[int, int]]) -> None:
    story = written()
    story.applied = [row(number, version) for number, version in rows]
    highest = {n: max(v for m, v in rows if m == n) for n, _ in rows}
    contradicts = any(
        earlier < later and earlier % 2 == later % 2 and highest[earlier] >= highest[later]
        for earlier in highest
        for later in highest
    )
    assert (story.verdict(CHECK).verdict == "fail") == contradicts
