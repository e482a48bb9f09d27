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


def check_form(source: Source, start: Item | None, *, scan: bool) -> None:
    """Whether `start` has the attributes of a key, and those of the read key in their types.

    Raises:
        AwsError: ValidationException.
    """
    if start is None:
        return
    if len(start) != len(source.key_names):
        detail = f": {NOT_A_KEY}" if scan and source.index is None else ""
        raise validation_error(INVALID_START + detail)
    if scan and source.index is None:
        return
    names = source.schema.names
    if any(name not in start for name in names):
        raise validation_error(INVALID_START)
    key_position(source.schema, {name: start[name] for name in names})


def position_after(source: Source, start: Item | None) -> bytes | None:
    """The position after which a scan goes on; None from the beginning.

    Raises:
        AwsError: ValidationException; the table's own key is not in `start`.
    """
    return None if start is None else _position(source, start)


def check_query_start(
    source: Source, start: Item | None, stretch: Stretch, key_range: KeyRange
) -> bytes | None:
    """The position after which a query goes on; None from its beginning.

    Raises:
        AwsError: ValidationException; not a key, or one that the query cannot meet.
    """
    if start is None:
        return None
    position = _position(source, start)
    if source.schema.range_name is None and source.index is None:
        shown = ", ".join(
            f"{name}=AttributeValue: {{{kind}:{text}}}"
            for name, value in start.items()
            for kind, text in value.items()
        )
        raise validation_error(
            f"The provided exclusive start key is invalid: ExclusiveStartKey: {{{shown}}}"
        )
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
    try:
        key = {name: start[name] for name in table_schema.names if name in start}
        position = key_position(table_schema, key)
    except AwsError as error:
        raise validation_error(f"{INVALID_START}: {error.message}") from None
    if source.index is None:
        return position
    return source.schema.position(start) + table_schema.tie(start)
