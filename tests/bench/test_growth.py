"""Cost by size: every size is measured, and a cost that grows is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.bench import growth, million
from harness.bench.result import Measured
from harness.bench.show import points_markdown

if TYPE_CHECKING:
    from harness.bench.endpoint import Endpoint

SMALL = growth.Point(1_000, 5.0, 3.0, 3.0, 40.0, 2.0, 2.0, 0.05)


def test_each_size_has_all_costs(endpoint: Endpoint) -> None:
    found = growth.points(endpoint, (200, 500))

    assert [point.records for point in found] == [200, 500]
    for point in found:
        assert all(cost > 0 for cost in point.as_json().values())
    assert [one.row.name for one in growth.as_rows(found)] == [
        "growth_kinesis_put",
        "growth_kinesis_get",
        "growth_kinesis_get_oldest",
        "growth_table_put",
        "growth_streams_get",
        "growth_streams_get_oldest",
    ]


def test_a_cost_that_grows_is_below_the_bar() -> None:
    large = replace(SMALL, records=1_000_000, streams_get=4.0, kinesis_put=6.0)

    verdicts = {one.row.name: one.passed for one in growth.as_rows([SMALL, large])}

    assert [name for name, passed in verdicts.items() if not passed] == ["growth_streams_get"]


def test_all_items_are_imported_exported_and_scanned(endpoint: Endpoint) -> None:
    rows = million.measure(endpoint, 3_000)

    assert [one.row.name for one in rows] == [
        "import_1m_items",
        "export_1m_items",
        "scan_1m_items",
        "peak_memory_1m_items",
    ]
    assert all(one.passed for one in rows)


def test_more_memory_than_allowed_is_below_the_bar(endpoint: Endpoint) -> None:
    memory = million.measure(endpoint, 10)[-1]

    assert memory.row.budget == 8.0
    assert not Measured(memory.row, 8.1, {}).passed


def test_points_are_told_as_a_table() -> None:
    assert points_markdown([SMALL]).splitlines()[-1] == (
        "| 1,000 | 5 | 3 | 3 | 40 | 2 | 2 | 0.05 |"
    )
