"""A pipe as JSON: the field names of ClickHouse's Terraform provider, plus what the harness adds.

```
{"name": "orders",
 "source": {"kinesis": {"format": "JSONEachRow", "stream_name": "orders-cdc", "region": "us-east-1",
                        "iterator_type": "TRIM_HORIZON", "timestamp": null,
                        "use_enhanced_fan_out": false},
            "dynamodb_streams": {"iterator_type": "TRIM_HORIZON"},   # instead of kinesis; ours
            "object_storage": {"type": "s3", "format": "JSONEachRow", "url": "s3://…"}},
 "destination": {"database": "default", "table": "orders", "managed_table": false,
                 "columns": [{"name": "id", "type": "String"}],
                 "table_definition": {"engine": {"type": "ReplacingMergeTree",
                                                 "version_column_id": "version"},
                                      "sorting_key": ["id"], "partition_by": null}},
 "field_mappings": [{"source_field": "address.city", "destination_field": "city"}],
 "settings": {"streaming_max_insert_wait_ms": 200},
 "scaling": {"replicas": 1, "replica_cpu_millicores": 125, "replica_memory_gb": 0.5},
 "version_column": "version", "version_type": "UInt64", "deleted_column": "is_deleted",
 "key_schema": [{"attribute_name": "id", "key_type": "HASH"}]}
```

Deviation: ClickPipes has no slot for a deleted column and none for DynamoDB Streams; both are ours.
`source_field` is an attribute path of docs/mapping.md (`address.zip`, `tags[0]`, `"a.b".c`, `*`), or
one of ClickPipes' virtual columns (`VIRTUAL`).
Source: ClickHouse/terraform-provider-clickhouse, docs/resources/clickpipe.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from harness.errors import UsageError, nearest
from harness.pipelines.reference.column_types import ColumnType, parse_type
from harness.pipelines.reference.paths import Path, parse_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MILLISECOND_DIGITS = 3
SMALLEST_GB = 0.5
SIZES = {
    "replicas": (1, 10),
    "replica_cpu_millicores": (125, 2000),
    "replica_memory_gb": (SMALLEST_GB, 8.0),
}
"""The provider's `scaling` block, each with its least and most."""

