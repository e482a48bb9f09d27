from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import boto3
import orjson
import pytest
from botocore.eventstream import EventStreamBuffer

from harness.awscbor import decode_cbor
from harness.awsjson import CBOR
from harness.clock import WallClock
from harness.kinesis.api import Kinesis
from harness.kinesis.consumers import Subscription
from harness.kinesis.settings import Settings
from harness.web.server import ServerThread
from tests.kinesis.app import ARN, MIDDLE, KinesisApp, put, refused

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from harness.clock import VirtualClock

PARENT = "shardId-000000000000"


@pytest.fixture
def consumer(client: KinesisClient) -> str:
    """The ARN of an active consumer of stream `s`, which has one shard."""
    client.create_stream(StreamName="s", ShardCount=1)
    return client.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"][
        "ConsumerARN"
    ]


def subscribe(
    kinesis: Kinesis, consumer: str, kind: str = "TRIM_HORIZON", shard: str = PARENT, **more: Any
) -> Subscription:
    subscription = kinesis.handle(
        "SubscribeToShard",
        {
            "ConsumerARN": consumer,
            "ShardId": shard,
            "StartingPosition": {"Type": kind, **more},
        },
    )
    assert isinstance(subscription, Subscription)
    return subscription


def ready(subscription: Subscription) -> tuple[list[tuple[str, Any]], bool]:
    """The frames that are ready, parsed by botocore, and whether the stream has ended."""
    buffer = EventStreamBuffer()
    piece = subscription.read()
    for _ in range(100):
        if not piece:
            break
        buffer.add_data(piece)
        piece = subscription.read()
    frames = []
    for frame in buffer:
        headers: Any = frame.headers
        name = headers.get(":event-type") or headers[":exception-type"]
        cbor = headers[":content-type"] == CBOR
        frames.append((name, (decode_cbor if cbor else orjson.loads)(frame.payload)))
    return frames, piece is None


def data_of(frames: list[tuple[str, Any]]) -> list[str]:
    return [record["PartitionKey"] for _, event in frames for record in event.get("Records", ())]


def test_the_first_frame_is_the_initial_response(
    client: KinesisClient, kinesis: Kinesis, consumer: str
) -> None:
    put(client, "a", "b")

    frames, ended = ready(subscribe(kinesis, consumer))

    assert frames[0] == ("initial-response", {})
    assert frames[1][0] == "SubscribeToShardEvent"
    assert [record["Data"] for record in frames[1][1]["Records"]] == ["YQ==", "Yg=="]
    assert frames[1][1]["MillisBehindLatest"] == 0
    assert not ended


def test_records_are_pushed_as_they_arrive(
    client: KinesisClient, kinesis: Kinesis, consumer: str
) -> None:
    subscription = subscribe(kinesis, consumer, "LATEST")
    ready(subscription)
    woken: list[str] = []
    subscription.on_ready(lambda: woken.append("woken"))
    woken.clear()

    put(client, "a")

    assert woken == ["woken"]
    assert data_of(ready(subscription)[0]) == ["a"]
    assert ready(subscription) == ([], False)


def test_a_silent_shard_sends_an_empty_event_now_and_then(
    kinesis: Kinesis, consumer: str, clock: VirtualClock
) -> None:
    subscription = subscribe(kinesis, consumer)
    [_, (_, first)] = ready(subscription)[0]

    clock.advance(4.9)
    assert ready(subscription) == ([], False)
    clock.advance(0.1)
    [(_, second)] = ready(subscription)[0]

    assert first["Records"] == second["Records"] == []
    assert int(second["ContinuationSequenceNumber"]) > int(first["ContinuationSequenceNumber"])


def test_a_subscription_goes_on_after_its_continuation(
    client: KinesisClient, kinesis: Kinesis, consumer: str, clock: VirtualClock
) -> None:
    put(client, "a", "b")
    old = subscribe(kinesis, consumer)
    continuation = ready(old)[0][-1][1]["ContinuationSequenceNumber"]
    clock.advance(6)
    put(client, "c")

    again = subscribe(kinesis, consumer, "AFTER_SEQUENCE_NUMBER", SequenceNumber=continuation)

    assert data_of(ready(again)[0]) == ["c"]


