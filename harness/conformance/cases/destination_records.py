"""The Kinesis streaming destination: the records, byte by byte."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from harness.conformance.case import AWS_DOCS, DYNAMODB_GUIDE, case
from harness.conformance.change_reading import (
    changes,
    delivered,
    enable_destination,
    wait_for_destination,
)
from harness.conformance.expect import expect, expect_equal, expect_keys, expect_matches
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

GUIDE = DYNAMODB_GUIDE + "kds.html"
SHAPE = (
    AWS_DOCS + "powertools/typescript/2.15.0/api/types/"
    "_aws-lambda-powertools_parser.types.KinesisDynamoDBStreamEvent.html"
)
SHARDS = DYNAMODB_GUIDE + "kds_using-shards-and-metrics.html"
MEMBERS = {
    *("awsRegion", "eventID", "eventName", "userIdentity", "recordFormat", "tableName"),
    *("dynamodb", "eventSource"),
}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PRECISION = "ApproximateCreationDateTimePrecision"


def _record(lab: Lab, attributes: dict[str, Any], **configuration: str) -> dict[str, Any]:
    """The record of one put."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream, **configuration)
    lab.dynamodb.put_item(TableName=table, Item=attributes)
    return delivered(lab, stream, 1)[0]


@case("destination.record.members", SHAPE)
def members(lab: Lab) -> None:
    """A record has these members and no others; userIdentity is null and there."""
    change = _record(lab, item(pk="a"))["Change"]
    expect_keys(change, MEMBERS, "a record")
    expect_equal(change["userIdentity"], None, "userIdentity")
    expect_equal(change["recordFormat"], "application/json", "recordFormat")
    expect_equal(change["eventSource"], "aws:dynamodb", "eventSource")
    expect_equal(change["eventName"], "INSERT", "eventName")


@case("destination.record.table-and-region", SHAPE)
def table_and_region(lab: Lab) -> None:
    """A record names its table and the Region where it is."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    lab.put(table, pk="a")
    change = delivered(lab, stream, 1)[0]["Change"]
    expect_equal(change["tableName"], table, "tableName")
    region = lab.describe_table(table)["TableArn"].split(":")[3]
    expect_equal(change["awsRegion"], region, "awsRegion")


@case("destination.record.no-sequence-number", SHAPE)
def no_sequence_number(lab: Lab) -> None:
    """Its dynamodb member has time, keys, images and size: no SequenceNumber, no StreamViewType."""
    inner = _record(lab, item(pk="a"))["Change"]["dynamodb"]
    optional = {PRECISION} & set(inner)
    expected = {"ApproximateCreationDateTime", "Keys", "NewImage", "SizeBytes"}
    expect_keys(inner, expected | optional, "the dynamodb member")


@case("destination.record.event-id-is-a-uuid", SHAPE)
def event_id(lab: Lab) -> None:
    """EventID is a UUID, another one for each record."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    for number in range(3):
        lab.put(table, pk="a", v=number)
    found = [one["Change"]["eventID"] for one in delivered(lab, stream, 3)]
    for one in found:
        expect_matches(one, UUID, "eventID")
    expect_equal(len(set(found)), 3, "different event ids")


