"""The bytes of a change on a Kinesis stream, written out by hand."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from harness.dynamodb.change_log import Change
from harness.dynamodb.change_record import ChangeRecords

TIME_US = 1_731_400_000_123_456


@pytest.fixture
def records() -> ChangeRecords:
    return ChangeRecords("eu-west-1", "users", "11111111-2222-4333-8444-555555555555")


def without_event_id(data: bytes) -> bytes:
    return re.sub(rb'"eventID":"[^"]*"', b'"eventID":""', data)


def test_modify_in_microseconds(records: ChangeRecords) -> None:
    change = Change(
        7, TIME_US, "MODIFY", {"id": {"S": "u1"}},
        {"id": {"S": "u1"}, "age": {"N": "26"}},
        {"id": {"S": "u1"}, "age": {"N": "27"}},
    )  # fmt: skip

    data = records.encode(change, "MICROSECOND")

    # SizeBytes: keys 4, each image 4 + 3 + 2.
    assert without_event_id(data) == (
        b'{"awsRegion":"eu-west-1","eventID":"","eventName":"MODIFY","userIdentity":null,'
        b'"recordFormat":"application/json","tableName":"users","dynamodb":{'
        b'"ApproximateCreationDateTime":1731400000123456,"Keys":{"id":{"S":"u1"}},'
        b'"NewImage":{"id":{"S":"u1"},"age":{"N":"27"}},'
        b'"OldImage":{"id":{"S":"u1"},"age":{"N":"26"}},"SizeBytes":22,'
        b'"ApproximateCreationDateTimePrecision":"MICROSECOND"},"eventSource":"aws:dynamodb"}'
    )


def test_insert_in_milliseconds_has_no_old_image_and_names_no_precision(
    records: ChangeRecords,
) -> None:
    change = Change(0, TIME_US, "INSERT", {"id": {"S": "test"}}, None, {"id": {"S": "test"}})

    assert without_event_id(records.encode(change, "MILLISECOND")) == (
        b'{"awsRegion":"eu-west-1","eventID":"","eventName":"INSERT","userIdentity":null,'
        b'"recordFormat":"application/json","tableName":"users","dynamodb":{'
        b'"ApproximateCreationDateTime":1731400000123,"Keys":{"id":{"S":"test"}},'
        b'"NewImage":{"id":{"S":"test"}},"SizeBytes":12},"eventSource":"aws:dynamodb"}'
    )


@pytest.mark.parametrize(
    ("member", "milliseconds", "microseconds"),
    [("microsecond", False, True), ("always", True, True), ("never", False, False)],
)
def test_the_member_that_names_the_precision_can_be_switched(
    member: str, milliseconds: bool, microseconds: bool
) -> None:
    records = ChangeRecords("r", "t", "i", precision_member=member)  # type: ignore[arg-type]
    change = Change(0, TIME_US, "INSERT", {"id": {"S": "a"}}, None, {"id": {"S": "a"}})

    assert (
        b'"ApproximateCreationDateTimePrecision":"MILLISECOND"'
        in records.encode(change, "MILLISECOND")
    ) is milliseconds
    assert (
        b'"ApproximateCreationDateTimePrecision":"MICROSECOND"'
        in records.encode(change, "MICROSECOND")
    ) is microseconds


def test_deletion_by_time_to_live_is_signed_by_the_service(records: ChangeRecords) -> None:
    change = Change(3, TIME_US, "REMOVE", {"id": {"S": "a"}}, {"id": {"S": "a"}}, None, True)

    data = records.encode(change, "MILLISECOND")

    assert b'"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},' in data
    assert b"NewImage" not in data


def test_binary_is_encoded_twice_wherever_it_stands(records: ChangeRecords) -> None:
    # "kA==" is byte 0x90; encoded once more it is "a0E9PQ==". An attribute named B is no binary.
    change = Change(
        0, TIME_US, "INSERT", {"id": {"B": "kA=="}}, None,
        {
            "id": {"B": "kA=="},
            "B": {"S": "plain"},
            "set": {"BS": ["kA=="]},
            "deep": {"L": [{"M": {"x": {"B": "kA=="}}}]},
        },
    )  # fmt: skip

    dynamodb = orjson.loads(records.encode(change, "MILLISECOND"))["dynamodb"]

    assert dynamodb["Keys"] == {"id": {"B": "a0E9PQ=="}}
    assert dynamodb["NewImage"] == {
        "id": {"B": "a0E9PQ=="},
        "B": {"S": "plain"},
        "set": {"BS": ["a0E9PQ=="]},
        "deep": {"L": [{"M": {"x": {"B": "a0E9PQ=="}}}]},
    }


def test_text_stays_raw_utf8(records: ChangeRecords) -> None:
    change = Change(0, TIME_US, "INSERT", {"id": {"S": "서울"}}, None, {"id": {"S": "서울"}})

    assert '"NewImage":{"id":{"S":"서울"}},"SizeBytes":16'.encode() in records.encode(
        change, "MILLISECOND"
    )


def test_partition_key_is_stable_per_item_and_differs_between_items(
    records: ChangeRecords,
) -> None:
    one = records.partition_key({"id": {"S": "a"}, "n": {"N": "1"}})

    assert re.fullmatch("[0-9A-F]{32}", one)
    assert records.partition_key({"n": {"N": "1"}, "id": {"S": "a"}}) == one
    assert records.partition_key({"id": {"S": "a"}, "n": {"N": "2"}}) != one


def test_copies_of_a_change_share_their_event_id(records: ChangeRecords) -> None:
    change = Change(5, TIME_US, "INSERT", {"id": {"S": "a"}}, None, {"id": {"S": "a"}})
    other = Change(6, TIME_US, "MODIFY", {"id": {"S": "a"}}, {"id": {"S": "a"}}, {"id": {"S": "a"}})

    first = orjson.loads(records.encode(change, "MICROSECOND"))["eventID"]

    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", first)
    assert orjson.loads(records.encode(change, "MICROSECOND"))["eventID"] == first
    assert orjson.loads(records.encode(other, "MICROSECOND"))["eventID"] != first


@pytest.mark.parametrize(
    ("attribute", "size_bytes"),
    [
        ({"S": "é"}, 2),
        ({"N": "1234"}, 3),
        ({"N": "-12.50"}, 4),
        ({"N": "1000"}, 2),
        ({"B": "kA=="}, 1),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"L": [{"S": "ab"}]}, 6),
        ({"M": {"k": {"S": "ab"}}}, 7),
    ],
)
def test_size_counts_values_as_dynamodb_does(
    records: ChangeRecords, attribute: dict[str, Any], size_bytes: int
) -> None:
    new = {"k": {"S": "v"}, "a": attribute}
    change = Change(0, TIME_US, "INSERT", {"k": {"S": "v"}}, None, new)

    dynamodb = orjson.loads(records.encode(change, "MILLISECOND"))["dynamodb"]

    assert dynamodb["SizeBytes"] == 2 + 2 + 1 + size_bytes
