"""The deliberate wrong answers, and which cases each of them must turn red."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

import orjson

from harness.web.message import Request, Response
from tests.conformance.mutated import Mutation, walk

if TYPE_CHECKING:
    from harness.web.message import App

    Json = dict[str, Any]

_S3_DOCUMENTS = frozenset(
    {
        *("acl", "cors", "encryption", "legal-hold", "lifecycle", "object-lock"),
        *("ownershipControls", "policy", "publicAccessBlock", "replication", "tagging"),
        *("versioning", "versions"),
    }
)
LISTS = ("Records", "Shards", "Consumers", "StreamNames", "Tags", "Streams", "ExportSummaries")


def _dropping(*names: str) -> Any:
    """Leave members out of answers, however deep."""

    def change(_payload: Json, answer: Json) -> Json:
        for one in walk(answer):
            for name in names:
                one.pop(name, None)
        return answer

    return change


def _backwards(_payload: Json, answer: Json) -> Json:
    for name in (*LISTS, "Items", "Responses"):
        if isinstance(answer.get(name), list):
            answer[name].reverse()
    return answer


def _accepted(_payload: Json, _answer: Json) -> Json:
    return {"status": 200}


def _other_code(_payload: Json, answer: Json) -> Json:
    return {**answer, "__type": "com.amazonaws.dynamodb.v20120810#LimitExceededException"}


def _asking_without(*names: str) -> Any:
    def change(asked: Json) -> Json:
        return {name: value for name, value in asked.items() if name not in names}

    return change


def _asking_with(**members: Any) -> Any:
    return lambda asked: {**asked, **members}


def _strings(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {name: _strings(member, change) for name, member in value.items()}
    if isinstance(value, list):
        return [_strings(member, change) for member in value]
    return change(value)


def _shards_renumbered(_payload: Json, answer: Json) -> Json:
    """The shard's index is one too high everywhere."""

    def renumber(value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"shardId-\d{12}", value):
            return f"shardId-{int(value[8:]) + 1:012d}"
        return value

    changed: Json = _strings(answer, renumber)
    return changed


def _ranges_shifted(_payload: Json, answer: Json) -> Json:
    for one in walk(answer):
        if "StartingHashKey" in one:
            one["StartingHashKey"] = str(int(one["StartingHashKey"]) + 1)
    return answer


def _first_record_lost(_payload: Json, answer: Json) -> Json:
    answer["Records"] = answer.get("Records", [])[1:]
    return answer


def _record_twice(_payload: Json, answer: Json) -> Json:
    records = answer.get("Records", [])
    answer["Records"] = records[:1] + records
    return answer


def _whole_seconds(_payload: Json, answer: Json) -> Json:
    for one in walk(answer):
        for name in ("ApproximateArrivalTimestamp", "Timestamp"):
            if isinstance(one.get(name), float):
                one[name] = int(one[name])
    return answer


def _items_lost(_payload: Json, answer: Json) -> Json:
    """Reads find one item less, and a get none."""
    answer.pop("Item", None)
    if answer.get("Items"):
        answer["Items"] = answer["Items"][1:]
    if answer.get("Responses"):
        answer["Responses"] = {} if isinstance(answer["Responses"], dict) else [{}]
    return answer


def _stuck(request: Request, inner: App) -> Response:
    """The clock says that it moved, and does not."""
    if request.path == "/_harness/clock" and request.method == "POST":
        request = Request("GET", request.path, headers=request.headers)
    return inner(request)


def _hasty(request: Request, inner: App) -> Response:
    """The clock moves by ten years where a minute was asked for."""
    if request.path == "/_harness/clock" and request.method == "POST":
        request.body = orjson.dumps({"advance_seconds": 86400 * 3650})
    return inner(request)


def _wrong_checksum(request: Request, inner: App) -> Response:
    response = inner(request)
    if "x-amz-crc32" in response.headers and isinstance(response.body, bytes):
        # boto3 itself looks at it in no answer of these.
        response.headers["x-amz-crc32"] = str(zlib.crc32(response.body + b"x"))
    return response


def _s3_forgets(request: Request, inner: App) -> Response:
    """Reads of objects and listings are answered as if the bucket were empty or the object short."""
    response = inner(request)
    if "x-amz-target" in request.headers or not isinstance(response.body, bytes):
        return response
    if request.method == "GET" and response.status in (200, 206):
        body = re.sub(rb"<(Contents|CommonPrefixes)>.*?</\1>", b"", response.body, count=1)
        response.body = body if body != response.body else response.body[:-1] + b"~"
    return response


