"""PutObject, CopyObject, DeleteObject and DeleteObjects.

Source: S3 API reference, PutObject, CopyObject, DeleteObject, DeleteObjects.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness.objects import encryption, expiry, locks
from harness.objects.address import source_of
from harness.objects.checksums import (
    PREFIX,
    OnDemand,
    by_default,
    checksum,
    is_slow,
    requested_algorithm,
)
from harness.objects.conditions import (
    check_conditions,
    check_delete_conditions,
    check_write_conditions,
)
from harness.objects.draft import REDIRECT, STORAGE_CLASS, drafted
from harness.objects.errors import S3Error, invalid_argument, invalid_request, malformed_xml
from harness.objects.owner import check_owner
from harness.objects.reading import ARCHIVED, VERSION, existing
from harness.objects.tags import version_header
from harness.objects.times import iso_date
from harness.objects.upload_body import upload_of
from harness.objects.versions import NULL
from harness.objects.xml import document, in_xml, parse
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from harness.objects.bucket import Bucket, StoredObject
    from harness.objects.draft import Draft
    from harness.objects.store import ObjectStore
    from harness.objects.xml import Content
    from harness.web.message import Request

COPY_SOURCE = "x-amz-copy-source"
DELETE_KEYS_MAX = 1000


def put(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    """PutObject.

    Raises:
        S3Error: NoSuchBucket, PreconditionFailed, BadDigest, IncompleteBody, KeyTooLongError, …
    """
    where = store.bucket(bucket)
    draft = drafted(store, where, request)
    body, stated = upload_of(request)
    checksums: Mapping[str, str] = stated
    if not stated:
        if "x-amz-sdk-checksum-algorithm" in request.headers:
            raise invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found."
            )
        checksums = by_default(body)
    etag = encryption.etag_of(md5_hex(body), draft.encryption)
    now_us = store.clock.now_us()
    with store.lock:
        check_write_conditions(store.find(bucket, key), request.headers, key)
        stored = store.add(bucket, draft.object(key, body, etag, now_us, checksums))
    headers = {**etag_headers(stored), **written_version(stored), **expiry.header(where, stored)}
    return Response(200, headers)


def etag_headers(stored: StoredObject) -> dict[str, str]:
    """ETag, encryption and checksums of what was stored."""
    headers = {"etag": f'"{stored.etag}"', **stored.encryption}
    if stored.checksums and not isinstance(stored.checksums, OnDemand):
        headers.update({PREFIX + name: value for name, value in stored.checksums.items()})
        headers["x-amz-checksum-type"] = stored.checksum_type
    return headers


def written_version(stored: StoredObject) -> dict[str, str]:
    """The header that names a new version; the `null` version is not named."""
    return {} if stored.version_id == NULL else {VERSION: stored.version_id}


def copy(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    """CopyObject.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidRequest, …
    """
    where = store.bucket(bucket)
    source, source_version = copy_source(store, request)
    directive = request.headers.get("x-amz-metadata-directive", "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        raise invalid_argument("Unknown metadata directive.")
    tagging = request.headers.get("x-amz-tagging-directive", "COPY").upper()
    if tagging not in ("COPY", "REPLACE"):
        raise invalid_argument("Unknown tagging directive.")
    kept = {name: value for name, value in source.headers.items() if name != REDIRECT}
    if REDIRECT in request.headers:
        kept[REDIRECT] = request.headers[REDIRECT]
    draft = drafted(
        store,
        where,
        request,
        headers=kept if directive == "COPY" else None,
        tag_set=source.tags if tagging == "COPY" else None,
    )
    changes_nothing = directive == tagging == "COPY" and draft.encryption == source.encryption
    if changes_nothing and store.find(bucket, key) is source and not _restates(where, request):
        raise invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes."
        )
    stored = _copied(store, bucket, key, draft, source, request)
    result: dict[str, Content] = {
        "LastModified": iso_date(stored.modified_us),
        "ETag": f'"{stored.etag}"',
        **{f"Checksum{name.upper()}": value for name, value in stored.checksums.items()},
        "ChecksumType": stored.checksum_type if stored.checksums else None,
    }
    version = version_header(where, stored.version_id)
    headers = {**stored.encryption, **version, **source_version}
    return in_xml(document("CopyObjectResult", result), headers)


def _copied(
    store: ObjectStore,
    bucket: str,
    key: str,
    draft: Draft,
    source: StoredObject,
    request: Request,
) -> StoredObject:
    checksums = source.checksums
    wanted = requested_algorithm(request.headers) or next(iter(checksums), "")
    if wanted not in checksums or source.checksum_type != "FULL_OBJECT":
        checksums = by_default(source.body)
        if wanted and not is_slow(wanted, source.body):
            checksums = {wanted: checksum(wanted, source.body)}
    digest = source.etag
    if source.part_sizes or draft.encryption != source.encryption:
        digest = md5_hex(source.body)
    etag = encryption.etag_of(digest, draft.encryption)
    now_us = store.clock.now_us()
    with store.lock:
        check_write_conditions(store.find(bucket, key), request.headers, key)
        return store.add(bucket, draft.object(key, source.body, etag, now_us, checksums))


def _restates(bucket: Bucket, request: Request) -> bool:
    """Whether a copy onto itself says anything that S3 takes for a change."""
    return (
        STORAGE_CLASS in request.headers
        or "?versionId=" in request.headers[COPY_SOURCE]
        or REDIRECT in request.headers
        or encryption.is_asked_for(request.headers)
        or "encryption" in bucket.configuration
    )


def copy_source(store: ObjectStore, request: Request) -> tuple[StoredObject, dict[str, str]]:
    """The object that `x-amz-copy-source` names, and the header that tells its version.

    Raises:
        S3Error: InvalidArgument, NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidRequest,
            InvalidObjectState.
    """
    check_owner(store, request, "x-amz-source-expected-bucket-owner")
    path, _, query = request.headers[COPY_SOURCE].partition("?")
    bucket, key = source_of(path)
    if not bucket or not key:
        raise invalid_argument(
            "Invalid copy source object key", name=COPY_SOURCE, value=COPY_SOURCE
        )
    named = {"versionId": query.removeprefix("versionId=")} if query else {}
    source = existing(store, bucket, key, named, request.method)
    encryption.check_readable(source, request.headers, encryption.COPY)
    check_conditions(source, request.headers, store.clock.now_us(), prefix=encryption.COPY)
    if source.storage_class in ARCHIVED:
        raise S3Error(
            403,
            "ObjectNotInActiveTierError",
            "The source object of the COPY operation is not in the active tier",
        )
    told = {} if source.version_id == NULL else {f"{COPY_SOURCE}-version-id": source.version_id}
    return source, told


def delete(
    store: ObjectStore, bucket: str, key: str, query: Mapping[str, str], request: Request
) -> Response:
    """DeleteObject; what is not there is deleted all the same.

    Raises:
        S3Error: NoSuchBucket, InvalidArgument, PreconditionFailed, AccessDenied.
    """
    version_id = query.get("versionId")
    if version_id == "":
        raise invalid_argument(
            "Version id cannot be the empty string", name="versionId", value=version_id
        )
    bypass = locks.check_bypass(store.bucket(bucket), request.headers)
    with store.lock:
        check_delete_conditions(store.find(bucket, key), request.headers, key)
        gone = _remove(store, bucket, key, version_id or "", bypass=bypass)
    headers = {}
    if gone is not None and gone.is_delete_marker:
        headers["x-amz-delete-marker"] = "true"
    if store.bucket(bucket).versions is not None and (version_id or gone is not None):
        headers[VERSION] = version_id or (gone.version_id if gone is not None else NULL)
    return Response(204, headers)


def _remove(
    store: ObjectStore, bucket: str, key: str, version_id: str, *, bypass: bool
) -> StoredObject | None:
    """Delete the object or one version; returns the marker that was made, or what is gone."""
    if not version_id:
        return store.delete_object(bucket, key)
    versions = store.bucket(bucket).versions
    present = None if versions is None else versions.get(key)
    stored = None if present is None else present.find(version_id)
    if stored is not None:
        locks.check_deletable(stored, store.clock.now_us(), bypass=bypass)
    return store.delete_version(bucket, key, version_id)


def delete_many(store: ObjectStore, bucket: str, request: Request) -> Response:
    """DeleteObjects.

    Raises:
        S3Error: NoSuchBucket, MalformedXML, BadDigest, InvalidArgument.
    """
    where = store.bucket(bucket)
    body, _ = upload_of(request)
    root = parse(body)
    if root is None or root.tag != "Delete":
        raise malformed_xml()
    entries = root.findall("Object")
    has_keys = all(entry.find("Key") is not None for entry in entries)
    if not 1 <= len(entries) <= DELETE_KEYS_MAX or not has_keys:
        raise malformed_xml()
    bypass = locks.check_bypass(where, request.headers)
    deleted: list[Content] = []
    errors: list[Content] = []
    for entry in entries:
        try:
            deleted.append(_deleted(store, bucket, entry, bypass=bypass))
        except S3Error as error:
            named = {"Key": entry.findtext("Key", ""), "VersionId": entry.findtext("VersionId")}
            if error.fields.get("ArgumentName") == "versionId":
                error = S3Error(404, "NoSuchVersion", "The specified version does not exist.")
            errors.append({**named, "Code": error.code, "Message": error.message})
    is_quiet = root.findtext("Quiet", "").strip().lower() == "true"
    result: dict[str, Content] = {"Deleted": [] if is_quiet else deleted, "Error": errors}
    return in_xml(document("DeleteResult", result))


def _deleted(
    store: ObjectStore, bucket: str, entry: ET.Element, *, bypass: bool
) -> dict[str, Content]:
    key, version_id = entry.findtext("Key", ""), entry.findtext("VersionId", "")
    etag = entry.findtext("ETag")
    with store.lock:
        conditions = {} if etag is None else {"if-match": etag}
        check_delete_conditions(store.find(bucket, key), conditions, key)
        gone = _remove(store, bucket, key, version_id, bypass=bypass)
    shown: dict[str, Content] = {"Key": key}
    if store.bucket(bucket).versions is not None and version_id:
        shown["VersionId"] = version_id
    if gone is not None and gone.is_delete_marker:
        shown["DeleteMarker"] = True
        shown["DeleteMarkerVersionId"] = gone.version_id
    return shown


def md5_hex(body: bytes) -> str:
    """The ETag of a body."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
