"""A live run without its workload: servers, table, stream, target and the reference, for one act.

What a whole run costs is mostly its servers' start; here many acts share them.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from harness.backends.world import Backends, World
from harness.clock import WallClock
from harness.faults.acts import make_act
from harness.history import History, read
from harness.run.gates import endpoint_settings, gates_of
from harness.run.operator_acts import Hands
from harness.run.pipelines import start_pipeline
from harness.run.source import Source
from harness.run.target import Target
from harness.scenario.ddl import create_table
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from harness.run.child import Child

WAIT_SECONDS = 20.0
EXPIRED, NEVER = "1735600000", "9999999999999"


class Stage:
    """Everything that the operator of a live run can lay hands on; a context manager.

    Args:
        folder: where history and logs go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scenario = load_scenario("ttl-storm")
        self.clock = WallClock(seed=self.scenario.seed)
        self._numbers = count()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        keep, scenario, clock = self._stack.enter_context, self.scenario, self.clock
        history = History(self.folder / "history.jsonl", clock)
        self._stack.callback(history.close)
        self.history = history
        gates = gates_of(scenario, Backends(), self.folder)
        self.world = keep(
            World(Backends(), clock, aws_settings=endpoint_settings(scenario), gates=gates)
        )
        self.source = Source(scenario, self.world.aws, clock)
        self._stack.callback(self.source.close)
        self.source.create()
        self.target = Target(scenario, self.world.clickhouse_url)
        self._stack.callback(self.target.close)
        self.target.create(create_table(scenario))
        self.target.keep_log(scenario)
        self.source.start_streaming()
        make_child = partial(
            start_pipeline,
            scenario,
            "clickpipes",
            world=self.world,
            source=self.source,
            export="",
            export_time="",
            run_dir=self.folder,
            history=history,
            numbers=count(1),
        )
        self.hands = Hands(
            scenario,
            self.world,
            self.source,
            self.target,
            clock,
            state_dir=self.folder / "state",
            make_child=make_child,
        )
        self.hands.children.append(make_child())
        self._stack.callback(lambda: [child.kill() for child in self.hands.children])
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def child(self) -> Child:
        """The pipeline."""
        return self.hands.children[0]

    @property
    def dynamodb(self) -> Any:
        """A client."""
        return self.source.dynamodb

    @property
    def kinesis(self) -> Any:
        """A client."""
        return self.source.client("kinesis")

    def do(self, name: str, **settings: Any) -> dict[str, Any]:
        """Carry an act out."""
        return self.hands.do(make_act(name, settings))

    def put(self, *, expires: str = NEVER) -> str:
        """Write an item that was not there; returns its id."""
        name = f"item-{next(self._numbers)}"
        item = {"id": {"S": name}, "expires": {"N": expires}, "device": {"S": "phone"}}
        self.dynamodb.put_item(TableName=self.source.table, Item=item)
        return name

    def states(self) -> list[str]:
        """What became of the pipeline, in order."""
        self.history.flush()
        events = read(self.folder / "history.jsonl")
        return [str(event["state"]) for event in events if event["event"] == "pipeline"]

    def shows(self, name: str) -> None:
        """Wait until the target has an item.

        Raises:
            NotSettled: it does not come.
        """
        self.until(lambda: self.rows(name) > 0, f"a row of {name}")

    def enters_again(self, name: str) -> None:
        """Wait until a row of an item has entered the target twice, merged since or not.

        Raises:
            NotSettled: it does not.
        """

        def has_entered() -> bool:
            applied = self.target.applied_rows(["id"]) or []
            return sum(row.key == (name,) for row in applied) > 1

        self.until(has_entered, f"a second row of {name}")

    def rows(self, name: str) -> int:
        """How many rows of an item are stored."""
        found = self.target.rows(f"SELECT count() FROM {self.target.table} WHERE id = '{name}'")
        return int(found[0][0])

    def errors(self, text: str) -> int:
        """How many records with this text in them the pipeline has set aside."""
        table = f"{self.scenario.target.table}_clickpipes_error"
        sql = f"SELECT count() FROM {table} WHERE position(record_value, '{text}') > 0"
        return int(self.target.rows(sql)[0][0])

    def checkpoints(self) -> int:
        """How many rows the pipeline has in its table of positions."""
        table = f"{self.scenario.target.table}_clickpipes_checkpoint"
        return int(self.target.rows(f"SELECT count() FROM {table}")[0][0])

    def open_shards(self) -> list[str]:
        """Ids of the stream's open shards."""
        found = self.kinesis.list_shards(StreamName=self.source.stream)["Shards"]
        is_open = [s for s in found if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return [str(shard["ShardId"]) for shard in is_open]

    def until(self, condition: Any, what: str) -> None:
        """Wait for a condition.

        Raises:
            NotSettled: it does not come true.
        """
        self.clock.wait_until(condition, timeout_seconds=WAIT_SECONDS, what=what, step_seconds=0.05)
