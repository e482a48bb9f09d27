"""The ClickHouse side as SQL: target, landing tables and the views that make rows.

The rows are those of the reference sync, written by the same expressions, with two differences
that a view brings: it sees one block at a time, so that a tie of versions is not ordered by the
images (the later insert wins), and the version of snapshot rows comes from a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.config import parse_config
from harness.pipelines.reference.item_sql import ItemSql
from harness.pipelines.reference.records import MILLISECONDS_BELOW, SECONDS_BELOW, STAMP_US_END
from harness.pipelines.reference.stream_sql import flatten_records
from harness.pipelines.reference.versions import VersionLayout
from harness.run.pipelines import config_of
from harness.scenario.ddl import create_table
from harness.terraform.clickpipes import ITEM_COLUMN, RECORD_COLUMN

if TYPE_CHECKING:
    from harness.pipelines.reference.config import PipeConfig
    from harness.scenario.model import Scenario
    from harness.terraform.names import Names

STAMP = "JSONExtractUInt(raw, 'dynamodb', 'ApproximateCreationDateTime')"


def statements(scenario: Scenario, names: Names) -> list[tuple[str, str]]:
    """Comment and statement, in order."""
    config = parse_config(config_of(scenario, {}))
    layout = VersionLayout(config.version_type)
    database = config.database
    refused = _name(database, names.refused)
    found = [("", statement) for statement in create_table(scenario)]
    found.append(
        (
            "What could not be stored, as it came.",
            f"CREATE TABLE {refused} (received DateTime64(3, 'UTC'), origin String, raw String)\n"
            "ENGINE = MergeTree ORDER BY received TTL toDateTime(received) + INTERVAL 7 DAY",
        )
    )
    records = _name(database, names.records)
    found.append(
        (
            "The Kinesis pipe's table: records as they came, stored nowhere.",
            f"CREATE TABLE {records} ({RECORD_COLUMN} String) ENGINE = Null",
        )
    )
    found += _record_views(config, layout, names)
    if scenario.snapshot.export:
        found += _item_views(config, layout, names)
    return found


def _record_views(config: PipeConfig, layout: VersionLayout, names: Names) -> list[tuple[str, str]]:
    """Every record becomes a row of the target or of the refused ones."""
    ticks = layout.ticks_per_us
    raw = f"(SELECT {RECORD_COLUMN} AS raw FROM {_name(config.database, names.records)})"
    stamp_us = (
        f"multiIf({STAMP} >= {MILLISECONDS_BELOW}, {STAMP}, "
        f"{STAMP} >= {SECONDS_BELOW}, {STAMP} * 1000, {STAMP} * 1000000)"
    )
    in_time = f"if({stamp_us} < {STAMP_US_END}, {stamp_us}, 0)"
    relation = f"(SELECT toInt64({in_time} * {ticks}) AS v, raw AS d FROM {raw})"
    flat = flatten_records(config, relation, keeps_record=True)
    storable = f"v > 0 AND {flat.storable}"
    return [
        (
            "A row for each record; the version is the stamp in one unit, whatever the stream's.",
            _view(config, names.records, flat.names, flat.values, flat.lines, storable),
        ),
        (
            "",
            _refusals(config, names, names.records, "'stream'", "d", flat.lines, storable),
        ),
    ]


def _item_views(config: PipeConfig, layout: VersionLayout, names: Names) -> list[tuple[str, str]]:
    """Every item of an export becomes a row below each later change."""
    items = ItemSql(config, may_be_gone=False)
    table = _name(config.database, names.items)
    versions = _name(config.database, names.snapshot_version)
    image = f"JSONExtract(item, {literal(items.image_type)}) AS image"
    maps = items.maps(lambda _, place: f"tupleElement(image, {place})")
    read = f"SELECT *, {image} FROM (SELECT {quote(ITEM_COLUMN)} AS item FROM {table})"
    lines = items.lines(f"SELECT item, 0 AS gone, {maps} FROM ({read})")
    ticks = f"toInt64((SELECT max(stamp_us) FROM {versions}) * {layout.ticks_per_us})"
    kind = config.version_type
    version = (
        ticks if not kind.startswith("DateTime64") else f"reinterpret({ticks}, {literal(kind)})"
    )
    columns = [*(c.name for c in config.columns), config.version_column, config.deleted_column]
    values = [*(cell.value for _, cell in items.cells), version, "0"]
    return [
        (
            "The version of snapshot rows, in epoch microseconds: 0 for the first export. Before a\n"
            "later export is loaded, insert its time less five minutes: the export's cut is fuzzy.",
            f"CREATE TABLE {versions} (stamp_us UInt64) ENGINE = MergeTree ORDER BY stamp_us",
        ),
        (
            "The S3 pipe's table: items as they came, stored nowhere.",
            f"CREATE TABLE {table} ({quote(ITEM_COLUMN)} String) ENGINE = Null",
        ),
        ("", _view(config, names.items, columns, values, lines, items.storable)),
        (
            "",
            _refusals(config, names, names.items, "'snapshot'", "item", lines, items.storable),
        ),
    ]


def _view(
    config: PipeConfig, of: str, columns: list[str], values: list[str], lines: str, where: str
) -> str:
    named = ",\n    ".join(
        f"{value} AS {quote(name)}" for value, name in zip(values, columns, strict=True)
    )
    return (
        f"CREATE MATERIALIZED VIEW {_name(config.database, f'{of}_to_rows')} "
        f"TO {_name(config.database, config.table)} AS\n"
        f"SELECT\n    {named}\nFROM ({lines})\nWHERE {where}"
    )


def _refusals(
    config: PipeConfig, names: Names, of: str, origin: str, raw: str, lines: str, where: str
) -> str:
    return (
        f"CREATE MATERIALIZED VIEW {_name(config.database, f'{of}_refused')} "
        f"TO {_name(config.database, names.refused)} AS\n"
        f"SELECT now64(3, 'UTC') AS received, {origin} AS origin, {raw} AS raw\n"
        f"FROM ({lines})\nWHERE NOT ifNull({where}, 0)"
    )


def _name(database: str, table: str) -> str:
    return f"{quote(database)}.{quote(table)}"
