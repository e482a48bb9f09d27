"""PutItem, UpdateItem, DeleteItem and GetItem.

Each operation checks in AWS's order: shapes, parameters that exclude one another, values,
expressions; only then the table, the key against its schema, the condition, and the result.

Source: DynamoDB API reference; words and order as dynalite and dynamodb-conformance recorded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError
from harness.dynamodb.attributes import (
    check_item_size,
    check_updated_item_size,
    normalise_item,
)
from harness.dynamodb.capacity import Bill, collection_metrics, read_units
from harness.dynamodb.engine import put_row, remove_row
from harness.dynamodb.expressions import updated_view
from harness.dynamodb.item_keys import (
    check_index_keys,
    check_scalars,
    item_position,
    key_position,
)
from harness.dynamodb.item_keys import (
    check_update as check_update_keys,
)
from harness.dynamodb.item_requests import DELETE_ITEM, GET_ITEM, PUT_ITEM, UPDATE_ITEM
from harness.dynamodb.request_expressions import (
    Guard,
    check_condition,
    check_projection,
    check_update,
    guard_of,
    projection_of,
    update_of,
)
from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.engine import Engine, Written
    from harness.dynamodb.expressions import Update
    from harness.dynamodb.expressions.updates import Paths
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

_NULL_EXPRESSIONS = re.compile(r"(?<=when using expressions): \w+( and \w+)* (is|are) null$")
"""What the sentences of 2026 no longer say."""


def put_item(engine: Engine, payload: Json) -> bytes:
    """PutItem: the encoded answer."""
    request = PUT_ITEM.parse(payload)
    try:
        guard, item, size = _prepare_put(request)
    except AwsError as error:
        raise prefixed(engine, error) from None
    table = engine.tables.for_items(request["TableName"])
    position = item_position(table, item)
    old_row = table.items.row(position)
    if guard is not None:
        guard.check(None if old_row is None else orjson.loads(old_row[0]))
    written = put_row(engine, table, position, item, size)
    if len(request) == 2:
        return b"{}"
    attributes = None
    if old_row is not None and request.get("ReturnValues") == "ALL_OLD":
        attributes = old_row[0]
    return _write_answer(request, table, written, item, attributes)


def _prepare_put(request: Json) -> tuple[Guard | None, Item, int]:
    guard = None
    if len(request) == 2:
        item = normalise_item(request["Item"])
        return None, item, check_item_size(item)
    check_condition(request)
    item = normalise_item(request["Item"])
    check_return_values(request)
    size = check_item_size(item)
    guard = guard_of(request)
    return guard, item, size


def delete_item(engine: Engine, payload: Json) -> bytes:
    """DeleteItem: the encoded answer."""
    request = DELETE_ITEM.parse(payload)
    try:
        check_condition(request)
        key = normalise_item(request["Key"])
        check_return_values(request)
        guard = guard_of(request) if len(request) > 2 else None
    except AwsError as error:
        raise prefixed(engine, error) from None
    table = engine.tables.for_items(request["TableName"])
    position = key_position(table.schema, key)
    old_row = table.items.row(position)
    if guard is not None:
        guard.check(None if old_row is None else orjson.loads(old_row[0]))
    written = remove_row(engine, table, position)
    attributes = None
    if old_row is not None and request.get("ReturnValues") == "ALL_OLD":
        attributes = old_row[0]
    return _write_answer(request, table, written, key, attributes)


def update_item(engine: Engine, payload: Json) -> bytes:
    """UpdateItem: the encoded answer."""
    request = UPDATE_ITEM.parse(payload)
    try:
        check_update(request)
        key = normalise_item(request["Key"])
        update, guard = update_of(request)
    except AwsError as error:
        raise prefixed(engine, error) from None
    table = engine.tables.for_items(request["TableName"])
    position = key_position(table.schema, key)
    if update is not None:
        check_update_keys(table, update)
    old_row = table.items.row(position)
    old: Item | None = None if old_row is None else orjson.loads(old_row[0])
    if guard is not None:
        guard.check(old)
    changed = updated(table, key, old, update)
    if changed is None:
        return _write_answer(request, table, remove_row(engine, table, position), key, None)
    new, paths = changed
    size = check_updated_item_size(new)
    written = put_row(engine, table, position, new, size, old=old)
    attributes: Json | None = None
    match request.get("ReturnValues"):
        case "ALL_OLD":
            attributes = old
        case "ALL_NEW":
            attributes = new
        case "UPDATED_OLD":
            attributes = None if old is None else updated_view(paths, old)
        case "UPDATED_NEW":
            attributes = updated_view(paths, new)
        case _:
            pass
    return _write_answer(
        request, table, written, key, orjson.dumps(attributes) if attributes else None
    )


def updated(
    table: Table, key: Item, old: Item | None, update: Update | None
) -> tuple[Item, Paths] | None:
    """The item after an update and the paths written to; None when it makes no item at all.

    An update that only removes creates no item; one without any expression creates a bare key.
    """
    if update is None:
        return (key if old is None else old), []
    new, paths = update.apply(key if old is None else old, exists=old is not None)
    if old is None and len(new) == len(key):
        return None
    if table.items.indexes:
        check_index_keys(table, new, {str(path[0]) for path in paths})
    return new, paths


def get_item(engine: Engine, payload: Json) -> bytes:
    """GetItem: the encoded answer."""
    request = GET_ITEM.parse(payload)
    if len(request) > 2:
        check_projection(request)
    key = normalise_item(request["Key"])
    projection = projection_of(request) if len(request) > 2 else None
    table = engine.tables.for_items(request["TableName"])
    position = key_position(table.schema, key)
    if projection is not None:
        check_scalars(table, projection)
    row = table.items.row(position)
    parts = []
    if row is not None:
        json = row[0]
        if projection is not None:
            json = orjson.dumps(projection.of(orjson.loads(json)))
        parts.append(b'"Item":' + json)
    bill = Bill(request.get("ReturnConsumedCapacity"))
    if bill.wanted:
        consistent = request.get("ConsistentRead", False)
        size = 0 if row is None else row[1]
        bill.add_read(table, read_units(size, consistent=consistent), named=request["TableName"])
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(bill.one()))
    return b"{" + b",".join(parts) + b"}"


def check_return_values(request: Json) -> None:
    """PutItem and DeleteItem return nothing or the old item."""
    if request.get("ReturnValues", "NONE") not in {"NONE", "ALL_OLD"}:
        raise validation_error("ReturnValues can only be ALL_OLD or NONE")


def prefixed(engine: Engine, error: AwsError) -> AwsError:
    """`error` with the prefix that AWS gives since 2026, where the setting asks for it."""
    prefix = "1 validation error detected: "
    if error.code != "ValidationException" or not engine.settings.prefixed_errors:
        return error
    message = _NULL_EXPRESSIONS.sub("", error.message)
    return AwsError(error.code, prefix + message, namespace=error.namespace)


def _write_answer(
    request: Json, table: Table, written: Written, key: Item, attributes: bytes | None
) -> bytes:
    parts = []
    if attributes is not None:
        parts.append(b'"Attributes":' + attributes)
    bill = Bill(request.get("ReturnConsumedCapacity"))
    if bill.wanted:
        bill.add_write(table, written, named=request["TableName"])
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(bill.one()))
    if request.get("ReturnItemCollectionMetrics") == "SIZE":
        metrics = collection_metrics(table, key)
        if metrics is not None:
            parts.append(b'"ItemCollectionMetrics":' + orjson.dumps(metrics))
    return b"{" + b",".join(parts) + b"}"
