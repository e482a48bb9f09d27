"""The expressions of a request, compiled: conditions, updates, projections, filters.

Both ways to say them are read: expressions, and the legacy parameters that came before.
Everything here comes before the table is looked at.

Source: API reference; the order of the checks as dynalite recorded on AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.attributes import normalise_item
from harness.dynamodb.expressions import (
    bind,
    check_parameters,
    compile_condition,
    compile_key_condition,
    compile_projection,
    compile_update,
    legacy_expected,
    legacy_filter,
    legacy_key_conditions,
    legacy_projection,
    legacy_update,
)
from harness.dynamodb.shapes import validation_error
from harness.dynamodb.tables import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.dynamodb.change_log import Item
    from harness.dynamodb.expressions import Binding, Condition, KeyConditions, Projection, Update

Json = dict[str, Any]


_NUMERIC_FAULT = re.compile(
    "contains duplicates|number set|numeric value|significant digits|number with magnitude"
)
INVALID_START = "The provided starting key is invalid"


@dataclass(frozen=True, slots=True)
class Guard:
    """A write's condition.

    Attributes:
        condition: what must hold of the item before the write.
        returns_item: the error tells the item.
    """

    condition: Condition
    returns_item: bool

    def holds(self, old: Item | None) -> bool:
        """Whether the write may go on."""
        return self.condition.holds(old)

    def check(self, old: Item | None) -> None:
        """Refuse the write when the condition does not hold.

        Raises:
            AwsError: ConditionalCheckFailedException.
        """
        if self.condition.holds(old):
            return
        fields = {"Item": old} if self.returns_item and old is not None else None
        raise AwsError(
            "ConditionalCheckFailedException",
            "The conditional request failed",
            namespace=NAMESPACE,
            fields=fields,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a read keeps and returns.

    Attributes:
        filter: FilterExpression or its legacy form.
        projection: ProjectionExpression or AttributesToGet.
        filter_name: as AWS calls the filter in its sentences.
    """

    filter: Condition | None
    projection: Projection | None
    filter_name: str

    def check_no_keys(self, names: Iterable[str]) -> None:
        """A query's filter must not mention the key attributes."""
        if self.filter is not None:
            self.filter.check_without(names, self.filter_name)


def check_condition(request: Json) -> None:
    """Parameters of PutItem and DeleteItem that exclude one another."""
    check_parameters(request, ("ConditionExpression",), ("Expected",))


def check_update(request: Json) -> None:
    """Parameters of UpdateItem that exclude one another."""
    check_parameters(
        request, ("UpdateExpression", "ConditionExpression"), ("AttributeUpdates", "Expected")
    )


def check_projection(request: Json) -> None:
    """Parameters of GetItem and BatchGetItem that exclude one another."""
    check_parameters(request, ("ProjectionExpression",), ("AttributesToGet",))


def guard_of(request: Json) -> Guard | None:
    """The condition of PutItem, DeleteItem, or an action of a transaction."""
    if "Expected" in request:
        condition = legacy_expected(request["Expected"], request.get("ConditionalOperator"))
        return _guard(request, condition)
    if "ConditionExpression" not in request:
        return None
    binding = _bind(request)
    condition = compile_condition(request["ConditionExpression"], binding)
    binding.check_all_used()
    return _guard(request, condition)


def update_of(request: Json) -> tuple[Update | None, Guard | None]:
    """The update and the condition of UpdateItem, or of an action of a transaction."""
    if "AttributeUpdates" in request or "Expected" in request:
        update = guard = None
        if request.get("AttributeUpdates"):
            update = legacy_update(request["AttributeUpdates"])
        if "Expected" in request:
            expected = legacy_expected(request["Expected"], request.get("ConditionalOperator"))
            guard = _guard(request, expected)
        return update, guard
    binding = _bind(request)
    update = guard = None
    if "UpdateExpression" in request:
        update = compile_update(request["UpdateExpression"], binding)
    if "ConditionExpression" in request:
        guard = _guard(request, compile_condition(request["ConditionExpression"], binding))
    binding.check_all_used()
    return update, guard


def projection_of(request: Json) -> Projection | None:
    """The projection of GetItem, or of one table of BatchGetItem."""
    if "AttributesToGet" in request:
        return legacy_projection(request["AttributesToGet"])
    if "ProjectionExpression" not in request:
        return None
    binding = _bind(request)
    projection = compile_projection(request["ProjectionExpression"], binding)
    binding.check_all_used()
    return projection


def scan_of(request: Json) -> tuple[Reading, Item | None]:
    """The filter and projection of Scan, and the start key."""
    check_parameters(
        request,
        ("ProjectionExpression", "FilterExpression"),
        ("AttributesToGet", "ScanFilter", "ConditionalOperator"),
    )
    legacy = _legacy_reading(request, "ScanFilter")
    start = _start_key(request)
    _check_segment(request)
    binding = _bind(request)
    reading = _expressed(request, binding, legacy)
    binding.check_all_used()
    return reading, start


def query_of(request: Json) -> tuple[Reading, KeyConditions, Item | None]:
    """The filter, projection and key conditions of Query, and the start key."""
    check_parameters(
        request,
        ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
        ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
    )
    legacy = _legacy_reading(request, "QueryFilter")
    start = _start_key(request)
    if "KeyConditions" not in request and "KeyConditionExpression" not in request:
        raise validation_error(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in "
            "the request."
        )
    binding = _bind(request)
    if "KeyConditionExpression" in request:
        conditions = compile_key_condition(request["KeyConditionExpression"], binding)
    else:
        conditions = legacy_key_conditions(request["KeyConditions"])
        if not request["KeyConditions"]:
            raise validation_error("Conditions can be of length 1 or 2 only")
    reading = _expressed(request, binding, legacy)
    binding.check_all_used()
    conditions.check()
    return reading, conditions, start


def _legacy_reading(request: Json, name: str) -> Reading:
    projection = kept = None
    if "AttributesToGet" in request and name == "ScanFilter":
        projection = legacy_projection(request["AttributesToGet"])
    if request.get(name):
        kept = legacy_filter(request[name], request.get("ConditionalOperator"))
    if "AttributesToGet" in request and projection is None:
        projection = legacy_projection(request["AttributesToGet"])
    return Reading(kept, projection, name if kept is not None else "Filter Expression")


def _expressed(request: Json, binding: Binding, legacy: Reading) -> Reading:
    kept, projection = legacy.filter, legacy.projection
    if "FilterExpression" in request:
        kept = compile_condition(request["FilterExpression"], binding, "FilterExpression")
    if "ProjectionExpression" in request:
        projection = compile_projection(request["ProjectionExpression"], binding)
    return Reading(kept, projection, legacy.filter_name)


def _start_key(request: Json) -> Item | None:
    start = request.get("ExclusiveStartKey")
    if start is None:
        return None
    try:
        return normalise_item(start)
    except AwsError as error:
        if error.code != "ValidationException" or _NUMERIC_FAULT.search(error.message):
            raise
        raise validation_error(f"{INVALID_START}: {error.message}") from None


def _check_segment(request: Json) -> None:
    number, total = request.get("Segment"), request.get("TotalSegments")
    if number is not None and total is None:
        raise validation_error(
            "The TotalSegments parameter is required but was not present in the request when "
            "Segment parameter is present"
        )
    if total is None:
        return
    if number is None:
        raise validation_error(
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is present"
        )
    if number >= total:
        raise validation_error(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {number} is not less than TotalSegments: {total}"
        )


def _bind(request: Json) -> Binding:
    return bind(request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"))


def _guard(request: Json, condition: Condition) -> Guard:
    return Guard(condition, request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")