IteratorType = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
ITERATOR_TYPES = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be tuned; names shared with ClickPipes where it has the setting.

    Attributes:
        streaming_max_insert_wait_ms: a batch is flushed at this age (ClickPipes: 500 to 60,000).
        streaming_max_insert_rows: and at this many rows.
        streaming_max_insert_bytes: and at this many bytes of row text.
        poll_interval_ms: pause of a shard that had nothing new (AWS allows 5 reads a second).
        read_limit: records asked for at once.
        workers: shards read side by side; 0 does everything in one thread, step by step.
        resume_lookback_ms: how much earlier than its checkpoint a shard is read again at a
            restart, so that a tie of versions is judged with all its members in sight.
        tie_window_records: records remembered to judge ties.
        snapshot_margin_seconds: how far before the export's time its rows are versioned.
        bulk_page_records: pages of at least so many records are flattened by ClickHouse itself, as
            bulk.py has it; 0 for none.
        object_storage_concurrency: data files loaded side by side.
        object_storage_use_cluster_function: `s3Cluster` where the server belongs to a cluster.
        object_storage_verify_checksums: compare each data file with the manifest's MD5.
        message_max_bytes: larger records go to the error table.
        retry_seconds_max: how long a source or ClickHouse may fail before the pipe stops.
    """

    streaming_max_insert_wait_ms: int = 5000
    streaming_max_insert_rows: int = 100_000
    streaming_max_insert_bytes: int = 32_000_000
    poll_interval_ms: int = 200
    read_limit: int = 10_000
    workers: int = 4
    resume_lookback_ms: int = 5000
    tie_window_records: int = 100_000
    bulk_page_records: int = 500
    snapshot_margin_seconds: int = 300
    object_storage_concurrency: int = 4
    object_storage_use_cluster_function: bool = True
    object_storage_verify_checksums: bool = True
    message_max_bytes: int = 8_000_000
    retry_seconds_max: int = 900


VIRTUAL = {
    "_key": "partition key of the record in Kinesis",
    "_timestamp": "when the record reached the stream",
    "_stream": "name of the stream",
    "_sequence_number": "of the record",
    "_raw_message": "the record as it came",
}
"""Source fields that name no attribute, as in ClickPipes; an attribute of that name is quoted."""


@dataclass(frozen=True, slots=True)
class Column:
    """A target column and what it shows.

    Attributes:
        path: of an attribute.
        virtual: one of `VIRTUAL` instead; then there is no path.
    """

    name: str
    type: ColumnType
    path: Path
    virtual: str = ""


@dataclass(frozen=True, slots=True)
class PipeConfig:
    """A pipe, checked and resolved.

    Attributes:
        iterator_type: where a new pipe starts.
        timestamp: ISO 8601, with AT_TIMESTAMP only.
        key_columns: the columns that show the primary key, in the key's order.
        managed_table: the pipe creates the target.
    """

    name: str
    database: str
    table: str
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...]
    key_attributes: tuple[str, ...]
    version_column: str
    version_type: str
    deleted_column: str
    source: Literal["kinesis", "dynamodb_streams", "none"]
    stream_name: str
    iterator_type: IteratorType
    timestamp: str
    use_enhanced_fan_out: bool
    export_url: str
    managed_table: bool
    sorting_key: tuple[str, ...]
    partition_by: str
    settings: Settings = field(default_factory=Settings)

    @property
    def without_virtual(self) -> PipeConfig:
        """The same pipe for rows that come from no stream: such columns keep their defaults."""
        if not any(column.virtual for column in self.columns):
            return self
        return replace(self, columns=tuple(c for c in self.columns if not c.virtual))


def pipe_config(
    *,
    table: str,
    columns: Sequence[Mapping[str, str]],
    key_schema: Sequence[Mapping[str, str]],
    database: str = "default",
    name: str = "",
    source: Literal["kinesis", "dynamodb_streams", "none"] = "kinesis",
    stream_name: str = "",
    region: str = "us-east-1",
    iterator_type: IteratorType = "TRIM_HORIZON",
    timestamp: str = "",
    use_enhanced_fan_out: bool = False,
    export_url: str = "",
    version_column: str = "version",
    version_type: str = "UInt64",
    deleted_column: str = "is_deleted",
    managed_table: bool = False,
    settings: Mapping[str, Any] | None = None,
    scaling: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON object of a pipe: what the runner writes to pipe.json from a scenario.

    Args:
        table: the target's name.
        columns: `{"name", "type", "attribute"}` for each resolved target column, markers
            included, version and deleted column not; `attribute` is a path and may be left out
            when it is the column's own name.
        key_schema: AWS's, `{"attribute_name", "key_type"}` in its order.
        source: which stream is followed.
        stream_name: of Kinesis; empty takes the environment's.
        export_url: `s3://bucket/prefix/AWSDynamoDB/<id>`; empty takes the environment's.
        managed_table: the pipe itself creates the target.
        settings: fields of `Settings`.
        scaling: the provider's `replicas`, `replica_cpu_millicores` and `replica_memory_gb`.
    """
    streams: dict[str, Any] = {}
    start = {"iterator_type": iterator_type, "timestamp": timestamp or None}
    if source == "kinesis":
        streams["kinesis"] = {
            "format": "JSONEachRow",
            "stream_name": stream_name,
            "region": region,
            "use_enhanced_fan_out": use_enhanced_fan_out,
            **start,
        }
    elif source == "dynamodb_streams":
        streams["dynamodb_streams"] = start
    streams["object_storage"] = {"type": "s3", "format": "JSONEachRow", "url": export_url}
    return {
        "name": name or table,
        "source": streams,
        "destination": {
            "database": database,
            "table": table,
            "managed_table": managed_table,
            "columns": [{"name": c["name"], "type": c["type"]} for c in columns],
            "table_definition": {
                "engine": {"type": "ReplacingMergeTree", "version_column_id": version_column},
            },
        },
        "field_mappings": [
            {"source_field": c["attribute"], "destination_field": c["name"]}
            for c in columns
            if c.get("attribute")
        ],
        "settings": dict(settings or {}),
        **({"scaling": dict(scaling)} if scaling else {}),
        "version_column": version_column,
        "version_type": version_type,
        "deleted_column": deleted_column,
        "key_schema": [dict(part) for part in key_schema],
    }


def parse_config(config: Mapping[str, Any]) -> PipeConfig:
    """Check and resolve a pipe.

    Raises:
        UsageError: something is missing, unknown or cannot work; the message names the field.
    """
    destination = _part(config, "destination")
    definition = destination.get("table_definition") or {}
    columns = tuple(_columns(config, destination))
    key_attributes = tuple(p["attribute_name"] for p in config.get("key_schema", ()))
    key_columns = tuple(_key_columns(columns, key_attributes))
    source, stream = _source(_part(config, "source"))
    iterator_type = stream.get("iterator_type") or "TRIM_HORIZON"
    if iterator_type not in ITERATOR_TYPES:
        raise UsageError(
            f"iterator_type {iterator_type!r} is unknown",
            hint=nearest(iterator_type, ITERATOR_TYPES),
        )
    if iterator_type == "AT_TIMESTAMP" and not stream.get("timestamp"):
        raise UsageError("iterator_type AT_TIMESTAMP needs timestamp")
    if stream.get("format", "JSONEachRow") != "JSONEachRow":
        raise UsageError(f"source.kinesis.format {stream['format']!r}: DynamoDB sends JSONEachRow")
    engine = definition.get("engine") or {}
    version_column = config.get("version_column") or engine.get("version_column_id") or ""
    if not version_column or not config.get("deleted_column"):
        raise UsageError("version_column and deleted_column are needed for updates and deletes")
    return PipeConfig(
        name=config.get("name") or destination["table"],
        database=destination.get("database") or "default",
        table=destination["table"],
        columns=columns,
        key_columns=key_columns,
        key_attributes=key_attributes,
        version_column=version_column,
        version_type=config.get("version_type") or "UInt64",
        deleted_column=config["deleted_column"],
        source=source,
        stream_name=stream.get("stream_name") or "",
        iterator_type=cast("IteratorType", iterator_type),
        timestamp=stream.get("timestamp") or "",
        use_enhanced_fan_out=bool(stream.get("use_enhanced_fan_out", False)),
        export_url=(config["source"].get("object_storage") or {}).get("url") or "",
        managed_table=bool(destination.get("managed_table", False)),
        sorting_key=tuple(definition.get("sorting_key") or key_columns),
        partition_by=definition.get("partition_by") or "",
        settings=_settings(
            {**scaled(config.get("scaling") or {}), **(config.get("settings") or {})}
        ),
    )


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = config.get(name)
    if not isinstance(part, dict):
        raise UsageError(f"the pipe has no {name!r} object")
    return part


