"""`harness bench sync`: the reference sync beside the plainest way to do the same.

Ours and the plain way take turns, round by round, on the same data, into tables made by the same
statement; where the two tables differ in one cell there is no figure. The plain way ("raw") is the
row's only peer; sync_data.py has its statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness.bench import sync_cdc, sync_data, sync_lag
from harness.bench.kinesis_cases import stream
from harness.bench.measure import REFUSALS, Samples
from harness.bench.object_cases import bucket
from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.bench.sync_cdc import MICROSECONDS, require_equal
from harness.bench.sync_snapshot import SnapshotPipe, exported, load_plainly
from harness.bench.sync_world import world

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.bench.sync_world import World

    Loaded = tuple[float, tuple[int, int]]
    """Seconds, and the table as `Target.final` has it."""

OURS, RAW = sync_cdc.OURS, sync_cdc.RAW
MEGABYTE = 1_000_000
FLAT_BAR = 0.7
"""The smallest size's figure against the largest's: less is growth and not the machine's noise."""

SNAPSHOT = Row("snapshot", "rows/s", "process", bar=0.8)
LAG_P50 = Row("lag_p50", "ms", "process", lower_is_better=True, budget=500.0)
LAG_P99 = Row("lag_p99", "ms", "process", lower_is_better=True, budget=1000.0)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is moved.

    Attributes:
        items: in the export.
        records: waiting in the stream while ours and the plain way take turns.
        rounds: of each.
        lag_seconds: how long changes come at 1,000 a second.
        growth: how many records wait in the stream, one pipe for each.
        memory_from: the first of those that memory is compared from: with fewer, all that waits
            would fit into what the pipe may hold at once, which is then not full.
    """

    items: int = 400_000
    records: int = 200_000
    rounds: int = 5
    lag_seconds: float = 15.0
    growth: tuple[int, ...] = (10_000, 100_000, 300_000, 1_000_000)
    memory_from: int = 300_000


QUICK = Sizes(
    items=50_000, records=50_000, rounds=3, lag_seconds=3.0, growth=(10_000, 50_000),
    memory_from=50_000,
)  # fmt: skip


def bench(
    sizes: Sizes,
    *,
    growth_only: bool = False,
    tell: Callable[[Measured], None] = lambda _: None,
) -> tuple[list[Measured], dict[str, str]]:
    """Measure every row, or growth and memory alone.

    Returns:
        The rows, and the versions of what took part.
    """
    found: list[Measured] = []

    def add(*rows: Measured) -> None:
        for row in rows:
            found.append(row)
            tell(row)

    with world() as here:
        if not growth_only:
            add(_or_refused(SNAPSHOT, lambda: snapshot(here, sizes)))
            add(*_cdc(here, sizes))
            add(*lag(here, sizes))
        add(*growth(here, sizes))
        versions = {OURS: here.aws.version, "clickhouse": here.target.server.version()}
    return found, versions


def snapshot(here: World, sizes: Sizes) -> Measured:
    """A full export, rows a second."""
    samples = Samples()
    with bucket(here.aws) as target:
        url = exported(here, target, sizes.items)
        pipe = SnapshotPipe(here, url)
        for number in range(-1, sizes.rounds):
            both: list[Callable[[], Loaded]] = [pipe.load, partial(load_plainly, here, url)]
            turns = both if number % 2 else both[::-1]
            taken = {turn: turn() for turn in turns}
            (ours, answer), (plainly, wanted) = (taken[one] for one in both)
            require_equal(answer, wanted)
            # The first round warms up what a process that has just begun still has to load.
            if number >= 0:
                samples.add(OURS, sizes.items / ours)
                samples.add(RAW, sizes.items / plainly)
    paired = samples.paired(OURS, RAW)
    return Measured(SNAPSHOT, samples.median(OURS), {RAW: samples.median(RAW)}, paired=paired)


def _cdc(here: World, sizes: Sizes) -> list[Measured]:
    try:
        return sync_cdc.cdc(here, sizes.records, sizes.rounds)
    except REFUSALS as error:
        return [_refused(row, error) for row in sync_cdc.ROWS]


def lag(here: World, sizes: Sizes) -> list[Measured]:
    """From the answer to a write until its row can be read, at 1,000 changes a second."""
    try:
        middle, late = sync_lag.percentiles(here, sizes.lag_seconds)
    except REFUSALS as error:
        return [_refused(row, error) for row in (LAG_P50, LAG_P99)]
    return [Measured(LAG_P50, middle, {}), Measured(LAG_P99, late, {})]


def growth(here: World, sizes: Sizes) -> list[Measured]:
    """What a record costs and what the pipe holds, by the records that wait.

    The cost is CPU time, of the pipe and of both servers: the sizes are measured one after the
    other, and what else the machine does then would be taken for growth.
    """
    costs: dict[int, float] = {}
    peaks: dict[int, float] = {}
    with stream(here.aws) as name:
        held = 0
        for size in sizes.growth:
            sync_data.put(here.aws, name, held, size)
            held = size
            applied = sync_cdc.one(here, name, size)
            costs[size] = sum(applied.cpu_seconds.values()) / size * MICROSECONDS
            peaks[size] = applied.peak_bytes / MEGABYTE
    rows = []
    for size in sizes.growth:
        first = size == sizes.growth[0]
        row = Row(
            f"cdc_cost_{_short(size)}", "µs/record", "process",
            bar=None if first else FLAT_BAR, lower_is_better=True,
            budget=None if first else costs[sizes.growth[0]],
        )  # fmt: skip
        rows.append(Measured(row, costs[size], {}))
    for size in sizes.growth:
        if size < sizes.memory_from:
            continue
        first = size == sizes.memory_from
        row = Row(
            f"pipe_memory_{_short(size)}_waiting", "MB", "process",
            bar=None if first else FLAT_BAR, lower_is_better=True,
            budget=None if first else peaks[sizes.memory_from],
        )  # fmt: skip
        rows.append(Measured(row, peaks[size], {}))
    return rows


def _or_refused(row: Row, measure: Callable[[], Measured]) -> Measured:
    try:
        return measure()
    except REFUSALS as error:
        return _refused(row, error)


def _refused(row: Row, error: Exception) -> Measured:
    samples = Samples()
    samples.refuse(OURS, error)
    return Measured(row, None, {RAW: None} if row.budget is None else {}, samples.refusals)


def _short(size: int) -> str:
    return f"{size // 1_000_000}m" if size >= 1_000_000 else f"{size // 1000}k"
