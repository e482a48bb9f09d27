"""Which acts of an operator are possible now, and further acts: on target and positions.

Acts that no service promises to survive (the target is emptied, the destination is off for a while)
are bound to `breaks_promises` by the scenario's rules: whoever plans them expects a loss.
"""

from __future__ import annotations

import shutil
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import orjson

from harness.run.step_actions import Action, Enabled
from harness.run.step_operator import Operator
from harness.run.step_stream_acts import StreamActs
from harness.run.target import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.run.step_example import Example
    from harness.scenario.model import Stepped

STOP_SECONDS_MAX = 10.0
"""What the contract gives a pipeline that is told to end."""

SHARDS_MAX = 8
_CHECKPOINTS = (
    "SELECT database, name FROM system.tables WHERE name LIKE '%checkpoint%' "
    "AND database NOT IN ('system') ORDER BY 1, 2"
)


class Acts:
    """The operator of one example, with all that it can do.

    Args:
        example: on which it acts.
        bounds: how often it may.
        rest: returns when everything is delivered and the pipeline has nothing to do any more.
    """

    def __init__(self, example: Example, bounds: Stepped, rest: Callable[[], None]) -> None:
        self._example = example
        self._world = example.world
        self._bounds = bounds
        self._operator = Operator(example)
        self._stream = StreamActs(example, bounds, stop=self.stop, rest=rest)
        self._kept: Path | None = None
        self._kept_rows: list[tuple[str, bytes]] = []

    def close(self) -> None:
        """Remove what was kept."""
        if self._kept is not None:
            shutil.rmtree(self._kept, ignore_errors=True)

    def settle(self) -> None:
        """The calm phase begins: what somebody has promised to repair is repaired."""
        self._stream.settle()

    def enabled(self) -> list[Enabled]:
        """The acts that are possible now, always in the same order."""
        counts, bounds = self._example.counts, self._bounds
        found: list[Enabled] = []
        if counts.reshards < bounds.reshards_max:
            found += self._reshards()
        if counts.alters < bounds.alters_max:
            found += [
                _act("add-column", self.add_column, 0.1),
                _act("alter-column", self.alter_column, 0.1),
            ]
        if counts.truncates < bounds.truncates_max:
            found.append(_act("truncate", self.truncate, 0.3))
        if counts.incremental_exports < bounds.incremental_exports_max:
            found.append(_act("incremental-export", self.incremental_export, 0.1))
        found += self._stream.enabled()
        if self._example.incarnation is not None:
            if counts.stops < bounds.stops_max:
                found.append(_act("stop", self.stop, 0.1))
        elif self._example.incarnations:
            found += self._while_down()
        if counts.rollbacks < bounds.rollbacks_max and self._kept is None:
            found.append(_act("keep-checkpoints", self.keep_checkpoints, 0.3))
        return found

    def _reshards(self) -> list[Enabled]:
        operator, shards = self._operator, self._operator.open_shards()
        found = [
            Enabled(Action("split", s["ShardId"], weight=0.1), partial(operator.split, s))
            for s in shards
        ]
        found += [
            Enabled(Action("merge", a["ShardId"], weight=0.1), partial(operator.merge, a, b))
            for a, b in pairwise(shards)
        ]
        for count in (2 * len(shards), (len(shards) + 1) // 2):
            if count != len(shards) and count <= SHARDS_MAX:
                act = partial(operator.update_shard_count, count)
                found.append(Enabled(Action("reshard", str(count), weight=0.05), act))
        if self._example.rolls_shards():
            found += [
                Enabled(Action("roll", str(n), weight=0.1), partial(operator.roll, n))
                for n in (1, 2)
            ]
        return found

    def _while_down(self) -> list[Enabled]:
        """What an operator does to a pipeline that does not run."""
        counts, bounds, operator = self._example.counts, self._bounds, self._operator
        found = []
        if counts.exports < bounds.exports_max:
            found.append(_act("export", operator.second_export, 0.5))
        if counts.outages < bounds.outages_max:
            found.append(_act("outage", operator.outage, 3.0))
        if counts.lost_checkpoints < bounds.lost_checkpoints_max:
            found.append(_act("lose-checkpoints", operator.lose_checkpoints, 0.5))
        if counts.rollbacks < bounds.rollbacks_max and self._kept is not None:
            found.append(_act("roll-back-checkpoints", self.roll_back_checkpoints, 1.0))
        return found

    def stop(self) -> str:
        """A graceful end: the pipeline is told to, and has ten seconds."""
        example, clock = self._example, self._world.clock
        incarnation = example.incarnation
        assert incarnation is not None
        incarnation.stopping = True
        example.counts.stops += 1
        begin_us = clock.now_us()
        while (clock.now_us() - begin_us) / 1e6 < STOP_SECONDS_MAX:
            example.activities.run_ready(clock.now_us())
            if incarnation.main.state == "ended":
                example.note("pipeline", incarnation=incarnation.number, state="stopped")
                example.activities.kill()
                example.incarnation = None
                return "ended"
            held = example.activities.held()
            if held:
                example.release(held[0], "ok")
            else:
                before_us = clock.now_us()
                example.advance()
                if clock.now_us() == before_us:
                    break
        example.kill("before")
        return "killed after 10 s"

    def keep_checkpoints(self) -> str:
        """Remember the pipeline's positions as they are now, as a backup does."""
        folder = Path(mkdtemp(prefix="harness-kept-"))
        shutil.copytree(self._example.state_dir, folder / "state")
        self._kept, self._kept_rows = folder, []
        for name in self._checkpoint_tables():
            rows = self._example.bench.sql(f"SELECT * FROM {name} FORMAT JSONEachRow")
            self._kept_rows.append((name, rows))
        return ""

    def roll_back_checkpoints(self) -> str:
        """Put back the positions that were remembered: what was read since is read again."""
        assert self._kept is not None
        self._example.empty_state_dir()
        shutil.copytree(self._kept / "state", self._example.state_dir, dirs_exist_ok=True)
        kept = dict(self._kept_rows)
        for name in self._checkpoint_tables():
            self._example.bench.sql(f"TRUNCATE TABLE {name} SYNC")
            if kept.get(name):
                body = kept[name].decode()
                self._example.bench.sql(f"INSERT INTO {name} FORMAT JSONEachRow\n{body}")
        self.close()
        self._kept = None
        self._example.counts.rollbacks += 1
        self._example.note("operator", act="roll-back-checkpoints")
        return ""

    def _checkpoint_tables(self) -> list[str]:
        found = self._example.bench.tables.read(_CHECKPOINTS)
        return [".".join(map(quote, orjson.loads(line))) for line in found.splitlines()]

    def add_column(self) -> str:
        """A column that no attribute fills."""
        return self._alter("add-column", "ADD COLUMN IF NOT EXISTS `added_later` Nullable(String)")

    def alter_column(self) -> str:
        """A column is stored in another way; its type stays."""
        # Of the table itself: a view of the scenario's over it has other columns.
        asked = f"DESCRIBE TABLE {self._world.target.table} FORMAT JSONCompactEachRow"
        found = self._example.bench.sql(asked)
        columns = [orjson.loads(line)[:3] for line in found.splitlines()]
        name, kind = next(
            (name, kind)
            for name, kind, computed in reversed(columns)
            if not computed and not kind.startswith("Enum")
        )
        return self._alter("alter-column", f"MODIFY COLUMN {quote(name)} {kind} CODEC(LZ4)")

    def _alter(self, act: str, change: str) -> str:
        self._example.bench.tables.spoil()
        self._example.bench.sql(f"ALTER TABLE {self._world.target.table} {change}")
        self._example.counts.alters += 1
        self._example.note("operator", act=act)
        return ""

    def truncate(self) -> str:
        """All rows of the target are gone."""
        self._example.bench.sql(f"TRUNCATE TABLE {self._world.target.table} SYNC")
        self._example.counts.truncates += 1
        self._example.note("operator", act="truncate")
        return ""

    def incremental_export(self) -> str:
        """An export of changes beside the pipeline's own; nobody is given it."""
        arn = self._world.request_incremental_export()
        self._example.counts.incremental_exports += 1
        self._example.note("operator", act="incremental-export")
        return arn.rpartition("/")[2]


def _act(name: str, perform: Callable[[], str], weight: float) -> Enabled:
    return Enabled(Action(name, weight=weight), perform)
