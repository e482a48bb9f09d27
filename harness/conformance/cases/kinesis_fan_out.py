"""Kinesis: enhanced fan-out, and the CBOR bodies that the SDK for Java sends."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import cbor2

from harness.conformance.case import KINESIS_API, KINESIS_GUIDE, Unsupported, case
from harness.conformance.expect import (
    NOT_OFFERED,
    expect,
    expect_equal,
    expect_error,
    expect_keys,
    expect_matches,
)
from harness.conformance.kinesis_reading import FIRST, HASH_KEYS, ids, merge, put, read, split

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

SUBSCRIBE = KINESIS_API + "API_SubscribeToShard.html"
REGISTER = KINESIS_API + "API_RegisterStreamConsumer.html"
EVENT = KINESIS_API + "API_SubscribeToShardEvent.html"
CBOR = "application/x-amz-cbor-1.1"
LEFT, RIGHT = "shardId-000000000001", "shardId-000000000002"
EVENTS_MAX = 40
EMPTY_MAX = 3


def _consumer(lab: Lab, stream: str) -> str:
    """Register a consumer, ACTIVE; returns its ARN."""
    arn = lab.kinesis.register_stream_consumer(
        StreamARN=lab.stream_arn(stream), ConsumerName="consumer"
    )["Consumer"]["ConsumerARN"]

    def active() -> bool:
        described = lab.kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]
        return bool(described["ConsumerStatus"] == "ACTIVE")

    lab.wait(active, "the consumer to be ACTIVE")
    return str(arn)


def _events(
    lab: Lab, consumer: str, shard: str = FIRST, *, records: int, **position: Any
) -> list[dict[str, Any]]:
    """Events of a subscription until it gave so many records, or ended."""
    answer = lab.kinesis.subscribe_to_shard(
        ConsumerARN=consumer,
        ShardId=shard,
        StartingPosition=position or {"Type": "TRIM_HORIZON"},
    )
    found: list[dict[str, Any]] = []
    stream = answer["EventStream"]
    try:
        for event in stream:
            found.append(event["SubscribeToShardEvent"])
            seen = sum(len(one["Records"]) for one in found)
            silent = len(found) >= EMPTY_MAX and not any(
                one["Records"] for one in found[-EMPTY_MAX:]
            )
            if seen >= records or silent or len(found) >= EVENTS_MAX:
                break
    finally:
        stream.close()
    return found


def _data(events: list[dict[str, Any]]) -> list[bytes]:
    return [record["Data"] for event in events for record in event["Records"]]


@case("kinesis.consumer.register-and-describe", REGISTER)
def register_and_describe(lab: Lab) -> None:
    """A consumer's ARN is the stream's, its name and its creation time; it becomes ACTIVE."""
    name = lab.stream()
    arn = lab.stream_arn(name)
    consumer = lab.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    members = {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
    expect_keys(consumer, members, "RegisterStreamConsumer's answer")
    created = int(consumer["ConsumerCreationTimestamp"].timestamp())
    expect_equal(consumer["ConsumerARN"], f"{arn}/consumer/c:{created}", "ConsumerARN")
    described = lab.kinesis.describe_stream_consumer(StreamARN=arn, ConsumerName="c")
    expect_keys(described["ConsumerDescription"], members | {"StreamARN"}, "its description")


@case("kinesis.consumer.name-in-use", REGISTER)
def name_in_use(lab: Lab) -> None:
    """A second consumer of a name is a ResourceInUseException."""
    name = lab.stream()
    _consumer(lab, name)
    arn = lab.stream_arn(name)
    expect_error(
        lambda: lab.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="consumer"),
        "ResourceInUseException",
    )


@case("kinesis.consumer.list", KINESIS_API + "API_ListStreamConsumers.html")
def list_consumers(lab: Lab) -> None:
    """ListStreamConsumers shows each without its StreamARN; a deregistered one goes."""
    name = lab.stream()
    consumer = _consumer(lab, name)
    arn = lab.stream_arn(name)
    listed = lab.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    expect_equal([one["ConsumerARN"] for one in listed], [consumer], "consumers")
    expect("StreamARN" not in listed[0], "no StreamARN in the list's entries")
    lab.kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    lab.wait(lambda: not lab.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"], "it to go")


@case("kinesis.consumer.unknown", KINESIS_API + "API_DescribeStreamConsumer.html")
def unknown_consumer(lab: Lab) -> None:
    """An unknown consumer is a ResourceNotFoundException."""
    arn = lab.stream_arn(lab.stream())
    expect_error(
        lambda: lab.kinesis.describe_stream_consumer(StreamARN=arn, ConsumerName="nobody"),
        "ResourceNotFoundException",
    )


@case("kinesis.fan-out.pushes-records", SUBSCRIBE)
def pushes_records(lab: Lab) -> None:
    """A subscription from TRIM_HORIZON pushes what is there."""
    name = lab.stream()
    for data in ("a", "b"):
        put(lab, name, data)
    events = _events(lab, _consumer(lab, name), records=2)
    expect_equal(_data(events), [b"a", b"b"], "records pushed")


@case("kinesis.fan-out.event-members", EVENT)
def event_members(lab: Lab) -> None:
    """An event has records, ContinuationSequenceNumber and MillisBehindLatest, and no more."""
    name = lab.stream()
    put(lab, name, "a")
    event = _events(lab, _consumer(lab, name), records=1)[0]
    names = {"Records", "ContinuationSequenceNumber", "MillisBehindLatest"}
    expect_keys(event, names, "an event")
    members = {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
    expect_keys(event["Records"][0], members, "a record")
    expect_matches(event["ContinuationSequenceNumber"], r"\d+", "ContinuationSequenceNumber")


@case("kinesis.fan-out.at-sequence-number", SUBSCRIBE)
def fan_out_at_sequence_number(lab: Lab) -> None:
    """A subscription may start at or after a sequence number."""
    name = lab.stream()
    numbers = [put(lab, name, data)["SequenceNumber"] for data in ("a", "b", "c")]
    consumer = _consumer(lab, name)
    found = _events(lab, consumer, records=2, Type="AT_SEQUENCE_NUMBER", SequenceNumber=numbers[1])
    expect_equal(_data(found), [b"b", b"c"], "records at the second number")


@case("kinesis.fan-out.closed-shard-ends-with-children", EVENT)
def fan_out_closed_shard(lab: Lab) -> None:
    """The subscription of a closed shard gives its records, then ChildShards, and ends."""
    name = lab.stream()
    put(lab, name, "a", at=0)
    split(lab, name, at=HASH_KEYS // 2)
    events = _events(lab, _consumer(lab, name), records=EVENTS_MAX)
    expect_equal(_data(events), [b"a"], "records of the parent")
    children = events[-1].get("ChildShards") or []
    expect_equal(ids(children), [LEFT, RIGHT], "ChildShards of the last event")
    expect_equal(children[0]["ParentShards"], [FIRST], "their parent")


@case("kinesis.fan-out.merged-shards-name-both-parents", EVENT)
def fan_out_merged_shard(lab: Lab) -> None:
    """The last event of a merged shard names the one child with both parents."""
    name = lab.stream(2)
    merge(lab, name, FIRST, LEFT)
    events = _events(lab, _consumer(lab, name), LEFT, records=EVENTS_MAX)
    children = events[-1].get("ChildShards") or []
    expect_equal(ids(children), [RIGHT], "ChildShards of the last event")
    expect_equal(sorted(children[0]["ParentShards"]), [FIRST, LEFT], "its parents")


@case("kinesis.fan-out.second-subscription-within-five-seconds", SUBSCRIBE)
def second_subscription(lab: Lab) -> None:
    """A second subscription to a shard within five seconds is a ResourceInUseException."""
    name = lab.stream()
    consumer = _consumer(lab, name)
    position = {"Type": "LATEST"}
    first = lab.kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position
    )
    try:
        expect_error(
            lambda: lab.kinesis.subscribe_to_shard(
                ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position
            ),
            "ResourceInUseException",
        )
    finally:
        first["EventStream"].close()


@case("kinesis.fan-out.continuation-goes-on", SUBSCRIBE, alone=True)
def continuation_goes_on(lab: Lab) -> None:
    """Subscribing again after the last ContinuationSequenceNumber misses and repeats nothing."""
    name = lab.stream()
    put(lab, name, "a")
    consumer = _consumer(lab, name)
    number = _events(lab, consumer, records=1)[-1]["ContinuationSequenceNumber"]
    put(lab, name, "b")
    lab.advance(6)
    again = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
    expect_equal(_data(_events(lab, consumer, records=1, **again)), [b"b"], "records pushed later")


@case("kinesis.fan-out.ends-after-five-minutes", SUBSCRIBE, alone=True)
def ends_after_five_minutes(lab: Lab) -> None:
    """A subscription ends by itself after five minutes, without an error."""
    name = lab.stream()
    consumer = _consumer(lab, name)
    answer = lab.kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=FIRST, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    lab.advance(301)
    try:
        events = list(islice(answer["EventStream"], EMPTY_MAX))
    finally:
        answer["EventStream"].close()
    expect(len(events) < EMPTY_MAX, "an end of the subscription, not one event after another")
    put(lab, name, "a")
    found = _events(lab, consumer, records=1)
    expect_equal(_data(found), [b"a"], "records of the next subscription")


def _cbor(lab: Lab, operation: str, payload: dict[str, Any]) -> tuple[Any, Any]:
    answer = lab.endpoint.send(
        "kinesis", f"Kinesis_20131202.{operation}", cbor2.dumps(payload), CBOR
    )
    expect_equal(answer.headers.get("content-type"), CBOR, "content type of the answer")
    # A timestamp is tag 1 over milliseconds, where RFC 8949 means seconds.
    decoders = {1: lambda milliseconds, _immutable: ("ms", milliseconds)}
    told = cbor2.loads(answer.content, semantic_decoders=decoders) if answer.content else None
    if isinstance(told, dict) and told.get("__type", "") in NOT_OFFERED:
        raise Unsupported(str(told))
    return answer, told


@case("kinesis.cbor.put-and-get", KINESIS_GUIDE + "developing-consumers-with-sdk.html")
def cbor_put_and_get(lab: Lab) -> None:
    """A CBOR request gets a CBOR answer, with data as bytes and times as whole milliseconds."""
    name = lab.stream()
    answer, told = _cbor(
        lab, "PutRecord", {"StreamName": name, "Data": b"\x00\xff", "PartitionKey": "k"}
    )
    expect_equal(answer.status_code, 200, "HTTP status")
    expect_equal(told.get("ShardId"), FIRST, "ShardId")
    _, told = _cbor(
        lab,
        "GetShardIterator",
        {"StreamName": name, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"},
    )
    answer, told = _cbor(lab, "GetRecords", {"ShardIterator": told["ShardIterator"]})
    expect_equal([one["Data"] for one in told["Records"]], [b"\x00\xff"], "data")
    kind, milliseconds = told["Records"][0]["ApproximateArrivalTimestamp"]
    expect_equal((kind, type(milliseconds)), ("ms", int), "form of the arrival")


@case(
    "kinesis.cbor.json-reader-sees-the-same", KINESIS_GUIDE + "developing-consumers-with-sdk.html"
)
def cbor_and_json_agree(lab: Lab) -> None:
    """What was put as CBOR is read through JSON unchanged."""
    name = lab.stream()
    _cbor(lab, "PutRecord", {"StreamName": name, "Data": b"a", "PartitionKey": "k"})
    expect_equal(read(lab, name)[0], ["a"], "records")


@case("kinesis.cbor.errors-are-cbor", KINESIS_API + "CommonErrors.html")
def cbor_errors(lab: Lab) -> None:
    """An error to a CBOR request is CBOR with __type and message."""
    account = lab.stream_arn(lab.stream()).split(":")[4]
    answer, told = _cbor(lab, "DescribeStreamSummary", {"StreamName": "no-such-stream"})
    expect_equal(answer.status_code, 400, "HTTP status")
    expect_equal(told.get("__type"), "ResourceNotFoundException", "__type")
    expect_equal(
        told.get("message"), f"Stream no-such-stream under account {account} not found.", "message"
    )
