"""How each act of the operator is carried out in a live run, through the services' public APIs.

Pipelines are started and ended here by one thread that lives as long as the run. Each act answers
what the history keeps of it; its names there are those of stepped runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import NotSettled, ScenarioError
from harness.faults import acts
from harness.pipelines.pipeline import VARIABLES
from harness.run.operator import drop_connections
from harness.run.operator_checkpoints import Checkpoints
from harness.run.operator_stream import StreamOperator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.backends.world import World
    from harness.clock import Clock
    from harness.run.child import Child
    from harness.run.source import Source
    from harness.run.target import Target
    from harness.scenario.model import Scenario

Members = dict[str, Any]

LOOK_SECONDS = 0.1
QUIET_LOOKS = 6
"""So often in a row nothing has moved: longer than a pipeline that ships keeps rows in its hands."""


class Hands:
    """Everything that an operator can lay hands on.

    Args:
        scenario: what runs.
        world: the servers.
        source: the AWS side.
        target: the ClickHouse side.
        clock: bounds every wait.
        state_dir: the pipeline's folder.
        make_child: starts one more instance of the pipeline.

    Attributes:
        children: instances of the pipeline, the first is the one that is killed and started.
    """

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        source: Source,
        target: Target,
        clock: Clock,
        *,
        state_dir: Path,
        make_child: Callable[[], Child],
    ) -> None:
        self._scenario = scenario
        self._world = world
        self._source = source
        self._target = target
        self._clock = clock
        self._make_child = make_child
        self._stream = StreamOperator(source, clock)
        self._checkpoints = Checkpoints(target, state_dir)
        self._seen: object = None
        self._quiet = 0
        self.children: list[Child] = []

    @property
    def _child(self) -> Child:
        return self.children[0]

    def do(self, act: acts.Act) -> Members:
        """Carry an act out.

        Returns:
            The members of its event: `act`, and what it acted on.

        Raises:
            BackendError: a service refuses it.
            ScenarioError: it does not fit what it meets.
        """
        name = "_" + act.name.replace("-", "_")
        told: Members = getattr(self, name)(act)
        return {"act": act.name, **told}

    # The pipeline

    def _kill(self, act: acts.Kill) -> Members:
        self._child.kill()
        if act.start:
            self._child.start()
        return {}

    def _start(self, _: acts.Act) -> Members:
        self._child.start()
        return {}

    def _restart(self, _: acts.Act) -> Members:
        self._child.stop()
        self._child.start()
        return {}

    def _pause(self, _: acts.Act) -> Members:
        self._child.pause()
        return {}

    def _resume(self, _: acts.Act) -> Members:
        self._child.resume()
        return {}

    def _second_instance(self, _: acts.Act) -> Members:
        self.children.append(self._make_child())
        return {}

    def _catch_up(self, act: acts.CatchUp) -> Members:
        def is_quiet() -> bool:
            stats, sample = self._world.stats(), self._target.sample()
            before, self._seen = self._seen, (stats, sample.mark, sample.stored)
            is_still = before == self._seen and not sample.statements
            self._quiet = self._quiet + 1 if is_still and sample.stored > 0 else 0
            return stats.read >= stats.delivered and self._quiet >= QUIET_LOOKS

        self._quiet = 0
        try:
            self._clock.wait_until(
                is_quiet,
                timeout_seconds=act.seconds,
                what="the pipeline",
                step_seconds=LOOK_SECONDS,
            )
        except NotSettled:
            return {"caught_up": False}
        return {"caught_up": True}

    def _lose_checkpoints(self, _: acts.Act) -> Members:
        self._child.kill()
        told = {"tables": self._checkpoints.lose()}
        self._child.start()
        return told

    def _save_checkpoints(self, _: acts.Act) -> Members:
        return {"tables": self._checkpoints.save()}

    def _roll_back_checkpoints(self, _: acts.Act) -> Members:
        self._child.kill()
        told = {"tables": self._checkpoints.restore()}
        self._child.start()
        return told

    # The stream

    def _split(self, act: acts.Split) -> Members:
        return self._stream.split(act.place)

    def _merge(self, act: acts.Merge) -> Members:
        return self._stream.merge(act.place)

    def _update_shard_count(self, act: acts.UpdateShardCount) -> Members:
        return {"act": "reshard", **self._stream.scale(act.count)}

    def _foreign_records(self, act: acts.ForeignRecords) -> Members:
        self._stream.put_foreign(act.count, act.data.encode())
        return {"count": act.count}

    # The table

    def _second_export(self, act: acts.SecondExport) -> Members:
        arn, time = self._source.export()
        items = self._source.wait_for_export(arn)
        location = self._source.export_location(arn)
        self._child.set_variables({VARIABLES["export"]: location, VARIABLES["export_time"]: time})
        if act.restart:
            self._child.stop()
            self._child.start()
        return {"act": "export", "export_arn": arn, "items": items}

    def _incremental_export(self, _: acts.Act) -> Members:
        return {"export_arn": self._stream.export_increment(self._scenario)}

    def _change_type(self, act: acts.ChangeType) -> Members:
        if act.attribute not in self._scenario.item:
            raise ScenarioError(f"act 'change-type': no attribute {act.attribute!r} in [item]")
        key = self._stream.put_with_text(act.attribute, act.text)
        return {"key": key, "attribute": act.attribute}

    def _recreate_table(self, _: acts.Act) -> Members:
        self._source.recreate_table()
        return {}

    def _destination_off(self, _: acts.Act) -> Members:
        self._source.stop_streaming()
        return {}

    def _destination_on(self, _: acts.Act) -> Members:
        self._source.start_streaming()
        return {}

    def _change_precision(self, act: acts.ChangePrecision) -> Members:
        self._stream.change_precision(act.precision)
        return {"precision": act.precision}

    def _enable_time_to_live(self, _: acts.Act) -> Members:
        return {"attribute": self._stream.enable_time_to_live(self._scenario)}

    # The target

    def _truncate_target(self, _: acts.Act) -> Members:
        self._target.run(f"TRUNCATE TABLE {self._target.table} SYNC")
        return {"act": "truncate"}

    def _add_column(self, act: acts.AddColumn) -> Members:
        self._target.run(f"ALTER TABLE {self._target.table} ADD COLUMN `{act.column}` {act.type}")
        return {"column": act.column}

    def _drop_column(self, act: acts.DropColumn) -> Members:
        self._target.run(f"ALTER TABLE {self._target.table} DROP COLUMN `{act.column}`")
        return {"act": "alter-column", "column": act.column}

    # The servers

    def _clock_step(self, act: acts.ClockStep) -> Members:
        self._world.step_aws_clock(act.seconds)
        return {"seconds": act.seconds}

    def _restart_clickhouse(self, _: acts.Act) -> Members:
        self._world.restart_clickhouse()
        return {}

    def _drop_connections(self, _: acts.Act) -> Members:
        return {"connections": drop_connections(self._world.gate_urls()[:1])}
