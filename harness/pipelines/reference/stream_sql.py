"""The statement that flattens change records inside ClickHouse, for pages that are read in bulk.

A row of its input is a version and a record of DynamoDB on Kinesis in base64, as Kinesis answers
it: nothing of the record is decoded or escaped on the way. It stores what `records.Decoder` would store; what it
cannot store it leaves out, so that fewer rows are written than were given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.pipelines.reference.clickhouse import literal, quote
from harness.pipelines.reference.item_sql import ItemSql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.wire_types import Tags

INPUT = "v Int64, e String"
SECOND_TAG = r',\s*"(S|N|B|BOOL|NULL|SS|NS|BS|L|M)"\s*:'
"""A value that has two type tags is none; where one of them is taken for granted, the other must not
be overlooked. An attribute may have such a name: then nothing is taken for granted."""


def insert_records(
    config: PipeConfig,
    tags: Sequence[Tags] | None = None,
    always: Sequence[bool] | None = None,
) -> tuple[str, tuple[bool, ...]]:
    """`INSERT INTO … SELECT … FROM input(…) FORMAT TabSeparated`, to be followed by its data.

    With it, of each column whether the statement takes a value for granted.

    Args:
        config: the pipe.
        tags: of each column, those that it is made for; None for all.
        always: of each column, whether an item always has a value for it; None for no such column.
    """
    relation = f"(SELECT v, tryBase64Decode(e) AS d FROM input({literal(INPUT)}))"
    flat = flatten_records(config, relation, tags=tags, always=always)
    table = f"{quote(config.database)}.{quote(config.table)}"
    statement = (
        f"INSERT INTO {table} ({', '.join(quote(name) for name in flat.names)}) "
        f"SELECT {', '.join(flat.values)} FROM ({flat.lines}) WHERE {flat.storable} "
        "FORMAT TabSeparated"
    )
    return statement, flat.typed


@dataclass(frozen=True, slots=True)
class Flattened:
    """Records as rows.

    Attributes:
        names: of the target's columns.
        values: what goes into them, as expressions of `lines`.
        lines: a subquery.
        storable: true where a row can be stored.
        typed: of each of the pipe's columns, whether a value is taken for granted.
    """

    names: list[str]
    values: list[str]
    lines: str
    storable: str
    typed: tuple[bool, ...]


def flatten_records(
    config: PipeConfig,
    relation: str,
    *,
    keeps_record: bool = False,
    tags: Sequence[Tags] | None = None,
    always: Sequence[bool] | None = None,
) -> Flattened:
    """The rows of a relation with the columns `v`, a version in ticks, and `d`, a record.

    Args:
        config: the pipe.
        relation: a table, a table function or a subquery in brackets.
        keeps_record: `lines` has `d` as well.
        tags: of each column, those that it is made for; None for all.
        always: of each column, whether an item always has a value for it; None for no such column.
    """
    items = ItemSql(config, may_be_gone=True, binary_layers=2, tags=tags, always=always)
    keys = items.type_of(config.key_attributes)
    record = f"Tuple(eventName String, dynamodb Tuple(Keys {keys}, NewImage {items.image_type}))"
    parsed = f"JSONExtract(d, {literal(record)}) AS record"
    event, before, after = "event", "keyed", "image"
    read = (
        "SELECT v, d, tupleElement(record, 1) AS event, tupleElement(record, 2) AS change, "
        "tupleElement(change, 1) AS keyed, tupleElement(change, 2) AS image "
        f"FROM (SELECT v, d, {parsed} FROM {relation})"
    )
    item = ""
    if items.needs_text:
        item = (
            f"if({event} = 'REMOVE', '{{}}', JSONExtractRaw(d, 'dynamodb', 'NewImage')) AS item, "
        )

    def attribute(name: str, place: int) -> str:
        new = f"tupleElement({after}, {place})"
        if name not in config.key_attributes:
            return new
        key = f"tupleElement({before}, {config.key_attributes.index(name) + 1})"
        return f"if({event} = 'REMOVE', {key}, {new})"

    # An image is there when its key is: DynamoDB has no item without one.
    pairs = [
        (
            items.held(name, f"tupleElement({before}, {place})")[0],
            *items.held(name, f"tupleElement({after}, {items.names.index(name) + 1})"),
        )
        for place, name in enumerate(config.key_attributes, start=1)
    ]
    has_image = pairs[0][2]
    same_key = " AND ".join(f"ifNull({key} = {new}, 0)" for key, new, _ in pairs)
    is_change = f"({event} IN ('INSERT', 'MODIFY') AND {has_image} AND {same_key})"
    is_change += f" OR ({event} = 'REMOVE' AND NOT {has_image})"
    # A value without a type tag looks like an absent one in a map; an empty M is no such value.
    untagged = "position(d, ':{}') > 0 AND position(replaceAll(d, '{\"M\":{}', ''), ':{}') > 0"
    is_change = f"({is_change}) AND NOT ({untagged})"
    if items.is_typed:
        is_change += f" AND NOT match(d, {literal(SECOND_TAG)})"
    lines = items.lines(
        f"SELECT v, {'d, ' if keeps_record else ''}{event} = 'REMOVE' AS gone, ({is_change}) AS is_change, {item}"
        f"{items.maps(attribute)} FROM ({read})"
    )
    names = [column.name for column in config.columns]
    names += [config.version_column, config.deleted_column]
    version = "v"
    if config.version_type.startswith("DateTime64"):
        version = f"reinterpret(v, {literal(config.version_type)})"
    values = [*(cell.value for _, cell in items.cells), version, "gone"]
    return Flattened(names, values, lines, f"is_change AND {items.storable}", items.typed)
