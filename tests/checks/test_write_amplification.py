"""Rows are counted against what the pipeline was handed out."""

from __future__ import annotations

from tests.checks.story import Story

CHECK = "write_amplification"


def test_a_row_for_each_record_passes() -> None:
    story = Story()
    story.carry(story.put("a"), story.put("b"))
    verdict = story.verdict(CHECK)
    assert verdict.verdict == "pass"
    assert verdict.message == "2 rows for 2 records and items read: 1.00 each"


def test_two_rows_for_a_record_pass_and_three_fail() -> None:
    story = Story()
    number = story.put("a")
    story.carry(number)
    story.store(number)
    assert story.answer(CHECK) == ("pass", True)
    story.store(number)
    assert story.answer(CHECK) == ("fail", True)


def test_rows_of_a_page_that_was_read_again_are_justified() -> None:
    story = Story()
    number = story.put("a")
    story.carry(number)
    for _ in range(4):
        story.read(number)
        story.store(number)
    assert story.answer(CHECK) == ("pass", True)


def test_an_insert_that_is_sent_again_after_an_error_is_justified() -> None:
    story = Story()
    number = story.put("a")
    story.carry(number)
    for attempt in (1, 2, 3):
        story.store(number, attempt=attempt)
    assert story.answer(CHECK) == ("pass", True)


def test_rows_of_an_export_are_justified() -> None:
    story = Story()
    numbers = [story.put(f"k{n}") for n in range(5)]
    story.request("GET", "bucket/export/AWSDynamoDB/01/data/x.json.gz", service="s3")
    story.store(*numbers)
    assert story.answer(CHECK) == ("pass", True)


def test_rows_of_an_export_that_clickhouse_reads_for_the_pipeline_are_justified() -> None:
    for subject in ("", "staging"):
        story = Story()
        numbers = [story.put(f"k{n}") for n in range(5)]
        operation = "INSERT" if subject else "SELECT"
        story.request(operation, subject, service="clickhouse", from_export=True)
        story.carry(numbers[-1])
        story.store(*numbers)
        assert story.answer(CHECK) == ("pass", True)


def test_without_a_read_or_a_row_it_could_not_have_failed() -> None:
    story = Story()
    assert story.answer(CHECK) == ("pass", False)
    story.store(story.put("a"))
    assert story.answer(CHECK) == ("pass", False)


def test_without_a_history_it_is_unknown() -> None:
    assert Story().answer(CHECK, history=None) == ("unknown", False)
