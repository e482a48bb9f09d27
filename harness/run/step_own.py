"""A stepped example whose pipeline is Python code of the scenario's: a class, a function, a Lambda function.

It runs in this process, on threads that the scheduler knows. Its modules are imported anew for each
life, as a process would; its environment variables, its clients and its time are what a program would
have, except that the requests go to a gate in this process and that time is the world's.
"""

from __future__ import annotations

import asyncio
import os
import random  # noqa: TID251 - what own code draws from must repeat
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PipelineError
from harness.pipelines.event_source.life import run_mapping
from harness.pipelines.event_source.settings import settings_from
from harness.pipelines.own_python import is_brought, load_pipeline
from harness.pipelines.pipeline import VARIABLES, Environment, NoOpPipeline, Pipeline
from harness.run.own_code import mapping_config, own_variables, project_root
from harness.run.pipelines import is_own
from harness.run.step_example import Example
from harness.run.step_idle import Idleness, what_can_be_read
from harness.run.step_own_chance import begin_life, chance
from harness.run.step_own_clocks import clocks
from harness.run.step_own_loops import loops
from harness.run.step_own_signals import Signals, signals
from harness.run.step_own_threads import OwnActivities
from harness.run.step_own_time import OwnTime
from harness.run.step_own_waits import waits
from harness.run.step_paces import EAGER, IDLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.faults.gate import Passage
    from harness.run.step_threads import Activity
    from harness.run.step_world import Bench
    from harness.scenario.model import Scenario
    from harness.web.message import Response
    from harness.workload.operations import Operation

POLL_SECONDS, LIST_SECONDS = 0.2, 1.0
"""Fewer polls of a mapping than live: each is a step, and time is for nothing."""
LINES_NOTED = 5


def is_own_python(scenario: Scenario, name: str) -> bool:
    """True when the pipeline called `name` is Python code that the scenario brings."""
    return is_own(scenario, name) and scenario.pipeline.command is None


class OwnExample(Example):
    """An example with own code in this process.

    Args:
        bench: what examples share.
        scenario: names the code; somebody has made sure that it may run.
        operations: the workload, in place of the one that the scenario's seed gives.

    Raises:
        PipelineError: there is no such module.
    """

    def __init__(
        self, bench: Bench, scenario: Scenario, operations: Sequence[Operation] | None = None
    ) -> None:
        self._folder = scenario.folder.resolve()
        self._variables = dict(os.environ)
        self._chance = random.getstate()
        self._policy = asyncio.get_event_loop_policy()
        self._place = Path.cwd()
        self._brought = Brought(self._folder, _reference(scenario))
        self._brought.require()
        self._run_dir = Path(tempfile.mkdtemp(prefix="harness-program-"))
        super().__init__(bench, scenario, NoOpPipeline, operations)
        own = OwnActivities(self.gate.open)
        self.activities = own
        self._own = own
        self._time = OwnTime(own, self.world.clock)
        self._idleness = Idleness(self.world.aws.app, self._what_can_be_read)
        self._reads_table_stream = False
        self.make = lambda: _Life(scenario, self._folder, self._run_dir, self._time)

    def close(self) -> None:
        """End the code and leave nothing of it behind."""
        super().close()
        self._own.close()
        self._time.end()
        asyncio.set_event_loop_policy(self._policy)
        self._brought.take_away()
        random.setstate(self._chance)
        os.chdir(self._place)
        os.environ.clear()
        os.environ.update(self._variables)
        shutil.rmtree(self._run_dir, ignore_errors=True)

    def start(self) -> str:
        """Start the code's next life."""
        self._time.begin(_stand_ins)
        self._brought.forget()
        self._idleness.begin()
        self._time.begin_life(f"{self.scenario.seed} {self.incarnations}")
        begin_life(f"{self.scenario.seed} {self.incarnations}")
        environment = self._environment()
        os.environ.update(
            {variable: str(getattr(environment, name)) for name, variable in VARIABLES.items()}
            | own_variables(self.scenario)
        )
        os.chdir(self._folder)
        return super().start()

    def kill(self, how: str) -> str:
        """As of any pipeline; what its threads write to its folder while they end was never written."""
        with _as_it_is(self.state_dir):
            return super().kill(how)

    def eagerness(self, activity: Activity) -> float:
        """How soon a request should be answered: a poll that will find nothing can wait."""
        assert activity.passage is not None
        return IDLE if self._idleness.is_idle(activity.passage) else EAGER

    def rolls_shards(self) -> bool:
        """Once the code has asked for records of the table's own stream."""
        return self._reads_table_stream

    def _carry_out(self, passage: Passage) -> Response:
        answer = super()._carry_out(passage)
        self._idleness.told(passage, answer)
        self._reads_table_stream |= passage.asked.service == "streams"
        return answer

    def _what_can_be_read(self) -> tuple[Any, ...]:
        return what_can_be_read(self.world, self.counts)

    def last_words(self) -> list[str]:
        """What the code printed last, up to its end."""
        return [f"the code said: {line}" for line in list(self._time.said)[-LINES_NOTED:]]

    def _environment(self) -> Environment:
        server = self._own.serve(self.world.aws.app)
        env = super()._environment()
        return replace(
            env,
            aws_endpoint_url=server.url("aws"),
            clickhouse_url=server.clickhouse_url(env.clickhouse_url),
        )


