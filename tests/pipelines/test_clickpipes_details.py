"""What ClickPipes documents beside rows: virtual columns, refusals, exports in a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import WallClock
from harness.errors import UsageError
from harness.pipelines.reference.clickhouse import ClickHouse
from harness.pipelines.reference.clusters import cluster_of, s3_function
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.retry import Retry
from tests.pipelines.conftest import BUCKET, Servers, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

VIRTUAL = {
    "id": "String",
    "part": "String",
    "at": "DateTime64(3, 'UTC')",
    "stream": "LowCardinality(String)",
    "place": "String",
    "raw": "String",
}
PATHS = {
    "part": "_key",
    "at": "_timestamp",
    "stream": "_stream",
    "place": "_sequence_number",
    "raw": "_raw_message",
}


@pytest.fixture
def world(servers: Servers) -> Iterator[Servers]:
    """An AWS of its own, whose clock may be moved; the pipe's moves with it."""
    with EmbeddedAws() as aws:
        made = Servers(aws, servers.clickhouse, WallClock())
        yield made
        made.close()


@pytest.mark.parametrize("fan_out", [False, True], ids=["polling", "fan-out"])
def test_virtual_columns_show_where_a_row_came_from(servers: Servers, *, fan_out: bool) -> None:
    table = Table(servers, VIRTUAL, {"id": "S"}, paths=PATHS)
    table.enable_stream()
    table.put({"id": {"S": "exported"}})
    export = table.export()
    table.put({"id": {"S": "a"}})
    table.delete({"id": {"S": "a"}})
    table.put({"id": {"S": "b"}})
    with table.running(export=export, use_enhanced_fan_out=fan_out):
        servers.clock.wait_until(
            lambda: [r[0] for r in table.rows("id")] == ["b", "exported"],
            timeout_seconds=20,
            what="the rows",
        )
        servers.clock.wait_until(
            lambda: {r[0] for r in stored(servers, table)} == {"a", "b", "exported"},
            timeout_seconds=20,
            what="the records",
        )
    records = {r["SequenceNumber"]: r for r in in_stream(servers, f"{table.name}-cdc")}
    assert len(records) == 4
    for name, part, at_ms, stream, place, raw in stored(servers, table):
        record = records.pop(place)
        assert part == record["PartitionKey"]
        assert at_ms == round(record["ApproximateArrivalTimestamp"].timestamp() * 1000)
        assert stream == f"{table.name}-cdc"
        assert raw.encode() == record["Data"]
        assert orjson.loads(raw)["dynamodb"]["Keys"] == {"id": {"S": name}}


def stored(servers: Servers, table: Table) -> list[tuple[Any, ...]]:
    """Rows that the stream brought; those of an export have defaults there."""
    return list(
        servers.sql.query(
            f"SELECT DISTINCT id, part, toUnixTimestamp64Milli(at), stream, place, raw "
            f"FROM {table.name} WHERE place != ''"
        ).result_rows
    )


def in_stream(servers: Servers, stream: str) -> list[dict[str, Any]]:
    found = []
    for shard in servers.kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = servers.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += servers.kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


