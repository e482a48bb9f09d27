"""`harness bench aws`: the embedded endpoint beside its peers, row by row."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from harness.bench import process_rows
from harness.bench.load import Amounts
from harness.bench.measure import REFUSALS, Effort, Samples, sample
from harness.bench.result import measured
from harness.bench.rows import COLD_START, IDLE_MEMORY, ITEM_MEMORY, ROWS
from harness.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.bench.contenders import Contender
    from harness.bench.endpoint import Endpoint
    from harness.bench.result import Measured
    from harness.bench.rows import Row


def rows_named(names: Sequence[str]) -> list[Row]:
    """The rows of these names, in the table's order; all of them when none is named.

    Raises:
        UsageError: an unknown name.
    """
    known = {row.name for row in ROWS}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no row {name!r}", hint=nearest(name, known))
    return [row for row in ROWS if not names or row.name in names]


def bench(
    ours: Contender,
    peers: Sequence[Contender],
    rows: Sequence[Row],
    *,
    amounts: Amounts | None = None,
    effort: Effort | None = None,
    tell: Callable[[Measured], None] = lambda _: None,
) -> tuple[list[Measured], dict[str, str]]:
    """Measure rows.

    Args:
        ours: what must be as fast as the others.
        peers: the others.
        rows: what to measure, in this order.
        amounts: how much to prepare.
        effort: how long to measure.
        tell: called with each row once it is there.

    Returns:
        The rows, and the contenders' versions by name.
    """
    amounts, effort = amounts or Amounts(), effort or Effort()
    names = [peer.name for peer in peers]
    found: list[Measured] = []

    def add(row: Row, samples: Samples) -> None:
        found.append(measured(row, samples, ours.name, names))
        tell(found[-1])

    for row, samples in _of_processes(ours, peers, rows, amounts):
        add(row, samples)
    with ExitStack() as stack:
        here = stack.enter_context(ours.start())
        others, absent = _started(stack, peers)
        for row in rows:
            if row.case is not None:
                samples = sample(row.case, here, others, amounts=amounts, effort=effort)
                samples.refusals |= absent
                add(row, samples)
        versions = {endpoint.name: endpoint.version for endpoint in (here, *others)}
    order = {row.name: place for place, row in enumerate(rows)}
    found.sort(key=lambda one: order[one.row.name])
    return found, versions


def _of_processes(
    ours: Contender, peers: Sequence[Contender], rows: Sequence[Row], amounts: Amounts
) -> list[tuple[Row, Samples]]:
    """The rows that start processes of their own, before anything else runs."""
    found = []
    if COLD_START in rows:
        found.append((COLD_START, process_rows.cold_start([ours, *peers])))
    wanted = [row for row in (IDLE_MEMORY, ITEM_MEMORY) if row in rows]
    if wanted:
        by_name = process_rows.memory([ours, *peers], amounts)
        found += [(row, by_name[row.name]) for row in wanted]
    return found


def _started(stack: ExitStack, peers: Sequence[Contender]) -> tuple[list[Endpoint], dict[str, str]]:
    """The peers that run now, and why the others do not."""
    running, absent = [], Samples()
    for peer in peers:
        try:
            running.append(stack.enter_context(peer.start()))
        except REFUSALS as error:
            absent.refuse(peer.name, error)
    return running, absent.refusals
