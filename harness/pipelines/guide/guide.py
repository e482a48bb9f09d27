"""`guide`: ClickHouse's guide "CDC from DynamoDB to ClickHouse", done as it stands.

Step 3 of the guide creates `snapshot`, then the materialized view to `destination`, then
`destination`. In that order the view fails (UNKNOWN_TABLE, code 60): the engineer who meets this
creates the destination and repeats the view, and so does this pipeline. Everything else runs as
printed, so that a run shows what the recipe does by itself:

- snapshot rows get no version, hence 0;
- the stream's `ApproximateCreationDateTime` goes to `version` as the raw number;
- every record is one row of the flattened fields of NewImage; of a REMOVE, which has none, that
  is a row of defaults with an empty key, and the deleted item stays. With `"key_from": "Keys"` in
  the settings the key is mapped from Keys, and a deleted item keeps its key and loses the rest;
- the sorting key is the partition key alone;
- no types are checked: ClickHouse reads what it is given, and JSONEachRow wraps and defaults.

The guide names a table of three attributes; for any other table the same statements are written
with that table's columns (`JSONExtractString` for String, `JSONExtractInt` for integers,
`JSONExtractFloat` for floats, `JSONExtract(…, 'T')` for the rest, all of the first attribute type
that such a column is made for).
Names stay the guide's, but for the destination, which is the environment's target.

`"repairs": [...]` in the settings changes single statements (`statements.REPAIRS`); without it the
recipe is the guide's.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import PipelineError, UsageError, nearest
from harness.pipelines.guide.statements import (
    EVENT_COLUMN,
    REPAIRS,
    GuideColumn,
    Statements,
    guide_columns,
)
from harness.pipelines.reference.aws import Aws
from harness.pipelines.reference.clickhouse import ClickHouse, ClickHouseError, quote
from harness.pipelines.reference.kinesis import KinesisSource
from harness.pipelines.reference.retry import Retry, Stopped
from harness.pipelines.reference.shards import Enumerator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.shards import Page, Reader

UNKNOWN_TABLE = 60
KEY_SOURCES = ("NewImage", "Keys")
RETRY_SECONDS_MAX = 900
POLL_MS_MIN = 100
SNAPSHOT_MARGIN_SECONDS = 300
READ_LIMIT = 10_000


class Guide:
    """The recipe.

    Args:
        config: the same object as the reference's; of `settings` it knows
            `streaming_max_insert_wait_ms`, `poll_interval_ms`, `key_from` and `repairs`.

    Raises:
        UsageError: columns or key are missing.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.columns, self.key_attributes = guide_columns(config)
        destination = config["destination"]
        self.database = destination.get("database") or "default"
        self.version_column = config.get("version_column") or "version"
        settings = config.get("settings") or {}
        self.poll_seconds = max(settings.get("poll_interval_ms", 200), POLL_MS_MIN) / 1000
        self.key_from = settings.get("key_from", KEY_SOURCES[0])
        if self.key_from not in KEY_SOURCES:
            raise UsageError(f"settings.key_from must be NewImage or Keys, not {self.key_from!r}")
        self.repairs = frozenset(settings.get("repairs", ()))
        if unknown := sorted(self.repairs - REPAIRS.keys()):
            raise UsageError(
                f"settings.repairs: {unknown[0]!r} is none", hint=nearest(unknown[0], REPAIRS)
            )
        if "deletes" in self.repairs:
            self.key_from = "Keys"
        self.deleted_column = config.get("deleted_column") or "is_deleted"
        kinesis = (config.get("source") or {}).get("kinesis") or {}
        self.stream_name = kinesis.get("stream_name") or ""
        shown = {column.attribute: column.name for column in reversed(self.columns)}
        self.key_columns = [shown[name] for name in self.key_attributes if name in shown]

    def run(self, env: Environment) -> None:
        """Steps 3 to 5 of the guide; 1 and 2 are the harness's.

        Raises:
            PipelineError: a statement failed for another reason than the known one.
        """
        retry = Retry(env, seconds_max=RETRY_SECONDS_MAX)
        clickhouse = ClickHouse(env.clickhouse_url, retry, env.http)
        try:
            statements = self.statements(env)
            self.create(clickhouse, statements)
            if env.export:
                clickhouse.run(statements.load_snapshot(env))
            self.follow(env, retry, clickhouse)
        except Stopped:
            return
        except ClickHouseError as error:
            raise PipelineError(f"guide: {error}") from error
        finally:
            clickhouse.close()

    def statements(self, env: Environment) -> Statements:
        """The guide's SQL for this table."""
        version = 0
        if "snapshot-version" in self.repairs and env.export_time:
            exported = datetime.fromisoformat(env.export_time).timestamp()
            version = round((exported - SNAPSHOT_MARGIN_SECONDS) * 1e6)
        return Statements(
            self.database, env.target, self.columns, self.key_columns, self.version_column,
            deleted_column=self.deleted_column, repairs=self.repairs, snapshot_version=version,
        )  # fmt: skip

    def create(self, clickhouse: ClickHouse, statements: Statements) -> None:
        """Step 3, in the guide's order, with the detour that its order needs."""
        clickhouse.run(statements.snapshot_table())
        try:
            clickhouse.run(statements.snapshot_view())
        except ClickHouseError as error:
            if error.code != UNKNOWN_TABLE:
                raise
        clickhouse.run(statements.destination_table())
        clickhouse.run(statements.snapshot_view())

    def follow(self, env: Environment, retry: Retry, clickhouse: ClickHouse) -> None:
        """Step 5: the Kinesis pipe, from the beginning of the stream, positions in memory."""
        name = self.stream_name or env.stream or env.stream_arn
        source = KinesisSource(
            Aws(env).client("kinesis"), name, retry, env.clock,
            read_limit=READ_LIMIT, report_loss=lambda _: None,
        )  # fmt: skip
        shards = Enumerator(first_start="TRIM_HORIZON", checkpoints={}, report_loss=lambda _: None)
        readers: dict[str, Reader] = {}
        columns = [*(c.name for c in self.columns), *([EVENT_COLUMN] * ("deletes" in self.repairs))]
        names = ", ".join(quote(name) for name in columns)
        head = (
            f"INSERT INTO {quote(self.database)}.{quote(env.target)} "
            f"({names}, {quote(self.version_column)}) FORMAT JSONEachRow"
        )
        shards.update(source.shards())
        while not env.stopping():
            for shard, start in shards.take_ready():
                readers[shard.shard_id] = source.reader(shard.shard_id, start)
            for shard_id, reader in list(readers.items()):
                page = reader.read()
                self.insert(clickhouse, head, page)
                if page.ended:
                    del readers[shard_id]
                    shards.end(shard_id)
                    shards.update(source.shards())
            env.pause(self.poll_seconds)

    def insert(self, clickhouse: ClickHouse, head: str, page: Page) -> None:
        """One page as rows; a row that ClickHouse cannot read is left out, as the pipe does."""
        rows = [orjson.dumps(self.row(data)) for data in (record[2] for record in page.records)]
        if not rows:
            return
        try:
            clickhouse.insert(head, b"\n".join(rows), {"async_insert": 0})
        except ClickHouseError as error:
            if not error.blames_data:
                raise
            for row in rows:
                try:
                    clickhouse.insert(head, row, {"async_insert": 0})
                except ClickHouseError as refusal:
                    if not refusal.blames_data:
                        raise

    def row(self, data: bytes) -> dict[str, Any]:
        """The mapped fields of one flattened record."""
        record = orjson.loads(data)
        body = record["dynamodb"]
        image = body.get("NewImage") or {}
        row = {self.version_column: body["ApproximateCreationDateTime"]}
        if "deletes" in self.repairs:
            row[EVENT_COLUMN] = record["eventName"]
        for column in self.columns:
            is_key = column.attribute in self.key_attributes
            source = body["Keys"] if is_key and self.key_from == "Keys" else image
            value = self.field(column, source)
            if value is not None:
                row[column.name] = value
        return row

    def field(self, column: GuideColumn, image: Mapping[str, Any]) -> Any:
        """What the flattened record holds under the mapped path, whatever its type."""
        return (image.get(column.attribute) or {}).get(column.tag)
