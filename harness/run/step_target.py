"""The target of a stepped example, read past the client: a look costs the engine's time alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from harness.clickhouse.apply_log import ROWS
from harness.errors import BackendError
from harness.run.applied import watched_by
from harness.run.target import Target

if TYPE_CHECKING:
    from harness.run.step_world import Bench
    from harness.scenario.model import Scenario


class StepTarget(Target):
    """The target, read in-process by what many examples share.

    Args:
        scenario: as for every target.
        bench: who reads.
    """

    def __init__(self, scenario: Scenario, bench: Bench) -> None:
        # Not by Target's own constructor, which connects: that costs more than an example.
        self._target = scenario.target
        self._markers = scenario.workload.markers
        self._client = bench.client
        self._bench = bench
        self._keeps_log = False
        self.table = f"`{self._target.database}`.`{self._target.table}`"

    in_real_time = False
    _applied_query = f"SELECT * FROM {ROWS} SETTINGS max_threads = 1"

    def keep_log(self, scenario: Scenario) -> None:
        """Begin the apply log, in memory; it goes with the example's tables."""
        watched = watched_by(scenario, self.live_condition())
        self._bench.tables.keep_log(watched)
        self._keeps_log = watched is not None

    def described(self) -> list[tuple[str, str]]:
        """Asked once, and again only when somebody may have changed the table."""
        facts = self._bench.tables.facts
        if "described" not in facts:
            facts["described"] = super().described()
        found: list[tuple[str, str]] = facts["described"]
        return found

    def engine(self) -> str:
        """Asked once it is there, and again only when somebody may have changed the table."""
        facts = self._bench.tables.facts
        if not facts.get("engine"):
            facts["engine"] = super().engine()
        return str(facts["engine"])

    def texts(self, query: str) -> list[tuple[str, ...]]:
        """Past the client: most of what a look costs is the client's."""
        # A pipeline may have stored any bytes; within JSON a line ends with the line.
        found = self._bench.tables.read(query).decode(errors="replace")
        return [tuple(orjson.loads(line)) for line in found.split("\n") if line]

    def shown(self) -> tuple[int, int]:
        """Live rows and the sum of their write counters, each -1 where it cannot be read."""
        counter = self._markers.counter
        for total in (f"sum(`{counter}`)", "-1") if counter else ("-1",):
            try:
                statement = f"SELECT count(), {total} FROM {self.live()}"
                found = self._bench.tables.read(statement)
            except BackendError:
                continue
            live, counters = orjson.loads(found)
            return int(live), int(counters)
        return -1, -1