def test_a_continuation_without_records_skips_nothing(
    client: KinesisClient, kinesis: Kinesis, consumer: str, clock: VirtualClock
) -> None:
    subscription = subscribe(kinesis, consumer, "LATEST")
    continuation = ready(subscription)[0][-1][1]["ContinuationSequenceNumber"]
    subscription.close()
    put(client, "a")

    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        again = subscribe(kinesis, consumer, kind, SequenceNumber=continuation)
        assert data_of(ready(again)[0]) == ["a"]
        again.close()
        clock.advance(6)


def test_a_subscription_ends_after_five_minutes(
    kinesis: Kinesis, consumer: str, clock: VirtualClock
) -> None:
    subscription = subscribe(kinesis, consumer)

    clock.advance(299.9)
    assert not ready(subscription)[1]
    clock.advance(0.1)
    assert ready(subscription) == ([], True)


def test_a_closed_shard_ends_with_its_children(
    client: KinesisClient, kinesis: Kinesis, consumer: str
) -> None:
    put(client, "a")
    subscription = subscribe(kinesis, consumer)
    ready(subscription)
    woken: list[str] = []
    subscription.on_ready(lambda: woken.append("woken"))
    put(client, "b")
    woken.clear()

    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)
    frames, ended = ready(subscription)

    assert woken
    assert data_of(frames) == ["b"]
    last = frames[-1][1]
    assert [child["ShardId"][-1] for child in last["ChildShards"]] == ["1", "2"]
    assert [child["ParentShards"] for child in last["ChildShards"]] == [[PARENT], [PARENT]]
    assert "ContinuationSequenceNumber" not in last
    assert ended


def test_a_second_subscription_takes_over_after_five_seconds(
    kinesis: Kinesis, consumer: str, clock: VirtualClock, client: KinesisClient
) -> None:
    first = subscribe(kinesis, consumer)
    ready(first)
    ask = {
        "ConsumerARN": consumer,
        "ShardId": PARENT,
        "StartingPosition": {"Type": "LATEST"},
    }

    clock.advance(4.9)
    taken = refused(lambda: client.subscribe_to_shard(**ask))  # type: ignore[arg-type]
    clock.advance(0.1)
    second = subscribe(kinesis, consumer, "LATEST")

    message = (
        "Another active subscription exists for this consumer: 000000000000:s:"
        "shardId-000000000000:c"
    )
    assert taken == ("ResourceInUseException", message)
    frames, ended = ready(first)
    assert frames[-1] == ("ResourceInUseException", {"message": message})
    assert ended
    assert not ready(second)[1]


def test_a_client_that_went_away_leaves_room(
    kinesis: Kinesis, consumer: str, client: KinesisClient
) -> None:
    first = subscribe(kinesis, consumer)
    ready(first)
    first.close()

    second = subscribe(kinesis, consumer)
    put(client, "a")

    assert data_of(ready(second)[0]) == ["a"]
    assert kinesis.stream("s").shards is not None
    second.close()
    assert [shard.watchers for shard in kinesis.stream("s").shards or ()] == [[]]


def test_deregistering_ends_what_the_consumer_reads(
    client: KinesisClient, kinesis: Kinesis, consumer: str
) -> None:
    subscription = subscribe(kinesis, consumer)
    ready(subscription)

    client.deregister_stream_consumer(ConsumerARN=consumer)

    frames, ended = ready(subscription)
    assert frames[-1][0] == "ResourceNotFoundException"
    assert ended


def test_events_follow_the_codec_of_the_request(
    client: KinesisClient, kinesis: Kinesis, consumer: str
) -> None:
    put(client, "a")
    subscription = subscribe(kinesis, consumer)
    subscription.speak(CBOR)

    frames, _ = ready(subscription)

    assert frames[0] == ("initial-response", {})
    # Decoded into JSON form: bytes as base64, tagged milliseconds as seconds.
    assert frames[1][1]["Records"][0]["Data"] == "YQ=="
    assert frames[1][1]["Records"][0]["ApproximateArrivalTimestamp"] == 1735689600.0


