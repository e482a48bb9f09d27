"""What of each row a Query or Scan returns: `Select`, projections, and what an index can give.

Source: API reference, Query: Select; ProjectionExpression on indexes in the developer guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.dynamodb.shapes import validation_error

if TYPE_CHECKING:
    from harness.dynamodb.expressions import Projection
    from harness.dynamodb.request_expressions import Reading
    from harness.dynamodb.store import Index
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

INVALID = "One or more parameter values were invalid: "


@dataclass(frozen=True, slots=True)
class Selection:
    """What is returned of each row.

    Attributes:
        items: False when only the count was asked for.
        projection: what to keep of each item; None keeps all.
        fetches: a local index lacks something, so the table's own item is read.
    """

    items: bool
    projection: Projection | None
    fetches: bool


def select(table: Table, index: Index | None, request: Json, reading: Reading) -> Selection:
    """The selection that `request` asks for.

    Raises:
        AwsError: ValidationException; members that exclude one another, or attributes that a
            global index does not hold.
    """
    wanted = request.get("Select")
    _check(wanted, index, request)
    fetches = False
    if index is not None and index.projection != "ALL":
        asked = None if reading.projection is None else reading.projection.heads
        missing = None if asked is None else sorted(asked - _held(index))
        if index.is_global:
            _check_global(index, wanted, missing)
        else:
            fetches = wanted == "ALL_ATTRIBUTES" or bool(missing)
    return Selection(wanted != "COUNT", reading.projection, fetches and wanted != "COUNT")


def _check(wanted: str | None, index: Index | None, request: Json) -> None:
    is_query = "KeyConditions" in request or "KeyConditionExpression" in request
    prefix = "1 validation error detected: " if is_query else ""
    if wanted == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise validation_error(
            f"{prefix}ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
        )
    given = next((n for n in ("AttributesToGet", "ProjectionExpression") if n in request), None)
    if wanted == "SPECIFIC_ATTRIBUTES" and given is None:
        raise validation_error(
            f"{prefix}Must specify the AttributesToGet or ProjectionExpression when choosing to "
            "get SPECIFIC_ATTRIBUTES"
        )
    if given is not None and wanted not in {None, "SPECIFIC_ATTRIBUTES"}:
        what = "only the Count" if wanted == "COUNT" else wanted
        raise validation_error(f"{prefix}Cannot specify the {given} when choosing to get {what}")


def _held(index: Index) -> frozenset[str]:
    return frozenset(index.key_names + index.include)


def _check_global(index: Index, wanted: str | None, missing: list[str] | None) -> None:
    if wanted == "ALL_ATTRIBUTES":
        raise validation_error(
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index "
            f"{index.name} because its projection type is not ALL"
        )
    if missing:
        raise validation_error(
            f"{INVALID}Global secondary index {index.name} does not project [{', '.join(missing)}]"
        )
