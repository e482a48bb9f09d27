from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kinesis import sequence
from harness.kinesis.shards import index_in, name_of


def test_a_first_number_has_the_layout_that_aws_gives() -> None:
    first = sequence.number(sequence.prefix(1_735_689_600, 0), 0, 1_735_689_600)
    second = sequence.number(sequence.prefix(1_735_689_600, 1), 0, 1_735_689_600)

    parts = ["2", "067748580", "0", "0000000000000000", "00", "067748580", "00000000", "2"]
    assert f"{first:x}" == "".join(parts)
    assert len(str(first)) == 56
    # The shard's index stands in it twice.
    assert second - first == 22300745198530623141535718272648361505980432


@given(
    created=st.integers(0, 2**33),
    index=st.integers(0, 2**31 - 1),
    counter=st.integers(0, sequence.LAST_COUNTER),
    later=st.integers(0, 10**8),
)
def test_numbers_come_apart_as_they_were_made(
    created: int, index: int, counter: int, later: int
) -> None:
    text = str(sequence.number(sequence.prefix(created, index), counter, created + later))

    assert sequence.parse(text) == sequence.Sequence(created, index, counter, created + later, 2)


@pytest.mark.parametrize("text", ["", "a", "01", "-1", "9" * 56, "1" + "0" * 129])
def test_other_numbers_are_not_sequence_numbers(text: str) -> None:
    with pytest.raises(sequence.BadSequence):
        sequence.parse(text)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("shardId-000000000012", 12),
        ("x-1", 1),
        ("7", 7),
        ("-00002147483647", 2147483647),
        ("shardId-002147483648", None),
        ("2.14E4", None),
        ("shardId-", None),
        ("abc", None),
    ],
)
def test_shard_ids_are_read_as_leniently_as_aws_does(text: str, index: int | None) -> None:
    assert index_in(text) == index


def test_shard_ids_are_padded() -> None:
    assert name_of(12) == "shardId-000000000012"
