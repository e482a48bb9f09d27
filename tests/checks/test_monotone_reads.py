"""What a key showed once it does not un-show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks.story import Story

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECK = "monotone_reads"


def sampled(*samples: str | None) -> Story:
    """Six writes of `a`, and what each sample showed of it."""
    story = Story()
    for _ in range(6):
        story.put("a")
    story.put("b")
    for marker in samples:
        show(story, marker)
    return story


def show(story: Story, marker: str | None) -> None:
    shown = [] if marker is None else [[["a"], marker]]
    story.event("sample", shown=shown, gone=[["a"]] if marker is None else [])


@pytest.mark.parametrize(
    "samples", [("w0", "w1", "w5"), ("w0", "w5"), ("w1", "w1", "w2"), ("w1", None, "w3")]
)
def test_a_key_that_only_goes_on_passes(samples: Sequence[str | None]) -> None:
    assert sampled(*samples).answer(CHECK) == ("pass", True)


@pytest.mark.parametrize("samples", [("w2", "w1"), ("w0", "w5", "w4"), ("w3", None, "w3")])
def test_a_key_that_goes_back_fails_and_both_writes_are_named(
    samples: Sequence[str | None],
) -> None:
    verdict = sampled(*samples).verdict(CHECK)
    assert verdict.verdict == "fail"
    assert str(samples[-1]) in verdict.keys[0].what


@pytest.mark.parametrize("marker", ["w77", "", "w6"])
def test_what_was_never_written_to_the_key_fails(marker: str) -> None:
    assert sampled("w0", marker).answer(CHECK) == ("fail", True)


def test_a_target_that_an_operator_emptied_begins_anew() -> None:
    story = sampled("w4")
    story.event("operator", act="truncate-target")
    show(story, "w0")
    assert story.answer(CHECK) == ("pass", False)


def test_what_an_export_showed_may_be_gone_back_from_once() -> None:
    story = sampled()
    story.request("INSERT", "t", from_export=True)
    for marker in ("w4", "w1", "w2"):
        show(story, marker)
    assert story.answer(CHECK) == ("pass", True)
    show(story, "w0")
    assert story.answer(CHECK) == ("fail", True)


def test_a_split_shard_excuses_nothing() -> None:
    story = sampled("w4")
    story.event("operator", act="split")
    show(story, "w0")
    assert story.answer(CHECK) == ("fail", True)


def test_a_row_of_an_export_that_the_pipeline_fetched_may_be_ahead_of_the_stream_once() -> None:
    """It holds what the stream is still to bring, versioned below all of it."""
    story = Story()
    for _ in range(6):
        story.put("a")
    story.request("GET", "bucket/export/AWSDynamoDB/01/data/x.json.gz", service="s3")
    for marker in ("w5", "w1", "w4"):
        show(story, marker)
    assert story.answer(CHECK) == ("pass", True)
    show(story, "w2")
    assert story.answer(CHECK) == ("fail", True)


def test_rows_of_an_export_that_clickhouse_loads_are_ahead_and_no_others() -> None:
    story = sampled("w0")
    story.request("INSERT", "orders", rows=1, from_export=True)
    for marker in ("w5", "w1"):
        show(story, marker)
    assert story.answer(CHECK) == ("pass", True)
    show(story, "w0")
    assert story.answer(CHECK) == ("fail", True)


def test_one_sample_could_not_have_failed() -> None:
    assert sampled("w4").answer(CHECK) == ("pass", False)


def test_without_samples_or_markers_it_is_unknown() -> None:
    assert sampled().answer(CHECK) == ("unknown", False)
    assert sampled("w0", "w1").answer(CHECK, id_column="") == ("unknown", False)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=8))
def test_it_agrees_with_comparing_all_pairs_of_samples(numbers: list[int | None]) -> None:
    story = sampled(*(None if n is None else f"w{n}" for n in numbers))
    goes_back = any(
        later is not None
        and earlier is not None
        and (later < earlier or (later == earlier and None in numbers[at:after]))
        for at, earlier in enumerate(numbers)
        for after, later in enumerate(numbers)
        if at < after
    )
    assert (story.verdict(CHECK).verdict == "fail") == goes_back
