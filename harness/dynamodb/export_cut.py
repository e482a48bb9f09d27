"""What a table held at a moment of the past, rebuilt from its change log.

A full export takes the rows of now and undoes what happened after the cut; an incremental one folds
the changes between two moments into one state before and one after, per item. Both are generators
that yield every so often, so that a big table does not hold up whoever runs them.

Source: developer guide, "DynamoDB data export to Amazon S3: how it works".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from harness.dynamodb.sizes import item_size

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from harness.dynamodb.change_log import Change, ChangeLog, Item
    from harness.dynamodb.store import Row
    from harness.dynamodb.tables import Table

SLICE_CHANGES = 20_000
TOKEN_BYTES = 2
TOKENS_END = 1 << 16


@dataclass(slots=True)
class NetChange:
    """What became of one item between two moments.

    Attributes:
        keys: its primary key.
        before: its JSON before the first change, or None.
        after: its JSON after the last change, or None.
        time_us: when the last change was written.
    """

    keys: Item
    before: bytes | None
    after: bytes | None
    time_us: int


def partition_of(position: bytes, partitions: int) -> int:
    """Which partition, from 0, holds a position: equal ranges of the hash."""
    return int.from_bytes(position[:TOKEN_BYTES], "big") * partitions // TOKENS_END


def rows_at(
    table: Table, end: int | None, cut_us: Callable[[bytes], int], *, earliest_cut_us: int
) -> Generator[None, None, dict[bytes, Row]]:
    """The rows by position as they were at the cut.

    Args:
        table: whose rows.
        end: number of the first change that had not happened when the export was asked for; None
            lets later ones in, if their time is not after the cut.
        cut_us: the last moment that counts, for a position.
        earliest_cut_us: no position's cut is before this, so older changes need no look.
    """
    rows = dict(table.items.ordered.rows)
    position_of = table.schema.position
    for chunk in _backwards(table.log):
        for change in reversed(chunk):
            position = position_of(change.keys)
            happened = end is None or change.number < end
            if happened and change.time_us <= cut_us(position):
                continue
            if change.old_json is None:
                rows.pop(position, None)
            else:
                size = change.old_size
                if size is None:
                    size = item_size(orjson.loads(change.old_json))
                rows[position] = (change.old_json, size)
        if chunk and chunk[0].time_us <= earliest_cut_us:
            break
        yield
    return rows


def net_changes(
    table: Table, from_us: int, to_us: int, end: int
) -> Generator[None, None, dict[bytes, NetChange]]:
    """One net change per item written from `from_us` on and before `to_us`, by position.

    An item that was both made and deleted in between is left out.
    """
    changes: dict[bytes, NetChange] = {}
    log = table.log
    position_of = table.schema.position
    for start in range(log.first, end, SLICE_CHANGES):
        for change in log.read(start, min(SLICE_CHANGES, end - start)):
            if not from_us <= change.time_us < to_us:
                continue
            position = position_of(change.keys)
            known = changes.get(position)
            if known is None:
                changes[position] = NetChange(
                    change.keys, change.old_json, change.new_json, change.time_us
                )
            else:
                known.after = change.new_json
                known.time_us = change.time_us
        yield
    return {
        position: change
        for position, change in changes.items()
        if change.before is not None or change.after is not None
    }


def _backwards(log: ChangeLog) -> Generator[list[Change], None, None]:
    """The log in chunks from its end of now to its beginning."""
    stop = log.end
    while stop > log.first:
        start = max(log.first, stop - SLICE_CHANGES)
        yield log.read(start, stop - start)
        stop = start
