"""DynamoDB Streams over a change log: records, shards, iterators, retention."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from harness.awsjson import AwsError
from harness.clock import VirtualClock
from harness.dynamodb.keys import KeySchema
from harness.dynamodb.streams import Streams
from harness.dynamodb.streams_shards import StreamSettings
from harness.dynamodb.tables import Table, Tables

Json = dict[str, Any]
START_US = 1_731_400_000_123_456


class World:
    """One table `users` with key `id`, and its stream."""

    def __init__(
        self, settings: StreamSettings | None = None, *, view_type: str = "NEW_AND_OLD_IMAGES"
    ) -> None:
        self.clock = VirtualClock(start_us=START_US)
        self.tables = Tables(self.clock, region="eu-west-1", account="123456789012")
        self.streams = Streams(self.clock, "eu-west-1", self.tables, settings=settings)
        self.table = Table(
            "users",
            arn=self.tables.arn("users"),
            table_id="11111111-2222-4333-8444-555555555555",
            schema=KeySchema("id", "S"),
            attribute_types={"id": "S"},
            created_us=START_US,
        )
        self.tables.add(self.table)
        self.enable(view_type)

    def enable(self, view_type: str = "NEW_AND_OLD_IMAGES") -> str:
        stream = self.table.enable_stream(view_type, self.clock.now_us())
        self.tables.stream_changed(self.table, None)
        self.arn = stream.arn
        return stream.arn

    def disable(self) -> None:
        former = self.table.stream
        self.table.disable_stream()
        self.tables.stream_changed(self.table, former)

    def put(self, *ids: str) -> None:
        for identity in ids:
            item = {"id": {"S": identity}}
            self.table.log.append(self.clock.now_us(), "INSERT", item, None, item)

    def describe(self, **more: Any) -> Json:
        answer = self.streams.describe_stream({"StreamArn": self.arn, **more})
        description: Json = answer["StreamDescription"]
        return description

    def shard_ids(self, **more: Any) -> list[str]:
        return [shard["ShardId"] for shard in self.describe(**more)["Shards"]]

    def iterator(self, shard_id: str, kind: str = "TRIM_HORIZON", **more: Any) -> str:
        request = {"StreamArn": self.arn, "ShardId": shard_id, "ShardIteratorType": kind, **more}
        iterator: str = self.streams.get_shard_iterator(request)["ShardIterator"]
        return iterator

    def get(self, iterator: str, **more: Any) -> Json:
        page: Json = orjson.loads(self.streams.get_records({"ShardIterator": iterator, **more}))
        return page

    def read(self, shard_id: str) -> list[str]:
        """Ids of everything readable in a shard, by pages, until it ends or is empty."""
        iterator: str | None = self.iterator(shard_id)
        ids: list[str] = []
        while iterator is not None:
            page = self.get(iterator)
            ids += [record["dynamodb"]["Keys"]["id"]["S"] for record in page["Records"]]
            iterator = page.get("NextShardIterator") if page["Records"] else None
        return ids


def code_of(error: pytest.ExceptionInfo[AwsError]) -> tuple[str, str]:
    return error.value.code, error.value.message


def test_record_bytes() -> None:
    world = World()
    old = {"id": {"S": "NewKey"}}
    new = {"id": {"S": "NewKey"}, "attr1": {"S": "value1"}, "attr2": {"S": "value2"}}
    world.table.log.append(world.clock.now_us(), "MODIFY", old, old, new)

    answer = world.streams.get_records({"ShardIterator": world.iterator(world.shard_ids()[0])})

    (record,) = orjson.loads(answer)["Records"]
    event_id = record["eventID"].encode()
    assert len(event_id) == 32
    # SizeBytes: keys 8, new image 30, old image 8.
    assert answer.startswith(
        b'{"Records":[{"eventID":"' + event_id + b'","eventName":"MODIFY","eventVersion":"1.1",'
        b'"eventSource":"aws:dynamodb","awsRegion":"eu-west-1","dynamodb":{'
        b'"ApproximateCreationDateTime":1731400000,"Keys":{"id":{"S":"NewKey"}},'
        b'"NewImage":{"id":{"S":"NewKey"},"attr1":{"S":"value1"},"attr2":{"S":"value2"}},'
        b'"OldImage":{"id":{"S":"NewKey"}},"SequenceNumber":"110680464442257309246",'
        b'"SizeBytes":46,"StreamViewType":"NEW_AND_OLD_IMAGES"}}],"NextShardIterator":"'
    )


@pytest.mark.parametrize(
    ("view_type", "images", "size_bytes"),
    [
        ("KEYS_ONLY", [], 6),
        ("NEW_IMAGE", ["NewImage"], 14),
        ("OLD_IMAGE", ["OldImage"], 16),
        ("NEW_AND_OLD_IMAGES", ["NewImage", "OldImage"], 24),
    ],
)
def test_view_type_says_which_images_are_there_and_counted(
    view_type: str, images: list[str], size_bytes: int
) -> None:
    world = World(view_type=view_type)
    keys = {"id": {"S": "Fred"}}
    old = {**keys, "a": {"S": "123"}}
    world.table.log.append(world.clock.now_us(), "MODIFY", keys, old, {**keys, "a": {"S": "1"}})

    (record,) = world.get(world.iterator(world.shard_ids()[0]))["Records"]

    assert [name for name in record["dynamodb"] if name.endswith("Image")] == images
    assert record["dynamodb"]["SizeBytes"] == size_bytes
    assert record["dynamodb"]["StreamViewType"] == view_type


def test_deletion_by_time_to_live_is_signed_with_the_names_of_the_api_model() -> None:
    world = World()
    item = {"id": {"S": "a"}}
    world.table.log.append(world.clock.now_us(), "REMOVE", item, item, None, by_service=True)

    (record,) = world.get(world.iterator(world.shard_ids()[0]))["Records"]

    assert record["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    assert "NewImage" not in record["dynamodb"]


def test_description_of_a_new_stream() -> None:
    world = World()
    description = world.describe()
    (shard,) = description.pop("Shards")

    assert description == {
        "StreamArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/"
        "2024-11-12T08:26:40.123",
        "StreamLabel": "2024-11-12T08:26:40.123",
        "StreamStatus": "ENABLED",
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        "CreationRequestDateTime": 1731400000.123456,
        "TableName": "users",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    assert shard.keys() == {"ShardId", "SequenceNumberRange"}
    assert shard["SequenceNumberRange"] == {"StartingSequenceNumber": "110680464442257309206"}
    assert 28 <= len(shard["ShardId"]) <= 65


def test_only_changes_after_enabling_are_in_the_stream() -> None:
    world = World()
    world.disable()
    world.put("before")
    world.clock.advance(1)
    world.enable()
    world.put("after")

    assert world.read(world.shard_ids()[0]) == ["after"]


def test_pages_follow_each_other_without_loss_or_repetition() -> None:
    world = World()
    names = [f"{n:05d}" for n in range(2500)]
    world.put(*names)

    first = world.get(world.iterator(world.shard_ids()[0]))

    assert len(first["Records"]) == 1000
    assert world.read(world.shard_ids()[0]) == names
    limited = world.get(world.iterator(world.shard_ids()[0]), Limit=3)
    assert len(limited["Records"]) == 3


def test_a_page_ends_at_one_megabyte() -> None:
    world = World()
    for n in range(4):
        keys = {"id": {"S": str(n)}}
        world.table.log.append(
            world.clock.now_us(), "INSERT", keys, None, {**keys, "x": {"S": "x" * 390_000}}
        )

    pages = world.get(world.iterator(world.shard_ids()[0]))

    assert len(pages["Records"]) == 2
    assert world.read(world.shard_ids()[0]) == ["0", "1", "2", "3"]


def test_sequence_numbers_increase_and_iterators_find_them() -> None:
    world = World()
    world.put("a", "b", "c")
    (shard,) = world.shard_ids()
    numbers = [
        record["dynamodb"]["SequenceNumber"]
        for record in world.get(world.iterator(shard))["Records"]
    ]
    assert numbers == sorted(numbers, key=int)
    assert all(21 <= len(n) <= 40 for n in numbers)

    at = world.get(world.iterator(shard, "AT_SEQUENCE_NUMBER", SequenceNumber=numbers[1]))
    after = world.get(world.iterator(shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[1]))
    start = world.describe()["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    from_start = world.get(world.iterator(shard, "AT_SEQUENCE_NUMBER", SequenceNumber=start))

    assert [r["dynamodb"]["SequenceNumber"] for r in at["Records"]] == numbers[1:]
    assert [r["dynamodb"]["SequenceNumber"] for r in after["Records"]] == numbers[2:]
    assert len(from_start["Records"]) == 3


def test_latest_and_at_timestamp_start_where_they_say() -> None:
    world = World()
    (shard,) = world.shard_ids()
    world.put("a")
    world.clock.advance(10)
    moment = world.clock.now()
    world.put("b")
    latest = world.iterator(shard, "LATEST")
    world.put("c")

    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in world.get(latest)["Records"]] == ["c"]
    timed = world.get(world.iterator(shard, "AT_TIMESTAMP", Timestamp=moment))
    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in timed["Records"]] == ["b", "c"]


def test_rolled_shard_keeps_its_records_and_ends() -> None:
    world = World()
    (parent,) = world.shard_ids()
    world.put("a")
    (child,) = world.streams.roll(world.arn)
    world.put("b")

    page = world.get(world.iterator(parent))
    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in page["Records"]] == ["a"]
    # Missing already in the answer that brings the last records.
    assert "NextShardIterator" not in page
    assert world.read(child) == ["b"]
    described = world.describe()["Shards"]
    assert [s["ShardId"] for s in described] == [parent, child]
    assert described[1]["ParentShardId"] == parent
    ended = described[0]["SequenceNumberRange"]["EndingSequenceNumber"]
    assert int(ended) < int(described[1]["SequenceNumberRange"]["StartingSequenceNumber"])


def test_a_shard_rolls_over_after_four_hours() -> None:
    world = World()
    (parent,) = world.shard_ids()
    world.put("a")
    world.clock.advance(4 * 3600)
    world.put("b")

    assert world.shard_ids()[0] == parent
    child = world.shard_ids()[1]
    assert world.read(parent) == ["a"]
    assert world.read(child) == ["b"]
    for shard in world.describe()["Shards"]:
        (record,) = world.get(world.iterator(shard["ShardId"]))["Records"]
        sequence = int(record["dynamodb"]["SequenceNumber"])
        sequences = {name: int(text) for name, text in shard["SequenceNumberRange"].items()}
        assert sequences["StartingSequenceNumber"] <= sequence
        assert sequence <= sequences.get("EndingSequenceNumber", sequence)
    assert world.shard_ids(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent}) == [child]
    assert world.shard_ids(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": child}) == []


def test_four_shards_share_the_keys_and_a_split_keeps_an_item_in_one_line() -> None:
    world = World(StreamSettings(shards=4))
    names = [f"{n:03d}" for n in range(200)]
    world.put(*names)
    roots = world.shard_ids()
    assert len(roots) == 4
    assert all(len(world.read(shard)) > 20 for shard in roots)

    children = world.streams.roll(world.arn, roots[1], children=2)
    world.put(*names)

    assert sorted(name for shard in world.shard_ids() for name in world.read(shard)) == sorted(
        names * 2
    )
    before = world.read(roots[1])
    assert sorted(name for child in children for name in world.read(child)) == before


def test_shards_are_paged_and_an_unknown_start_gives_none() -> None:
    world = World(StreamSettings(shards=4))
    first = world.describe(Limit=3)
    assert len(first["Shards"]) == 3
    assert first["LastEvaluatedShardId"] == first["Shards"][2]["ShardId"]

    rest = world.describe(ExclusiveStartShardId=first["LastEvaluatedShardId"])
    assert len(rest["Shards"]) == 1
    assert "LastEvaluatedShardId" not in rest
    unknown = "shardId-00000000000000000001-00000000"
    assert world.describe(ExclusiveStartShardId=unknown)["Shards"] == []


def test_records_are_trimmed_after_24_hours() -> None:
    world = World(StreamSettings(rollover_hours=None))
    (shard,) = world.shard_ids()
    world.put("old")
    number = world.get(world.iterator(shard))["Records"][0]["dynamodb"]["SequenceNumber"]
    world.clock.advance(24 * 3600 - 600)
    early = world.iterator(shard)
    world.put("new")
    assert world.read(shard) == ["old", "new"]
    world.clock.advance(601)

    assert world.read(shard) == ["new"]
    with pytest.raises(AwsError) as trimmed:
        world.get(early)
    assert code_of(trimmed) == (
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard.",
    )
    with pytest.raises(AwsError) as behind:
        world.iterator(shard, "AT_SEQUENCE_NUMBER", SequenceNumber=number)
    assert behind.value.code == "TrimmedDataAccessException"


def test_iterator_expires_after_15_minutes() -> None:
    world = World()
    iterator = world.iterator(world.shard_ids()[0])
    world.clock.advance(15 * 60 - 1)
    world.get(iterator)
    world.clock.advance(1)

    with pytest.raises(AwsError) as expired:
        world.get(iterator)
    assert expired.value.code == "ExpiredIteratorException"


def test_disabled_stream_stays_readable_for_24_hours_then_is_gone() -> None:
    world = World()
    (shard,) = world.shard_ids()
    world.put("a")
    old_arn = world.arn
    world.disable()
    world.put("unseen")
    world.clock.advance(1)
    new_arn = world.enable()
    world.arn = old_arn

    description = world.describe()
    assert description["StreamStatus"] == "DISABLED"
    assert "EndingSequenceNumber" in description["Shards"][0]["SequenceNumberRange"]
    page = world.get(world.iterator(shard))
    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in page["Records"]] == ["a"]
    assert "NextShardIterator" not in page
    listed = world.streams.list_streams({"TableName": "users"})["Streams"]
    assert [stream["StreamArn"] for stream in listed] == [old_arn, new_arn]

    world.clock.advance(24 * 3600)
    with pytest.raises(AwsError) as gone:
        world.describe()
    assert code_of(gone) == (
        "ResourceNotFoundException",
        f"Requested resource not found: Stream: {old_arn} not found",
    )


def test_deleted_table_leaves_its_stream_readable() -> None:
    world = World()
    (shard,) = world.shard_ids()
    world.put("a")
    world.tables.remove(world.table)

    assert world.describe()["StreamStatus"] == "DISABLED"
    assert world.read(shard) == ["a"]


def test_streams_are_listed_by_pages() -> None:
    world = World()
    arns = [world.arn]
    for _ in range(2):
        world.disable()
        world.clock.advance(1)
        arns.append(world.enable())

    first = world.streams.list_streams({"Limit": 2})
    assert [s["StreamArn"] for s in first["Streams"]] == arns[:2]
    assert first["LastEvaluatedStreamArn"] == arns[1]
    rest = world.streams.list_streams({"Limit": 2, "ExclusiveStartStreamArn": arns[1]})
    assert [s["StreamArn"] for s in rest["Streams"]] == arns[2:]
    assert "LastEvaluatedStreamArn" not in rest
    assert world.streams.list_streams({"TableName": "none"}) == {"Streams": []}


MISSING_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/no/stream/2024-01-01T00:00:00.000"


@pytest.mark.parametrize(
    ("operation", "request_", "code", "words"),
    [
        ("describe_stream", {"StreamArn": MISSING_ARN}, "ResourceNotFoundException", MISSING_ARN),
        ("describe_stream", {"StreamArn": "x" * 40}, "ValidationException", "StreamArn"),
        ("describe_stream", {"StreamArn": "x"}, "ValidationException", "'streamArn' failed"),
        ("list_streams", {"Limit": 0}, "ValidationException", "'limit' failed"),
        ("list_streams", {"Limit": 101}, "ValidationException", "'limit' failed"),
        (
            "list_streams",
            {"ExclusiveStartStreamArn": "y" * 40},
            "ValidationException",
            "Invalid StreamArn",
        ),
        ("get_records", {"ShardIterator": "x"}, "ValidationException", "Invalid ShardIterator"),
        (
            "get_records",
            {"ShardIterator": "x", "Limit": 1001},
            "ValidationException",
            "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000",
        ),
    ],
)
def test_faulty_requests_are_refused(operation: str, request_: Json, code: str, words: str) -> None:
    world = World()

    with pytest.raises(AwsError) as refused:
        getattr(world.streams, operation)(request_)

    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        ("LATEST", {"SequenceNumber": "1" * 21}, "ValidationException"),
        ("TRIM_HORIZON", {"SequenceNumber": "1" * 21}, "ValidationException"),
        ("AT_SEQUENCE_NUMBER", {}, "ValidationException"),
        ("AT_TIMESTAMP", {}, "ValidationException"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "9" * 21}, None),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "0" * 21}, "ValidationException"),
        ("NOWHERE", {}, "ValidationException"),
    ],
)
def test_iterator_types_want_their_members(kind: str, more: Json, code: str | None) -> None:
    world = World()
    (shard,) = world.shard_ids()
    if code is None:
        world.iterator(shard, kind, **more)
        return
    with pytest.raises(AwsError) as refused:
        world.iterator(shard, kind, **more)
    assert refused.value.code == code


def test_unknown_shard_is_not_found() -> None:
    world = World()
    with pytest.raises(AwsError) as refused:
        world.iterator("shardId-00000000000000000001-00000000")
    assert refused.value.code == "ResourceNotFoundException"


def test_half_a_shard_filter_is_refused() -> None:
    world = World()
    for half in ({"Type": "CHILD_SHARDS"}, {"ShardId": "shardId-00000000000000000001-00000000"}):
        with pytest.raises(AwsError) as refused:
            world.describe(ShardFilter=half)
        assert refused.value.code == "ValidationException"


def test_enabling_takes_as_long_as_the_settings_say() -> None:
    world = World(StreamSettings(transition_seconds=2))
    assert world.describe()["StreamStatus"] == "ENABLING"
    world.clock.advance(2)
    assert world.describe()["StreamStatus"] == "ENABLED"
    world.disable()
    assert world.describe()["StreamStatus"] == "DISABLING"
    world.clock.advance(2)
    assert world.describe()["StreamStatus"] == "DISABLED"
