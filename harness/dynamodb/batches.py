"""BatchWriteItem and BatchGetItem.

A batch is not a transaction: its entries are checked together first, then applied in the order of
the request. Nothing is throttled here, so all is processed unless a setting or 16 MB say otherwise.

Source: DynamoDB API reference; sentences as dynalite and dynamodb-conformance recorded on AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError
from harness.dynamodb.attributes import check_item_size, normalise_item
from harness.dynamodb.capacity import Bill, collection_metrics, read_units
from harness.dynamodb.engine import put_row, remove_row
from harness.dynamodb.item_keys import NOT_A_KEY, item_position, key_position
from harness.dynamodb.item_requests import BATCH_GET_ITEM, BATCH_WRITE_ITEM
from harness.dynamodb.request_expressions import check_projection, projection_of
from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

WRITES_MAX = 25
READS_MAX = 100
RESPONSE_BYTES_MAX = 16 * 1024 * 1024
_PROJECTIONS = ("ProjectionExpression", "AttributesToGet")
DUPLICATES = "Provided list of item keys contains duplicates"
ONE_REQUEST = (
    "Supplied AttributeValue has more than one datatypes set, "
    "must contain exactly one of the supported datatypes"
)


def batch_write_item(engine: Engine, payload: Json) -> bytes:
    """BatchWriteItem: the encoded answer."""
    request = BATCH_WRITE_ITEM.parse(payload)
    asked = request["RequestItems"]
    if not asked:
        raise validation_error("The requestItems parameter is required for BatchWriteItem")
    if sum(map(len, asked.values())) > WRITES_MAX:
        raise validation_error("Too many items requested for the BatchWriteItem call")
    entries = [
        (named, entry, *_write_entry(entry)) for named, list_ in asked.items() for entry in list_
    ]
    writes = _placed(engine, entries)
    bill = Bill(request.get("ReturnConsumedCapacity"))
    metrics: dict[str, list[Json]] = {}
    unprocessed: dict[str, list[Json]] = {}
    for number, (named, entry, table, position, item, size) in enumerate(writes, 1):
        if _left_out(engine, number):
            unprocessed.setdefault(named, []).append(entry)
            continue
        if "PutRequest" in entry:
            written = put_row(engine, table, position, item, size)
        else:
            written = remove_row(engine, table, position)
        if bill.wanted:
            bill.add_write(table, written, named=named)
        if request.get("ReturnItemCollectionMetrics") == "SIZE":
            one = collection_metrics(table, item)
            if one is not None and one not in metrics.setdefault(named, []):
                metrics[named].append(one)
    answer: Json = {"UnprocessedItems": unprocessed}
    if bill.wanted:
        answer["ConsumedCapacity"] = bill.all()
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    return orjson.dumps(answer)


def _write_entry(entry: Json) -> tuple[Item, int]:
    """The item or key of one WriteRequest, normalised, and an item's size."""
    if len(entry) != 1:
        raise validation_error(ONE_REQUEST)
    if "PutRequest" in entry:
        item = normalise_item(entry["PutRequest"]["Item"])
        return item, check_item_size(item)
    return normalise_item(entry["DeleteRequest"]["Key"]), 0


def _placed(
    engine: Engine, entries: list[tuple[str, Json, Item, int]]
) -> list[tuple[str, Json, Table, bytes, Item, int]]:
    """Each entry with its table and position; no two on one item."""
    seen: set[tuple[str, bytes]] = set()
    placed = []
    for named, entry, item, size in entries:
        table = engine.tables.for_items(named)
        if "PutRequest" in entry:
            position = _put_position(table, item)
        else:
            position = key_position(table.schema, item)
        if (table.name, position) in seen:
            raise validation_error(DUPLICATES)
        seen.add((table.name, position))
        placed.append((named, entry, table, position, item, size))
    return placed


def _put_position(table: Table, item: Item) -> bytes:
    try:
        return item_position(table, item)
    except AwsError as error:
        # A batch calls a missing or mistyped key by the name it has in reads.
        if "Missing the key" in error.message or "Type mismatch for key" in error.message:
            raise validation_error(NOT_A_KEY) from None
        raise


def batch_get_item(engine: Engine, payload: Json) -> bytes:
    """BatchGetItem: the encoded answer."""
    request = BATCH_GET_ITEM.parse(payload)
    asked = request["RequestItems"]
    if not asked:
        raise validation_error(
            "1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    if sum(len(entry["Keys"]) for entry in asked.values()) > READS_MAX:
        raise validation_error("Too many items requested for the BatchGetItem call")
    prepared = []
    together = {name: True for entry in asked.values() for name in entry if name in _PROJECTIONS}
    check_projection(together)
    for named, entry in asked.items():
        check_projection(entry)
        projection = projection_of(entry)
        keys = [normalise_item(key) for key in entry["Keys"]]
        _refuse_duplicates(entry["Keys"])
        prepared.append((named, entry, projection, keys))
    placed = []
    for named, entry, projection, keys in prepared:
        table = engine.tables.for_items(named)
        positions = [key_position(table.schema, key) for key in keys]
        placed.append((named, entry, projection, table, positions))
    bill = Bill(request.get("ReturnConsumedCapacity"))
    responses: list[bytes] = []
    unprocessed: Json = {}
    number = total = 0
    for named, entry, projection, table, positions in placed:
        found: list[bytes] = []
        consistent = entry.get("ConsistentRead", False)
        for place, position in enumerate(positions):
            number += 1
            row = table.items.row(position)
            size = 0 if row is None else row[1]
            if _left_out(engine, number) or total + size > RESPONSE_BYTES_MAX:
                left = unprocessed.setdefault(named, {**entry, "Keys": []})
                left["Keys"].append(entry["Keys"][place])
                continue
            total += size
            if bill.wanted:
                bill.add_read(table, read_units(size, consistent=consistent), named=named)
            if row is None:
                continue
            json = row[0]
            if projection is not None:
                json = orjson.dumps(projection.of(orjson.loads(json)))
            found.append(json)
        responses.append(orjson.dumps(named) + b":[" + b",".join(found) + b"]")
    tail = b',"UnprocessedKeys":' + orjson.dumps(unprocessed)
    if bill.wanted:
        tail += b',"ConsumedCapacity":' + orjson.dumps(bill.all())
    return b'{"Responses":{' + b",".join(responses) + b"}" + tail + b"}"


def _refuse_duplicates(keys: list[Item]) -> None:
    """Keys written alike are duplicates; 1 and 1.0 are not, though they are one item."""
    seen = {orjson.dumps(key, option=orjson.OPT_SORT_KEYS) for key in keys}
    if len(seen) < len(keys):
        raise validation_error(DUPLICATES)


def _left_out(engine: Engine, number: int) -> bool:
    every = engine.settings.unprocessed_every
    return every > 0 and number % every == 0
