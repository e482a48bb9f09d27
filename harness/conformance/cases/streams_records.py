"""DynamoDB Streams: which records a write makes, and what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.change_reading import changes
from harness.conformance.expect import expect, expect_equal, expect_keys, expect_matches
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

STREAMS = DYNAMODB_GUIDE + "Streams.html"
RECORD = DYNAMODB_API + "API_streams_Record.html"
STREAM_RECORD = DYNAMODB_API + "API_streams_StreamRecord.html"
BOTH = "NEW_AND_OLD_IMAGES"


def _told(records: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Event name, old and new image."""
    return [
        (one["eventName"], one["dynamodb"].get("OldImage"), one["dynamodb"].get("NewImage"))
        for one in records
    ]


def _update(lab: Lab, table: str, expression: str, **more: Any) -> None:
    lab.dynamodb.update_item(TableName=table, Key=item(pk="a"), UpdateExpression=expression, **more)


@case("streams.record.insert-modify-remove", STREAMS)
def insert_modify_remove(lab: Lab) -> None:
    """A put, an overwrite and a delete are INSERT, MODIFY and REMOVE, with the images of each."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", v=1)
    lab.put(table, pk="a", v=2)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))
    one, two = item(pk="a", v=1), item(pk="a", v=2)
    expect_equal(
        _told(changes(lab, table)),
        [("INSERT", None, one), ("MODIFY", one, two), ("REMOVE", two, None)],
        "event names, old and new images",
    )


@case("streams.record.members", RECORD)
def record_members(lab: Lab) -> None:
    """A record has AWS's members and no others; eventVersion is 1.1, and no one signed it."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a")
    record = changes(lab, table)[0]
    names = {"eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb"}
    expect_keys(record, names, "a record")
    expect_equal(record["eventVersion"], "1.1", "eventVersion")
    expect_equal(record["eventSource"], "aws:dynamodb", "eventSource")
    inner = record["dynamodb"]
    members = {"ApproximateCreationDateTime", "Keys", "NewImage", "SequenceNumber", "SizeBytes"}
    expect_keys(inner, members | {"StreamViewType"}, "its dynamodb member")
    expect_equal(inner["StreamViewType"], BOTH, "StreamViewType")
    expect_matches(inner["SequenceNumber"], r"\d{21,40}", "SequenceNumber")


@case("streams.record.creation-time-is-whole-seconds", STREAM_RECORD)
def creation_time(lab: Lab) -> None:
    """ApproximateCreationDateTime is the moment of the write in whole seconds."""
    table = lab.table(view=BOTH)
    before = lab.now()
    lab.put(table, pk="a")
    created = changes(lab, table)[0]["dynamodb"]["ApproximateCreationDateTime"]
    expect_equal(created.microsecond, 0, "fraction of a second")
    expect(abs(created.timestamp() - before) <= 2, f"about {before}, not {created.timestamp()}")


@case("streams.record.event-ids-are-unique", RECORD)
def event_ids(lab: Lab) -> None:
    """No two records have one eventID or one SequenceNumber, and these increase per item."""
    table = lab.table(view=BOTH)
    for number in range(5):
        lab.put(table, pk="a", v=number)
    records = changes(lab, table)
    expect_equal(len({one["eventID"] for one in records}), 5, "different event ids")
    numbers = [int(one["dynamodb"]["SequenceNumber"]) for one in records]
    expect(numbers == sorted(set(numbers)), f"increasing sequence numbers, not {numbers}")


@case("streams.size-bytes.insert", STREAM_RECORD)
def size_of_insert(lab: Lab) -> None:
    """SizeBytes counts names and values of keys and image: 6 + 6 for id=Fred."""
    table = lab.table({"id": "S"}, view=BOTH)
    lab.put(table, id="Fred")
    expect_equal(changes(lab, table)[0]["dynamodb"]["SizeBytes"], 12, "SizeBytes")


@case("streams.size-bytes.modify-and-remove", STREAM_RECORD)
def size_of_modify(lab: Lab) -> None:
    """SizeBytes of a MODIFY counts both images, of a REMOVE the old one."""
    table = lab.table({"id": "S"}, view=BOTH)
    lab.put(table, id="NewKey")
    lab.put(table, id="NewKey", attr1="value1", attr2="value2")
    lab.dynamodb.delete_item(TableName=table, Key=item(id="NewKey"))
    sizes = [one["dynamodb"]["SizeBytes"] for one in changes(lab, table)]
    expect_equal(sizes, [16, 46, 38], "SizeBytes of INSERT, MODIFY and REMOVE")