def _columns(config: Mapping[str, Any], destination: Mapping[str, Any]) -> Iterable[Column]:
    given = destination.get("columns") or ()
    if not given:
        raise UsageError("destination.columns is empty: name every target column with its type")
    mapping = {m["destination_field"]: m["source_field"] for m in config.get("field_mappings", ())}
    unknown = set(mapping) - {column["name"] for column in given}
    if unknown:
        raise UsageError(f"field_mappings names columns that do not exist: {sorted(unknown)}")
    for column in given:
        if "default" in column:
            raise UsageError(
                f"column {column['name']!r}: DEFAULT is not supported, as in ClickPipes"
            )
        name = column["name"]
        kind = parse_type(column["type"])
        if mapping.get(name) in VIRTUAL:
            yield _virtual_column(name, kind, mapping[name])
            continue
        path = parse_path(mapping[name]) if name in mapping else (name,)
        yield Column(name, kind, path)


def _virtual_column(name: str, kind: ColumnType, source: str) -> Column:
    wanted = "DateTime64" if source == "_timestamp" else "String"
    is_fine = kind.precision >= MILLISECOND_DIGITS if source == "_timestamp" else True
    if kind.family != wanted or not is_fine:
        shown = "DateTime64(3)" if source == "_timestamp" else wanted
        raise UsageError(f"column {name!r} shows {source}: its type is {shown}, not {kind.text}")
    # No attribute has an empty name: wherever attributes are asked for, it is absent.
    return Column(name, kind, ("",), source)


def _key_columns(columns: Sequence[Column], attributes: Sequence[str]) -> Iterable[str]:
    by_path = {column.path: column.name for column in reversed(columns)}
    if not attributes:
        raise UsageError("key_schema is missing: name the table's key attributes")
    for attribute in attributes:
        if (attribute,) not in by_path:
            raise UsageError(f"no column shows the key attribute {attribute!r}")
        yield by_path[(attribute,)]


def _source(
    source: Mapping[str, Any],
) -> tuple[Literal["kinesis", "dynamodb_streams", "none"], Mapping[str, Any]]:
    unknown = set(source) - {"kinesis", "dynamodb_streams", "object_storage"}
    if unknown:
        raise UsageError(f"source {sorted(unknown)[0]!r} is not supported")
    if source.get("kinesis") is not None and source.get("dynamodb_streams") is not None:
        raise UsageError("a pipe follows kinesis or dynamodb_streams, not both")
    if source.get("kinesis") is not None:
        return "kinesis", source["kinesis"]
    if source.get("dynamodb_streams") is not None:
        return "dynamodb_streams", source["dynamodb_streams"]
    return "none", {}


def scaled(scaling: Mapping[str, Any]) -> dict[str, int]:
    """The settings that follow from a pipe's size; empty where none is given.

    A message may have 8 MB on the smallest replica and 16 MB on others, a batch 32 MB for each GB
    of a replica's memory, and each replica has four workers. Source: ClickHouse docs, ClickPipes
    for Kinesis and its scaling.

    Raises:
        UsageError: a size that ClickPipes does not have.
    """
    if not scaling:
        return {}
    for name, value in scaling.items():
        if name not in SIZES:
            raise UsageError(f"scaling.{name} is unknown", hint=nearest(name, SIZES))
        least, most = SIZES[name]
        if not isinstance(value, int | float) or not least <= value <= most:
            raise UsageError(f"scaling.{name} = {value}: ClickPipes takes {least:g} to {most:g}")
    memory_gb = scaling.get("replica_memory_gb", SMALLEST_GB)
    return {
        "message_max_bytes": (8 if memory_gb <= SMALLEST_GB else 16) * 1_000_000,
        "streaming_max_insert_bytes": round(32_000_000 * memory_gb),
        "workers": 4 * scaling.get("replicas", 1),
    }


def _settings(given: Mapping[str, Any]) -> Settings:
    known = {f.name: f.type for f in fields(Settings)}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"settings.{name} is unknown", hint=nearest(name, known))
        if not isinstance(value, int) or value < 0:
            raise UsageError(f"settings.{name} must be a whole number, not {value!r}")
    return Settings(**given)
