"""ClickHouse's side: `clickhouse_clickpipe` resources with the provider's own field names.

The provider has no slot for a deleted column, and a field mapping computes nothing: a version in
one unit and a deleted mark cannot be had from it. The pipes therefore bring raw records and items
into two tables of engine Null, and materialized views make the rows (see views.py).
Source: ClickHouse/terraform-provider-clickhouse, docs/resources/clickpipe.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.terraform.hcl import Block, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Scenario
    from harness.terraform.names import Names

RECORD_COLUMN = "raw_message"
ITEM_COLUMN = "Item"


def pipe_blocks(
    scenario: Scenario, names: Names, settings: dict[str, int], *, fan_out: bool
) -> Iterator[Block]:
    """The pipes.

    Args:
        scenario: what was proven.
        names: of its resources.
        settings: of ClickPipes.
        fan_out: the Kinesis pipe has a consumer of its own.
    """
    kinesis = {
        "format": "JSONEachRow",
        "stream_name": Raw(f"aws_kinesis_stream.{names.label}.name"),
        "region": Raw("var.aws_region"),
        "iterator_type": "TRIM_HORIZON",
        "use_enhanced_fan_out": fan_out,
        "authentication": "IAM_ROLE",
        "iam_role": Raw("aws_iam_role.clickhouse.arn"),
    }
    streaming = {n: v for n, v in settings.items() if n.startswith(("streaming_", "clickhouse_"))}
    yield _pipe(
        f"{names.label}_stream",
        f"{names.table} stream",
        {"kinesis": kinesis},
        _destination(scenario, names.records, RECORD_COLUMN),
        {"source_field": "_raw_message", "destination_field": RECORD_COLUMN},
        streaming,
        f"aws_dynamodb_kinesis_streaming_destination.{names.label}",
        scenario.pipeline.scaling.model_dump() if scenario.pipeline.scaling else None,
    )
    if not scenario.snapshot.export:
        return
    storage = {
        "type": "s3",
        "format": "JSONEachRow",
        "url": Raw("local.export_url"),
        "compression": "gzip",
        "authentication": "IAM_ROLE",
        "iam_role": Raw("aws_iam_role.clickhouse.arn"),
    }
    loading = {
        n: v for n, v in settings.items() if n.startswith(("object_storage_", "clickhouse_"))
    }
    yield _pipe(
        f"{names.label}_snapshot",
        f"{names.table} snapshot",
        {"object_storage": storage},
        _destination(scenario, names.items, ITEM_COLUMN),
        {"source_field": ITEM_COLUMN, "destination_field": ITEM_COLUMN},
        loading,
        "aws_iam_role_policy.clickhouse",
        # One-time loads are not scaled by replicas.
        None,
    )


def _pipe(
    label: str,
    name: str,
    source: dict[str, Any],
    destination: dict[str, Any],
    mapping: dict[str, str],
    settings: dict[str, int],
    depends_on: str,
    scaling: dict[str, Any] | None,
) -> Block:
    body: dict[str, Any] = {
        "name": name,
        "service_id": Raw("var.clickhouse_service_id"),
        "source": source,
        "destination": destination,
        "field_mappings": [mapping],
    }
    if scaling:
        body["scaling"] = scaling
    if settings:
        body["settings"] = settings
    needed = dict.fromkeys([depends_on, "aws_iam_role_policy.clickhouse"])
    body["depends_on"] = [Raw(name) for name in needed]
    return Block("resource", ("clickhouse_clickpipe", label), body)


def _destination(scenario: Scenario, table: str, column: str) -> dict[str, Any]:
    return {
        "database": scenario.target.database,
        "table": table,
        "managed_table": False,
        "columns": [{"name": column, "type": "String"}],
    }
