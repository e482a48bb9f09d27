"""What of a scenario neither AWS's nor ClickHouse's provider can express: said, never left out.

Settings are ClickPipes' own, with its ranges. Source: ClickHouse docs, ClickPipes API reference,
"Update ClickPipe settings".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.errors import UsageError
from harness.scenario.ddl import columns
from harness.values.paths import look_up, parse_path
from harness.workload.items import Template

if TYPE_CHECKING:
    from harness.scenario.model import Scenario
    from harness.workload.values import Attribute

PIPELINES = {"clickpipes": False, "clickpipes-efo": True}
"""Those with a counterpart in ClickHouse Cloud, and whether it reads by enhanced fan-out."""

RANGES = {
    "streaming_max_insert_wait_ms": (500, 60_000),
    "object_storage_concurrency": (1, 35),
    "object_storage_polling_interval_ms": (100, 3_600_000),
    "object_storage_max_insert_bytes": (10_485_760, 53_687_091_200),
    "object_storage_max_file_count": (1, 10_000),
    "object_storage_use_cluster_function": (0, 1),
}
OURS = frozenset(
    {
        "streaming_max_insert_rows", "streaming_max_insert_bytes", "poll_interval_ms",
        "read_limit", "workers", "resume_lookback_ms", "tie_window_records",
        "snapshot_margin_seconds", "bulk_page_records", "object_storage_verify_checksums",
        "message_max_bytes", "retry_seconds_max",
    }
)  # fmt: skip
"""Of the reference sync alone: they tune a test and say nothing of a deployment."""


SAMPLES = 8


def fan_out(scenario: Scenario) -> bool:
    """Whether the Kinesis pipe reads by enhanced fan-out.

    Raises:
        UsageError: the scenario's pipeline has no counterpart among ClickPipes.
    """
    pipeline = scenario.pipeline
    if pipeline.is_own_code:
        raise UsageError(
            f"scenario {scenario.name} proves a pipeline of its own, not ClickPipes",
            hint="Terraform is written for --pipeline clickpipes and clickpipes-efo",
        )
    if pipeline.name == "clickpipes-streams":
        raise UsageError(
            "source.dynamodb_streams: ClickPipes has no DynamoDB Streams source",
            hint="prove the scenario with clickpipes or clickpipes-efo",
        )
    if pipeline.name not in PIPELINES:
        raise UsageError(
            f"pipeline {pipeline.name} is not what ClickPipes does",
            hint=f"prove the scenario with {' or '.join(PIPELINES)}",
        )
    return PIPELINES[pipeline.name]


def pipe_settings(scenario: Scenario) -> dict[str, int]:
    """The scenario's settings that ClickPipes knows.

    Raises:
        UsageError: a value that ClickPipes does not take, or a setting that nobody knows.
    """
    kept: dict[str, int] = {}
    for name, value in scenario.pipeline.settings.items():
        if name in OURS:
            continue
        if name not in RANGES:
            raise UsageError(f"pipeline.settings.{name}: ClickPipes knows no such setting")
        least, most = RANGES[name]
        if not isinstance(value, int) or not least <= value <= most:
            raise UsageError(
                f"pipeline.settings.{name} = {value}: ClickPipes takes {least} to {most}",
                hint=f"--set pipeline.settings.{name}={least}",
            )
        kept[name] = value
    return kept


def refuse_the_rest(scenario: Scenario) -> None:
    """Whatever else cannot be carried over.

    Raises:
        UsageError: the first such thing.
    """
    snapshot, target = scenario.snapshot, scenario.target
    if snapshot.export and snapshot.export_format != "DYNAMODB_JSON":
        raise UsageError(
            f"snapshot.export_format {snapshot.export_format}: the S3 pipe reads JSONEachRow, "
            "CSV, Parquet and Avro",
            hint='export_format = "DYNAMODB_JSON"',
        )
    if target.created_by == "pipeline":
        raise UsageError(
            'target.created_by = "pipeline": a managed table has no slot for a deleted column',
            hint='created_by = "scenario", so that the table is in clickhouse.sql',
        )
    if not target.deleted.column:
        raise UsageError(
            "target.deleted without a column: the views write a deleted mark",
            hint='deleted = { column = "is_deleted" }',
        )
    if target.view:
        raise UsageError("target.view: the views fill a table with the target's own columns")
    samples = _samples(scenario)
    for column in columns(scenario):
        path = parse_path(column.attribute_path)
        if any(_nests_binary(look_up(item, path)) for item in samples):
            raise UsageError(
                f"target.columns.{column.name} shows binary inside a map, list or set, which a "
                "record encodes twice and a view cannot decode",
                hint="prove the scenario without that column",
            )


def _samples(scenario: Scenario) -> list[dict[str, Attribute]]:
    keys = [part.attribute_name for part in scenario.table.key_schema]
    template = Template(scenario.item, keys, VirtualClock(seed=scenario.seed))
    drawn = template.sources.items()
    return [{name: source.present(n) for name, source in drawn} for n in range(SAMPLES)]


def _nests_binary(value: Attribute | None, *, is_inside: bool = False) -> bool:
    if value is None:
        return False
    ((tag, held),) = value.items()
    match tag:
        case "BS":
            return True
        case "B":
            return is_inside
        case "M":
            return any(_nests_binary(member, is_inside=True) for member in held.values())
        case "L":
            return any(_nests_binary(member, is_inside=True) for member in held)
        case _:
            return False
