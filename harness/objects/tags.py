"""Tags of buckets and of objects.

Source: S3 API reference, PutBucketTagging, PutObjectTagging; S3 user guide, "Categorizing your
objects using tags".
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from harness.objects import shapes
from harness.objects.configuration import content_of, missing
from harness.objects.errors import (
    DELETE_MARKER,
    S3Error,
    invalid_argument,
    method_not_allowed,
    no_such_key,
)
from harness.objects.upload_body import upload_of
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import Bucket
    from harness.objects.store import ObjectStore
    from harness.objects.xml import Content
    from harness.web.message import Request

HEADER = "x-amz-tagging"
OBJECT_TAGS_MAX, BUCKET_TAGS_MAX = 10, 50
_LETTERS = re.compile(r"[\w\s+\-=._:/@]*")
_KEY_LETTERS_MAX, _VALUE_LETTERS_MAX = 128, 256


def of_bucket(store: ObjectStore, name: str, request: Request) -> Response:
    """Get, put or delete the bucket's tags.

    Raises:
        S3Error: NoSuchBucket, NoSuchTagSet, MalformedXML, InvalidTag, BadRequest.
    """
    bucket = store.bucket(name)
    if request.method == "GET":
        if not bucket.tags:
            raise missing(bucket, "NoSuchTagSet", "The TagSet does not exist")
        return in_xml(_document(bucket.tags))
    if request.method not in ("PUT", "DELETE"):
        raise method_not_allowed(request.method)
    tags: dict[str, str] | None = None
    if request.method == "PUT":
        pairs = _sent(request)
        if len(pairs) > BUCKET_TAGS_MAX:
            raise S3Error(400, "BadRequest", "Bucket tag count cannot be greater than 50")
        tags = checked(pairs, "System tags cannot be added/updated by requester")
    with store.lock:
        bucket.tags = tags
    return Response(204)


def of_object(
    store: ObjectStore, name: str, key: str, query: Mapping[str, str], request: Request
) -> Response:
    """Get, put or delete an object's tags.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, MethodNotAllowed, MalformedXML, InvalidTag, BadRequest.
    """
    bucket = store.bucket(name)
    try:
        stored = store.version(name, key, query.get("versionId", ""))
    except S3Error as error:
        if error.code == "NoSuchKey" and request.method == "GET":
            raise no_such_key(f"{name}/{key}") from None
        raise
    if stored.is_delete_marker:
        raise method_not_allowed(request.method, DELETE_MARKER)
    headers = version_header(bucket, stored.version_id)
    if request.method == "GET":
        return in_xml(_document(stored.tags), headers)
    if request.method not in ("PUT", "DELETE"):
        raise method_not_allowed(request.method)
    tags: dict[str, str] = {}
    if request.method == "PUT":
        pairs = _sent(request)
        _check_count(pairs)
        tags = checked(pairs, "Your TagKey cannot be prefixed with aws:")
    store.amend(name, replace(stored, tags=tags))
    return Response(200 if request.method == "PUT" else 204, headers)


def in_header(request: Request) -> dict[str, str]:
    """The tag set of `x-amz-tagging`.

    Raises:
        S3Error: InvalidArgument, InvalidTag, BadRequest.
    """
    text = request.headers.get(HEADER, "")
    if not text:
        return {}
    pairs = parse_qsl(text, keep_blank_values=True)
    is_single = len({key for key, _ in pairs}) == len(pairs)
    if not is_single or any(not key for key, _ in pairs) or "," in text:
        raise invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
            "parameters without tag name duplicates.",
            name=HEADER,
            value=text,
        )
    _check_count(pairs)
    return checked(pairs, "Your TagKey cannot be prefixed with aws:")


def checked(pairs: list[tuple[str, str]], reserved: str) -> dict[str, str]:
    """The tag set, or why it is none.

    Args:
        pairs: keys and values.
        reserved: what S3 says of keys that begin with `aws:`.

    Raises:
        S3Error: InvalidTag.
    """
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise _invalid("Cannot provide multiple Tags with the same key", key)
        if key.lower().startswith("aws:"):
            raise _invalid(reserved, key)
        if not 1 <= len(key) <= _KEY_LETTERS_MAX or not _LETTERS.fullmatch(key):
            raise _invalid("The TagKey you have provided is invalid", key)
        if len(value) > _VALUE_LETTERS_MAX or not _LETTERS.fullmatch(value):
            raise _invalid("The TagValue you have provided is invalid", key, value)
        tags[key] = value
    return tags


def pairs_of(tag_set: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Keys and values of a parsed tag set."""
    return [(tag["Key"], tag["Value"]) for tag in (tag_set or {}).get("Tag", [])]


def version_header(bucket: Bucket, version_id: str) -> dict[str, str]:
    """The header that names the version; none where there never were versions."""
    return {} if bucket.versions is None else {"x-amz-version-id": version_id}


def _sent(request: Request) -> list[tuple[str, str]]:
    content: dict[str, Any] = content_of(upload_of(request)[0], "Tagging", shapes.TAGGING)
    return pairs_of(content.get("TagSet"))


def _check_count(pairs: list[tuple[str, str]]) -> None:
    if len(pairs) > OBJECT_TAGS_MAX:
        raise S3Error(400, "BadRequest", "Object tags cannot be greater than 10")


def _document(tags: Mapping[str, str]) -> bytes:
    # S3 sorts them.
    tag_set: list[Content] = [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
    return document("Tagging", {"TagSet": {"Tag": tag_set}})


def _invalid(message: str, key: str, value: str | None = None) -> S3Error:
    fields = {"TagKey": key}
    if value is not None:
        fields["TagValue"] = value
    return S3Error(400, "InvalidTag", message, fields=fields)
