"""The evidence of a finished run: the mapping resolved, FINAL and the raw rows read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import harness.checks.every  # noqa: F401 - importing registers each check
from harness.checks.evidence import Column, Evidence, Write
from harness.run.applied import is_whole
from harness.run.target import require_columns
from harness.scenario.ddl import columns, key_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.checks.journal import Event
    from harness.run.target import Target
    from harness.scenario.model import Scenario

Item = dict[str, Any]


@dataclass(slots=True)
class Collected:
    """Evidence, and what the reader should know about it."""

    evidence: Evidence
    notes: list[str] = field(default_factory=list)


def collect(
    scenario: Scenario,
    target: Target,
    items: list[Item],
    writes: list[Write],
    *,
    settled: bool,
    barriers: Sequence[str] = (),
    history: Callable[[], Iterable[Event]] | None = None,
) -> Collected:
    """Read the target and put the evidence together.

    Args:
        scenario: maps the table to its target.
        target: where to read.
        items: what DynamoDB holds.
        writes: what was written.
        settled: the target had stopped changing.
        barriers: how it was found each time that it should have come to rest.
        history: gives the run's events, from the first.

    Raises:
        ScenarioError: the mapping names columns that the table does not have.
    """
    notes: list[str] = []
    mapped = [Column(c.name, c.type, c.attribute_path) for c in columns(scenario)]
    present = [name for name, _ in target.described()]
    markers = {scenario.workload.markers.id, scenario.workload.markers.counter} - {""}
    if markers and not markers <= set(present):
        mapped = [c for c in mapped if c.name not in markers]
        notes.append("the target has no write markers: stale and altered rows look alike")
        markers = set()
    require_columns(scenario, present)
    rows = target.live_rows([c.name for c in mapped])
    raw_rows = target.raw_rows(key_columns(scenario)) if markers else None
    applied = target.applied_rows(key_columns(scenario)) if markers else None
    if applied is not None and not is_whole(applied, raw_rows):
        applied = None
        notes.append("rows entered the target unseen: there is no whole log of them")
    evidence = Evidence(
        columns=mapped,
        key_attributes=tuple(k.attribute_name for k in scenario.table.key_schema),
        source=items,
        rows=rows,
        writes=writes,
        id_column=scenario.workload.markers.id if markers else "",
        counter_column=scenario.workload.markers.counter if markers else "",
        raw_rows=raw_rows,
        applied=applied,
        settled=settled,
        history=history,
        target=scenario.target.table,
        barriers=barriers,
        has_export=scenario.snapshot.export,
        lag_seconds_max=scenario.settle.lag_seconds_max if target.in_real_time else None,
        count_errors=target.count_errors,
    )
    return Collected(evidence, notes)
