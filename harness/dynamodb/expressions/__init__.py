"""DynamoDB's expression languages: parsed once, compiled to closures, bound to each request's values.

Use of it, in AWS's order of checks::

    check_parameters(
        request, ("UpdateExpression", "ConditionExpression"), ("AttributeUpdates", "Expected")
    )
    binding = bind(request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"))
    update = compile_update(request["UpdateExpression"], binding)
    condition = compile_condition(request["ConditionExpression"], binding)
    binding.check_all_used()
    ...
    if condition.holds(item):
        new_item, paths = update.apply(item)
        updated_old = updated_view(paths, item)

Errors are `ExpressionError`, an AwsError; some operations of AWS begin its sentence with
`1 validation error detected: `, which is the engine's to add (`ExpressionError.prefixed`).
"""

from __future__ import annotations

from harness.dynamodb.expressions.binding import Binding, ExpressionError, bind, check_parameters
from harness.dynamodb.expressions.conditions import Condition, compile_condition
from harness.dynamodb.expressions.key_conditions import (
    KeyConditions,
    KeyRange,
    compile_key_condition,
)
from harness.dynamodb.expressions.legacy_conditions import (
    legacy_expected,
    legacy_filter,
    legacy_key_conditions,
)
from harness.dynamodb.expressions.legacy_updates import legacy_projection, legacy_update
from harness.dynamodb.expressions.projections import Projection, compile_projection
from harness.dynamodb.expressions.scalar_keys import check_scalar_keys
from harness.dynamodb.expressions.updates import Update, compile_update, updated_view

__all__ = [
    "Binding",
    "Condition",
    "ExpressionError",
    "KeyConditions",
    "KeyRange",
    "Projection",
    "Update",
    "bind",
    "check_parameters",
    "check_scalar_keys",
    "compile_condition",
    "compile_key_condition",
    "compile_projection",
    "compile_update",
    "legacy_expected",
    "legacy_filter",
    "legacy_key_conditions",
    "legacy_projection",
    "legacy_update",
    "updated_view",
]