@case("streams.size-bytes.keys-only", STREAM_RECORD)
def size_of_keys_only(lab: Lab) -> None:
    """With KEYS_ONLY SizeBytes counts the keys alone, whatever the item."""
    table = lab.table({"Username": "S"}, view="KEYS_ONLY")
    lab.put(table, Username="Fred", more="x" * 100)
    lab.put(table, Username="Alice")
    sizes = [one["dynamodb"]["SizeBytes"] for one in changes(lab, table)]
    expect_equal(sorted(sizes), [12, 13], "SizeBytes")


@case("streams.view.keys-only", STREAM_RECORD)
def keys_only(lab: Lab) -> None:
    """KEYS_ONLY records hold no image."""
    table = lab.table(view="KEYS_ONLY")
    lab.put(table, pk="a", v=1)
    inner = changes(lab, table)[0]["dynamodb"]
    expect_equal(inner["Keys"], item(pk="a"), "Keys")
    expect(not {"NewImage", "OldImage"} & set(inner), "no images")


@case("streams.view.new-image", STREAM_RECORD)
def new_image(lab: Lab) -> None:
    """NEW_IMAGE records hold the new image alone, and a REMOVE none."""
    table = lab.table(view="NEW_IMAGE")
    lab.put(table, pk="a", v=1)
    lab.put(table, pk="a", v=2)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))
    expect_equal(
        _told(changes(lab, table)),
        [
            ("INSERT", None, item(pk="a", v=1)),
            ("MODIFY", None, item(pk="a", v=2)),
            ("REMOVE", None, None),
        ],
        "event names and images",
    )


@case("streams.view.old-image", STREAM_RECORD)
def old_image(lab: Lab) -> None:
    """OLD_IMAGE records hold the old image alone, and an INSERT none."""
    table = lab.table(view="OLD_IMAGE")
    lab.put(table, pk="a", v=1)
    lab.put(table, pk="a", v=2)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))
    expect_equal(
        _told(changes(lab, table)),
        [
            ("INSERT", None, None),
            ("MODIFY", item(pk="a", v=1), None),
            ("REMOVE", item(pk="a", v=2), None),
        ],
        "event names and images",
    )


@case("streams.no-op.put-of-the-same", STREAMS)
def put_of_the_same(lab: Lab) -> None:
    """A PutItem of the item that is there makes no record."""
    table = lab.table(view=BOTH)
    for _ in range(2):
        lab.put(table, pk="a", v=1)
    expect_equal([one["eventName"] for one in changes(lab, table)], ["INSERT"], "records")


@case("streams.no-op.same-by-value", STREAMS)
def same_by_value(lab: Lab) -> None:
    """Sameness is by value: another order of a map or set, or 1.0 for 1, makes no record."""
    table = lab.table(view=BOTH)
    first = {"m": {"M": {"x": {"N": "1"}, "y": {"S": "s"}}}, "s": {"SS": ["p", "q"]}}
    again = {"m": {"M": {"y": {"S": "s"}, "x": {"N": "1.0"}}}, "s": {"SS": ["q", "p"]}}
    lab.put(table, pk="a", **first)
    lab.put(table, pk="a", **again)
    expect_equal([one["eventName"] for one in changes(lab, table)], ["INSERT"], "records")


@case("streams.no-op.update-to-the-same", STREAMS)
def update_to_the_same(lab: Lab) -> None:
    """An UpdateItem to the value that is there makes no record."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", v=1)
    _update(lab, table, "SET v = :v", ExpressionAttributeValues=item(**{":v": 1}))
    _update(lab, table, "REMOVE nothing")
    expect_equal([one["eventName"] for one in changes(lab, table)], ["INSERT"], "records")


@case("streams.no-op.remove-on-a-missing-item", STREAMS)
def remove_on_missing(lab: Lab) -> None:
    """`REMOVE g` on an item that does not exist makes no record and no item."""
    table = lab.table(view=BOTH)
    _update(lab, table, "REMOVE g")
    expect_equal(changes(lab, table), [], "records")
    expect_equal(lab.get(table, pk="a"), None, "the item")


@case("streams.no-op.delete-of-a-missing-item", STREAMS)
def delete_of_missing(lab: Lab) -> None:
    """DeleteItem and a batch's delete of an item that is not there make no record."""
    table = lab.table(view=BOTH)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))
    lab.dynamodb.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": item(pk="b")}}]})
    expect_equal(changes(lab, table), [], "records")


