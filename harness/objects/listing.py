"""ListObjects (both versions): prefixes, delimiters, pages.

With a delimiter, everything behind one common prefix is skipped by one jump, so that a page costs
what it shows and not what it hides.

Source: S3 API reference, ListObjectsV2, ListObjects.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.objects.errors import invalid_argument
from harness.objects.paging import (
    OWNER,
    PAGE_MAX,
    encoder,
    number,
    walk,
)
from harness.objects.regions import REGIONS
from harness.objects.times import iso_date
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.objects.bucket import Bucket, StoredObject
    from harness.objects.xml import Content

BUCKETS_MAX = 10_000


@dataclass(slots=True)
class _Page:
    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    is_truncated: bool = False


def list_v2(bucket: Bucket, query: Mapping[str, str]) -> Response:
    """The answer to ListObjectsV2.

    Raises:
        S3Error: InvalidArgument.
    """
    limit = min(number(query, "max-keys", PAGE_MAX), PAGE_MAX)
    token = query.get("continuation-token")
    start = _from_token(token) if token is not None else query.get("start-after", "")
    page = _page(bucket, query.get("prefix", ""), query.get("delimiter", ""), start, limit)
    encoded = encoder(query)
    with_owner = query.get("fetch-owner") == "true"
    body = document(
        "ListBucketResult",
        {
            "Name": bucket.name,
            "Prefix": encoded(query.get("prefix", "")),
            "Delimiter": encoded.optional(query.get("delimiter", "")),
            "StartAfter": encoded.optional(query.get("start-after", "")) if token is None else None,
            "ContinuationToken": token,
            "NextContinuationToken": _to_token(page.last) if page.is_truncated else None,
            "KeyCount": len(page.objects) + len(page.prefixes),
            "MaxKeys": limit,
            "EncodingType": query.get("encoding-type"),
            "IsTruncated": page.is_truncated,
            "Contents": [entry_of(o, encoded(o.key), with_owner=with_owner) for o in page.objects],
            "CommonPrefixes": [{"Prefix": encoded(prefix)} for prefix in page.prefixes],
        },
    )
    return in_xml(body)


def list_v1(bucket: Bucket, query: Mapping[str, str]) -> Response:
    """The answer to ListObjects.

    Raises:
        S3Error: InvalidArgument.
    """
    limit = min(number(query, "max-keys", PAGE_MAX), PAGE_MAX)
    delimiter = query.get("delimiter", "")
    page = _page(bucket, query.get("prefix", ""), delimiter, query.get("marker", ""), limit)
    encoded = encoder(query)
    body = document(
        "ListBucketResult",
        {
            "Name": bucket.name,
            "Prefix": encoded(query.get("prefix", "")),
            "Marker": encoded(query.get("marker", "")),
            # Only a listing by delimiter names the next marker; else it is the last key.
            "NextMarker": encoded(page.last) if page.is_truncated and delimiter else None,
            "MaxKeys": limit,
            "Delimiter": encoded.optional(delimiter),
            "EncodingType": query.get("encoding-type"),
            "IsTruncated": page.is_truncated,
            "Contents": [entry_of(o, encoded(o.key), with_owner=True) for o in page.objects],
            "CommonPrefixes": [{"Prefix": encoded(prefix)} for prefix in page.prefixes],
        },
    )
    return in_xml(body)


def list_buckets(buckets: Sequence[Bucket], query: Mapping[str, str]) -> bytes:
    """The XML of ListBuckets, of one page when `max-buckets` is set.

    Raises:
        S3Error: InvalidArgument.
    """
    prefix, region = query.get("prefix", ""), query.get("bucket-region", "")
    limit = min(number(query, "max-buckets", BUCKETS_MAX), BUCKETS_MAX)
    token = query.get("continuation-token", "")
    after = _from_token(token) if token else ""
    if region and region not in REGIONS:
        raise invalid_argument(
            f"Argument value {region} is not a valid AWS Region", name="bucket-region", value=None
        )
    found = [
        bucket
        for bucket in buckets
        if bucket.name.startswith(prefix) and bucket.name > after
        if not region or bucket.region == region
    ]
    page = found[:limit]
    entries: list[Content] = [
        {
            "Name": bucket.name,
            "CreationDate": iso_date(bucket.created_us),
            "BucketRegion": bucket.region,
            "BucketArn": f"arn:aws:s3:::{bucket.name}",
        }
        for bucket in page
    ]
    return document(
        "ListAllMyBucketsResult",
        {
            "Owner": OWNER,
            "Buckets": {"Bucket": entries},
            "Prefix": prefix or None,
            "ContinuationToken": _to_token(page[-1].name) if len(found) > len(page) else None,
        },
    )


def _page(bucket: Bucket, prefix: str, delimiter: str, after: str, limit: int) -> _Page:
    page = _Page()
    if limit == 0:
        return page
    for key, common in walk(bucket.keys_from, after, prefix, delimiter):
        if len(page.objects) + len(page.prefixes) == limit:
            page.is_truncated = True
            break
        if common:
            page.prefixes.append(common)
        else:
            page.objects.append(bucket.objects[key])
        page.last = common or key
    return page


def entry_of(stored: StoredObject, key: str, *, with_owner: bool) -> dict[str, Content]:
    """One object as listings show it, under the encoded `key`."""
    return {
        "Key": key,
        "LastModified": iso_date(stored.modified_us),
        "ETag": f'"{stored.etag}"',
        "ChecksumAlgorithm": [name.upper() for name in stored.checksums],
        "ChecksumType": stored.checksum_type if stored.checksums else None,
        "Size": len(stored.body),
        "StorageClass": stored.storage_class,
        "Owner": OWNER if with_owner else None,
    }


def _to_token(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode()


def _from_token(token: str) -> str:
    try:
        key = urlsafe_b64decode(token.encode()).decode()
    except (Base64Error, ValueError):
        key = ""
    if not key:
        raise invalid_argument(
            "The continuation token provided is incorrect", name="continuation-token", value=None
        )
    return key