@case("destination.record.images", GUIDE)
def images(lab: Lab) -> None:
    """INSERT has the new image, MODIFY both, REMOVE the old one; absent ones are not null."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    lab.put(table, pk="a", v=1)
    lab.put(table, pk="a", v=2)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))
    found = [one["Change"] for one in delivered(lab, stream, 3)]
    expect_equal(
        [
            (
                one["eventName"],
                one["dynamodb"].get("OldImage", "absent"),
                one["dynamodb"].get("NewImage", "absent"),
            )
            for one in found
        ],
        [
            ("INSERT", "absent", item(pk="a", v=1)),
            ("MODIFY", item(pk="a", v=1), item(pk="a", v=2)),
            ("REMOVE", item(pk="a", v=2), "absent"),
        ],
        "event names, old and new images",
    )


@case("destination.record.size-bytes", SHARDS)
def size_bytes(lab: Lab) -> None:
    """SizeBytes counts names and values of keys and images: 6 + 6 for id=test."""
    table, stream = lab.table({"id": "S"}), lab.stream()
    enable_destination(lab, table, stream)
    lab.put(table, id="test")
    lab.put(table, id="test", v="12345")
    found = [one["Change"]["dynamodb"]["SizeBytes"] for one in delivered(lab, stream, 2)]
    expect_equal(found, [12, 24], "SizeBytes of INSERT and MODIFY")


@case("destination.record.milliseconds-by-default", GUIDE)
def milliseconds(lab: Lab) -> None:
    """ApproximateCreationDateTime is a whole number of milliseconds unless told otherwise."""
    before = lab.now()
    created = _record(lab, item(pk="a"))["Change"]["dynamodb"]["ApproximateCreationDateTime"]
    expect(isinstance(created, int), f"a whole number, not {created!r}")
    expect(abs(created / 1000 - before) < 10, f"milliseconds near {before * 1000:.0f}: {created}")


@case("destination.record.microseconds", GUIDE)
def microseconds(lab: Lab) -> None:
    """With MICROSECOND it is a whole number of microseconds, and the record says so."""
    before = lab.now()
    inner = _record(lab, item(pk="a"), **{PRECISION: "MICROSECOND"})["Change"]["dynamodb"]
    created = inner["ApproximateCreationDateTime"]
    expect(isinstance(created, int), f"a whole number, not {created!r}")
    expect(abs(created / 1e6 - before) < 10, f"microseconds near {before * 1e6:.0f}: {created}")
    expect_equal(inner.get(PRECISION), "MICROSECOND", PRECISION)


@case("destination.record.precision-changes-later-records", GUIDE)
def precision_changes(lab: Lab) -> None:
    """A change of precision holds for later records; earlier ones keep theirs."""
    table, stream = lab.table(), lab.stream()
    arn = enable_destination(lab, table, stream)
    lab.put(table, pk="a", v=1)
    delivered(lab, stream, 1)
    lab.dynamodb.update_kinesis_streaming_destination(
        TableName=table,
        StreamArn=arn,
        UpdateKinesisStreamingConfiguration={PRECISION: "MICROSECOND"},
    )
    wait_for_destination(lab, table, "ACTIVE")
    lab.put(table, pk="a", v=2)
    found = delivered(lab, stream, 2)
    digits = [len(str(one["Change"]["dynamodb"]["ApproximateCreationDateTime"])) for one in found]
    expect_equal(digits, [13, 16], "digits of the two times")


@case("destination.record.binary-is-encoded-twice", GUIDE)
def binary_twice(lab: Lab) -> None:
    """Binary values are base64 of base64, in images, sets and keys."""
    table, stream = lab.table({"pk": "B"}), lab.stream()
    enable_destination(lab, table, stream)
    lab.dynamodb.put_item(
        TableName=table,
        Item={"pk": {"B": b"\x00k"}, "b": {"B": b"\xff\xfe"}, "s": {"BS": [b"\x01"]}},
    )
    inner = delivered(lab, stream, 1)[0]["Change"]["dynamodb"]

    def twice(data: bytes) -> str:
        return b64encode(b64encode(data)).decode()

    expect_equal(inner["Keys"], {"pk": {"B": twice(b"\x00k")}}, "Keys")
    expect_equal(inner["NewImage"]["b"], {"B": twice(b"\xff\xfe")}, "a binary attribute")
    expect_equal(inner["NewImage"]["s"], {"BS": [twice(b"\x01")]}, "a binary set")
    once = b64decode(inner["NewImage"]["b"]["B"])
    expect_equal(b64decode(once), b"\xff\xfe", "the bytes, decoded twice")


@case("destination.record.nested-and-typed", SHAPE)
def nested(lab: Lab) -> None:
    """Every other type is as in DynamoDB's JSON: numbers as strings, booleans and nulls as such."""
    attributes: dict[str, Any] = {
        "pk": {"S": "a"},
        "n": {"N": "-12.5"},
        "t": {"BOOL": False},
        "z": {"NULL": True},
        "l": {"L": [{"S": ""}, {"N": "1"}]},
        "m": {"M": {"x.y": {"S": "é"}}},
        "ns": {"NS": ["7"]},
    }
    image = _record(lab, attributes)["Change"]["dynamodb"]["NewImage"]
    expect_equal(image, attributes, "NewImage")


@case("destination.record.text-is-utf-8", SHAPE)
def utf8(lab: Lab) -> None:
    """Text beyond ASCII is in the record as UTF-8, not as escapes."""
    data = _record(lab, item(pk="a", v="한글 ü"))["Data"]
    expect("한글 ü".encode() in data, "the UTF-8 bytes of the text in the record")
    expect_equal(json.loads(data)["dynamodb"]["NewImage"]["v"], {"S": "한글 ü"}, "the text")