def test_consumers_are_registered_described_and_listed(
    client: KinesisClient, kinesis: Kinesis, clock: VirtualClock
) -> None:
    kinesis.settings = Settings(create_seconds=0, consumer_seconds=10)
    client.create_stream(StreamName="s", ShardCount=1)

    made = client.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]
    early = refused(
        lambda: client.subscribe_to_shard(
            ConsumerARN=made["ConsumerARN"], ShardId=PARENT, StartingPosition={"Type": "LATEST"}
        )
    )
    twice = refused(lambda: client.register_stream_consumer(StreamARN=ARN, ConsumerName="c"))
    clock.advance(10)
    described = client.describe_stream_consumer(StreamARN=ARN, ConsumerName="c")
    listed = client.list_stream_consumers(StreamARN=ARN)["Consumers"]

    assert made["ConsumerStatus"] == "CREATING"
    assert made["ConsumerARN"] == f"{ARN}/consumer/c:1735689600"
    assert early[0] == "ResourceInUseException"
    assert early[1].endswith("is not in ACTIVE status.")
    assert twice[0] == "ResourceInUseException"
    assert described["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    assert described["ConsumerDescription"]["StreamARN"] == ARN
    assert [set(entry) for entry in listed] == [
        {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
    ]


def test_a_consumer_registered_anew_is_another(client: KinesisClient, consumer: str) -> None:
    client.deregister_stream_consumer(ConsumerARN=consumer)
    anew = client.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]

    assert anew["ConsumerARN"] != consumer
    code, _ = refused(lambda: client.describe_stream_consumer(ConsumerARN=consumer))
    assert code == "ResourceNotFoundException"


def test_a_stream_with_consumers_is_deleted_by_word_only(
    client: KinesisClient, consumer: str
) -> None:
    code, _ = refused(lambda: client.delete_stream(StreamName="s"))
    assert code == "ResourceInUseException"
    assert consumer

    client.delete_stream(StreamName="s", EnforceConsumerDeletion=True)

    assert client.list_streams()["StreamNames"] == []


def test_twenty_consumers_and_no_more(client: KinesisClient) -> None:
    client.create_stream(StreamName="s", ShardCount=1)
    for number in range(20):
        client.register_stream_consumer(StreamARN=ARN, ConsumerName=f"c{number}")

    code, _ = refused(lambda: client.register_stream_consumer(StreamARN=ARN, ConsumerName="c"))

    assert code == "LimitExceededException"


def test_boto3_reads_a_subscription_through_a_split_over_http() -> None:
    clock = WallClock()
    kinesis = Kinesis(clock, settings=Settings.instant())
    with ServerThread(KinesisApp(kinesis), clock=clock) as server:
        client = boto3.client(
            "kinesis",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_stream(StreamName="s", ShardCount=1)
        consumer = client.register_stream_consumer(StreamARN=ARN, ConsumerName="c")["Consumer"]
        events = client.subscribe_to_shard(
            ConsumerARN=consumer["ConsumerARN"],
            ShardId=PARENT,
            StartingPosition={"Type": "TRIM_HORIZON"},
        )["EventStream"]

        def write() -> None:
            put(client, *(f"{number:03d}" for number in range(50)))
            client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=MIDDLE)

        writer = threading.Thread(target=write)
        writer.start()
        seen: list[str] = []
        children: list[str] = []
        for event in events:
            seen += [record["PartitionKey"] for record in event["SubscribeToShardEvent"]["Records"]]
            children += [
                child["ShardId"] for child in event["SubscribeToShardEvent"].get("ChildShards", ())
            ]
        writer.join()

    assert seen == [f"{number:03d}" for number in range(50)]
    assert children == ["shardId-000000000001", "shardId-000000000002"]


def test_a_batch_wakes_the_subscriptions_of_its_shards(
    client: KinesisClient, kinesis: Kinesis, consumer: str
) -> None:
    subscription = subscribe(kinesis, consumer)
    ready(subscription)
    woken: list[str] = []
    subscription.on_ready(lambda: woken.append("woken"))
    woken.clear()

    client.put_records(
        StreamName="s", Records=[{"Data": b"", "PartitionKey": text} for text in ("a", "b")]
    )

    assert woken == ["woken"]
    assert data_of(ready(subscription)[0]) == ["a", "b"]
