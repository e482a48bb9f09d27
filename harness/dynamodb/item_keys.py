"""Whether a key or an item fits a table: names, types, sizes, and the keys of its indexes.

Source: sentences as recorded on AWS by dynalite and dynamodb-conformance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.dynamodb.attributes import check_key_value, type_of
from harness.dynamodb.expressions import check_scalar_keys
from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.dynamodb.change_log import Item
    from harness.dynamodb.expressions import Condition, Projection, Update
    from harness.dynamodb.keys import KeySchema
    from harness.dynamodb.tables import Table

INVALID = "One or more parameter values were invalid: "
NOT_A_KEY = "The provided key element does not match the schema"
UNSUPPORTED = (
    "The update expression attempted to update the secondary index key to unsupported type"
)
SHORT_KEY = 1024


def key_position(schema: KeySchema, key: Item) -> bytes:
    """Where a key given by a client points to.

    Raises:
        AwsError: ValidationException; not exactly the key attributes, or a wrong type or size.
    """
    if schema.more_hash or schema.more_range:
        hashes, ranges = schema.hash_keys, schema.range_keys
        if len(key) != len(hashes) + len(ranges):
            raise validation_error(NOT_A_KEY)
        for name, kind in hashes:
            _check_part(key, name, kind, is_hash=True)
        for name, kind in ranges:
            _check_part(key, name, kind, is_hash=False)
        return schema.position(key)
    hash_name, range_name = schema.hash_name, schema.range_name
    if len(key) != (1 if range_name is None else 2):
        raise validation_error(NOT_A_KEY)
    _check_part(key, hash_name, schema.hash_type, is_hash=True)
    if range_name is not None:
        _check_part(key, range_name, schema.range_type or "", is_hash=False)
    return schema.position(key)


def item_position(table: Table, item: Item) -> bytes:
    """Where an item to put belongs.

    Raises:
        AwsError: ValidationException; a key is missing, of a wrong type or size, or the key of an
            index has a wrong type.
    """
    schema = table.schema
    _check_item_part(item, schema.hash_name, schema.hash_type, is_hash=True)
    if schema.range_name is not None:
        _check_item_part(item, schema.range_name, schema.range_type or "", is_hash=False)
    if table.items.indexes:
        check_index_keys(table, item)
    return schema.position(item)


def check_index_keys(table: Table, item: Item, names: Iterable[str] | None = None) -> None:
    """Refuse index keys of a wrong type, without a value or too long.

    Args:
        table: whose indexes.
        item: as it is to be stored.
        names: look at these attributes only.
    """
    wanted = None if names is None else set(names)
    for index in table.items.indexes.values():
        schema = index.schema
        hashes = schema.hash_keys
        for number, (name, kind) in enumerate(hashes + schema.range_keys):
            value = item.get(name)
            if value is None:
                continue
            if wanted is not None and name not in wanted:
                continue
            actual = type_of(value)
            if actual != kind and wanted is not None:
                raise validation_error(UNSUPPORTED)
            if actual != kind:
                raise validation_error(
                    f"{INVALID}Type mismatch for Index Key {name} Expected: {kind} "
                    f"Actual: {actual} IndexName: {index.name}"
                )
            if kind != "N" and not value[kind]:
                noun = "string" if kind == "S" else "binary"
                raise validation_error(
                    "One or more parameter values are not valid. A value specified for a "
                    f"secondary index key is not supported. The AttributeValue for a key "
                    f"attribute cannot contain an empty {noun} value. "
                    f"IndexName: {index.name}, IndexKey: {name}"
                )
            if kind != "N" and len(value[kind]) * 4 > SHORT_KEY:
                check_key_value(name, value, is_hash=number < len(hashes))


def check_update(table: Table, update: Update) -> None:
    """What an update's text alone does that the keys of the table and of its indexes forbid.

    Raises:
        AwsError: ValidationException; a primary key attribute is written, an index key gets a wrong
            type, or a path leads into an index key.
    """
    update.check_without(table.schema.names)
    indexes = table.items.indexes.values()
    if not indexes:
        return
    for index in indexes:
        kinds = dict(index.schema.hash_keys + index.schema.range_keys)
        for name, actual in update.written_types:
            if kinds.get(name, actual) != actual:
                raise validation_error(
                    f"{INVALID}Type mismatch for Index Key {name} Expected: {kinds[name]} "
                    f"Actual: {actual} IndexName: {index.name}"
                )
    check_scalar_keys(update.inner, (), [n for index in indexes for n in index.schema.names])


def check_scalars(table: Table, *expressions: Condition | Projection | None) -> None:
    """Refuse document paths that lead into a key attribute of the table or its indexes."""
    for expression in expressions:
        if expression is not None and expression.nested:
            index_keys = [
                name for index in table.items.indexes.values() for name in index.schema.names
            ]
            check_scalar_keys(expression.nested, table.schema.names, index_keys)


def _check_part(key: Item, name: str, kind: str, *, is_hash: bool) -> None:
    value = key.get(name)
    if value is None or kind not in value:
        raise validation_error(NOT_A_KEY)
    if kind != "N":
        text = value[kind]
        # A short text needs no count of its bytes: four at most for each character.
        if not text or len(text) * 4 > SHORT_KEY:
            check_key_value(name, value, is_hash=is_hash)


def _check_item_part(item: Item, name: str, kind: str, *, is_hash: bool) -> None:
    value = item.get(name)
    if value is None:
        raise validation_error(f"{INVALID}Missing the key {name} in the item")
    if kind not in value:
        raise validation_error(
            f"{INVALID}Type mismatch for key {name} expected: {kind} actual: {type_of(value)}"
        )
    if kind != "N":
        text = value[kind]
        if not text or len(text) * 4 > SHORT_KEY:
            check_key_value(name, value, is_hash=is_hash)
