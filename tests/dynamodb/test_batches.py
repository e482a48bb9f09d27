"""BatchWriteItem and BatchGetItem."""

from __future__ import annotations

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]


def puts(*names: str) -> list[dict[str, object]]:
    return [{"PutRequest": {"Item": {"id": {"S": name}}}} for name in names]


def test_a_batch_writes_and_deletes_over_tables(world: ItemWorld) -> None:
    world.put(id={"S": "old"})
    world.watch()
    answer = world.client.batch_write_item(
        RequestItems={
            "flat": [*puts("a", "b"), {"DeleteRequest": {"Key": {"id": {"S": "old"}}}}],  # type: ignore[list-item]
            "deep": [{"PutRequest": {"Item": {"pk": {"S": "p"}, "sk": {"N": "1"}}}}],
        }
    )
    assert answer["UnprocessedItems"] == {}
    assert [(c.event, c.keys["id"]["S"]) for c in world.changes()] == [
        ("INSERT", "a"),
        ("INSERT", "b"),
        ("REMOVE", "old"),
    ]
    assert len(world.table("deep").items) == 1


def test_duplicates_are_refused_by_value_in_writes(world: ItemWorld) -> None:
    numbers = [
        {"PutRequest": {"Item": {"pk": {"S": "p"}, "sk": {"N": text}}}} for text in ("1000", "1e3")
    ]
    duplicates = ("ValidationException", "Provided list of item keys contains duplicates")
    assert refused(world.client.batch_write_item, RequestItems={"deep": numbers}) == duplicates
    keys = [{"pk": {"S": "p"}, "sk": {"N": text}} for text in ("1000", "1e3")]
    world.client.batch_get_item(RequestItems={"deep": {"Keys": keys}})
    same = {"deep": {"Keys": [keys[0], keys[0]]}}
    assert refused(world.client.batch_get_item, RequestItems=same) == duplicates
    assert len(world.table("deep").items) == 0


def test_unknown_table(world: ItemWorld) -> None:
    assert refused(world.client.batch_write_item, RequestItems={"nowhere": puts("a")}) == (
        "ResourceNotFoundException",
        "Requested resource not found",
    )


def test_too_many_entries(world: ItemWorld) -> None:
    _, message = refused(
        world.client.batch_write_item, RequestItems={"flat": puts(*map(str, range(26)))}
    )
    assert message.startswith("1 validation error detected: Value '{flat=[WriteRequest(putRequest=")
    assert message.endswith(
        "at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than "
        "or equal to 1]"
    )
    keys = [{"id": {"S": str(n)}} for n in range(101)]
    assert refused(world.client.batch_get_item, RequestItems={"flat": {"Keys": keys}})[1] == (
        "1 validation error detected: Value at 'RequestItems.flat.member.Keys' failed to satisfy "
        "constraint: Member must have length less than or equal to 100"
    )


def test_entries_can_be_left_unprocessed(world: ItemWorld) -> None:
    world.engine.settings.unprocessed_every = 3
    answer = world.client.batch_write_item(
        RequestItems={"flat": puts("a", "b", "c", "d")}  # type: ignore[dict-item]
    )
    assert answer["UnprocessedItems"] == {"flat": puts("c")}
    assert {item["id"]["S"] for item in world.table().items.scan_all()} == {"a", "b", "d"}


def test_a_read_batch_stops_at_sixteen_megabytes(world: ItemWorld) -> None:
    keys = [{"id": {"S": str(n)}} for n in range(50)]
    for key in keys:
        world.put(**key, x={"S": "x" * 390_000})
    answer = world.client.batch_get_item(RequestItems={"flat": {"Keys": keys}})
    assert len(answer["Responses"]["flat"]) == 43
    assert len(answer["UnprocessedKeys"]["flat"]["Keys"]) == 7
