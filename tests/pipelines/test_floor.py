"""A change that an export already has changes nothing, however late the stream brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import WallClock
from tests.pipelines.conftest import Servers, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = {"id": "String", "x": "Int32"}
WAYS = {
    "records": {"bulk_page_records": 0},
    "pages": {"bulk_page_records": 1},
    "one-thread": {"workers": 0},
}


@pytest.fixture(scope="module")
def world(servers: Servers) -> Iterator[Servers]:
    """An AWS of its own, whose clock may be moved; the pipe's moves with it."""
    with EmbeddedAws() as aws:
        made = Servers(aws, servers.clickhouse, WallClock())
        yield made
        made.close()


def advance(world: Servers, seconds: float) -> None:
    world.aws.advance(seconds)
    world.clock.advance(seconds)


def put(table: Table, name: str, number: int) -> None:
    table.put({"id": {"S": name}, "x": {"N": str(number)}})


def on_the_stream(table: Table) -> list[dict[str, Any]]:
    """Every record of the one shard, as it was put."""
    kinesis, stream = table.servers.kinesis, f"{table.name}-cdc"
    (shard,) = kinesis.list_shards(StreamName=stream)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return list(kinesis.get_records(ShardIterator=iterator)["Records"])


def bring_again(table: Table, record: dict[str, Any]) -> None:
    """The streaming destination may deliver a change more than once, at any later time."""
    table.servers.kinesis.put_record(
        StreamName=f"{table.name}-cdc", Data=record["Data"], PartitionKey=record["PartitionKey"]
    )


def lose_a_delete(table: Table, name: str) -> None:
    """Delete an item while the streaming destination is disabled."""
    dynamodb = table.servers.dynamodb
    arn = table.servers.kinesis.describe_stream_summary(StreamName=f"{table.name}-cdc")
    names = {"TableName": table.name, "StreamArn": arn["StreamDescriptionSummary"]["StreamARN"]}

    def is_now(status: str) -> bool:
        found = dynamodb.describe_kinesis_streaming_destination(TableName=table.name)
        (destination,) = found["KinesisDataStreamDestinations"]
        return bool(destination["DestinationStatus"] == status)

    def wait(status: str) -> None:
        table.servers.clock.wait_until(lambda: is_now(status), timeout_seconds=20, what=status)

    dynamodb.disable_kinesis_streaming_destination(**names)
    wait("DISABLED")
    table.delete({"id": {"S": name}})
    dynamodb.enable_kinesis_streaming_destination(
        **names,
        EnableKinesisStreamingConfiguration={
            "ApproximateCreationDateTimePrecision": table.precision
        },
    )
    wait("ACTIVE")


def wait_for_load(table: Table, exports: int) -> None:
    sql = f"SELECT count() FROM {table.name}_clickpipes_log WHERE message LIKE 'snapshot loaded%'"
    table.servers.clock.wait_until(
        lambda: table.servers.sql.query(sql).result_rows == [(exports,)],
        timeout_seconds=20,
        what="the load",
    )


@pytest.mark.parametrize(
    ("way", "precision"),
    [("records", "MICROSECOND"), ("pages", "MILLISECOND"), ("one-thread", "MICROSECOND")],
)
def test_an_insert_older_than_the_second_export_brings_nothing_back(
    world: Servers, way: str, precision: str
) -> None:
    table = Table(world, COLUMNS, {"id": "S"}, precision=precision)
    table.enable_stream()
    settings = WAYS[way]
    first = table.export()
    with table.running(export=first, settings=settings):
        put(table, "kept", 1)
        table.wait_for_rows([("kept", 1)])
        wait_for_load(table, 1)
    # It is on the stream and unread; its delete is on no stream.
    put(table, "gone", 1)
    lose_a_delete(table, "gone")
    (insert,) = [r for r in on_the_stream(table) if b'"gone"' in r["Data"]]
    advance(world, 600)
    second = table.export()
    with table.running(export=second, settings=settings):
        wait_for_load(table, 2)
        # Whether the first copy came before or after the load, no tombstone of the sweep is left.
        world.sql.command(f"DELETE FROM {table.name} WHERE id = 'gone'")
        bring_again(table, insert)
        put(table, "later", 2)
        table.wait_for_rows([("kept", 1), ("later", 2)])
    # Nor in a later life, which begins before the export was looked at again.
    bring_again(table, insert)
    put(table, "later", 3)
    with table.running(settings=settings):
        table.wait_for_rows([("kept", 1), ("later", 3)])
    assert table.errors() == []


def test_a_change_after_the_exports_margin_counts_though_the_export_lacks_it(
    world: Servers,
) -> None:
    table = Table(world, COLUMNS, {"id": "S"})
    table.enable_stream()
    put(table, "old", 1)
    (old,) = on_the_stream(table)
    advance(world, 400)
    export = table.export()
    put(table, "new", 1)
    bring_again(table, old)
    with table.running(export=export):
        table.wait_for_rows([("new", 1), ("old", 1)])
    versions = table.rows("id, version")
    # The old one is the export's row: five minutes before its time.
    assert versions[1][0] == "old"
    assert versions[1][1] > int(old["ApproximateArrivalTimestamp"].timestamp()) * 1024 * 10**6


def test_what_was_read_before_the_export_was_known_is_swept(world: Servers) -> None:
    table = Table(world, COLUMNS, {"id": "S"})
    table.enable_stream()
    put(table, "gone", 1)
    lose_a_delete(table, "gone")
    with table.running():
        table.wait_for_rows([("gone", 1)])
        advance(world, 600)
    export = table.export()
    put(table, "later", 1)
    with table.running(export=export):
        table.wait_for_rows([("later", 1)])
        wait_for_load(table, 1)
        assert table.rows() == [("later", 1)]


def test_a_resync_with_another_export_forgets_the_floor(world: Servers) -> None:
    table = Table(world, COLUMNS, {"id": "S"})
    table.enable_stream()
    put(table, "a", 1)
    advance(world, 600)
    export = table.export()
    with table.running(export=export):
        table.wait_for_rows([("a", 1)])
        wait_for_load(table, 1)
    for suffix in ("checkpoint", "log"):
        world.sql.command(f"TRUNCATE TABLE {table.name}_clickpipes_{suffix}")
    world.sql.command(f"TRUNCATE TABLE {table.name}")
    with table.running():
        table.wait_for_rows([("a", 1)])