class _Life:
    """Imports the code and runs it, on the pipeline's own thread."""

    def __init__(self, scenario: Scenario, folder: Path, run_dir: Path, time: OwnTime) -> None:
        self._time = time
        self._pipeline = scenario.pipeline
        self._folder = folder
        self._run_dir = run_dir

    def run(self, env: Environment) -> None:
        """Carry the table until `env.stopping()`."""
        signals = Signals(env.stopping)
        self._time.lead(signals)
        try:
            self._run(env)
        finally:
            signals.leave()

    def _run(self, env: Environment) -> None:
        told = self._pipeline
        if told.lambda_ is not None:
            settings = settings_from(mapping_config(told.lambda_, self._run_dir))
            slower = replace(settings, poll_seconds=POLL_SECONDS, list_seconds=LIST_SECONDS)
            run_mapping(slower, env, self._folder)
            return
        pipeline: Pipeline = load_pipeline(str(told.python), self._folder, told.settings)
        pipeline.run(env)


class Brought:
    """The modules that own code brings along: those of its project, and its own package.

    Args:
        folder: of the scenario, which they are looked up from.
        reference: `module:name` of the code.
    """

    def __init__(self, folder: Path, reference: str) -> None:
        self._folder = folder
        self._root = project_root(folder) or folder
        self._reference = reference
        self._package = reference.partition(":")[0].partition(".")[0]
        self._path = list(sys.path)
        self._known = set(sys.modules)

    def require(self) -> None:
        """Make sure that there is a module, without importing it.

        Raises:
            PipelineError: there is none.
        """
        reference, name = self._reference, self._package
        place = str(self._folder)
        sys.path.insert(0, place)
        try:
            found = find_spec(name)
        except (ImportError, ValueError):
            found = None
        finally:
            sys.path.remove(place)
        if found is None:
            raise PipelineError(
                f"{reference}: there is no module {name} in {place}",
                hint="modules are looked up from the scenario's folder",
            )

    def forget(self) -> None:
        """Let what it brought be imported anew: no life knows what another one did."""
        for name in set(sys.modules) - self._known:
            if is_brought(name, sys.modules[name], package=self._package, root=self._root):
                del sys.modules[name]
        boto3: Any = sys.modules.get("boto3")
        if boto3 is not None:
            boto3.DEFAULT_SESSION = None

    def take_away(self) -> None:
        """Leave the interpreter as it was."""
        self.forget()
        sys.path[:] = self._path


@contextmanager
def _as_it_is(folder: Path) -> Iterator[None]:
    """Leave a folder as it was: a process that is killed runs no `finally`."""
    kept = Path(tempfile.mkdtemp(prefix="kept-", dir=folder.parent))
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    yield
    shutil.rmtree(folder)
    kept.rename(folder)


def _stand_ins() -> Iterator[tuple[Any, str, Any]]:
    for of_a_part in (clocks, waits, loops, signals, chance):
        yield from of_a_part()


def _reference(scenario: Scenario) -> str:
    pipeline = scenario.pipeline
    return pipeline.lambda_.handler if pipeline.lambda_ is not None else str(pipeline.python)
