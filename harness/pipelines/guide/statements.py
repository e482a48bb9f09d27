"""The guide's SQL, for the columns of a table.

Source: ClickHouse docs, "CDC from DynamoDB to ClickHouse" (names, engines and functions only).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import PipelineError, UsageError
from harness.pipelines.reference.clickhouse import literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.pipeline import Environment

_WRAPPER = re.compile(r"^(?:Nullable|LowCardinality)\((.*)\)$")
_TAGS = (
    (re.compile(r"^U?Int\d+$|^Float|^Decimal"), "N"),
    (re.compile(r"^Bool$"), "BOOL"),
    (re.compile(r"^Array\((?:Nullable\()?(?:U?Int|Float|Decimal)"), "NS"),
    (re.compile(r"^Array"), "SS"),
    (re.compile(r"^(?:Map|Tuple|JSON)"), "M"),
)

REPAIRS = {
    "deletes": "the key comes from Keys, eventName gets a column, is_deleted is computed from it",
    "sort-key": "ORDER BY the whole primary key",
    "typed-extraction": "the view extracts each attribute as its column's type",
    "snapshot-version": "snapshot rows get the export's time less five minutes",
}
"""The smallest changes, each of which mends one thing; docs/guide-recipe.md shows them at work."""

EVENT_COLUMN = "event_name"


@dataclass(frozen=True, slots=True)
class GuideColumn:
    """A column, the top-level attribute that it shows, and the attribute type that it expects."""

    name: str
    type: str
    attribute: str
    tag: str


def guide_columns(config: Mapping[str, Any]) -> tuple[list[GuideColumn], list[str]]:
    """Columns and key attributes from the pipe's config.

    Raises:
        UsageError: there are none.
    """
    given = (config.get("destination") or {}).get("columns") or []
    keys = [part["attribute_name"] for part in config.get("key_schema", ())]
    if not given or not keys:
        raise UsageError("the guide pipeline needs destination.columns and key_schema")
    paths = {m["destination_field"]: m["source_field"] for m in config.get("field_mappings", ())}
    columns = []
    for column in given:
        attribute = paths.get(column["name"], column["name"])
        if attribute.startswith('"') and attribute.endswith('"'):
            attribute = attribute[1:-1]
        columns.append(GuideColumn(column["name"], column["type"], attribute, _tag(column["type"])))
    if not any(column.attribute == keys[0] for column in columns):
        raise UsageError(f"no column shows the partition key {keys[0]!r}")
    return columns, keys


def _tag(kind: str) -> str:
    return next((tag for pattern, tag in _TAGS if pattern.match(_bare(kind))), "S")


def _bare(kind: str) -> str:
    """A type without Nullable and LowCardinality: the guide's functions know neither."""
    while match := _WRAPPER.match(kind):
        kind = match.group(1)
    return kind


class Statements:
    """Step 3 and 4 of the guide.

    Args:
        target: the guide calls it `destination`.
        key_columns: partition key first; the guide sorts by it alone.
        deleted_column: used by the repair `deletes`.
        repairs: names of `REPAIRS`; none gives the recipe as it stands.
        snapshot_version: used by the repair `snapshot-version`.
    """

    def __init__(
        self,
        database: str,
        target: str,
        columns: list[GuideColumn],
        key_columns: list[str],
        version_column: str,
        *,
        deleted_column: str = "is_deleted",
        repairs: frozenset[str] = frozenset(),
        snapshot_version: int = 0,
    ) -> None:
        self._database = quote(database)
        self._target = f"{self._database}.{quote(target)}"
        self._columns = columns
        self._key_columns = key_columns
        self._version_column = version_column
        self._deleted_column = deleted_column
        self._repairs = repairs
        self._snapshot_version = snapshot_version

    def snapshot_table(self) -> str:
        """Where the S3 pipe loads items as text."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self._database}.`snapshot` (`item` String) "
            "ORDER BY tuple()"
        )

    def snapshot_view(self) -> str:
        """From the text to the destination."""
        fields = ", ".join(f"{self._extract(c)} AS {quote(c.name)}" for c in self._columns)
        if "snapshot-version" in self._repairs:
            fields += f", {self._snapshot_version} AS {quote(self._version_column)}"
        return (
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {self._database}.`snapshot_mv` "
            f"TO {self._target} AS SELECT {fields} FROM {self._database}.`snapshot`"
        )

    def destination_table(self) -> str:
        """The target, unless the scenario has made it."""
        columns = ", ".join(f"{quote(c.name)} {c.type}" for c in self._columns)
        version = quote(self._version_column)
        columns += f", {version} Int64"
        engine = f"ReplacingMergeTree({version})"
        if "deletes" in self._repairs:
            deleted = quote(self._deleted_column)
            columns += f", {quote(EVENT_COLUMN)} String"
            columns += f", {deleted} UInt8 MATERIALIZED {quote(EVENT_COLUMN)} = 'REMOVE'"
            engine = f"ReplacingMergeTree({version}, {deleted})"
        keys = self._key_columns if "sort-key" in self._repairs else self._key_columns[:1]
        return (
            f"CREATE TABLE IF NOT EXISTS {self._target} ({columns}) "
            f"ENGINE = {engine} ORDER BY ({', '.join(quote(key) for key in keys)})"
        )

    def load_snapshot(self, env: Environment) -> str:
        """Step 4, the S3 pipe: `{prefix}/AWSDynamoDB/{export-id}/data/*` as JSONEachRow."""
        if not env.export.startswith("s3://"):
            raise PipelineError(f"HARNESS_EXPORT {env.export!r} is no s3:// address")
        url = f"{env.aws_endpoint_url.rstrip('/')}/{env.export[5:].strip('/')}/data/*"
        arguments = (url, env.aws_access_key_id, env.aws_secret_access_key, "JSONEachRow")
        listed = ", ".join(literal(argument) for argument in arguments)
        # The exported object is under `Item`, the guide's column is `item`: the pipe maps it.
        return (
            f"INSERT INTO {self._database}.`snapshot` (`item`) "
            f"SELECT Item FROM s3({listed}, 'Item String')"
        )

    def _extract(self, column: GuideColumn) -> str:
        path = f"`item`, {literal(column.attribute)}, {literal(column.tag)}"
        if "typed-extraction" in self._repairs:
            return f"JSONExtract({path}, {literal(column.type)})"
        bare = _bare(column.type)
        if column.tag == "S" and bare == "String":
            return f"JSONExtractString({path})"
        if re.match(r"^U?Int(8|16|32|64)$", bare):
            return f"JSONExtractInt({path})"
        if bare.startswith("Float"):
            return f"JSONExtractFloat({path})"
        return f"JSONExtract({path}, {literal(column.type)})"