@case("destination.record.numbers-are-normalised", SHAPE)
def numbers(lab: Lab) -> None:
    """Numbers are as DynamoDB keeps them: 1.50 is 1.5, 1e3 is 1000, and all 38 digits are there."""
    digits = "12345678901234567890123456789012345678"
    wanted = {"a": "1.50", "b": "1e3", "c": digits, "d": "-0"}
    attributes = {"pk": {"S": "a"}} | {name: {"N": value} for name, value in wanted.items()}
    image = _record(lab, attributes)["Change"]["dynamodb"]["NewImage"]
    found = {name: image[name]["N"] for name in wanted}
    expect_equal(found, {"a": "1.5", "b": "1000", "c": digits, "d": "0"}, "numbers")


@case("destination.record.partition-key", SHARDS)
def partition_key(lab: Lab) -> None:
    """The Kinesis partition key is 32 hex digits, one for an item, another for another item."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    for key, value in (("a", 1), ("b", 1), ("a", 2)):
        lab.put(table, pk=key, v=value)
    found: dict[str, set[str]] = {"a": set(), "b": set()}
    for one in delivered(lab, stream, 3):
        expect_matches(one["PartitionKey"], r"[0-9A-Fa-f]{32}", "PartitionKey")
        found[one["Change"]["dynamodb"]["Keys"]["pk"]["S"]].add(one["PartitionKey"])
    expect_equal([len(keys) for keys in found.values()], [1, 1], "partition keys of each item")
    expect(found["a"] != found["b"], "different partition keys of the two items")


@case("destination.record.items-spread-over-shards", SHARDS)
def items_spread(lab: Lab) -> None:
    """The items of a table spread over the shards of the stream."""
    table, stream = lab.table(), lab.stream(2)
    enable_destination(lab, table, stream)
    for number in range(24):
        lab.put(table, pk=f"item-{number}")
    records = delivered(lab, stream, 24)
    expect_equal(len({one["PartitionKey"] for one in records}), 24, "different partition keys")
    used = {one["ShardId"] for one in records}
    expect_equal(len(used), 2, "shards that have records")


@case("destination.record.no-op-makes-none", GUIDE)
def no_op(lab: Lab) -> None:
    """A write that changes nothing makes no record there either."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    lab.put(table, pk="a", v=1)
    lab.put(table, pk="a", v=1)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="missing"))
    lab.put(table, pk="last")
    found = [
        (one["Change"]["eventName"], one["Change"]["dynamodb"]["Keys"]["pk"]["S"])
        for one in delivered(lab, stream, 2)
    ]
    expect_equal(found, [("INSERT", "a"), ("INSERT", "last")], "records")


@case("destination.record.transaction", SHAPE)
def transaction(lab: Lab) -> None:
    """A transaction makes one ordinary record an item, and nothing joins them."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    lab.dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": item(pk="a")}},
            {"Put": {"TableName": table, "Item": item(pk="b")}},
        ]
    )
    found = delivered(lab, stream, 2)
    for one in found:
        expect_keys(one["Change"], MEMBERS, "a record")
    keys = sorted(one["Change"]["dynamodb"]["Keys"]["pk"]["S"] for one in found)
    expect_equal(keys, ["a", "b"], "items with records")


@case("destination.record.one-log-with-streams", GUIDE)
def one_log(lab: Lab) -> None:
    """The destination and DynamoDB Streams tell the same changes."""
    table, stream = lab.table(view="NEW_AND_OLD_IMAGES"), lab.stream()
    enable_destination(lab, table, stream)
    for value in (1, 2, 3):
        lab.put(table, pk="a", v=value)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))

    def told(one: dict[str, Any]) -> tuple[Any, ...]:
        inner = one["dynamodb"]
        return one["eventName"], inner.get("OldImage"), inner.get("NewImage"), inner["SizeBytes"]

    by_streams = [told(one) for one in changes(lab, table)]
    by_kinesis = [told(one["Change"]) for one in delivered(lab, stream, 4)[:4]]
    expect_equal(len(by_streams), 4, "changes in DynamoDB Streams")
    expect_equal(by_kinesis, by_streams, "changes in the Kinesis stream")
