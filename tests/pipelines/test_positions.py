"""Where a pipe starts, what it does when its place in the stream is gone, and who may move it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import VirtualClock, WallClock
from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.bookkeeping import Bookkeeping, Checkpoint
from harness.pipelines.reference.clickhouse import ClickHouse
from harness.pipelines.reference.lifecycle import Pipe
from harness.pipelines.reference.retry import Retry
from harness.pipelines.reference.sync import ClickPipes
from tests.pipelines.conftest import Running, Servers, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS = {"id": "String", "x": "Int32"}
HOUR = 3600.0


@pytest.fixture
def world(servers: Servers) -> Iterator[Servers]:
    """An AWS of its own, whose clock may be moved; the pipe's moves with it."""
    with EmbeddedAws() as aws:
        made = Servers(aws, servers.clickhouse, WallClock())
        yield made
        made.close()


def advance(world: Servers, seconds: float) -> None:
    world.aws.advance(seconds)
    world.clock.advance(seconds)


def streaming(servers: Servers, **fields: Any) -> Table:
    table = Table(servers, COLUMNS, {"id": "S"}, **fields)
    table.enable_stream()
    return table


def put(table: Table, name: str, number: int = 1) -> None:
    table.put({"id": {"S": name}, "x": {"N": str(number)}})


def pipe_of(servers: Servers, table: Table) -> Pipe:
    env = Environment(clock=servers.clock)
    clickhouse = ClickHouse(servers.clickhouse.url, Retry(env, seconds_max=1))
    return Pipe(clickhouse, Bookkeeping.beside(clickhouse, table.name, env.clock), env)


def messages(servers: Servers, table: Table) -> list[str]:
    found = servers.sql.query(
        f"SELECT message FROM {table.name}_clickpipes_log ORDER BY event_time"
    )
    return [message for (message,) in found.result_rows]


def wait_for_message(servers: Servers, table: Table, part: str) -> None:
    servers.clock.wait_until(
        lambda: any(part in message for message in messages(servers, table)),
        timeout_seconds=20,
        what=f"the message {part!r}",
    )


@pytest.mark.parametrize("fan_out", [False, True], ids=["polling", "fan-out"])
def test_latest_skips_what_was_there_and_restarts_do_not_skip_more(
    servers: Servers, *, fan_out: bool
) -> None:
    table = streaming(servers)
    put(table, "before")
    changes: dict[str, Any] = {"iterator_type": "LATEST", "use_enhanced_fan_out": fan_out}
    with table.running(**changes):
        wait_for_checkpoints(servers, table, 1)
    put(table, "while it was down")
    with table.running(**changes):
        table.wait_for_rows([("while it was down", 1)])
    assert ("before", 1) not in table.rows()


def test_trim_horizon_reads_everything_that_is_left(servers: Servers) -> None:
    table = streaming(servers)
    put(table, "before")
    with table.running(iterator_type="TRIM_HORIZON"):
        table.wait_for_rows([("before", 1)])


