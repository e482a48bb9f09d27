"""What every operation shares: the tables, the clock, the settings, and the write itself.

`put_row` and `remove_row` are the only places where an item changes on behalf of a client: they
change the row, the indexes and the change log together, and none of them when nothing changes.

Source: DynamoDB Streams documentation: a write that changes no data makes no stream record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from harness.dynamodb.attributes import same_item
from harness.dynamodb.store import stored_json

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.tables import Table, Tables


@dataclass(slots=True)
class Settings:
    """What can be switched in the item engine.

    Attributes:
        prefixed_errors: PutItem, UpdateItem and DeleteItem begin their expression errors with
            `1 validation error detected: `, as AWS does since 2026.
        unprocessed_every: BatchWriteItem and BatchGetItem leave each n-th of their entries
            unprocessed; 0 leaves none.
        page_bytes: how many bytes of items end a page of Query and Scan.
        ttl_delay_seconds: how long after its expiry an item is deleted.
    """

    prefixed_errors: bool = True
    unprocessed_every: int = 0
    page_bytes: int = 1024 * 1024
    ttl_delay_seconds: float = 0.0


@dataclass(slots=True)
class Engine:
    """What an operation works on."""

    clock: Clock
    tables: Tables
    settings: Settings = field(default_factory=Settings)


@dataclass(slots=True)
class Written:
    """What one write did.

    Attributes:
        old_size: size of the item before; 0 when there was none.
        new_size: size of the item after; 0 when there is none.
        index_units: write units by index that changed.
    """

    old_size: int
    new_size: int
    index_units: dict[str, int]


_NO_INDEX: dict[str, int] = {}


def put_row(
    engine: Engine,
    table: Table,
    position: bytes,
    new: Item,
    new_size: int,
    *,
    old: Item | None = None,
) -> Written:
    """Store `new` at `position`, with its change, unless that is what is there by value.

    Args:
        engine: for the time.
        table: where.
        position: of the item's key.
        new: the whole item, normalised.
        new_size: its size.
        old: the item now at `position` when the caller has decoded it already.
    """
    items = table.items
    old_row = items.ordered.rows.get(position)
    json = stored_json(new)
    old_size = 0
    if old_row is not None:
        old_json, old_size = old_row
        if old_json == json:
            return Written(old_size, new_size, _NO_INDEX)
        # The same values in another order have the same number of characters.
        if len(old_json) == len(json):
            old = orjson.loads(old_json) if old is None else old
            if same_item(old, new):
                return Written(old_size, new_size, _NO_INDEX)
        if old is None and (items.indexes or items.watchers):
            old = orjson.loads(old_json)
    index_units = items.put(position, new, (json, new_size), old)
    log = table.log
    if log.needed:
        now_us = engine.clock.now_us()
        keys = table.schema.of(new)
        if old_row is None:
            log.append(now_us, "INSERT", keys, None, json, new_size=new_size)
        else:
            log.append(
                now_us, "MODIFY", keys, old_row[0], json, old_size=old_size, new_size=new_size
            )
    return Written(old_size, new_size, index_units)


def remove_row(
    engine: Engine, table: Table, position: bytes, *, by_service: bool = False
) -> Written:
    """Remove the item at `position`, with its change; nothing when there is none."""
    items = table.items
    old_row = items.ordered.rows.get(position)
    if old_row is None:
        return Written(0, 0, _NO_INDEX)
    old_json, old_size = old_row
    if not items.indexes and not items.watchers and not table.log.needed:
        items.ordered.remove(position)
        return Written(old_size, 0, _NO_INDEX)
    old = orjson.loads(old_json)
    index_units = items.remove(position, old)
    if table.log.needed:
        table.log.append(
            engine.clock.now_us(), "REMOVE", table.schema.of(old), old_json, None,
            by_service=by_service, old_size=old_size,
        )  # fmt: skip
    return Written(old_size, 0, index_units)
