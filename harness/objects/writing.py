"""PutObject, CopyObject, DeleteObject(s) and object tags.

Source: S3 API reference, PutObject, CopyObject, DeleteObjects, PutObjectTagging.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from harness.objects.checksums import ALGORITHMS, PREFIX, checksum
from harness.objects.errors import (
    S3Error,
    header_not_implemented,
    invalid_argument,
    malformed_xml,
    no_such_key,
)
from harness.objects.reading import (
    ENCRYPTION,
    check_conditions,
    iso_date,
    precondition_failed,
)
from harness.objects.upload_body import content_encoding, upload_of
from harness.objects.xml import document, parse
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.store import ObjectStore, StoredObject
    from harness.objects.xml import Content
    from harness.web.message import Request

XML = {"content-type": "application/xml"}
COPY_SOURCE = "x-amz-copy-source"
DELETE_KEYS_MAX = 1000
METADATA_BYTES_MAX = 2048
TAGS_MAX = 10
_KEPT = ("cache-control", "content-disposition", "content-language", "content-type", "expires")


def put(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    """PutObject.

    Raises:
        S3Error: NoSuchBucket, PreconditionFailed, BadDigest, IncompleteBody, KeyTooLongError, …
    """
    store.bucket(bucket)
    body, checksums = upload_of(request)
    headers, tags = kept_headers(request), tags_in_header(request)
    wanted = requested_algorithm(request)
    if wanted and wanted not in checksums:
        checksums[wanted] = checksum(wanted, body)
    with store.lock:
        check_write_conditions(store.find(bucket, key), request.headers, key)
        stored = store.put_object(bucket, key, body, headers, checksums=checksums, tags=tags)
    return Response(200, etag_headers(stored))


def invalid_version(version: str) -> S3Error:
    """No bucket here has versions, so no id but `null` can be one."""
    return invalid_argument("Invalid version id specified", name="versionId", value=version)


def etag_headers(stored: StoredObject) -> dict[str, str]:
    """ETag and checksums of what was stored."""
    headers = {"etag": f'"{stored.etag}"', **ENCRYPTION}
    headers.update({PREFIX + name: value for name, value in stored.checksums.items()})
    if stored.checksums:
        headers["x-amz-checksum-type"] = stored.checksum_type
    return headers


def requested_algorithm(request: Request) -> str:
    """The checksum algorithm that the client asks for by name; empty when it asks for none."""
    named = request.headers.get("x-amz-checksum-algorithm", "")
    named = (named or request.headers.get("x-amz-sdk-checksum-algorithm", "")).lower()
    if named and named not in ALGORITHMS:
        raise invalid_argument("Checksum algorithm provided is unsupported.")
    return named


def check_write_conditions(
    present: StoredObject | None, headers: Mapping[str, str], key: str
) -> None:
    """Check If-Match and If-None-Match of a write.

    Raises:
        S3Error: PreconditionFailed; NoSuchKey for If-Match without an object.
    """
    none_match, match = headers.get("if-none-match"), headers.get("if-match")
    refused = "We don't accept the provided value of {} header for this API"
    if none_match is not None:
        if match is not None:
            why = "Multiple conditional request headers present in the request"
            raise header_not_implemented("If-Match,If-None-Match", why)
        if none_match.strip() != "*":
            raise header_not_implemented("If-None-Match", refused.format("If-None-Match"))
        if present is not None:
            raise precondition_failed("If-None-Match")
    if match is not None:
        if match.strip() == "*":
            raise header_not_implemented("If-Match", refused.format("If-Match"))
        if present is None:
            raise no_such_key(key)
        if match.strip().strip('"') != present.etag:
            raise precondition_failed("If-Match")


def kept_headers(request: Request) -> dict[str, str]:
    """What a later GET repeats.

    Raises:
        S3Error: MetadataTooLarge.
    """
    sent = request.headers
    kept = {name: sent[name] for name in _KEPT if name in sent}
    kept.setdefault("content-type", "binary/octet-stream")
    encoding = content_encoding(request)
    if encoding:
        kept["content-encoding"] = encoding
    metadata = {name: value for name, value in sent.items() if name.startswith("x-amz-meta-")}
    if sum(len(name) - 11 + len(value) for name, value in metadata.items()) > METADATA_BYTES_MAX:
        raise S3Error(
            400,
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        )
    return {**kept, **metadata}


def copy(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    """CopyObject.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidRequest, …
    """
    store.bucket(bucket)
    source = copy_source(store, request)
    directive = request.headers.get("x-amz-metadata-directive", "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        raise invalid_argument("Unknown metadata directive.")
    tagging = request.headers.get("x-amz-tagging-directive", "COPY").upper()
    headers = kept_headers(request) if directive == "REPLACE" else dict(source.headers)
    tags = tags_in_header(request) if tagging == "REPLACE" else dict(source.tags)
    is_itself = store.find(bucket, key) is source
    if is_itself and directive == "COPY" and tagging == "COPY":
        raise S3Error(
            400,
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.",
        )
    checksums = dict(source.checksums) if source.checksum_type == "FULL_OBJECT" else {}
    wanted = requested_algorithm(request)
    if wanted and wanted not in checksums:
        checksums = {wanted: checksum(wanted, source.body)}
    with store.lock:
        check_write_conditions(store.find(bucket, key), request.headers, key)
        stored = store.put_object(bucket, key, source.body, headers, checksums=checksums, tags=tags)
    result: dict[str, Content] = {
        "LastModified": iso_date(stored.modified_us),
        "ETag": f'"{stored.etag}"',
    }
    result.update({f"Checksum{name.upper()}": value for name, value in checksums.items()})
    return Response(200, {**XML, **ENCRYPTION}, document("CopyObjectResult", result))


def copy_source(store: ObjectStore, request: Request) -> StoredObject:
    """The object that `x-amz-copy-source` names, its conditions checked.

    Raises:
        S3Error: InvalidArgument, NoSuchBucket, NoSuchKey, PreconditionFailed.
    """
    path, _, query = request.headers[COPY_SOURCE].partition("?")
    bucket, slash, key = unquote(path).removeprefix("/").partition("/")
    if not slash or not key:
        raise invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    if query and query != "versionId=null":
        raise invalid_version(query.removeprefix("versionId="))
    source = store.stored(bucket, key)
    check_conditions(source, request.headers, prefix="x-amz-copy-source-")
    return source


def delete(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    """DeleteObject; what is not there is deleted all the same.

    Raises:
        S3Error: NoSuchBucket, PreconditionFailed.
    """
    with store.lock:
        present = store.find(bucket, key)
        if "if-match" in request.headers and present is not None:
            check_write_conditions(present, request.headers, key)
        store.delete_object(bucket, key)
    return Response(204)


def delete_many(store: ObjectStore, bucket: str, request: Request) -> Response:
    """DeleteObjects.

    Raises:
        S3Error: NoSuchBucket, MalformedXML, BadDigest.
    """
    store.bucket(bucket)
    body, _ = upload_of(request)
    root = parse(body)
    if root is None or root.tag != "Delete":
        raise malformed_xml()
    entries = [(e.findtext("Key"), e.findtext("VersionId")) for e in root.findall("Object")]
    if not 1 <= len(entries) <= DELETE_KEYS_MAX or any(key is None for key, _ in entries):
        raise malformed_xml()
    deleted: list[Content] = []
    errors: list[Content] = []
    for key, version in entries:
        if version not in (None, "", "null"):
            failure = {"Key": key, "VersionId": version, "Code": "NoSuchVersion"}
            errors.append({**failure, "Message": "The specified version does not exist."})
        else:
            store.delete_object(bucket, key or "")
            deleted.append({"Key": key})
    is_quiet = root.findtext("Quiet", "").strip().lower() == "true"
    result: dict[str, Content] = {"Deleted": [] if is_quiet else deleted, "Error": errors}
    return Response(200, dict(XML), document("DeleteResult", result))


def tags_in_header(request: Request) -> dict[str, str]:
    """The tag set of `x-amz-tagging`.

    Raises:
        S3Error: BadRequest.
    """
    return _checked(parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True))


def tagging(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    """Get, Put and DeleteObjectTagging.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, MalformedXML, BadRequest, MethodNotAllowed.
    """
    stored = store.stored(bucket, key)
    if request.method == "GET":
        tag_set: list[Content] = [{"Key": k, "Value": v} for k, v in stored.tags.items()]
        return Response(200, dict(XML), document("Tagging", {"TagSet": {"Tag": tag_set}}))
    tags: dict[str, str] = {}
    if request.method == "PUT":
        root = parse(upload_of(request)[0])
        if root is None or root.tag != "Tagging":
            raise malformed_xml()
        found = root.findall("TagSet/Tag")
        tags = _checked([(t.findtext("Key", ""), t.findtext("Value", "")) for t in found])
    with store.lock:
        store.add(bucket, replace(stored, tags=tags))
    return Response(200 if request.method == "PUT" else 204)


def _checked(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if len(pairs) > TAGS_MAX:
        raise S3Error(400, "BadRequest", "Object tags cannot be greater than 10")
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise S3Error(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
    return tags


def md5_hex(body: bytes) -> str:
    """The ETag of a body."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
