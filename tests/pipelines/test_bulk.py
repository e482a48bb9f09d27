"""The short way reads a record's key and stamp wherever they stand, and frames what it was given."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest

from harness.pipelines.reference.bulk import FRAMED_ROWS, HEAD_CHARACTERS, Bulk
from harness.pipelines.reference.config import parse_config, pipe_config
from harness.pipelines.reference.shards import EncodedRecords

STAMP = 1_700_000_000_000_000
SERVICE = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
ODD_NAME = "naïve.key+[0]"


def bulk(*names: str) -> Bulk:
    roles = ("HASH", "RANGE")
    return Bulk(
        parse_config(
            pipe_config(
                table="t",
                columns=[
                    {"name": f"k{n}", "type": "String", "attribute": f'"{name}"'}
                    for n, name in enumerate(names)
                ],
                key_schema=[
                    {"attribute_name": name, "key_type": role}
                    for name, role in zip(names, roles, strict=False)
                ],
            )
        )
    )


def record(keys: dict[str, Any], *, before: int = 0, user: Any = None, stamp: int = STAMP) -> str:
    body = {"ApproximateCreationDateTime": stamp, "Keys": keys, "NewImage": keys}
    whole = {"eventID": "e" * before, "eventName": "INSERT", "userIdentity": user, "dynamodb": body}
    return b64encode(orjson.dumps(whole)).decode()


@pytest.mark.parametrize(
    "others",
    [
        [],
        [record({"id": {"S": "a"}}, before=1)],
        [record({"id": {"S": "a"}}, before=2)],
        [record({"id": {"S": "a"}}, before=2, user=SERVICE)],
        [record({"id": {"S": "a"}}, before=2 * HEAD_CHARACTERS)],
        [record({"id": {"S": "ä" * 40}}, before=7)],
        ["", b64encode(b"{}").decode()],
    ],
    ids=[
        "first",
        "a byte on",
        "two bytes on",
        "after a ttl",
        "far on",
        "after a long key",
        "poison",
    ],
)
@pytest.mark.parametrize(
    ("data", "key"),
    [
        (record({"id": {"S": "b"}}), "b"),
        (record({"id": {"N": "-1.5"}}, before=3), "-1.5"),
        (record({"id": {"S": "é" * 100}}), "é" * 100),
        (record({"id": {"S": "b"}}, user=SERVICE), "b"),
        (record({"id": {"S": "b"}}, before=3 * HEAD_CHARACTERS), "b"),
    ],
    ids=["short", "number", "long", "ttl", "far"],
)
def test_a_key_is_found_wherever_the_last_one_stood(others: list[str], data: str, key: str) -> None:
    made = bulk("id")
    for other in others:
        made.look(other)
    for _ in range(2):
        assert made.look(data) == (key, STAMP, 1)


def test_both_parts_of_a_key_are_found_in_any_order() -> None:
    made = bulk("p", ODD_NAME)
    straight = record({"p": {"S": "x"}, ODD_NAME: {"N": "2"}})
    turned = record({ODD_NAME: {"N": "2"}, "p": {"S": "x"}})
    for data in (straight, turned, turned, straight, straight):
        assert made.look(data) == (("x", "2"), STAMP, 1)


@pytest.mark.parametrize(
    "keys",
    [
        {"p": {"S": "x"}},
        {"p": {"S": "x"}, "other": {"N": "2"}},
        {"p": {"S": "x"}, "q": {"N": "2"}, "r": {"N": "1"}},
        {"p": {"S": 'a " quote'}, "q": {"N": "2"}},
        {"p": {"B": "YQ=="}, "q": {"N": "2"}},
        {},
    ],
)
def test_what_is_no_plain_key_of_the_table_takes_the_long_way(keys: dict[str, Any]) -> None:
    made = bulk("p", "q")
    assert made.look(record({"p": {"S": "x"}, "q": {"N": "2"}})) is not None
    assert made.look(record(keys)) is None


def test_stamps_are_read_in_their_unit() -> None:
    made = bulk("id")
    for stamp, read in (
        (1_700_000_000, (STAMP, 1_000_000)),
        (1_700_000_000_123, (STAMP + 123_000, 1_000)),
        (STAMP + 1, (STAMP + 1, 1)),
    ):
        assert made.look(record({"id": {"S": "a"}}, stamp=stamp)) == ("a", *read)


def test_a_body_has_a_line_for_each_record_in_their_order() -> None:
    count = 2 * FRAMED_ROWS + 1
    rows: list[Any] = [(n, "shard", (str(n), 0, f"r{n:04d}===")) for n in range(count)]
    rows[1] = (1, "shard", ("1", 0, b"bytes"))
    lines = bulk("id").body(rows).decode().split("\n")
    assert lines[:3] == ["0\tr0000===", "1\tYnl0ZXM=", "2\tr0002==="]
    assert lines[-2:] == [f"{count - 1}\tr{count - 1:04d}===", ""]
    assert len(lines) == count + 1
    assert bulk("id").body([]) == b""


def test_a_record_with_its_partition_key_is_framed_as_one_without() -> None:
    rows: list[Any] = [
        (1, "shard", ("1", 0, b"bytes", "a partition key")),
        (2, "shard", ("2", 0, b"bytes")),
    ]
    assert bulk("id").body(rows) == b"1\tYnl0ZXM=\n2\tYnl0ZXM=\n"


def test_a_page_weighs_what_its_records_are_decoded() -> None:
    encoded: list[Any] = [("1", 0, b64encode(bytes(300)).decode()), ("2", 0, "YWJj")]
    page = EncodedRecords(encoded)
    assert page.size_bytes == 303
    assert page[1:].size_bytes == 3