@case("streams.no-op.batch-put-of-the-same", STREAMS)
def batch_put_of_the_same(lab: Lab) -> None:
    """A batch makes a record for the item that changes and none for the one that does not."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", v=1)
    lab.dynamodb.batch_write_item(
        RequestItems={
            table: [
                {"PutRequest": {"Item": item(pk="a", v=1)}},
                {"PutRequest": {"Item": item(pk="b", v=1)}},
            ]
        }
    )
    found = [(one["eventName"], one["dynamodb"]["Keys"]["pk"]["S"]) for one in changes(lab, table)]
    expect_equal(sorted(found), [("INSERT", "a"), ("INSERT", "b")], "records")


@case("streams.no-op.transaction", DYNAMODB_GUIDE + "transaction-apis.html")
def transaction_no_op(lab: Lab) -> None:
    """In a transaction only the actions that change something make records."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", v=1)
    lab.put(table, pk="b", v=1)
    lab.dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": item(pk="a", v=1)}},
            {
                "Update": {
                    "TableName": table,
                    "Key": item(pk="b"),
                    "UpdateExpression": "SET v = :v",
                    "ExpressionAttributeValues": item(**{":v": 2}),
                }
            },
        ]
    )
    found = [(one["eventName"], one["dynamodb"]["Keys"]["pk"]["S"]) for one in changes(lab, table)]
    expected = [("INSERT", "a"), ("INSERT", "b"), ("MODIFY", "b")]
    expect_equal(sorted(found), expected, "records")


@case("streams.record.condition-check-makes-none", DYNAMODB_GUIDE + "transaction-apis.html")
def condition_check_makes_none(lab: Lab) -> None:
    """A ConditionCheck makes no record, and a refused transaction none at all."""
    table = lab.table(view=BOTH)
    check = {
        "TableName": table,
        "Key": item(pk="a"),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    put = {"Put": {"TableName": table, "Item": item(pk="b")}}
    lab.dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": check}, put])
    lab.put(table, pk="a")
    try:
        lab.dynamodb.transact_write_items(
            TransactItems=[
                {"ConditionCheck": check},
                {"Put": {"TableName": table, "Item": item(pk="c")}},
            ]
        )
    except lab.dynamodb.exceptions.TransactionCanceledException:
        pass
    else:
        expect(False, "the second transaction to be refused")
    found = sorted(one["dynamodb"]["Keys"]["pk"]["S"] for one in changes(lab, table))
    expect_equal(found, ["a", "b"], "items with records")


@case("streams.record.update-creates-an-item", STREAMS)
def update_creates(lab: Lab) -> None:
    """An update of a missing item is an INSERT; the next change's OldImage is there with the key."""
    table = lab.table(view=BOTH)
    lab.dynamodb.update_item(TableName=table, Key=item(pk="a"))
    _update(lab, table, "SET v = :v", ExpressionAttributeValues=item(**{":v": 1}))
    expect_equal(
        _told(changes(lab, table)),
        [
            ("INSERT", None, item(pk="a")),
            ("MODIFY", item(pk="a"), item(pk="a", v=1)),
        ],
        "event names, old and new images",
    )


@case("streams.record.binary-is-the-bytes-written", STREAM_RECORD)
def binary(lab: Lab) -> None:
    """An image's B is the bytes written, encoded once."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", b={"B": b"\x90"})
    image = changes(lab, table)[0]["dynamodb"]["NewImage"]
    expect_equal(image["b"], {"B": b"\x90"}, "the attribute")


@case("streams.record.numbers-are-normalised", STREAM_RECORD)
def numbers_are_normalised(lab: Lab) -> None:
    """Images show numbers as DynamoDB keeps them: 1.50 is 1.5 and 1e3 is 1000."""
    table = lab.table(view=BOTH)
    lab.put(table, pk="a", v={"N": "1.50"}, w={"N": "1e3"})
    image = changes(lab, table)[0]["dynamodb"]["NewImage"]
    expect_equal([image["v"], image["w"]], [{"N": "1.5"}, {"N": "1000"}], "numbers")


@case("streams.record.all-types-come-through", STREAM_RECORD)
def all_types(lab: Lab) -> None:
    """Every attribute type comes through as it was written."""
    table = lab.table(view=BOTH)
    attributes: dict[str, Any] = {
        "pk": {"S": "a"},
        "n": {"N": "-12.5"},
        "b": {"B": b"\x00\xff"},
        "t": {"BOOL": False},
        "z": {"NULL": True},
        "l": {"L": [{"S": ""}, {"N": "1"}, {"L": []}]},
        "m": {"M": {"x.y": {"S": "ü"}, "e": {"M": {}}}},
        "ns": {"NS": ["7"]},
        "bs": {"BS": [b"\x01"]},
        "ss": {"SS": ["é"]},
    }
    lab.dynamodb.put_item(TableName=table, Item=attributes)
    expect_equal(changes(lab, table)[0]["dynamodb"]["NewImage"], attributes, "NewImage")
