"""One life of a mapping: the snapshot once, then the shards of its stream until told to stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import PipelineError
from harness.pipelines.event_source.checkpoints import Checkpoints
from harness.pipelines.event_source.discarded import Discarded
from harness.pipelines.event_source.environments import Environments
from harness.pipelines.event_source.function import Function
from harness.pipelines.event_source.mapping import Mapping
from harness.pipelines.event_source.shards import KinesisStream, Stream, TableStream
from harness.pipelines.own_python import load
from harness.pipelines.reference.aws import Aws
from harness.pipelines.reference.retry import Retry, Stopped

if TYPE_CHECKING:
    from harness.pipelines.event_source.settings import Settings
    from harness.pipelines.pipeline import Environment

RETRY_SECONDS_MAX = 86_400.0
"""Lambda keeps trying to read for as long as records are kept."""
CHECKPOINTS = "event_source.json"
LOADED = "snapshot-loaded"


def run_mapping(settings: Settings, env: Environment, folder: Path) -> None:
    """Load the snapshot once, then run the mapping until `env.stopping()`.

    Args:
        settings: of the mapping.
        env: of the pipeline.
        folder: where the handler's module is.

    Raises:
        PipelineError: no such handler, no such stream, or the snapshot was not loaded.
    """
    os.environ.setdefault("AWS_LAMBDA_FUNCTION_NAME", settings.function_name)
    os.environ.setdefault("AWS_DEFAULT_REGION", env.aws_region)
    handler = Environments(settings.handler, folder, env.clock)
    function = Function(handler, settings.function_name, env.aws_region, env.clock)
    state = Path(env.state_dir)
    _load_snapshot(settings, env, folder, state)
    stream = _stream(settings, env)
    discarded_dir = Path(settings.discarded_dir)

    def discarded_of(shard_id: str) -> Discarded:
        return Discarded(
            discarded_dir,
            settings.on_failure,
            source=settings.source,
            stream_arn=stream.arn,
            shard_id=shard_id,
            function_arn=function.arn,
            clock=env.clock,
        )

    checkpoints = Checkpoints(state / CHECKPOINTS)
    try:
        Mapping(settings, stream, function, env, checkpoints, discarded_of).run()
    except Stopped:
        return


def _stream(settings: Settings, env: Environment) -> Stream:
    retry = Retry(env, seconds_max=RETRY_SECONDS_MAX)
    if settings.source == "kinesis":
        client = Aws(env).client("kinesis")
        return KinesisStream(client, env.stream_arn, retry, settings.function_name)
    if not env.table_stream_arn:
        raise PipelineError(
            f"table {env.table} has no stream to read",
            hint='the scenario must say stream_view_type = "NEW_AND_OLD_IMAGES"',
        )
    return TableStream(Aws(env).client("dynamodbstreams"), env.table_stream_arn, retry)


def _load_snapshot(settings: Settings, env: Environment, folder: Path, state: Path) -> None:
    """Call the snapshot function, unless an earlier incarnation saw it end well."""
    if not settings.snapshot or not env.export or (state / LOADED).exists():
        return
    function = Function(
        load(settings.snapshot, folder), settings.function_name, env.aws_region, env.clock
    )
    event = {"table": env.table, "export": env.export, "exportTime": env.export_time}
    if function.invoke(event).failed:
        raise PipelineError(f"{settings.snapshot} failed to load {env.export}")
    (state / LOADED).touch()