def test_an_attribute_of_a_virtual_columns_name_is_quoted(servers: Servers) -> None:
    table = Table(servers, {"id": "String", "k": "String"}, {"id": "S"}, paths={"k": '"_key"'})
    table.enable_stream()
    table.put({"id": {"S": "a"}, "_key": {"S": "an attribute"}})
    with table.running():
        table.wait_for_rows([("a", "an attribute")])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"name": "x", "type": "Int64", "attribute": "_key"}, "its type is String, not Int64"),
        (
            {"name": "x", "type": "DateTime64(0)", "attribute": "_timestamp"},
            r"its type is DateTime64\(3\)",
        ),
        ({"name": "x", "type": "String DEFAULT 'a'"}, "cannot read the column type"),
        ({"name": "x", "type": "Strin"}, "Strin"),
    ],
)
def test_columns_that_no_pipe_can_fill_are_refused(column: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_config(config([{"name": "id", "type": "String"}, column]))


def test_a_default_is_refused_as_clickpipes_does() -> None:
    given = config([{"name": "id", "type": "String"}])
    given["destination"]["columns"][0]["default"] = "'a'"
    with pytest.raises(UsageError, match="DEFAULT is not supported, as in ClickPipes"):
        parse_config(given)


def config(columns: list[dict[str, str]], **changes: Any) -> dict[str, Any]:
    key_schema = [{"attribute_name": "id", "key_type": "HASH"}]
    return pipe_config(table="t", columns=columns, key_schema=key_schema, **changes)


@pytest.mark.parametrize(
    ("scaling", "message_bytes", "batch_bytes", "workers"),
    [
        (None, 8_000_000, 32_000_000, 4),
        ({"replica_memory_gb": 0.5}, 8_000_000, 16_000_000, 4),
        ({"replica_memory_gb": 1.0, "replicas": 3}, 16_000_000, 32_000_000, 12),
        ({"replica_memory_gb": 8}, 16_000_000, 256_000_000, 4),
    ],
)
def test_limits_follow_from_the_size_of_a_replica(
    scaling: dict[str, Any] | None, message_bytes: int, batch_bytes: int, workers: int
) -> None:
    found = parse_config(config([{"name": "id", "type": "String"}], scaling=scaling)).settings
    assert found.message_max_bytes == message_bytes
    assert found.streaming_max_insert_bytes == batch_bytes
    assert found.workers == workers


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"replicas": 11}, "scaling.replicas = 11: ClickPipes takes 1 to 10"),
        ({"replica_memory_gb": 0.1}, "scaling.replica_memory_gb = 0.1: ClickPipes takes 0.5 to 8"),
        ({"memory": 1}, "scaling.memory is unknown"),
    ],
)
def test_sizes_that_clickpipes_does_not_have_are_refused(
    scaling: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        parse_config(config([{"name": "id", "type": "String"}], scaling=scaling))


def test_files_are_read_by_the_cluster_where_there_is_one(servers: Servers) -> None:
    env = servers.environment()
    clickhouse = ClickHouse(servers.clickhouse.url, Retry(env, seconds_max=1))
    sizes = clickhouse.rows("SELECT cluster FROM system.clusters GROUP BY 1 HAVING count() > 1")
    assert cluster_of(clickhouse) == (sizes[0][0] if sizes else "")
    clickhouse.close()
    assert s3_function("", ["http://a/b", "k'"]) == "s3('http://a/b', 'k\\'')"
    assert s3_function("default", ["http://a/b"]) == "s3Cluster('default', 'http://a/b')"


def test_who_may_not_see_clusters_loads_by_the_node(servers: Servers) -> None:
    servers.sql.command("CREATE USER IF NOT EXISTS no_clusters IDENTIFIED BY 'secret'")
    servers.sql.command("REVOKE ALL ON *.* FROM no_clusters")
    host = servers.clickhouse.url.rpartition("@")[2]
    url = f"http://no_clusters:secret@{host}"
    clickhouse = ClickHouse(url, Retry(servers.environment(), seconds_max=1))
    assert cluster_of(clickhouse) == ""
    clickhouse.close()


def test_full_and_incremental_exports_in_a_row_follow_the_table(world: Servers) -> None:
    table = Table(world, {"id": "String", "x": "Int32"}, {"id": "S"})
    put(table, "kept", 1)
    put(table, "changed", 1)
    put(table, "deleted", 1)
    # An incremental export's window is at least a quarter of an hour.
    full = table.export()
    begun = world.aws.now_us() / 1e6
    for name, number in (("changed", 2), ("changed", 3), ("new", 1)):
        put(table, name, number)
    table.delete({"id": {"S": "deleted"}})
    advance(world, 1000)
    first = incremental(world, table, begun, begun + 950)
    put(table, "new", 2)
    table.put({"id": {"S": "deleted"}, "x": {"N": "9"}})
    advance(world, 1000)
    second = incremental(world, table, begun + 950, begun + 1950)
    expected = [("changed", 3), ("deleted", 9), ("kept", 1), ("new", 2)]
    for export, rows in (
        (full, [("changed", 1), ("deleted", 1), ("kept", 1)]),
        (first, [("changed", 3), ("kept", 1), ("new", 1)]),
        (second, expected),
        (first, expected),
    ):
        with table_without_stream(table, export):
            table.wait_for_rows(rows)
    assert table.errors() == []


def put(table: Table, name: str, number: int) -> None:
    table.put({"id": {"S": name}, "x": {"N": str(number)}})


def advance(world: Servers, seconds: float) -> None:
    world.aws.advance(seconds)
    world.clock.advance(seconds)


def table_without_stream(table: Table, export: str) -> Any:
    return table.running(export=export, source="none")


def incremental(world: Servers, table: Table, begin: float, end: float) -> str:
    dynamodb = world.dynamodb
    export = dynamodb.export_table_to_point_in_time(
        TableArn=dynamodb.describe_table(TableName=table.name)["Table"]["TableArn"],
        S3Bucket=BUCKET,
        S3Prefix=table.name,
        ExportType="INCREMENTAL_EXPORT",
        IncrementalExportSpecification={
            "ExportFromTime": datetime.fromtimestamp(begin, UTC),
            "ExportToTime": datetime.fromtimestamp(end, UTC),
        },
    )["ExportDescription"]["ExportArn"]

    def is_done() -> bool:
        found = dynamodb.describe_export(ExportArn=export)["ExportDescription"]
        assert found["ExportStatus"] != "FAILED", found
        return bool(found["ExportStatus"] == "COMPLETED")

    world.clock.wait_until(is_done, timeout_seconds=20, what="the incremental export")
    return f"s3://{BUCKET}/{table.name}/AWSDynamoDB/{export.rpartition('/')[2]}"
