"""The pipeline under test, given its environment and started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.pipelines.pipeline import VARIABLES, pipelines
from harness.pipelines.reference.config import VIRTUAL, pipe_config
from harness.run.child import Child
from harness.run.own_code import (
    own_command,
    own_variables,
    require_permission,
    require_sql_permission,
)
from harness.scenario.ddl import columns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.backends.world import World
    from harness.history import History
    from harness.run.source import Source
    from harness.scenario.model import Scenario

# Far below ClickPipes' five seconds: a test waits for every flush.
FLUSH_MS = 100


def require_pipeline(scenario: Scenario, name: str, *, allow_command: bool = False) -> None:
    """Make sure that there is such a pipeline and that it may run, before anything is started.

    Raises:
        UsageError: no pipeline of that name (the hint lists the nearest), or the scenario brings
            code from elsewhere that nobody allowed.
    """
    require_sql_permission(scenario, allowed=allow_command)
    if is_own(scenario, name):
        require_permission(scenario, allowed=allow_command)
    else:
        try:
            pipelines().get(name)
        except UsageError as error:
            own = (
                "a program of yours has no name here: run a scenario whose [pipeline] command it is"
            )
            raise UsageError(error.message, hint=f"{own}; {error.hint}") from None


def is_own(scenario: Scenario, name: str) -> bool:
    """True when `name` stands for the code that the scenario brings, not for what ships."""
    return scenario.pipeline.is_own_code and name == scenario.pipeline.name


def start_pipeline(
    scenario: Scenario,
    name: str,
    *,
    world: World,
    source: Source,
    export: str,
    export_time: str,
    run_dir: Path,
    history: History,
    numbers: Iterator[int] | None = None,
) -> Child:
    """Start an instance of the pipeline.

    Args:
        name: of a pipeline that ships; ignored when the scenario gives a command.
        export: `s3://…` of the finished export; empty without a snapshot.
        export_time: its ExportTime, ISO 8601.
        numbers: of the incarnations, shared by all instances.

    Raises:
        UsageError: no pipeline of that name.
        PipelineError: it cannot be started.
    """
    state_dir = run_dir / "state"
    state_dir.mkdir(exist_ok=True)
    values = {
        "aws_endpoint_url": world.pipeline_aws.endpoint_url,
        "aws_access_key_id": world.aws.access_key,
        "aws_secret_access_key": world.aws.secret_key,
        "aws_region": world.aws.region,
        "table": source.table,
        "table_stream_arn": source.table_stream_arn,
        "stream": source.stream,
        "stream_arn": source.stream_arn,
        "export": export,
        "export_time": export_time,
        "clickhouse_url": world.pipeline_clickhouse_url,
        "target": scenario.target.table,
        "state_dir": str(state_dir.resolve()),
    }
    environment = {VARIABLES[field]: value for field, value in values.items()}
    own = is_own(scenario, name)
    if own:
        environment |= own_variables(scenario)
    folder = scenario.folder.resolve() if own else None
    child = Child(
        _command(scenario, name, run_dir),
        environment,
        run_dir,
        history,
        folder=folder,
        numbers=numbers,
    )
    child.start()
    return child


def _command(scenario: Scenario, name: str, run_dir: Path) -> list[str]:
    if is_own(scenario, name):
        return own_command(scenario, run_dir)
    config = run_dir / "pipe.json"
    settings = scenario.pipeline.settings if name == scenario.pipeline.name else {}
    config.write_bytes(orjson.dumps(config_of(scenario, settings), option=orjson.OPT_INDENT_2))
    return [sys.executable, "-m", "harness.pipelines.process", name, "--config", str(config)]


def _as_attribute(path: str) -> str:
    """A path that no pipe takes for a virtual column."""
    return f'"{path}"' if path in VIRTUAL else path


def config_of(scenario: Scenario, settings: dict[str, Any]) -> dict[str, Any]:
    """The pipe as the pipelines that ship read it; `settings` go over the harness's own."""
    target = scenario.target
    return pipe_config(
        table=target.table,
        database=target.database,
        columns=[
            {"name": c.name, "type": c.type, "attribute": _as_attribute(c.attribute_path)}
            for c in columns(scenario)
        ],
        key_schema=[k.model_dump() for k in scenario.table.key_schema],
        version_column=target.version,
        version_type=target.version_type,
        deleted_column=target.deleted.column or "is_deleted",
        settings={"streaming_max_insert_wait_ms": FLUSH_MS, "poll_interval_ms": 20, **settings},
        scaling=scenario.pipeline.scaling.model_dump() if scenario.pipeline.scaling else None,
    )
