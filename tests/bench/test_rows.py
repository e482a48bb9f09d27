"""Every row can fail: against an endpoint that answers late, and by a figure that is too low."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from harness.bench import process_rows
from harness.bench.aws import bench, rows_named
from harness.bench.contenders import at_url, known
from harness.bench.load import Amounts
from harness.bench.measure import Effort, sample
from harness.bench.result import Measured, measured
from harness.bench.rows import COLD_START, IDLE_MEMORY, ITEM_MEMORY, ROWS
from harness.errors import UsageError
from tests.bench.conftest import Lateness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.bench.contenders import Contender
    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Load
    from harness.bench.rows import Row

FEW = Amounts(
    items=20, stream_records=20, kinesis_records=500, shards=4, export_items=20, memory_items=1_000
)
# One round could fall into a moment in which the prompt one gets no processor.
THRICE = Effort(seconds=0, rounds=3)
LATE_SECONDS = 0.15
# An object of 8 MB takes about that long by itself.
LATE_SECONDS_FOR_OBJECTS = 0.5


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.case is not None], ids=lambda row: row.name
)
def test_a_row_is_below_its_bar_when_we_answer_late(
    row: Row, make: Callable[..., Contender]
) -> None:
    case = row.case
    assert case is not None
    lateness = Lateness()
    seconds = LATE_SECONDS_FOR_OBJECTS if row.name.startswith("s3_") else LATE_SECONDS

    @contextmanager
    def late_once_prepared(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
        with case(endpoint, amounts) as load:
            if endpoint.name == "late":
                lateness.seconds = seconds
            yield load
            lateness.seconds = 0.0

    with ExitStack() as stack:
        late = stack.enter_context(make("late", lateness).start())
        prompt = stack.enter_context(make("prompt").start())
        samples = sample(late_once_prepared, late, [prompt], amounts=FEW, effort=THRICE)

    assert samples.refusals == {}
    as_ours = measured(row, samples, "late", ["prompt"])
    assert not as_ours.passed
    assert as_ours.best_peer == "prompt"
    assert measured(row, samples, "prompt", ["late"]).passed


@pytest.mark.parametrize(
    ("row", "good", "bad"),
    [(COLD_START, 0.9, 1.1), (IDLE_MEMORY, 49.0, 51.0), (ITEM_MEMORY, 49.0, 51.0)],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_row_about_the_process_fails_when_its_figure_is_too_high(
    row: Row, good: float, bad: float
) -> None:
    assert Measured(row, good, {"peer": 50.0}).passed
    assert not Measured(row, bad, {"peer": 50.0}).passed


def test_a_row_fails_when_we_have_no_figure() -> None:
    assert not Measured(ROWS[0], None, {"peer": None}, {"embedded": "broke"}).passed


def test_start_and_memory_are_measured_on_processes_of_their_own(
    make: Callable[..., Contender],
) -> None:
    both = [make("one"), make("two")]

    started = process_rows.cold_start(both, starts=2)
    held = process_rows.memory(both, FEW)

    assert {name: len(values) for name, values in started.values.items()} == {"one": 2, "two": 2}
    assert sorted(held) == ["idle_memory", "memory_per_100k_items"]
    # This process: an interpreter with boto3 in it.
    assert held["idle_memory"].values["one"][0] > 10
    assert held["memory_per_100k_items"].values["two"][0] > 0


def test_neither_start_nor_memory_of_a_running_url_is_measured(
    make: Callable[..., Contender],
) -> None:
    with make("plain").start() as endpoint:
        foreign = at_url(endpoint.url)
        started = process_rows.cold_start([foreign], starts=1)
        held = process_rows.memory([foreign], FEW)

    assert started.values == {}
    assert foreign.name in started.refusals
    assert foreign.name in held["idle_memory"].refusals


def test_a_peer_that_does_not_answer_is_absent_and_does_not_end_the_run(
    make: Callable[..., Contender],
) -> None:
    nobody = at_url("http://127.0.0.1:1")

    found, versions = bench(
        make("embedded"), [nobody], rows_named(["get_item"]), amounts=FEW, effort=THRICE
    )

    assert [one.row.name for one in found] == ["get_item"]
    assert found[0].peers == {"127.0.0.1:1": None}
    assert "127.0.0.1:1" in found[0].reasons
    assert found[0].passed
    assert versions["embedded"] == "1.0"


def test_an_unknown_row_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no row 'put_items'") as refused:
        rows_named(["put_items"])
    assert "'put_item'" in refused.value.hint


def test_every_wanted_operation_has_a_row() -> None:
    assert [row.name for row in ROWS] == [
        "put_item",
        "update_item",
        "delete_item",
        "batch_write_item",
        "transact_write",
        "get_item",
        "query",
        "scan",
        "streams_get_records",
        "kinesis_put_records",
        "kinesis_get_records",
        "kinesis_list_and_get_64_shards",
        "subscribe_to_shard",
        "s3_put_8mb",
        "s3_get_8mb",
        "export_100k_items",
        "put_item_raw",
        "get_item_raw",
        "scan_raw",
        "streams_get_records_raw",
        "kinesis_put_records_raw",
        "kinesis_get_records_raw",
        "cold_start",
        "idle_memory",
        "memory_per_100k_items",
    ]
    assert {row.name: row.bar for row in ROWS if row.bar != 1.0} == {
        "scan_raw": 2.0,
        "streams_get_records_raw": 2.0,
        "kinesis_get_records_raw": 2.0,
    }


def test_an_unknown_peer_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown peer 'minstack'") as refused:
        known("minstack")
    assert "'ministack'" in refused.value.hint
