"""GetObject and HeadObject: conditions, ranges, parts, and overridden headers.

Source: S3 API reference, GetObject, HeadObject; RFC 9110 §13 (conditions) and §14 (ranges).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from harness.objects import locks
from harness.objects.bucket import STANDARD
from harness.objects.checksums import PREFIX
from harness.objects.conditions import check_conditions
from harness.objects.encryption import check_readable
from harness.objects.errors import (
    DELETE_MARKER,
    S3Error,
    invalid_argument,
    invalid_request,
    method_not_allowed,
    no_such_key,
)
from harness.objects.times import http_date
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import StoredObject
    from harness.objects.store import ObjectStore

ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
VERSION = "x-amz-version-id"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_OVERRIDES = {
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-content-type": "content-type",
    "response-expires": "expires",
}


def existing(
    store: ObjectStore, bucket: str, key: str, query: Mapping[str, str], method: str
) -> StoredObject:
    """The object, or the version, that a read names.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, NoSuchVersion, InvalidArgument; MethodNotAllowed for a
            delete marker that is named by its id.
    """
    version_id = query.get("versionId")
    if version_id is None:
        stored = store.find(bucket, key)
        if stored is not None:
            return stored
    elif not version_id:
        raise invalid_argument(
            "Version id cannot be the empty string", name="versionId", value=version_id
        )
    stored = store.version(bucket, key, version_id or "")
    if not stored.is_delete_marker:
        return stored
    error = method_not_allowed(method, DELETE_MARKER) if version_id else no_such_key(key)
    error.headers["x-amz-delete-marker"] = "true"
    error.headers[VERSION] = stored.version_id
    if version_id:
        error.headers["last-modified"] = http_date(stored.modified_us)
    raise error


def read(
    stored: StoredObject,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    now_us: int,
    *,
    is_head: bool,
) -> Response:
    """The answer to GetObject, or to HeadObject.

    Raises:
        S3Error: NotModified (304), PreconditionFailed, InvalidRange, InvalidPartNumber,
            InvalidObjectState; of encryption.
    """
    check_readable(stored, headers)
    check_conditions(stored, headers, now_us)
    if stored.storage_class in ARCHIVED and not is_head:
        raise S3Error(
            403,
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
            fields={"StorageClass": stored.storage_class},
        )
    size = len(stored.body)
    first, last, is_part = 0, size - 1, False
    if "partNumber" in query:
        if "range" in headers:
            raise invalid_request("Cannot specify both Range header and partNumber query parameter")
        first, last = _part_range(stored, query["partNumber"])
        is_part = True
    elif (wish := headers.get("range")) is not None and (span := _span(wish, size)) is not None:
        first, last = span
        is_part = True
    answer = _headers(stored, query)
    if is_part:
        answer["content-range"] = f"bytes {first}-{last}/{size}"
    wants_checksum = headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    # A range that is the whole object comes with the whole object's checksums.
    if wants_checksum and "partNumber" in query and stored.checksum_type == "COMPOSITE":
        own = stored.part_checksums[int(query["partNumber"]) - 1]
        answer.update({PREFIX + name: value for name, value in own.items()})
        answer["x-amz-checksum-type"] = stored.checksum_type
    elif wants_checksum and last - first + 1 == size:
        answer.update({PREFIX + name: value for name, value in stored.checksums.items()})
        if stored.checksums:
            answer["x-amz-checksum-type"] = stored.checksum_type
    if "partNumber" in query and stored.part_sizes:
        answer["x-amz-mp-parts-count"] = str(len(stored.part_sizes))
    answer["content-length"] = str(last - first + 1)
    body = b"" if is_head else stored.body[first : last + 1]
    return Response(206 if is_part else 200, answer, body)


def _headers(stored: StoredObject, query: Mapping[str, str]) -> dict[str, str]:
    answer = dict(stored.headers)
    for name, header in _OVERRIDES.items():
        if name in query:
            answer[header] = unquote_plus(query[name])
    answer["etag"] = f'"{stored.etag}"'
    answer["last-modified"] = http_date(stored.modified_us)
    answer["accept-ranges"] = "bytes"
    answer.update(stored.encryption)
    if stored.storage_class != STANDARD:
        answer["x-amz-storage-class"] = stored.storage_class
    if stored.retention is not None or stored.legal_hold:
        answer.update(locks.headers_of(stored))
    if stored.tags:
        answer["x-amz-tagging-count"] = str(len(stored.tags))
    return answer


def _span(wish: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None when it is to be ignored."""
    found = _RANGE.fullmatch(wish.strip())
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
        unsatisfiable = int(found[2]) == 0 or size == 0
    else:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < first:
            return None
        unsatisfiable = first >= size
    if unsatisfiable:
        raise S3Error(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            fields={"RangeRequested": wish, "ActualObjectSize": str(size)},
            headers={"content-range": f"bytes */{size}"},
        )
    return first, last


def _part_range(stored: StoredObject, number_text: str) -> tuple[int, int]:
    sizes = stored.part_sizes or (len(stored.body),)
    if not number_text.isdecimal() or len(number_text) > 5 or int(number_text) < 1:
        raise invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
    number = int(number_text)
    if number > len(sizes):
        raise S3Error(
            416,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
            fields={"ActualPartCount": str(len(sizes)), "PartNumberRequested": number_text},
        )
    first = sum(sizes[: number - 1])
    return first, first + sizes[number - 1] - 1
