"""The contract of a pipeline that runs inside the harness's process, and the pipelines by name.

A pipeline gets an `Environment`: the variables of docs/pipeline-contract.md as fields of the same
names in lower case without prefix, plus a clock, a stop signal and a way to start threads. It may
be killed at any moment and started again with the same environment; nothing else is promised.

Config of a pipeline that ships is one JSON object (see `harness.pipelines.reference.config`).
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from harness.clock import Clock, WallClock
from harness.errors import PipelineError
from harness.pipelines.mutants.zoo import PACKAGE, zoo
from harness.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAUSE_SECONDS_MAX = 0.05
IDLE_SECONDS = 0.05

VARIABLES = {
    "aws_endpoint_url": "AWS_ENDPOINT_URL",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_region": "AWS_REGION",
    "table": "HARNESS_TABLE",
    "table_stream_arn": "HARNESS_TABLE_STREAM_ARN",
    "stream": "HARNESS_STREAM",
    "stream_arn": "HARNESS_STREAM_ARN",
    "export": "HARNESS_EXPORT",
    "export_time": "HARNESS_EXPORT_TIME",
    "clickhouse_url": "CLICKHOUSE_URL",
    "target": "HARNESS_TARGET",
    "state_dir": "HARNESS_STATE_DIR",
}
"""Field of `Environment` to the documented variable; what is not needed by a scenario is empty."""


def _start_daemon(run: Callable[[], None], name: str) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()


def _never() -> bool:
    return False


def _made(_service: str, make: Callable[[], Any]) -> Any:
    return make()


@dataclass(slots=True)
class Environment:
    """Everything a pipeline may know about the world.

    Attributes:
        aws_endpoint_url: one endpoint for DynamoDB, Streams, Kinesis and S3.
        export: `s3://bucket/prefix/AWSDynamoDB/<export-id>`; empty without a snapshot.
        export_time: ISO 8601; empty without a snapshot.
        clickhouse_url: `http://user:password@host:port/database`.
        target: name of the table that must equal the source.
        state_dir: a folder that survives restarts.
        clock: the only source of time and chance.
        stopping: true once the pipeline must end (then it has 10 s).
        start_thread: starts `run` beside the caller; the scheduler thereby knows the thread.
        aws_client: gives the botocore client of a service, as a rule by calling `make`; a scheduler
            gives one whose requests it holds.
        http: what sends to ClickHouse in the way of an `urllib3.PoolManager`; None makes one.
    """

    aws_endpoint_url: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = ""
    aws_region: str = "us-east-1"
    table: str = ""
    table_stream_arn: str = ""
    stream: str = ""
    stream_arn: str = ""
    export: str = ""
    export_time: str = ""
    clickhouse_url: str = ""
    target: str = ""
    state_dir: str = ""
    clock: Clock = field(default_factory=WallClock)
    stopping: Callable[[], bool] = _never
    start_thread: Callable[[Callable[[], None], str], None] = _start_daemon
    aws_client: Callable[[str, Callable[[], Any]], Any] = _made
    http: Any = None

    def pause(self, seconds: float) -> bool:
        """Let up to `seconds` of the clock's time pass; returns False once stopping."""
        left = seconds
        while left > 0 and not self.stopping():
            step = min(left, PAUSE_SECONDS_MAX)
            self.clock.sleep(step)
            left -= step
        return not self.stopping()


class Pipeline(Protocol):
    """A program under test."""

    def run(self, env: Environment) -> None:
        """Carry the table until `env.stopping()`, then return within 10 s.

        Raises:
            PipelineError: it cannot go on; the message says why in one line.
        """
        ...


class NoOpPipeline:
    """Does nothing: the simplest pipeline, and one that every check must catch."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(config or {})

    def run(self, env: Environment) -> None:
        """Wait for the end."""
        while env.pause(IDLE_SECONDS):
            pass


def pipelines() -> Registry[Callable[[Mapping[str, Any]], Pipeline]]:
    """The pipelines that ship, by name: each takes its config (the parsed JSON object).

    Implementations are imported when one is made, so that asking for names costs nothing.
    """
    known: Registry[Callable[[Mapping[str, Any]], Pipeline]] = Registry("pipeline")
    for name, (module, attribute) in SHIPPED.items():
        known.add(name, _lazy(module, attribute))
    for mutant in zoo().values():
        known.add(mutant.name, _lazy(f"{PACKAGE}.{mutant.module}", mutant.attribute))
    return known


SHIPPED = {
    "clickpipes": ("harness.pipelines.reference.sync", "ClickPipes"),
    "clickpipes-efo": ("harness.pipelines.reference.sources", "ClickPipesFanOut"),
    "clickpipes-streams": ("harness.pipelines.reference.sources", "ClickPipesStreams"),
    "guide": ("harness.pipelines.guide.guide", "Guide"),
    "no-op": ("harness.pipelines.pipeline", "NoOpPipeline"),
}
"""Name to module and class of all but the mutants, which `mutants.zoo` lists."""


def _lazy(module: str, attribute: str) -> Callable[[Mapping[str, Any]], Pipeline]:
    def make(config: Mapping[str, Any]) -> Pipeline:
        from importlib import import_module

        made: Pipeline = getattr(import_module(module), attribute)(config)
        return made

    return make


def from_environ(variables: Mapping[str, str] | None = None) -> Environment:
    """The environment from the documented variables.

    Raises:
        PipelineError: a variable that every pipeline needs is missing; all such are named.
    """
    source = os.environ if variables is None else variables
    values = {name: source.get(variable, "") for name, variable in VARIABLES.items()}
    values["aws_region"] = values["aws_region"] or source.get("AWS_DEFAULT_REGION", "us-east-1")
    needed = ("aws_endpoint_url", "clickhouse_url", "target")
    missing = [VARIABLES[name] for name in needed if not values[name]]
    if missing:
        raise PipelineError(
            f"environment variables missing: {', '.join(missing)}",
            hint="the harness sets them; by hand, see docs/pipeline-contract.md",
        )
    env = Environment()
    for name, value in values.items():
        setattr(env, name, value)
    return env
