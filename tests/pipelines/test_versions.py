"""Versions order the changes of one key, in whatever order and number their records come."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.pipelines.reference.cells import Cells
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.records import Decoder
from harness.pipelines.reference.versions import Versioner, VersionLayout

STAMP = 1_700_000_000_000_000
CONFIG = parse_config(
    pipe_config(
        table="t",
        columns=[{"name": "id", "type": "String"}, {"name": "x", "type": "String"}],
        key_schema=[{"attribute_name": "id", "key_type": "HASH"}],
    )
)


def record(number: int, old: str | None, new: str | None, stamp: int = STAMP) -> bytes:
    images: dict[str, Any] = {}
    if old is not None:
        images["OldImage"] = {"id": {"S": "k"}, "x": {"S": old}}
    if new is not None:
        images["NewImage"] = {"id": {"S": "k"}, "x": {"S": new}}
    event = "INSERT" if old is None else ("REMOVE" if new is None else "MODIFY")
    body = {"ApproximateCreationDateTime": stamp, "Keys": {"id": {"S": "k"}}, **images}
    return orjson.dumps({"eventID": f"e{number}", "eventName": event, "dynamodb": body})


def winner(records: list[bytes], versioner: Versioner | None = None) -> str | None:
    """What FINAL shows: the image of the highest version, the later of equals."""
    decoder = Decoder(CONFIG, Cells())
    versioner = versioner or Versioner(decoder, VersionLayout("UInt64"), window_records=1000)
    rows: list[tuple[int, str | None]] = []
    for data in records:
        change = decoder.read(data)
        rows.append((versioner.version(change, data), value_of(change.new)))
        rows += [(version, value_of(c.new)) for c, version, _ in versioner.reissues]
        versioner.reissues.clear()
    best = max(version for version, _ in rows)
    assert len({value for version, value in rows if version == best}) == 1, "the last is not alone"
    return next(value for version, value in reversed(rows) if version == best)


def value_of(image: dict[str, Any] | None) -> str | None:
    return None if image is None else str(image["x"]["S"])


def test_every_order_of_five_changes_in_one_microsecond_ends_at_the_last() -> None:
    chain = [None, "a", "b", None, "c", "d"]
    records = [record(n, *pair) for n, pair in enumerate(itertools.pairwise(chain))]
    assert {winner(list(order)) for order in itertools.permutations(records)} == {"d"}


def test_a_value_that_comes_back_is_ordered_by_the_path_through_it() -> None:
    chain = [None, "1", "2", "1", "3"]
    records = [record(n, *pair) for n, pair in enumerate(itertools.pairwise(chain))]
    assert {winner(list(order)) for order in itertools.permutations(records)} == {"3"}


def test_a_circle_is_ordered_by_the_image_before_it() -> None:
    before = record(0, None, "1", STAMP - 5)
    there, back = record(1, "1", "2"), record(2, "2", "1")
    assert winner([before, back, there]) == "1"
    assert winner([before, there, back]) == "1"


@given(
    st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2, max_size=7).map(
        lambda images: [image for image, _ in itertools.groupby(images)]
    ),
    st.data(),
)
def test_redelivery_and_disorder_never_outrank_the_last_change(
    images: list[str | None], data: st.DataObject
) -> None:
    marked = [None if image is None else f"{image}{n}" for n, image in enumerate(images)]
    records = [
        record(n, old, new)
        for n, (old, new) in enumerate(itertools.pairwise([None, *marked]))
        if (old, new) != (None, None)
    ]
    if not records:
        return
    again = data.draw(st.lists(st.sampled_from(records), max_size=5))
    assert winner(data.draw(st.permutations(records + again))) == marked[-1]


def test_a_redelivered_record_keeps_its_version() -> None:
    decoder = Decoder(CONFIG, Cells())
    versioner = Versioner(decoder, VersionLayout("UInt64"), window_records=1000)
    first, second = record(0, None, "a"), record(1, "a", "b")
    versions = [versioner.version(decoder.read(r), r) for r in (first, second, first, second)]
    assert versions == [STAMP * 1024, STAMP * 1024 + 1, STAMP * 1024, STAMP * 1024 + 1]
    assert versioner.reissues == []


def test_seconds_milliseconds_and_microseconds_are_comparable() -> None:
    versions = []
    decoder = Decoder(CONFIG, Cells())
    versioner = Versioner(decoder, VersionLayout("Int64"), window_records=10)
    for stamp in (1_700_000_000, 1_700_000_000_001, 1_700_000_000_001_001):
        data = record(stamp, None, "a", stamp)
        versions.append(versioner.version(decoder.read(data), data))
    assert versions == sorted(set(versions))
    assert versions[2] - versions[1] == 1024


def test_a_window_forgets_and_stays_bounded() -> None:
    decoder = Decoder(CONFIG, Cells())
    versioner = Versioner(decoder, VersionLayout("UInt64"), window_records=10)
    for number in range(1000):
        data = record(number, None, "a", STAMP + number).replace(b'"k"', f'"k{number}"'.encode())
        versioner.version(decoder.read(data), data)
    assert len(versioner._recent) + len(versioner._earlier) <= 11


def test_a_column_too_small_for_microseconds_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot hold microseconds"):
        VersionLayout("UInt32")


def test_datetime64_versions_use_what_is_finer_than_the_stamp() -> None:
    assert VersionLayout("DateTime64(9, 'UTC')").version(STAMP, 7) == "1700000000.000000007"
    assert VersionLayout("DateTime64(6)").version(STAMP, 7, unit_us=1000) == "1700000000.000007"
