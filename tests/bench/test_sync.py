"""`harness bench sync`: its rows, and that each is red below its bar."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import orjson
import pytest

from harness.bench import sync, sync_cdc, sync_data
from harness.bench.endpoint import UnsupportedError
from harness.bench.measure import Samples
from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.bench.sync_world import world
from harness.pipelines.reference.bulk import Bulk
from harness.pipelines.reference.config import parse_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench.sync_world import World

FEW = sync.Sizes(
    items=400, records=2_000, rounds=1, lag_seconds=0.2, growth=(1_000, 2_000), memory_from=1_000
)


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.mark.parametrize(
    ("row", "enough", "short"),
    [(sync.SNAPSHOT, 80.0, 79.0), (sync_cdc.APPLY, 50.0, 49.0)],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_row_is_red_below_its_share_of_the_plain_way(
    row: Row, enough: float, short: float
) -> None:
    assert Measured(row, enough, {sync.RAW: 100.0}).passed
    assert not Measured(row, short, {sync.RAW: 100.0}).passed


@pytest.mark.parametrize(("row", "limit"), [(sync.LAG_P50, 500.0), (sync.LAG_P99, 1000.0)])
def test_lag_is_red_above_its_limit(row: Row, limit: float) -> None:
    assert Measured(row, limit, {}).passed
    assert not Measured(row, limit + 1, {}).passed


def test_both_ways_load_the_same_export(here: World) -> None:
    found = sync.snapshot(here, FEW)
    assert found.row.name == "snapshot"
    assert found.ours
    assert found.peers[sync.RAW]


def test_both_ways_apply_the_same_records_in_hand_and_from_the_stream(here: World) -> None:
    found = {one.row.name: one for one in sync_cdc.cdc(here, FEW.records, FEW.rounds)}
    assert list(found) == [row.name for row in sync_cdc.ROWS]
    for name in ("cdc_apply", "cdc_from_stream"):
        assert found[name].ours
        assert found[name].best_peer == sync.RAW
        assert found[name].ratio
    assert all(found[row.name].ours is not None for row in sync_cdc.CPU.values())
    # Nobody asks for records while they are applied from the hand.
    assert found["cdc_cpu_get_records"].peers == {}


def test_tables_that_differ_give_no_figure(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plainly = sync_cdc.plainly
    monkeypatch.setattr(sync_cdc, "plainly", lambda w, lines: plainly(w, lines[:-1]))
    with pytest.raises(UnsupportedError, match="rows and digest"):
        sync_cdc.cdc(here, FEW.records, FEW.rounds)


def test_the_ratio_of_two_that_take_turns_is_the_median_of_their_rounds() -> None:
    samples = Samples()
    # The machine was three times as fast in the second round, for both.
    for ours, raw in ((50.0, 100.0), (180.0, 300.0), (70.0, 100.0)):
        samples.add("ours", ours)
        samples.add("raw", raw)
    assert samples.paired("ours", "raw") == 0.6
    row = Measured(sync_cdc.APPLY, 70.0, {"raw": 100.0}, paired=0.49)
    assert row.ratio == 0.49
    assert not row.passed
    assert samples.paired("ours", "nobody") is None


def test_lag_is_measured_from_the_answer_to_the_write(here: World) -> None:
    middle, late = sync.lag(here, FEW)
    assert middle.ours is not None
    assert late.ours is not None
    assert 0 < middle.ours <= late.ours


def test_growth_compares_each_size_with_the_smallest(here: World) -> None:
    found = {one.row.name: one for one in sync.growth(here, FEW)}
    assert sorted(found) == [
        "cdc_cost_1k", "cdc_cost_2k", "pipe_memory_1k_waiting", "pipe_memory_2k_waiting",
    ]  # fmt: skip
    assert found["cdc_cost_2k"].row.budget == found["cdc_cost_1k"].ours
    grown = found["pipe_memory_2k_waiting"]
    assert not Measured(grown.row, (grown.ours or 0) * 2, {}).passed


def test_records_are_what_the_pipe_reads_quickly_and_end_in_deletes_too() -> None:
    first = [data for _, data in islice(sync_data.records(sync_data.KEYS), 20)]
    events = [orjson.loads(data)["eventName"] for data in first]
    assert events == ["REMOVE", *["MODIFY"] * 9] * 2
    bulk = Bulk(parse_config(sync_data.pipe("t")))
    assert bulk.look(first[1]) == (("customer-00001", "1"), sync_data.STAMP_US + 50_001, 1)
