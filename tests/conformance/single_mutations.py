"""Wrong answers of single operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.web.message import Request, Response
from tests.conformance.mutated import Mutation, walk

if TYPE_CHECKING:
    from harness.web.message import App

    Json = dict[str, Any]

WRITES = ("PutItem", "UpdateItem", "DeleteItem")
LATER_SECONDS = 90


def _setting(name: str, value: Any) -> Any:
    """Set a member of the answer."""
    return lambda _payload, answer: {**answer, name: value}


def _each(name: str, **members: Any) -> Any:
    """Add members to every entry of a list."""

    def change(_payload: Json, answer: Json) -> Json:
        for one in answer.get(name, []):
            one.update(members)
        return answer

    return change


def _values(kind: str, value: Any) -> Any:
    """Every attribute value of a type is this one."""

    def change(_payload: Json, answer: Json) -> Json:
        for one in walk(answer):
            if isinstance(one.get(kind), str):
                one[kind] = value
        return answer

    return change


def _with_images(_payload: Json, answer: Json) -> Json:
    for one in answer.get("Records", []):
        if "dynamodb" in one:
            one["dynamodb"].setdefault("NewImage", {})
    return answer


def _status(status: str, operation_member: str) -> Any:
    return lambda _payload, answer: {
        **answer,
        operation_member: {**answer.get(operation_member, {}), "ExportType": status},
    }


def _window(**members: Any) -> Any:
    def change(asked: Json) -> Json | None:
        if "IncrementalExportSpecification" not in asked:
            return None
        return {
            **asked,
            "IncrementalExportSpecification": {
                **asked["IncrementalExportSpecification"],
                **members,
            },
        }

    return change


def _longer_window(asked: Json) -> Json | None:
    if "IncrementalExportSpecification" not in asked:
        return None
    until = asked["IncrementalExportSpecification"]["ExportToTime"]
    changed: Json = _window(ExportToTime=until + LATER_SECONDS)(asked)
    return changed


def _without(*names: str) -> Any:
    return lambda _payload, answer: {k: v for k, v in answer.items() if k not in names}


def _every(**members: Any) -> Any:
    """Set members in every object of the answer that has them."""

    def change(_payload: Json, answer: Json) -> Json:
        for one in walk(answer):
            one.update({name: value for name, value in members.items() if name in one})
        return answer

    return change


_counts = _every(ItemCount=7, ImportedItemCount=7)


def _lost(request: Request, inner: App) -> Response:
    """Writes are acknowledged and not done."""
    operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if operation in ("PutItem", "BatchWriteItem"):
        return Response(200, {"content-type": "application/x-amz-json-1.0"}, b"{}")
    return inner(request)


def _altered(request: Request, inner: App) -> Response:
    """Objects come back as other bytes, and listings with other keys."""
    response = inner(request)
    if (
        "x-amz-target" in request.headers
        or request.path.startswith("/_harness")
        or request.method != "GET"
        or response.status not in (200, 206)
        or not isinstance(response.body, bytes)
    ):
        return response
    kept = {k: v for k, v in response.headers.items() if "checksum" not in k.lower()}
    body = re.sub(rb"<(Key|Prefix)>", rb"<\1>~", response.body)
    if body == response.body:
        body = b"~" * len(body)
    return Response(response.status, kept, body)


EXPORT = ("ExportTableToPointInTime",)
SINGLE = [
    Mutation("no consumers are listed", ("ListStreamConsumers",), answer=_setting("Consumers", [])),
    Mutation(
        "first shards have a parent",
        ("ListShards",),
        answer=_each("Shards", ParentShardId="shardId-000000000009"),
    ),
    Mutation(
        "a deleted stream never goes",
        ("DescribeStreamSummary",),
        refused=lambda _payload, _answer: {
            "status": 200,
            "StreamDescriptionSummary": {"StreamStatus": "DELETING"},
        },
    ),
    Mutation("open shards tell children", ("GetRecords",), answer=_setting("ChildShards", [])),
    Mutation("data is altered", ("GetRecords",), answer=_each("Records", Data="AAAA")),
    Mutation("one sequence number", ("PutRecord",), answer=_setting("SequenceNumber", "1")),
    Mutation("binary is altered", ("GetRecords",), answer=_values("B", "AAAA")),
    Mutation("KEYS_ONLY shows images", ("GetRecords",), answer=_with_images),
    Mutation("numbers are altered", ("GetItem",), answer=_values("N", "0")),
    Mutation("nothing is returned", WRITES, answer=_without("Attributes")),
    Mutation("a page has no end", ("Scan",), answer=_without("LastEvaluatedKey")),
    Mutation(
        "time to live is on for another attribute",
        ("DescribeTimeToLive",),
        answer=_setting(
            "TimeToLiveDescription", {"TimeToLiveStatus": "ENABLED", "AttributeName": "x"}
        ),
    ),
    Mutation(
        "ExportTime is not looked at",
        EXPORT,
        asked=lambda asked: {k: v for k, v in asked.items() if k != "ExportTime"},
    ),
    Mutation("every view is NEW_IMAGE", EXPORT, asked=_window(ExportViewType="NEW_IMAGE")),
    Mutation(
        "every view is NEW_AND_OLD_IMAGES",
        EXPORT,
        asked=_window(ExportViewType="NEW_AND_OLD_IMAGES"),
    ),
    Mutation("the window is too long", EXPORT, asked=_longer_window),
    Mutation(
        "exports are full ones",
        ("DescribeExport",),
        answer=_status("FULL_EXPORT", "ExportDescription"),
    ),
    Mutation("a consumer too many", ("DescribeStreamSummary",), answer=_every(ConsumerCount=5)),
    Mutation("another policy", ("GetResourcePolicy",), answer=_setting("Policy", "{ }")),
    Mutation("another table", ("DescribeStream",), answer=_every(TableName="another")),
    Mutation(
        "streams end elsewhere", ("ListStreams",), answer=_setting("LastEvaluatedStreamArn", "x")
    ),
    Mutation(
        "destinations are disabled",
        ("DescribeKinesisStreamingDestination",),
        answer=_setting(
            "KinesisDataStreamDestinations", [{"StreamArn": "x", "DestinationStatus": "DISABLED"}]
        ),
    ),
    Mutation("counts are wrong", ("DescribeExport", "DescribeImport"), answer=_counts),
    Mutation("every export is Ion", EXPORT, asked=lambda asked: {**asked, "ExportFormat": "ION"}),
    Mutation(
        "every export is JSON",
        EXPORT,
        asked=lambda asked: {**asked, "ExportFormat": "DYNAMODB_JSON"},
    ),
    Mutation(
        "export tokens are not looked at",
        EXPORT,
        asked=lambda asked: {k: v for k, v in asked.items() if k != "ClientToken"},
    ),
    Mutation("writes are lost", ("PutItem", "BatchWriteItem"), whole=_lost),
    Mutation("objects and keys are altered", whole=_altered),
    Mutation(
        "subscriptions begin at LATEST",
        ("SubscribeToShard",),
        asked=lambda asked: {**asked, "StartingPosition": {"Type": "LATEST"}},
    ),
    Mutation(
        "subscriptions are to another shard",
        ("SubscribeToShard",),
        asked=lambda asked: {**asked, "ShardId": "shardId-000000000002"},
    ),
]
