"""The DynamoDB Streams Kinesis Adapter for Java, unmodified, on our DynamoDB Streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.journal import Consumer, texts_by_key, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.backends.embedded_aws import EmbeddedAws

    Clients = Callable[[str], Any]

pytestmark = pytest.mark.interop("java")

TABLE = "orders"
APPLICATION = "reader"
KEYS = 40


class Writer:
    """Writes 0, 1, 2 … into forty items, and remembers what a reader of the stream must see."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb
        self.written = 0
        self.events: dict[str, list[str]] = {}
        created = dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.stream_arn = str(created["TableDescription"]["LatestStreamArn"])

    def put(self, count: int) -> None:
        for number in range(self.written, self.written + count):
            key = f"key-{number % KEYS}"
            item = {"pk": {"S": key}, "n": {"N": str(number)}, "raw": {"B": b"\x00\xff"}}
            self.dynamodb.put_item(TableName=TABLE, Item=item)
            seen = self.events.setdefault(key, [])
            kind = "MODIFY" if seen and seen[-1] != "REMOVE:-" else "INSERT"
            seen.append(f"{kind}:{number}")
        self.written += count

    def delete(self, key: str) -> None:
        self.dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": key}})
        self.events[key].append("REMOVE:-")


@pytest.mark.slow
def test_the_adapter_reads_all_once_through_rollovers_before_and_while_it_runs(
    streams_adapter: list[str], aws: EmbeddedAws, clients: Clients, tmp_path: Path
) -> None:
    writer = Writer(clients("dynamodb"))
    arn = writer.stream_arn
    writer.put(100)
    (second,) = aws.roll_stream(arn)
    writer.put(100)

    command = [*streams_adapter, aws.endpoint, arn, APPLICATION, "one"]
    with Consumer(command, tmp_path, "one") as worker:
        wait_until(lambda: len(worker.readings()) >= 200, "the records before", worker)
        writer.put(100)
        left, right = aws.roll_stream(arn, children=2)
        writer.put(100)
        (last,) = aws.roll_stream(arn, left)
        writer.delete("key-7")
        writer.put(99)
        wait_until(lambda: len(worker.readings()) >= 500, "the records after", worker)
        wait_until(lambda: left in worker.ended(), "the end of the closed shards", worker)

    readings = worker.readings()
    assert texts_by_key(readings) == writer.events
    assert len(readings) == 500
    ended = worker.ended()
    assert len(ended) == 3
    assert ended[1:] == [second, left]
    assert {r.shard for r in readings} == {*ended, right, last}
