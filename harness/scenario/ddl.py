"""The target as ClickHouse sees it: its columns, resolved once for everybody, and its DDL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column that shows an attribute.

    Attributes:
        name: the column's name, unquoted.
        type: its ClickHouse type as written.
        attribute_path: what it shows, as `harness.values.paths` reads it (`address.zip`, `*`).
    """

    name: str
    type: str
    attribute_path: str


def columns(scenario: Scenario) -> list[TargetColumn]:
    """The mapped columns in the order of the file, then the marker columns.

    Version and deleted columns are not in it: they show no attribute.
    """
    mapped = []
    for name, column in scenario.target.columns.items():
        if isinstance(column, str):
            mapped.append(TargetColumn(name, column, quote_path(name)))
        else:
            mapped.append(TargetColumn(name, column.type, column.attribute or quote_path(name)))
    taken = {column.name for column in mapped}
    markers = scenario.workload.markers
    for name, kind in ((markers.id, "String"), (markers.counter, "UInt64")):
        if name and name not in taken:
            mapped.append(TargetColumn(name, kind, quote_path(name)))
    return mapped


def key_columns(scenario: Scenario) -> list[str]:
    """The columns that show the primary key, in the key's order; empty names are left out."""
    by_path = {column.attribute_path: column.name for column in reversed(columns(scenario))}
    found = (
        by_path.get(quote_path(part.attribute_name))
        or by_path.get(_always_quoted(part.attribute_name))
        for part in scenario.table.key_schema
    )
    return [name for name in found if name]


def order_by(scenario: Scenario) -> list[str]:
    """The sorting key: `target.order_by`, else the columns of the primary key."""
    return scenario.target.order_by or key_columns(scenario)


def create_table(scenario: Scenario) -> list[str]:
    """The statements that make the target, in order; empty when the pipeline makes it.

    `target.ddl` is used as it stands when it is given.
    """
    target = scenario.target
    if target.created_by == "pipeline":
        return []
    if target.ddl:
        return list(target.ddl)
    lines = [f"{quote(column.name)} {column.type}" for column in columns(scenario)]
    lines.append(f"{quote(target.version)} {target.version_type}")
    deleted = target.deleted.column
    if deleted:
        lines.append(f"{quote(deleted)} UInt8 DEFAULT 0")
    arguments = ", ".join(quote(name) for name in (target.version, deleted) if name)
    statement = [
        f"CREATE TABLE {quote(target.database)}.{quote(target.table)} (",
        ",\n".join(f"    {line}" for line in lines),
        f") ENGINE = {target.engine or f'ReplacingMergeTree({arguments})'}",
    ]
    if target.partition_by:
        statement.append(f"PARTITION BY {target.partition_by}")
    statement.append(f"ORDER BY ({', '.join(quote(name) for name in order_by(scenario))})")
    if target.settings:
        settings = (f"{name} = {_literal(value)}" for name, value in target.settings.items())
        statement.append(f"SETTINGS {', '.join(settings)}")
    return [
        f"CREATE DATABASE IF NOT EXISTS {quote(target.database)}",
        "\n".join(statement),
    ]


def quote(name: str) -> str:
    """An identifier as ClickHouse reads it back, whatever characters it holds."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def quote_path(name: str) -> str:
    """The path of a top-level attribute; quoted when its name would be read as more than a name."""
    return _always_quoted(name) if name == "*" or any(c in name for c in '.["\\') else name


def _always_quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(int(value))
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
