"""PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy of tables.

Deviation: a policy is kept and obeyed by nobody; its text is not read.

Source: moto's test_dynamodb_resource_policy.py, which its authors verify against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.shapes import String, Structure, encode
from harness.dynamodb.tables import NAMESPACE

if TYPE_CHECKING:
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

NO_POLICY = "NO_POLICY"
_ARN = String(length=(1, 1283))
_REVISION = String(length=(1, 255))
_PUT = Structure(
    "PutResourcePolicyInput",
    {"ResourceArn": _ARN, "Policy": String(), "ExpectedRevisionId": _REVISION},
    required=("ResourceArn", "Policy"),
)
_GET = Structure("GetResourcePolicyInput", {"ResourceArn": _ARN}, required=("ResourceArn",))
_DELETE = Structure(
    "DeleteResourcePolicyInput",
    {"ResourceArn": _ARN, "ExpectedRevisionId": _REVISION},
    required=("ResourceArn",),
)


def put_resource_policy(engine: Engine, payload: Json) -> bytes:
    """PutResourcePolicy: the policy's revision, which stays when the policy is the one there is."""
    request = _PUT.parse(payload)
    table = engine.tables.get(request["ResourceArn"])
    _check_revision(table, request.get("ExpectedRevisionId"))
    if table.resource_policy is None or table.resource_policy[0] != request["Policy"]:
        # Revisions are moments, so that a later one is the greater; two may fall into one moment.
        former = 0 if table.resource_policy is None else int(table.resource_policy[1])
        revision = max(engine.clock.now_us(), former + 1)
        table.resource_policy = (request["Policy"], str(revision))
    return encode({"RevisionId": table.resource_policy[1]})


def get_resource_policy(engine: Engine, payload: Json) -> bytes:
    """GetResourcePolicy: the policy and its revision."""
    request = _GET.parse(payload)
    table = engine.tables.get(request["ResourceArn"])
    if table.resource_policy is None:
        raise _not_found(table.arn)
    policy, revision = table.resource_policy
    return encode({"Policy": policy, "RevisionId": revision})


def delete_resource_policy(engine: Engine, payload: Json) -> bytes:
    """DeleteResourcePolicy: the revision that is gone; nothing when there was none."""
    request = _DELETE.parse(payload)
    table = engine.tables.get(request["ResourceArn"])
    _check_revision(table, request.get("ExpectedRevisionId"))
    former, table.resource_policy = table.resource_policy, None
    return encode({} if former is None else {"RevisionId": former[1]})


def _check_revision(table: Table, expected: str | None) -> None:
    current = None if table.resource_policy is None else table.resource_policy[1]
    if expected is None or expected == (current or NO_POLICY):
        return
    if current is None:
        raise _not_found(table.arn)
    if expected == NO_POLICY:
        raise _not_found(
            f"Requested policy update expecting none to be present for table {table.name}, but a "
            f"policy exists with revision id {current}."
        )
    raise _not_found(
        f"Requested update for policy with revision id {expected}, but the policy associated to "
        f"target table {table.name} has revision id {current}."
    )


def _not_found(detail: str) -> AwsError:
    return AwsError(
        "PolicyNotFoundException",
        f"Resource-based policy not found for the provided ResourceArn: {detail}",
        namespace=NAMESPACE,
    )
