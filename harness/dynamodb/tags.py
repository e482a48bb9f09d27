"""TagResource, UntagResource, ListTagsOfResource.

Deviation: AWS applies tags some seconds later; here they are there at once.

Source: DynamoDB API reference; sentences as dynalite recorded on AWS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.awsjson import AwsError
from harness.dynamodb.shapes import encode, validation_error
from harness.dynamodb.table_requests import LIST_TAGS, TAG_RESOURCE, UNTAG_RESOURCE
from harness.dynamodb.tables import not_found

if TYPE_CHECKING:
    from harness.dynamodb.engine import Engine
    from harness.dynamodb.tables import Table

Json = dict[str, Any]

TAGS_MAX = 50
TAGS_PAGE = 10
_TABLE_ARN = re.compile(r"arn:aws:dynamodb:.+:\d+:table/[^/]{2}[^/]+")


def tag_resource(engine: Engine, payload: Json) -> bytes:
    """TagResource: an empty body."""
    _check_arn(engine, TAG_RESOURCE.convert(payload), "TagResource")
    request = TAG_RESOURCE.parse(payload)
    _check_form(request["ResourceArn"])
    if not request["Tags"]:
        raise validation_error("Atleast one Tag needs to be provided as Input.")
    check_tags(request["Tags"])
    table = _tagged(engine, request["ResourceArn"])
    merged = table.tags | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    if len(merged) > TAGS_MAX:
        raise validation_error("One or more parameter values were invalid: Too many tags: Limit 50")
    table.tags = merged
    return b""


def untag_resource(engine: Engine, payload: Json) -> bytes:
    """UntagResource: an empty body."""
    _check_arn(engine, UNTAG_RESOURCE.convert(payload), "UntagResource")
    request = UNTAG_RESOURCE.parse(payload)
    _check_form(request["ResourceArn"])
    if not request["TagKeys"]:
        raise validation_error("Atleast one Tag Key needs to be provided as Input.")
    table = _tagged(engine, request["ResourceArn"])
    for key in request["TagKeys"]:
        table.tags.pop(key, None)
    return b""


def list_tags(engine: Engine, payload: Json) -> bytes:
    """ListTagsOfResource: the encoded answer, ten tags a page."""
    _check_arn(engine, LIST_TAGS.convert(payload), "ListTagsOfResource")
    request = LIST_TAGS.parse(payload)
    table = _tagged(engine, request["ResourceArn"])
    token = request.get("NextToken", "0")
    if not token.isdigit():
        raise validation_error("Invalid NextToken")
    start = int(token)
    tags = [{"Key": key, "Value": value} for key, value in table.tags.items()]
    answer: Json = {"Tags": tags[start : start + TAGS_PAGE]}
    if start + TAGS_PAGE < len(tags):
        answer["NextToken"] = str(start + TAGS_PAGE)
    return encode(answer)


def check_tags(tags: list[Json]) -> None:
    """Refuse a key given twice, more than fifty tags, and characters that no tag may have."""
    keys = [tag["Key"] for tag in tags]
    if len(tags) > TAGS_MAX:
        raise validation_error("One or more parameter values were invalid: Too many tags: Limit 50")
    for tag in tags:
        for text in (tag["Key"], tag["Value"]):
            if not all(c.isalnum() or c.isspace() or c in "+-=._:/@" for c in text):
                raise validation_error(
                    "One or more parameter values were invalid: Tag keys and values can contain "
                    f"letters, whitespace, numbers and the characters + - = . _ : / @: {text}"
                )
    if len(set(keys)) < len(keys):
        raise validation_error("One or more parameter values were invalid: Duplicate tag keys")


def _check_arn(engine: Engine, payload: Json, operation: str) -> None:
    arn = payload.get("ResourceArn")
    if arn is None:
        raise validation_error("Invalid TableArn")
    if not isinstance(arn, str) or _TABLE_ARN.fullmatch(arn) is None:
        return
    if arn.split(":")[4] != engine.tables.account:
        raise AwsError(
            "AccessDeniedException",
            f"User: arn:aws:iam::{engine.tables.account}:root is not authorized to perform: "
            f"dynamodb:{operation} on resource: {arn}",
            namespace="com.amazon.coral.service",
        )


def _check_form(arn: str) -> None:
    if ":" not in arn:
        raise validation_error(f"Invalid TableArn: ARNs must start with 'arn:': {arn}")
    if _TABLE_ARN.fullmatch(arn) is None:
        raise validation_error(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")


def _tagged(engine: Engine, arn: str) -> Table:
    _check_form(arn)
    table = engine.tables.find(arn)
    if table is None:
        raise not_found(f"Requested resource not found: ResourcArn: {arn} not found")
    return table
