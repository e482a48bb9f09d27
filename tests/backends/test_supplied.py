"""What is supplied to an endpoint that lacks it, held against what our own gives by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.backends.aws_clients import AwsClients
from harness.backends.embedded_aws import EmbeddedAws
from harness.backends.endpoints import AwsAccess
from harness.backends.lacks import Delivered, complaint
from harness.backends.supplied_export import supply_export
from harness.backends.supplied_stream import SuppliedStream
from harness.clock import WallClock
from harness.errors import BackendError
from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.manifest import ExportReader
from harness.pipelines.reference.retry import Retry
from harness.scenario.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = "things"
STREAM = "things-cdc"
QUICK = {"kinesis": {"create_seconds": 0.0}}


@pytest.fixture(scope="module")
def clients() -> Iterator[AwsClients]:
    with EmbeddedAws(settings=QUICK) as aws:
        made = AwsClients(AwsAccess(aws.endpoint, "test", "test", "us-east-1"))
        made["dynamodb"].create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        made["kinesis"].create_stream(StreamName=STREAM, ShardCount=2)
        made["s3"].create_bucket(Bucket="exports")
        yield made


def put(clients: AwsClients, name: str, number: str) -> None:
    item = {"id": {"S": name}, "n": {"N": number}, "b": {"B": b"\x00\xff"}}
    clients["dynamodb"].put_item(TableName=TABLE, Item=item)


def read(clients: AwsClients) -> list[dict[str, Any]]:
    kinesis = clients["kinesis"]
    found = []
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


def test_a_supplied_export_is_read_as_aws_exports_are(clients: AwsClients) -> None:
    for number in range(7):
        put(clients, f"item {number}", "1.50")
    snapshot = Snapshot(s3_prefix="some/prefix", data_files=3)
    clock = WallClock(seed=4)
    arn, time, count = supply_export(clients, clock, snapshot, table=TABLE, bucket="exports")
    url = f"s3://exports/some/prefix/AWSDynamoDB/{arn.rpartition('/')[2]}"
    reader = ExportReader(clients["s3"], url, Retry(Environment(clock=clock), seconds_max=5))
    export = reader.read()
    for file in export.files:
        reader.verify(file)
    assert count == export.item_count == 7
    assert [file.item_count for file in export.files] == [3, 2, 2]
    assert export.identity == arn
    assert time.endswith("Z")


def test_a_supplied_stream_is_what_aws_writes_from_its_start_on(clients: AwsClients) -> None:
    put(clients, "before", "0")
    events: list[tuple[str, dict[str, Any]]] = []
    arn = clients["dynamodb"].describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    stream = SuppliedStream(
        clients,
        WallClock(),
        table=TABLE,
        table_stream_arn=arn,
        stream=STREAM,
        precision="MICROSECOND",
        tell=lambda event, **members: events.append((event, members)),
    )
    stream.start()
    try:
        for name in ("a", "b", "c"):
            for number in ("1", "2", "3"):
                put(clients, name, number)
            clients["dynamodb"].delete_item(TableName=TABLE, Key={"id": {"S": name}})
        WallClock().wait_until(
            lambda: stream.delivered == 12, timeout_seconds=30, what="12 records"
        )
    finally:
        stream.close()
    stream.raise_if_broken()
    records = read(clients)
    delivered = [Delivered(record["PartitionKey"], record["Data"]) for record in records]
    assert complaint(delivered, 12, "MICROSECOND") == ""
    changes = [orjson.loads(record["Data"]) for record in records]
    of_a = [c for c in changes if c["dynamodb"]["Keys"] == {"id": {"S": "a"}}]
    assert [c["eventName"] for c in of_a] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    stamps = [c["dynamodb"]["ApproximateCreationDateTime"] for c in of_a]
    assert stamps == sorted(set(stamps))
    assert len([event for event, _ in events if event == "delivery"]) == 12


def test_a_supplied_stream_that_breaks_says_why(clients: AwsClients) -> None:
    arn = clients["dynamodb"].describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    stream = SuppliedStream(
        clients,
        WallClock(),
        table=TABLE,
        table_stream_arn=arn,
        stream="no-such-stream",
        precision="MICROSECOND",
        tell=lambda _event, **_members: None,
    )
    stream.start()
    put(clients, "z", "1")

    def goes_on() -> bool:
        stream.raise_if_broken()
        return False

    with pytest.raises(
        BackendError, match=r"the supplied stream of no-such-stream broke: .*NotFou"
    ):
        WallClock().wait_until(goes_on, timeout_seconds=30, what="the stream to break")
    stream.close()