def test_at_timestamp_begins_there_and_children_from_their_beginning(world: Servers) -> None:
    table = streaming(world)
    put(table, "early")
    advance(world, 600)
    moment = world.clock.datetime().isoformat()
    put(table, "later")
    stream = f"{table.name}-cdc"
    (shard,) = world.kinesis.list_shards(StreamName=stream)["Shards"]
    middle = str(int(shard["HashKeyRange"]["EndingHashKey"]) // 2)
    world.kinesis.split_shard(
        StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle
    )
    put(table, "in a child")
    with table.running(iterator_type="AT_TIMESTAMP", timestamp=moment):
        table.wait_for_rows([("in a child", 1), ("later", 1)])


def test_an_iterator_that_expires_is_renewed_without_a_gap(world: Servers) -> None:
    table = streaming(world)
    put(table, "a")
    with table.running():
        table.wait_for_rows([("a", 1)])
        for number in range(3):
            advance(world, 301)
            put(table, f"b{number}")
        table.wait_for_rows([("a", 1), *((f"b{number}", 1) for number in range(3))])
    assert not [m for m in messages(world, table) if "data loss" in m]


def test_what_was_trimmed_while_the_pipe_was_down_is_told_as_loss(world: Servers) -> None:
    table = streaming(world)
    put(table, "a")
    with table.running():
        table.wait_for_rows([("a", 1)])
    put(table, "lost")
    advance(world, 25 * HOUR)
    put(table, "kept")
    with table.running():
        table.wait_for_rows([("a", 1), ("kept", 1)])
        assert pipe_of(world, table).status().state == "Degraded"
    (told,) = [m for m in messages(world, table) if "data loss" in m]
    assert "the checkpoint is 25.0 h old and the stream keeps 24 h" in told


def test_what_was_trimmed_while_the_pipe_was_paused_is_told_as_loss(world: Servers) -> None:
    table = streaming(world)
    pipe = pipe_of(world, table)
    put(table, "a")
    with table.running(settings={"workers": 1}):
        table.wait_for_rows([("a", 1)])
        # The reader asks rarely enough to sleep through a day: its clock jumps.
        advance(world, 25 * HOUR)
        put(table, "kept")
        table.wait_for_rows([("a", 1), ("kept", 1)])
        wait_for_message(world, table, "data loss: shard shardId-000000000000: last read 25.0 h")
        assert pipe.status().state == "Degraded"


def test_a_shard_that_expired_unread_is_told_as_loss(world: Servers) -> None:
    table = streaming(world)
    put(table, "a")
    with table.running():
        table.wait_for_rows([("a", 1)])
    stream = f"{table.name}-cdc"
    (shard,) = world.kinesis.list_shards(StreamName=stream)["Shards"]
    put(table, "lost")
    middle = str(int(shard["HashKeyRange"]["EndingHashKey"]) // 2)
    world.kinesis.split_shard(
        StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle
    )
    advance(world, 25 * HOUR)
    put(table, "kept")
    with table.running():
        table.wait_for_rows([("a", 1), ("kept", 1)])
        wait_for_message(world, table, "has expired with records that were never read")


def test_streams_that_were_trimmed_are_told_as_loss(world: Servers) -> None:
    table = streaming(world)
    put(table, "a")
    with table.running(source="dynamodb_streams"):
        table.wait_for_rows([("a", 1)])
    put(table, "lost")
    advance(world, 25 * HOUR)
    put(table, "kept")
    with table.running(source="dynamodb_streams"):
        table.wait_for_rows([("a", 1), ("kept", 1)])
        wait_for_message(world, table, "data loss")


def test_throttles_are_waited_out_with_jitter_and_nothing_is_lost(world: Servers) -> None:
    table = streaming(world)
    world.aws.change_settings({"kinesis": {"throttled": True}})
    for number in range(50):
        put(table, f"u{number:02d}", number)
    refused: list[str] = []

    def watched(service: str, make: Callable[[], Any]) -> Any:
        client = make()
        if service == "kinesis":
            client.meta.events.register("after-call.kinesis.GetRecords", count)
        return client

    def count(parsed: dict[str, Any], **_: Any) -> None:
        refused.append(parsed.get("Error", {}).get("Code", ""))

    env = world.environment(target=table.name, aws_client=watched)
    # 20 ms between polls is ten times what a shard allows: most of them are refused.
    with Running(ClickPipes(table.config(settings={"read_limit": 5})), env):
        table.wait_for_rows([(f"u{number:02d}", number) for number in range(50)])
    assert refused.count("ProvisionedThroughputExceededException") > 1
    assert set(refused) == {"", "ProvisionedThroughputExceededException"}


def test_pauses_between_tries_are_drawn_below_a_bound_that_doubles() -> None:
    def pauses(seed: int, seconds_max: float) -> list[float]:
        clock = VirtualClock(seed=seed)
        tried: list[float] = []

        def work() -> None:
            tried.append(clock.now())
            raise TimeoutError

        retry = Retry(Environment(clock=clock), seconds_max=seconds_max)
        with pytest.raises(TimeoutError):
            retry.call(work, lambda _: True)
        return [round(late - early, 6) for early, late in itertools.pairwise(tried)]

    drawn = [pauses(seed, 60) for seed in range(5)]
    for found in drawn:
        bounds = [min(0.1 * 2**number, 5.0) for number in range(len(found))]
        assert all(0 <= pause <= bound for pause, bound in zip(found, bounds, strict=True))
        assert sum(found) >= 60
    assert len({tuple(found[:3]) for found in drawn}) == 5
    assert pauses(1, 0) == []


@pytest.mark.parametrize(
    ("version_type", "precision"),
    [
        ("UInt64", "MILLISECOND"), ("UInt64", "MICROSECOND"), ("Int64", "MICROSECOND"),
        ("DateTime64(6, 'UTC')", "MICROSECOND"), ("DateTime64(9, 'UTC')", "MILLISECOND"),
    ],
)  # fmt: skip
def test_the_last_of_twenty_writes_wins_in_every_version_column(
    servers: Servers, version_type: str, precision: str
) -> None:
    table = streaming(servers, precision=precision)
    for number in range(20):
        put(table, "k", number)
    table.delete({"id": {"S": "gone"}})
    put(table, "gone")
    table.delete({"id": {"S": "gone"}})
    with table.running(version_type=version_type):
        table.wait_for_rows([("k", 19)])


def test_a_stream_that_changes_its_precision_stays_in_order(world: Servers) -> None:
    table = streaming(world, precision="MICROSECOND")
    put(table, "k", 1)
    destination = {
        "TableName": table.name,
        "StreamArn": world.kinesis.describe_stream_summary(StreamName=f"{table.name}-cdc")[
            "StreamDescriptionSummary"
        ]["StreamARN"],
    }
    for number, precision in enumerate(("MILLISECOND", "MICROSECOND"), start=2):
        world.dynamodb.update_kinesis_streaming_destination(
            **destination,
            UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": precision},
        )
        world.clock.wait_until(table._is_streaming, timeout_seconds=20, what="the update")
        put(table, "k", number)
    with table.running():
        table.wait_for_rows([("k", 3)])


def test_a_stale_instance_never_moves_a_checkpoint_back(servers: Servers) -> None:
    table = streaming(servers)
    old, new = books(servers, table), books(servers, table)
    old.create()
    old.claim()
    old.save("s", [Checkpoint("shard", position="100")])
    assert not old.is_superseded()
    new.claim()
    assert old.is_superseded()
    assert not new.is_superseded()
    assert new.load("s")["shard"].position == "100"
    new.save("s", [Checkpoint("shard", position="300")])
    old.save("s", [Checkpoint("shard", position="200")])
    assert books(servers, table).load("s")["shard"].position == "300"


def test_the_first_load_is_what_the_claim_has_seen_and_later_ones_ask_again(
    servers: Servers,
) -> None:
    table = streaming(servers)
    old, new = books(servers, table), books(servers, table)
    old.create()
    old.claim()
    old.save("s", [Checkpoint("shard", position="100")])
    new.claim()
    # It does not know yet that it is superseded: whoever owns the pipe reads that part again.
    old.save("s", [Checkpoint("shard", position="200")])
    assert new.load("s")["shard"].position == "100"
    assert new.load("s")["shard"].position == "200"
    assert new.load("another") == {}
    new.save("one more", [Checkpoint("shard", position="7")])
    assert new.load("one more")["shard"].position == "7"


def test_a_shard_without_records_is_registered_once_shards_are_listed_again(
    world: Servers,
) -> None:
    table = streaming(world)
    with table.running():
        wait_for_checkpoints(
            world, table, 1, seconds_max=2_000, meanwhile=lambda: advance(world, 11)
        )


def test_children_are_registered_together_with_the_end_of_their_parent(world: Servers) -> None:
    table = streaming(world)
    put(table, "a")
    stream = f"{table.name}-cdc"
    with table.running():
        table.wait_for_rows([("a", 1)])
        (shard,) = world.kinesis.list_shards(StreamName=stream)["Shards"]
        middle = str(int(shard["HashKeyRange"]["EndingHashKey"]) // 2)
        world.kinesis.split_shard(
            StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle
        )
        wait_for_checkpoints(world, table, 3)
    found = world.sql.query(
        "SELECT unit, status, min(revision) FROM "
        f"{table.name}_clickpipes_checkpoint WHERE unit LIKE 'shardId%' "
        "AND (status = 'ended') = (unit LIKE '%0000') GROUP BY unit, status ORDER BY unit"
    ).result_rows
    assert [(unit[-1], status) for unit, status, _ in found] == [
        ("0", "ended"), ("1", "open"), ("2", "open")
    ]  # fmt: skip
    assert len({revision for *_, revision in found}) == 1


def test_a_stale_instance_cannot_bring_back_what_was_forgotten(servers: Servers) -> None:
    table = streaming(servers)
    old, new = books(servers, table), books(servers, table)
    old.create()
    old.claim()
    old.save("s", [Checkpoint("shard", position="100")])
    new.forget()
    old.save("s", [Checkpoint("shard", position="200")])
    assert new.load("s") == {}
    new.save("s", [Checkpoint("shard", position="1")])
    assert books(servers, table).load("s")["shard"].position == "1"
    assert new.sources() == ["s"]


def test_a_user_without_the_right_to_delete_forgets_as_well(servers: Servers) -> None:
    table = streaming(servers)
    owner, name = books(servers, table), table.name
    owner.create()
    owner.claim()
    owner.save("s", [Checkpoint("shard", position="100")])
    for statement in (
        f"CREATE USER {name}_user IDENTIFIED WITH sha256_password BY 'secret'",
        f"GRANT SELECT, INSERT ON default.{name}_clickpipes_checkpoint TO {name}_user",
    ):
        servers.sql.command(statement)
    host = servers.clickhouse.url.rpartition("@")[2]
    env = Environment(clock=servers.clock)
    clickhouse = ClickHouse(f"http://{name}_user:secret@{host}", Retry(env, seconds_max=1))
    user = Bookkeeping.beside(clickhouse, name, env.clock)
    user.forget()
    assert user.load("s") == {}
    assert owner.load("s") == {}
    clickhouse.close()


def books(servers: Servers, table: Table) -> Bookkeeping:
    env = Environment(clock=servers.clock)
    clickhouse = ClickHouse(servers.clickhouse.url, Retry(env, seconds_max=1))
    return Bookkeeping.beside(clickhouse, table.name, env.clock)


def test_of_two_instances_the_later_goes_on_and_the_earlier_ends(servers: Servers) -> None:
    table = streaming(servers)
    put(table, "a")
    with table.running():
        table.wait_for_rows([("a", 1)])
        with table.running():
            wait_for_message(servers, table, "another instance has taken over: this one ends")
            put(table, "b")
            table.wait_for_rows([("a", 1), ("b", 1)])
            assert pipe_of(servers, table).status().state == "Running"
    counted = servers.sql.query(
        f"SELECT count() FROM {table.name}_clickpipes_log WHERE message LIKE 'another instance%'"
    ).result_rows
    assert counted == [(1,)]


def wait_for_checkpoints(
    servers: Servers,
    table: Table,
    count: int,
    *,
    seconds_max: float = 20,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    name = f"{table.name}_clickpipes_checkpoint"

    def there() -> bool:
        meanwhile()
        if not servers.sql.query(f"EXISTS {name}").result_rows[0][0]:
            return False
        found = servers.sql.query(f"SELECT count() FROM {name} FINAL WHERE unit LIKE 'shardId%'")
        return bool(found.result_rows[0][0] >= count)

    servers.clock.wait_until(there, timeout_seconds=seconds_max, what="the first checkpoints")
