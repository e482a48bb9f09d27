"""Change records to rows.

A record is DynamoDB's JSON on Kinesis (B values base64-encoded twice, stamps in ms or µs) or a
record of DynamoDB Streams (once, seconds). Every record becomes exactly one row: the whole new
image, or, for REMOVE, the key from `Keys` and the deleted mark. Nothing is merged with what was
stored before, so an attribute that an update removed is absent in the row as well.

What cannot be read or stored raises `Poison` with the reason; the caller keeps the raw text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson

from harness.pipelines.reference.cells import Cells, Unstorable, default_cell, one
from harness.pipelines.reference.paths import follow

if TYPE_CHECKING:
    from harness.pipelines.reference.config import Column, PipeConfig
    from harness.pipelines.reference.shards import Record

    Origin = tuple[str, Record]
    """Name of the stream, and the record as it came from it."""

SECONDS_BELOW = 10**11
MILLISECONDS_BELOW = 10**14
STAMP_US_END = 9 * 10**15
"""In the year 2255: a later stamp, scaled to a version, would not fit an Int64."""
EVENTS = ("INSERT", "MODIFY", "REMOVE")


class Poison(Exception):  # noqa: N818 - a state of the record, not a failure of the pipe
    """The record has no row: it goes to the error table with this reason."""


class Change:
    """What a record says.

    Attributes:
        event_id: DynamoDB's id of the change: the same at each redelivery.
        key: the key's values, comparable among the changes of one table.
        keys: the key attributes.
        new: the item after; None for REMOVE.
        old: the item before; None for INSERT and where the stream does not carry it.
        stamp_us: ApproximateCreationDateTime in epoch µs.
        unit_us: the stamp's unit in µs: 1, 1,000 or 1,000,000.
        by_service: a deletion by time to live.
    """

    __slots__ = (
        "by_service", "event", "event_id", "key", "keys", "new", "old", "stamp_us", "unit_us",
    )  # fmt: skip

    event_id: str
    event: str
    key: Any
    keys: dict[str, Any]
    new: dict[str, Any] | None
    old: dict[str, Any] | None
    stamp_us: int
    unit_us: int
    by_service: bool


class Decoder:
    """Reads records and makes rows: JSONCompactEachRow lines in the order of `column_names`.

    Args:
        config: the pipe.
        cells: makes the cell functions; knows how often binary is encoded on the wire.

    Attributes:
        origin: name of the stream and the record behind the next row: virtual columns show them.
    """

    def __init__(self, config: PipeConfig, cells: Cells) -> None:
        self.config = config
        self.cells = cells
        self.origin: Origin | None = None
        self.column_names = [c.name for c in config.columns]
        self.column_names += [config.version_column, config.deleted_column]
        self._plan = [self._step(column) for column in config.columns]
        self._virtual = [
            (index, column.virtual, cells.not_null(column.type))
            for index, column in enumerate(config.columns)
            if column.virtual
        ]
        self._key_attributes = config.key_attributes

    def read(self, data: bytes) -> Change:
        """Parse one record of Kinesis.

        Raises:
            Poison: it is no change record of a table with this key.
        """
        try:
            record = orjson.loads(data)
        except ValueError as error:
            raise Poison(f"not JSON: {error}") from None
        return self.change(record)

    def change(self, record: Any) -> Change:
        """Take a parsed record.

        Raises:
            Poison: it is no change record of a table with this key.
        """
        change = Change()
        try:
            body = record["dynamodb"]
            change.event = event = record["eventName"]
            change.event_id = record.get("eventID", "")
            change.keys = keys = body["Keys"]
            change.new = body.get("NewImage")
            change.old = body.get("OldImage")
            change.by_service = (record.get("userIdentity") or {}).get("type") == "Service"
            stamp = body["ApproximateCreationDateTime"]
            if stamp is True or stamp <= 0:
                raise Poison(f"not a change record: stamped {stamp}")
            if stamp >= MILLISECONDS_BELOW:
                change.stamp_us, change.unit_us = int(stamp), 1
            elif stamp >= SECONDS_BELOW:
                change.stamp_us, change.unit_us = int(stamp) * 1000, 1000
            else:
                change.stamp_us, change.unit_us = int(stamp) * 1_000_000, 1_000_000
            if change.stamp_us >= STAMP_US_END:
                raise Poison(f"not a change record: stamped {stamp}")
            values = [one(keys[name])[1] for name in self._key_attributes]
            if change.new is not None:
                for name in self._key_attributes:
                    if change.new[name] != keys[name]:
                        raise Poison(f"not a change record: {name} differs between key and image")
        except (KeyError, TypeError, AttributeError, ValueError, Unstorable) as error:
            raise Poison(f"not a change record: {type(error).__name__} {error}") from None
        change.key = values[0] if len(values) == 1 else tuple(values)
        if event not in EVENTS or (change.new is None) != (event == "REMOVE"):
            raise Poison(f"not a change record: eventName {event!r} with its images")
        return change

    def row(self, change: Change, version: Any) -> bytes:
        """The line to insert.

        Raises:
            Poison: a column cannot hold its attribute without loss.
        """
        item, deleted = change.new, 0
        if item is None:
            item, deleted = change.keys, 1
        row = self.row_cells(item)
        if deleted:
            self._clear_whole_item(row)
        if self._virtual and self.origin is not None:
            self._fill_virtual(row, *self.origin)
        row.append(version)
        row.append(deleted)
        return orjson.dumps(row)

    def row_cells(self, item: dict[str, Any]) -> list[Any]:
        """The cells of an item, in the order of the columns, without version and deleted."""
        row: list[Any] = []
        try:
            for attribute, member, path, direct, cell, absent in self._plan:
                if attribute is not None:
                    value = item.get(attribute)
                    if member is not None and value is not None:
                        value = value.get("M")
                        value = value.get(member) if value is not None else None
                elif path:
                    value = follow(item, path)
                else:
                    value = {"M": item}
                if value is None:
                    row.append(absent)
                    continue
                (tag,) = value
                if tag == direct:
                    row.append(value[tag])
                else:
                    row.append(absent if tag == "NULL" else cell(tag, value[tag]))
        except Unstorable as error:
            raise Poison(f"column {self.column_names[len(row)]}: {error}") from None
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise Poison(
                f"column {self.column_names[len(row)]}: {type(error).__name__} {error}"
            ) from None
        return row

    def _step(self, column: Column) -> tuple[str | None, str | None, Any, str, Any, Any]:
        """How a column is filled: its path, the tag that is the cell as it is, its function.

        Paths of one and two names, and cells that need no function, are the hot ones.
        """
        cell = self.cells.not_null(column.type)
        absent = None if column.type.nullable else default_cell(column.type)
        direct = {"String": "S", "Bool": "BOOL"}.get(column.type.family, "")
        is_short = 0 < len(column.path) <= 2 and all(isinstance(s, str) for s in column.path)
        attribute = str(column.path[0]) if is_short else None
        member = str(column.path[1]) if is_short and len(column.path) > 1 else None
        return attribute, member, column.path, direct, cell, absent

    def _fill_virtual(self, row: list[Any], stream: str, record: Record) -> None:
        sequence_number, arrival_ms, data, *rest = cast("tuple[Any, ...]", record)
        shown = {
            "_key": ("S", rest[0] if rest else ""),
            "_timestamp": ("N", f"{arrival_ms // 1000}.{arrival_ms % 1000:03d}"),
            "_stream": ("S", stream),
            "_sequence_number": ("S", sequence_number),
            "_raw_message": ("S", data.decode()),
        }
        for index, name, cell in self._virtual:
            row[index] = cell(*shown[name])

    def _clear_whole_item(self, row: list[Any]) -> None:
        """A deleted item is nothing, not an object that holds its key alone."""
        for index, column in enumerate(self.config.columns):
            if not column.path:
                row[index] = None if column.type.nullable else default_cell(column.type)
