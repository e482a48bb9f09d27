"""Query and Scan: order, pages, filters, indexes, segments."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]

NUMBERS = ["-100", "-12.5", "-12", "-0.5", "0", "0.003", "0.5", "1", "9", "10", "99.5", "1000"]


def fill(world: ItemWorld) -> None:
    for place, number in enumerate(reversed(NUMBERS)):
        city = {"S": ("Bonn", "Köln", "Ulm")[place % 3]}
        world.put("deep", pk={"S": "p"}, sk={"N": number}, city=city, age={"N": str(place)})


def query(world: ItemWorld, condition: str = "pk = :p", **more: Any) -> list[str]:
    values = {":p": {"S": "p"}, **more.pop("values", {})}
    answer = world.client.query(
        TableName="deep",
        KeyConditionExpression=condition,
        ExpressionAttributeValues=values,
        **more,
    )
    return [item["sk"]["N"] for item in answer["Items"]]


def test_range_keys_are_in_the_order_of_their_values(world: ItemWorld) -> None:
    fill(world)
    assert query(world) == NUMBERS
    assert query(world, ScanIndexForward=False) == NUMBERS[::-1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sk = :a", ["-12"]),
        ("sk < :a", ["-100", "-12.5"]),
        ("sk <= :a", ["-100", "-12.5", "-12"]),
        ("sk > :b", ["10", "99.5", "1000"]),
        ("sk >= :b", ["9", "10", "99.5", "1000"]),
        ("sk BETWEEN :a AND :b", ["-12", "-0.5", "0", "0.003", "0.5", "1", "9"]),
    ],
)
def test_key_conditions(world: ItemWorld, condition: str, expected: list[str]) -> None:
    fill(world)
    values = {k: v for k, v in {":a": {"N": "-12"}, ":b": {"N": "9"}}.items() if k in condition}
    assert query(world, f"pk = :p AND {condition}", values=values) == expected


@pytest.mark.parametrize("forward", [True, False])
def test_pages_join_to_the_whole(world: ItemWorld, forward: bool) -> None:
    fill(world)
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        answer = world.client.query(
            TableName="deep",
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": {"S": "p"}},
            Limit=5,
            ScanIndexForward=forward,
            **more,
        )
        found += [item["sk"]["N"] for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    assert found == (NUMBERS if forward else NUMBERS[::-1])


def test_limit_counts_before_the_filter(world: ItemWorld) -> None:
    fill(world)
    answer = world.client.query(
        TableName="deep",
        KeyConditionExpression="pk = :p",
        FilterExpression="city = :c",
        ExpressionAttributeValues={":p": {"S": "p"}, ":c": {"S": "Ulm"}},
        Limit=4,
    )
    assert (answer["Count"], answer["ScannedCount"]) == (2, 4)
    assert answer["LastEvaluatedKey"] == {"pk": {"S": "p"}, "sk": {"N": "-0.5"}}


def test_a_page_ends_at_one_megabyte(world: ItemWorld) -> None:
    for number in range(6):
        world.put("deep", pk={"S": "p"}, sk={"N": str(number)}, x={"S": "x" * 300_000})
    answer = world.client.query(
        TableName="deep",
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "p"}},
    )
    assert answer["Count"] == 4
    assert answer["LastEvaluatedKey"] == {"pk": {"S": "p"}, "sk": {"N": "3"}}


def test_begins_with_on_strings_with_zero_bytes(world: ItemWorld) -> None:
    world.client.create_table(
        TableName="texts",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    texts = ["a", "a\x00", "a\x00b", "aa", "ab", "aé", "b", "é"]
    for text in reversed(texts):
        world.put("texts", pk={"S": "p"}, sk={"S": text})
    for start, expected in (("a", texts[:6]), ("a\x00", texts[1:3]), ("é", ["é"])):
        answer = world.client.query(
            TableName="texts",
            KeyConditionExpression="pk = :p AND begins_with(sk, :s)",
            ExpressionAttributeValues={":p": {"S": "p"}, ":s": {"S": start}},
        )
        assert [item["sk"]["S"] for item in answer["Items"]] == expected


def test_a_global_index_follows_its_items(world: ItemWorld) -> None:
    fill(world)

    def in_city(name: str) -> list[str]:
        answer = world.client.query(
            TableName="deep",
            IndexName="by-city",
            KeyConditionExpression="city = :c",
            ExpressionAttributeValues={":c": {"S": name}},
        )
        assert all(set(item) == {"pk", "sk", "city"} for item in answer["Items"])
        return sorted(item["sk"]["N"] for item in answer["Items"])

    assert in_city("Bonn") == ["-12", "0.003", "1000", "9"]
    key = {"pk": {"S": "p"}, "sk": {"N": "9"}}
    world.client.update_item(
        TableName="deep",
        Key=key,
        UpdateExpression="SET city = :c",
        ExpressionAttributeValues={":c": {"S": "Mainz"}},
    )
    assert (in_city("Bonn"), in_city("Mainz")) == (["-12", "0.003", "1000"], ["9"])
    world.client.update_item(TableName="deep", Key=key, UpdateExpression="REMOVE city")
    assert in_city("Mainz") == []
    world.client.delete_item(TableName="deep", Key={"pk": {"S": "p"}, "sk": {"N": "0.003"}})
    assert in_city("Bonn") == ["-12", "1000"]


def test_a_local_index_fetches_what_it_does_not_hold(world: ItemWorld) -> None:
    fill(world)
    answer = world.client.query(
        TableName="deep",
        IndexName="by-age",
        KeyConditionExpression="pk = :p AND age < :a",
        ExpressionAttributeValues={":p": {"S": "p"}, ":a": {"N": "2"}},
        ProjectionExpression="city",
    )
    assert answer["Items"] == [{"city": {"S": "Bonn"}}, {"city": {"S": "Köln"}}]


def test_index_keys_of_a_wrong_type_are_refused(world: ItemWorld) -> None:
    item = {"pk": {"S": "p"}, "sk": {"N": "1"}, "city": {"N": "7"}}
    assert refused(world.client.put_item, TableName="deep", Item=item) == (
        "ValidationException",
        "One or more parameter values were invalid: Type mismatch for Index Key city Expected: S "
        "Actual: N IndexName: by-city",
    )


def test_scan_goes_in_the_order_of_dynamodbs_hash(world: ItemWorld) -> None:
    for text in ("1", "2", "3", "hello", "zapf", "aardman", "äáöü"):
        world.put(id={"S": text})
    found = [item["id"]["S"] for item in world.client.scan(TableName="flat")["Items"]]
    # Recorded on AWS by dynalite's tests.
    assert found == ["2", "1", "hello", "äáöü", "aardman", "3", "zapf"]


def test_segments_share_out_the_items(world: ItemWorld) -> None:
    for number in range(200):
        world.put(id={"S": str(number)})
    segments = [
        [
            item["id"]["S"]
            for item in world.client.scan(TableName="flat", Segment=n, TotalSegments=7)["Items"]
        ]
        for n in range(7)
    ]
    assert sorted(chain(*segments), key=int) == [str(n) for n in range(200)]
    assert all(segments)
    whole = [item["id"]["S"] for item in world.client.scan(TableName="flat")["Items"]]
    assert list(chain(*segments)) == whole


def test_items_written_while_a_scan_goes_on_do_not_disturb_it(world: ItemWorld) -> None:
    before = {str(number) for number in range(50)}
    for text in before:
        world.put(id={"S": text})
    seen: list[str] = []
    more: dict[str, Any] = {}
    number = 1000
    while True:
        answer = world.client.scan(TableName="flat", Limit=7, **more)
        seen += [item["id"]["S"] for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        world.put(id={"S": str(number)})
        world.client.delete_item(TableName="flat", Key=answer["LastEvaluatedKey"])
        number += 1
    assert before <= set(seen)
    assert len(seen) == len(set(seen))


def test_select(world: ItemWorld) -> None:
    fill(world)
    answer = world.client.scan(TableName="deep", Select="COUNT")
    assert (answer["Count"], "Items" in answer) == (12, False)
    code, message = refused(
        world.client.scan, TableName="deep", IndexName="by-city", Select="ALL_ATTRIBUTES"
    )
    assert (code, message) == (
        "ValidationException",
        "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported "
        "for global secondary index by-city because its projection type is not ALL",
    )


def test_a_start_key_outside_the_query_is_refused(world: ItemWorld) -> None:
    _, message = refused(
        world.client.query,
        TableName="deep",
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "p"}},
        ExclusiveStartKey={"pk": {"S": "q"}, "sk": {"N": "1"}},
    )
    assert message == (
        "The provided starting key is outside query boundaries based on provided conditions"
    )


def test_a_global_index_with_several_key_attributes(world: ItemWorld) -> None:
    names = ("h", "a", "b", "n")
    world.client.create_table(
        TableName="many",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "N" if name == "n" else "S"}
            for name in ("pk", *names)
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {  # type: ignore[list-item, misc]
                "IndexName": "all",
                "KeySchema": [
                    {"AttributeName": "h", "KeyType": "HASH"},
                    *({"AttributeName": name, "KeyType": "RANGE"} for name in "abn"),
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    rows = [("T", "x", "10"), ("T", "x", "9"), ("T", "w", "1"), ("F", "z", "5")]
    for place, (a, b, n) in enumerate(rows):
        world.put("many", pk={"S": str(place)}, h={"S": "o"}, a={"S": a}, b={"S": b}, n={"N": n})
    world.put("many", pk={"S": "sparse"}, h={"S": "o"}, a={"S": "T"}, b={"S": "x"})

    def found(condition: str, **more: Any) -> list[str]:
        values = {":h": {"S": "o"}, ":a": {"S": "T"}, ":b": {"S": "x"}, ":n": {"N": "9"}}
        used = {key: value for key, value in values.items() if key in condition}
        answer = world.client.query(
            TableName="many",
            IndexName="all",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=used,
            **more,
        )
        return [item["pk"]["S"] for item in answer["Items"]]

    assert found("h = :h") == ["3", "2", "1", "0"]
    assert found("h = :h AND a = :a") == ["2", "1", "0"]
    assert found("h = :h AND a = :a AND b = :b AND n > :n") == ["0"]
    assert found("h = :h AND a = :a AND b < :b", ScanIndexForward=False) == ["2"]
    first = world.client.query(
        TableName="many",
        IndexName="all",
        KeyConditionExpression="h = :h",
        ExpressionAttributeValues={":h": {"S": "o"}},
        Limit=2,
    )
    assert set(first["LastEvaluatedKey"]) == {"pk", "h", "a", "b", "n"}
    assert found("h = :h", ExclusiveStartKey=first["LastEvaluatedKey"]) == ["1", "0"]
