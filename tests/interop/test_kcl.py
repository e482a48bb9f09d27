"""The Kinesis Client Library for Java, unmodified: reading, resharding, leases and metrics."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.journal import Consumer, Reading, texts_by_key, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.backends.embedded_aws import EmbeddedAws

    Clients = Callable[[str], Any]

pytestmark = pytest.mark.interop("java")

STREAM = "orders"
APPLICATION = "reader"
KEYS = 40
QUARTER = 2**126
ROOTS = ["shardId-000000000000", "shardId-000000000001"]
HALVES = ["shardId-000000000002", "shardId-000000000003"]
MERGED = "shardId-000000000004"
LATE_HALVES = ["shardId-000000000005", "shardId-000000000006"]


class Writer:
    """Puts records 0, 1, 2 … under forty keys, so that each key's records are in order."""

    def __init__(self, kinesis: Any) -> None:
        self.kinesis = kinesis
        self.written = 0
        kinesis.create_stream(StreamName=STREAM, ShardCount=2)

    def put(self, count: int) -> None:
        numbers = range(self.written, self.written + count)
        records = [{"PartitionKey": f"key-{n % KEYS}", "Data": str(n).encode()} for n in numbers]
        assert (
            self.kinesis.put_records(StreamName=STREAM, Records=records)["FailedRecordCount"] == 0
        )
        self.written += count

    def split_the_first(self) -> None:
        self.kinesis.split_shard(
            StreamName=STREAM, ShardToSplit=ROOTS[0], NewStartingHashKey=str(QUARTER)
        )

    def merge_its_halves(self) -> None:
        self.kinesis.merge_shards(
            StreamName=STREAM, ShardToMerge=HALVES[0], AdjacentShardToMerge=HALVES[1]
        )

    def split_the_second(self) -> None:
        self.kinesis.split_shard(
            StreamName=STREAM, ShardToSplit=ROOTS[1], NewStartingHashKey=str(3 * QUARTER)
        )

    def by_key(self) -> dict[str, list[str]]:
        """What a reader must get, key by key."""
        return {
            f"key-{key}": [str(n) for n in range(key, self.written, KEYS)] for key in range(KEYS)
        }


def command(kcl: list[str], aws: EmbeddedAws, worker: str, how: str) -> list[str]:
    return [*kcl, aws.endpoint, STREAM, APPLICATION, worker, how]


def leases(clients: Clients) -> dict[str, dict[str, Any]]:
    """KCL's lease table, shard by shard."""
    items = clients("dynamodb").scan(TableName=APPLICATION)["Items"]
    return {i["leaseKey"]["S"]: i for i in items if i["leaseKey"]["S"].startswith("shardId-")}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["polling", "fanout"])
def test_a_worker_reads_all_once_through_reshards_before_and_while_it_runs(
    how: str, kcl: list[str], aws: EmbeddedAws, clients: Clients, tmp_path: Path
) -> None:
    writer = Writer(clients("kinesis"))
    writer.put(200)
    writer.split_the_first()
    writer.put(200)

    with Consumer(command(kcl, aws, "one", how), tmp_path, "one") as worker:
        wait_until(lambda: len(worker.readings()) >= 400, "the records before", worker)
        writer.put(200)
        writer.merge_its_halves()
        writer.split_the_second()
        writer.put(200)
        wait_until(lambda: len(worker.readings()) >= 800, "the records after", worker)
        closed = {*ROOTS, *HALVES}
        wait_until(lambda: closed <= set(worker.ended()), "the end of the closed shards", worker)
        metrics = clients("cloudwatch").get_paginator("list_metrics")

        def success_of_tasks() -> set[str]:
            pages = metrics.paginate(Namespace=APPLICATION, MetricName="RecordsProcessed")
            found = [d for p in pages for m in p["Metrics"] for d in m["Dimensions"]]
            return {d["Value"] for d in found if d["Name"] == "ShardId"}

        shards = {*closed, MERGED, *LATE_HALVES}
        wait_until(lambda: shards <= success_of_tasks(), "its metrics in CloudWatch", worker)

    readings = worker.readings()
    assert texts_by_key(readings) == writer.by_key()
    assert len(readings) == 800
    assert sorted(worker.ended()) == [*ROOTS, *HALVES]
    kept = leases(clients)
    assert {shard for shard, lease in kept.items() if is_at_end(lease)} == closed
    assert set(kept) == shards
    assert sorted(kept[MERGED]["parentShardId"]["SS"]) == HALVES
    registered = clients("kinesis").list_stream_consumers(StreamARN=stream_arn(clients))
    names = [consumer["ConsumerName"] for consumer in registered["Consumers"]]
    assert names == ([APPLICATION] if how == "fanout" else [])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["polling", "fanout"])
def test_a_worker_takes_over_from_one_that_was_killed(
    how: str, kcl: list[str], aws: EmbeddedAws, clients: Clients, tmp_path: Path
) -> None:
    writer = Writer(clients("kinesis"))
    writer.put(200)
    lost = Consumer(command(kcl, aws, "first", how), tmp_path, "first")
    heir = Consumer(command(kcl, aws, "second", how), tmp_path, "second")
    with ExitStack() as workers:
        workers.enter_context(lost)
        # Of two workers that begin a new application at once, both may try to note its version; the
        # library then gives one of them up for good.
        wait_until(lambda: bool(lost.events("start")), "a start", lost)
        workers.enter_context(heir)
        wait_until(
            lambda: len(lost.readings()) + len(heir.readings()) >= 200, "the first", lost, heir
        )
        writer.put(200)
        writer.split_the_first()
        lost.kill()
        writer.put(200)
        writer.split_the_second()
        writer.put(200)
        texts = set(map(str, range(800)))
        wait_until(
            lambda: texts <= {r.text for r in [*lost.readings(), *heir.readings()]},
            "the rest by the other",
            heir,
        )
        wait_until(
            lambda: {*ROOTS} <= {*lost.ended(), *heir.ended()}, "the end of the closed", heir
        )

    assert heir.readings(), "it took nothing over"
    assert {r.text for r in [*lost.readings(), *heir.readings()]} == texts
    for worker in (lost, heir):
        assert_in_order(worker.readings())
    # At least once: again comes only what the killed one had not checkpointed.
    checkpoints = {shard: int(sequence) for shard, sequence in lost.events("checkpoint")}
    for reading in set(lost.readings()) & set(heir.readings()):
        assert reading.sequence > checkpoints.get(reading.shard, -1)
    owners = {
        lease["leaseOwner"]["S"] for lease in leases(clients).values() if "leaseOwner" in lease
    }
    assert "second" in owners


def assert_in_order(readings: list[Reading]) -> None:
    """No key goes back, and nothing comes twice."""
    for texts in texts_by_key(readings).values():
        numbers = [int(text) for text in texts]
        assert numbers == sorted(set(numbers))


def is_at_end(lease: dict[str, Any]) -> bool:
    return bool(lease["checkpoint"]["S"] == "SHARD_END")


def stream_arn(clients: Clients) -> str:
    described = clients("kinesis").describe_stream_summary(StreamName=STREAM)
    return str(described["StreamDescriptionSummary"]["StreamARN"])