def _s3_unconditional(request: Request, inner: App) -> Response:
    """Conditions, ranges and checksums of requests are not looked at."""
    for name in ("if-match", "if-none-match", "range"):
        if "x-amz-target" not in request.headers:
            request.headers.pop(name, None)
    return inner(request)


def _s3_other_headers(request: Request, inner: App) -> Response:
    response = inner(request)
    if "x-amz-target" in request.headers or request.path.startswith("/_harness"):
        return response
    changed = {}
    for name, value in response.headers.items():
        match name.lower():
            case "etag":
                changed[name] = '"0"'
            case "last-modified":
                changed[name] = "Thu, 01 Jan 1998 00:00:00 GMT"
            case "x-amz-checksum-crc32":
                changed[name] = "AAAAAA=="
            case _:
                changed[name] = value
    response.headers = changed
    if isinstance(response.body, bytes):
        response.body = re.sub(rb"<ETag>.*?</ETag>", b"<ETag>&quot;0&quot;</ETag>", response.body)
    return response


def _s3_forgetful(request: Request, inner: App) -> Response:
    """Versions, locks, classes, keys and documents are taken and forgotten; nothing is refused."""
    if "x-amz-target" in request.headers or request.path.startswith("/_harness"):
        return inner(request)
    kinds = {one.partition("=")[0] for one in request.query.split("&")}
    for name in list(request.headers):
        if name.startswith(("x-amz-server-side", "x-amz-storage", "x-amz-object-lock")):
            del request.headers[name]
    if request.method == "PUT" and kinds & _S3_DOCUMENTS:
        return Response(200)
    response = inner(request)
    for name in ("x-amz-version-id", "x-amz-delete-marker", "x-amz-expiration"):
        response.headers.pop(name, None)
    if response.status >= 400:
        return Response(200, {"content-type": "application/xml", "etag": '"1"'}, b"<x/>")
    if kinds & _S3_DOCUMENTS:
        return Response(200, {"content-type": "application/xml"}, b"<x/>")
    return response


def _s3_other_errors(request: Request, inner: App) -> Response:
    """Every refusal is a 403, and a deletion answers 200."""
    response = inner(request)
    if "x-amz-target" in request.headers or request.path.startswith("/_harness"):
        return response
    if response.status >= 400:
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        return Response(403, {"content-type": "application/xml"}, body)
    if response.status == 204:
        response.status = 200
    return response


MANY = [
    Mutation("parents are not told", answer=_dropping("ParentShardId", "AdjacentParentShardId")),
    Mutation("shards are numbered from one", answer=_shards_renumbered),
    Mutation("hash ranges begin one late", answer=_ranges_shifted),
    Mutation("the first record of a page is lost", ("GetRecords",), answer=_first_record_lost),
    Mutation("the first record of a page comes twice", ("GetRecords",), answer=_record_twice),
    Mutation("times are whole seconds", answer=_whole_seconds),
    Mutation("lists are backwards", answer=_backwards),
    Mutation("items are lost", answer=_items_lost),
    Mutation("what should be refused is accepted", refused=_accepted),
    Mutation("every refusal has another code", refused=_other_code),
    Mutation("the clock does not move", whole=_stuck),
    Mutation("the clock moves too far", whole=_hasty),
    Mutation("the checksum is another body's", whole=_wrong_checksum),
    Mutation("objects and listings lose their end", whole=_s3_forgets),
    Mutation("conditions on objects are not looked at", whole=_s3_unconditional),
    Mutation("objects have another ETag and time", whole=_s3_other_headers),
    Mutation("every refusal of S3 is 403", whole=_s3_other_errors),
    Mutation("S3 forgets versions, locks and documents", whole=_s3_forgetful),
    Mutation(
        "LATEST is TRIM_HORIZON",
        ("GetShardIterator",),
        asked=lambda asked: {
            **{k: v for k, v in asked.items() if k not in ("StartingSequenceNumber", "Timestamp")},
            "ShardIteratorType": "TRIM_HORIZON",
        },
    ),
    Mutation("limits are not kept", asked=_asking_without("Limit", "MaxResults", "MaxKeys")),
    Mutation("conditions are not looked at", asked=_asking_without("ConditionExpression")),
]
"""Those that change many answers alike; `tests.conformance.single_mutations` has the others."""
