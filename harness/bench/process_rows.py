"""Rows about the process itself: how long until it answers, and what it holds in memory.

Each is measured on a process started for it. Memory is resident memory of the process with its
children, so a peer that is three programs is counted whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bench.contenders import resident_bytes
from harness.bench.dynamodb_cases import item, table
from harness.bench.endpoint import UnsupportedError
from harness.bench.measure import REFUSALS, Samples
from harness.bench.raw_cases import DYNAMODB, fill_raw
from harness.bench.rows import IDLE_MEMORY, ITEM_MEMORY
from harness.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench.contenders import Contender
    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Amounts

MEGABYTE = 1_000_000
COLD_STARTS = 3
FILL_SECONDS_MAX = 15.0
FILL_STEP = 1_000
PER_ITEMS = 100_000


def cold_start(contenders: Sequence[Contender], starts: int = COLD_STARTS) -> Samples:
    """Seconds from starting the process until it has answered ListTables."""
    samples = Samples()
    for _ in range(starts):
        for contender in contenders:
            if contender.name in samples.refusals:
                continue
            try:
                _refuse_foreign(contender)
                elapsed = stopwatch()
                with contender.start() as endpoint:
                    endpoint.raw.ask(DYNAMODB + "ListTables", b"{}")
                    samples.values.setdefault(contender.name, []).append(elapsed())
            except REFUSALS as error:
                samples.refuse(contender.name, error)
    return samples


def memory(contenders: Sequence[Contender], amounts: Amounts) -> dict[str, Samples]:
    """Megabytes when idle, and for each 100,000 items of 1 KB; by row name.

    A slow peer gets as many items as it takes in fifteen seconds; the rest is extrapolated.
    """
    idle, per_items = Samples(), Samples()
    for contender in contenders:
        try:
            _refuse_foreign(contender)
            with contender.start() as endpoint:
                endpoint.raw.ask(DYNAMODB + "ListTables", b"{}")
                before = _resident(endpoint)
                idle.values[contender.name] = [before / MEGABYTE]
                grown, items = _fill(endpoint, amounts.memory_items)
                cost = grown / items * PER_ITEMS
                per_items.values[contender.name] = [cost / MEGABYTE]
        except REFUSALS as error:
            for samples in (idle, per_items):
                samples.refuse(contender.name, error)
    return {IDLE_MEMORY.name: idle, ITEM_MEMORY.name: per_items}


def _fill(endpoint: Endpoint, wanted: int) -> tuple[int, int]:
    """Bytes grown by, and items written."""
    with table(endpoint) as name:
        # What the first request of a kind loads is not the items' cost.
        endpoint.dynamodb.put_item(TableName=name, Item=item("first"))
        before = _resident(endpoint)
        written = 0
        elapsed = stopwatch()
        while written < wanted and elapsed() < FILL_SECONDS_MAX:
            fill_raw(endpoint, name, f"m{written}-", FILL_STEP)
            written += FILL_STEP
        return max(1, _resident(endpoint) - before), written


def _resident(endpoint: Endpoint) -> int:
    if endpoint.pid is None:
        raise UnsupportedError("its process is not known")
    return resident_bytes(endpoint.pid)


def _refuse_foreign(contender: Contender) -> None:
    if not contender.is_ours_to_start:
        raise UnsupportedError("it runs already: neither its start nor its memory can be measured")
