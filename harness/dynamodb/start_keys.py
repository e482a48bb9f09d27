"""ExclusiveStartKey: whether it is a place where a Query or Scan can go on.

Source: sentences and their order as dynalite recorded on AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.awsjson import AwsError
from harness.dynamodb.item_keys import NOT_A_KEY, key_position
from harness.dynamodb.ranges import narrowed, partition
from harness.dynamodb.request_expressions import INVALID_START
from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Item
    from harness.dynamodb.expressions import KeyRange
    from harness.dynamodb.queries import Source
    from harness.dynamodb.ranges import Stretch


def check_scan_start(source: Source, start: Item | None) -> bytes | None:
    """The position after which a scan goes on; None from the beginning.

    Raises:
        AwsError: ValidationException; not a key of the table or index.
    """
    if start is None:
        return None
    if len(start) != len(source.key_names):
        detail = "" if source.index is not None else f": {NOT_A_KEY}"
        raise validation_error(INVALID_START + detail)
    return _position(source, start)


def check_query_start(
    source: Source, start: Item | None, stretch: Stretch, key_range: KeyRange
) -> bytes | None:
    """The position after which a query goes on; None from its beginning.

    Raises:
        AwsError: ValidationException; not a key, or one that the query cannot meet.
    """
    if start is None:
        return None
    if len(start) != len(source.key_names):
        raise validation_error(INVALID_START)
    position = _position(source, start)
    if stretch.low <= position < stretch.high:
        return position
    if key_range.operator is None:
        raise validation_error(
            "The provided starting key is outside query boundaries based on provided conditions"
        )
    whole = partition(source.schema, start[source.schema.hash_name])
    there = narrowed(source.schema, whole, key_range.operator, key_range.bounds)
    if there.low <= position < there.high:
        raise validation_error("The query can return at most one row and cannot be restarted")
    raise validation_error("The provided starting key does not match the range key predicate")


def _position(source: Source, start: Item) -> bytes:
    table_schema = source.table.schema
    if source.index is not None:
        names = source.schema.names
        if any(name not in start for name in names):
            raise validation_error(INVALID_START)
        own = key_position(source.schema, {name: start[name] for name in names})
    else:
        own = b""
    try:
        key = {name: start[name] for name in table_schema.names if name in start}
        position = key_position(table_schema, key)
    except AwsError as error:
        raise validation_error(f"{INVALID_START}: {error.message}") from None
    return position if source.index is None else own + table_schema.tie(start)
