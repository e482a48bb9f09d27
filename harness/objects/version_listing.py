"""ListObjectVersions: every version and delete marker, the latest of a key first.

A page costs what it shows: a common prefix is skipped by one jump, and a version marker leads to its
place without a walk over the versions before it, even when that version is gone.

Source: S3 API reference, ListObjectVersions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.objects.errors import invalid_argument
from harness.objects.listing import entry_of
from harness.objects.paging import (
    OWNER,
    PAGE_MAX,
    common_prefix,
    encoder,
    number,
    walk,
)
from harness.objects.times import iso_date
from harness.objects.versions import NULL, place_of
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.objects.bucket import Bucket, StoredObject
    from harness.objects.paging import Encoder
    from harness.objects.xml import Content


@dataclass(slots=True)
class _Page:
    shown: list[tuple[StoredObject, bool]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last_key: str = ""
    last_version: str = ""
    is_truncated: bool = False


def list_versions(bucket: Bucket, query: Mapping[str, str]) -> Response:
    """The answer to ListObjectVersions.

    Raises:
        S3Error: InvalidArgument.
    """
    limit = min(number(query, "max-keys", PAGE_MAX), PAGE_MAX)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    if id_marker and not key_marker:
        raise invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
            name="version-id-marker",
            value=id_marker,
        )
    encoded = encoder(query)
    page = _Page()
    if limit:
        _fill(page, bucket, query, limit)
    body = document(
        "ListVersionsResult",
        {
            "Name": bucket.name,
            "Prefix": encoded(prefix),
            "KeyMarker": encoded(key_marker),
            "VersionIdMarker": id_marker,
            "NextKeyMarker": encoded(page.last_key) if page.is_truncated else None,
            "NextVersionIdMarker": (page.last_version or None) if page.is_truncated else None,
            "MaxKeys": limit,
            "Delimiter": encoded.optional(delimiter),
            "EncodingType": query.get("encoding-type"),
            "IsTruncated": page.is_truncated,
            # Versions and delete markers stand in one order.
            "": [_entry(stored, encoded, is_latest=is_latest) for stored, is_latest in page.shown],
            "CommonPrefixes": [{"Prefix": encoded(common)} for common in page.prefixes],
        },
    )
    return in_xml(body)


def _fill(page: _Page, bucket: Bucket, query: Mapping[str, str], limit: int) -> None:
    for common, stored, is_latest in _entries(bucket, query):
        if len(page.shown) + len(page.prefixes) >= limit:
            page.is_truncated = True
            return
        if stored is None:
            page.prefixes.append(common)
            page.last_key, page.last_version = common, ""
        else:
            page.shown.append((stored, is_latest))
            page.last_key, page.last_version = stored.key, stored.version_id


def _entries(
    bucket: Bucket, query: Mapping[str, str]
) -> Iterator[tuple[str, StoredObject | None, bool]]:
    """What is behind the markers: a common prefix, or a version and whether it is the latest."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    marker = query.get("key-marker", "")
    if marker.startswith(prefix) and not common_prefix(marker, prefix, delimiter):
        for stored, is_latest in _behind(bucket, marker, query.get("version-id-marker", "")):
            yield "", stored, is_latest
    for key, common in walk(bucket.versioned_keys_from, marker, prefix, delimiter):
        if common:
            yield common, None, False
            continue
        for place, stored in enumerate(bucket.versions_of(key)):
            yield "", stored, place == 0


def _behind(bucket: Bucket, key: str, version_id: str) -> Iterator[tuple[StoredObject, bool]]:
    """The versions of `key` older than that of the id, each with whether it is the latest."""
    versions = None if bucket.versions is None else bucket.versions.get(key)
    if not version_id:
        return
    place = place_of(version_id)
    if version_id == NULL:
        null = None if versions is None else versions.find(NULL)
        place = 0 if null is None else null.place
    if place is None:
        raise invalid_argument(
            "Invalid version id specified", name="version-id-marker", value=version_id
        )
    if versions is not None:
        for stored in versions.newest_first(place):
            yield stored, stored is versions.latest


def _entry(stored: StoredObject, encoded: Encoder, *, is_latest: bool) -> dict[str, Content]:
    named: dict[str, Content] = {"VersionId": stored.version_id, "IsLatest": is_latest}
    if not stored.is_delete_marker:
        return {"Version": {**entry_of(stored, encoded(stored.key), with_owner=True), **named}}
    return {
        "DeleteMarker": {
            "Key": encoded(stored.key),
            **named,
            "LastModified": iso_date(stored.modified_us),
            "Owner": OWNER,
        }
    }
