"""The expressions of a request, compiled: conditions, updates, projections, filters.

Both ways to say them are read: expressions, and the legacy parameters that came before.
Everything here comes before the table is looked at.

Source: API reference; the order of the checks as dynalite recorded on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
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

_LEGACY_PUT = ("Expected",)
_LEGACY_UPDATE = ("AttributeUpdates", "Expected")


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


def guard_of(request: Json) -> Guard | None:
    """The condition of PutItem, DeleteItem, or an action of a transaction."""
    check_parameters(request, ("ConditionExpression",), _LEGACY_PUT)
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
    check_parameters(request, ("UpdateExpression", "ConditionExpression"), _LEGACY_UPDATE)
    if "AttributeUpdates" in request or "Expected" in request:
        update = guard = None
        if "AttributeUpdates" in request:
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
    check_parameters(request, ("ProjectionExpression",), ("AttributesToGet",))
    if "AttributesToGet" in request:
        return legacy_projection(request["AttributesToGet"])
    if "ProjectionExpression" not in request:
        return None
    binding = _bind(request)
    projection = compile_projection(request["ProjectionExpression"], binding)
    binding.check_all_used()
    return projection


def reading_of(request: Json, legacy: str) -> Reading:
    """The filter and projection of Scan.

    Args:
        request: the whole request.
        legacy: name of the filter's legacy parameter.
    """
    check_parameters(
        request,
        ("ProjectionExpression", "FilterExpression"),
        ("AttributesToGet", legacy, "ConditionalOperator"),
    )
    binding = _bind(request)
    reading = read_with(request, binding, legacy)
    binding.check_all_used()
    return reading


def query_of(request: Json) -> tuple[Reading, KeyConditions]:
    """The filter, projection and key conditions of Query."""
    check_parameters(
        request,
        ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
        ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
    )
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
    reading = read_with(request, binding, "QueryFilter")
    binding.check_all_used()
    return reading, conditions


def read_with(request: Json, binding: Binding, legacy: str) -> Reading:
    """The filter and projection, with a binding that the caller checks for unused parts."""
    kept: Condition | None = None
    name = "Filter Expression"
    if "FilterExpression" in request:
        kept = compile_condition(request["FilterExpression"], binding, "FilterExpression")
    elif request.get(legacy):
        kept = legacy_filter(request[legacy], request.get("ConditionalOperator"))
        name = legacy
    projection: Projection | None = None
    if "ProjectionExpression" in request:
        projection = compile_projection(request["ProjectionExpression"], binding)
    elif "AttributesToGet" in request:
        projection = legacy_projection(request["AttributesToGet"])
    return Reading(kept, projection, name)


def _bind(request: Json) -> Binding:
    return bind(request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"))


def _guard(request: Json, condition: Condition) -> Guard:
    return Guard(condition, request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")
