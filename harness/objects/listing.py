"""ListObjects (both versions): prefixes, delimiters, pages.

With a delimiter, everything behind one common prefix is skipped by one jump, so that a page costs
what it shows and not what it hides.

Source: S3 API reference, ListObjectsV2, ListObjects.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.objects.errors import invalid_argument
from harness.objects.reading import iso_date
from harness.objects.xml import document
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.objects.store import Bucket, StoredObject
    from harness.objects.xml import Content

KEYS_MAX = 1000
BUCKETS_MAX = 10_000
_REGION = re.compile(
    r"(us|eu|ap|sa|ca|me|af|il|mx)-(gov-)?(central|north|south|east|west|northeast|northwest|southeast|southwest)-[1-7]"
)
OWNER: dict[str, Content] = {"ID": "0" * 64}
_LAST_CHARACTER = "\U0010ffff"


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
    limit = _limit(query)
    token = query.get("continuation-token")
    start = _from_token(token) if token is not None else query.get("start-after", "")
    page = _page(bucket, query.get("prefix", ""), query.get("delimiter", ""), start, limit)
    encoded = _encoder(query)
    with_owner = query.get("fetch-owner") == "true"
    body = document(
        "ListBucketResult",
        {
            "Name": bucket.name,
            "Prefix": encoded(query.get("prefix", "")),
            "Delimiter": encoded(query["delimiter"]) if query.get("delimiter") else None,
            "StartAfter": encoded(query["start-after"]) if query.get("start-after") else None,
            "ContinuationToken": token,
            "NextContinuationToken": _to_token(page.last) if page.is_truncated else None,
            "KeyCount": len(page.objects) + len(page.prefixes),
            "MaxKeys": limit,
            "EncodingType": query.get("encoding-type"),
            "IsTruncated": page.is_truncated,
            "Contents": [_entry(o, encoded(o.key), with_owner=with_owner) for o in page.objects],
            "CommonPrefixes": [{"Prefix": encoded(prefix)} for prefix in page.prefixes],
        },
    )
    return Response(200, {"content-type": "application/xml"}, body)


def list_v1(bucket: Bucket, query: Mapping[str, str]) -> Response:
    """The answer to ListObjects.

    Raises:
        S3Error: InvalidArgument.
    """
    limit = _limit(query)
    delimiter = query.get("delimiter", "")
    page = _page(bucket, query.get("prefix", ""), delimiter, query.get("marker", ""), limit)
    encoded = _encoder(query)
    body = document(
        "ListBucketResult",
        {
            "Name": bucket.name,
            "Prefix": encoded(query.get("prefix", "")),
            "Marker": encoded(query.get("marker", "")),
            # Only a listing by delimiter names the next marker; else it is the last key.
            "NextMarker": encoded(page.last) if page.is_truncated and delimiter else None,
            "MaxKeys": limit,
            "Delimiter": encoded(delimiter) if delimiter else None,
            "EncodingType": query.get("encoding-type"),
            "IsTruncated": page.is_truncated,
            "Contents": [_entry(o, encoded(o.key), with_owner=True) for o in page.objects],
            "CommonPrefixes": [{"Prefix": encoded(prefix)} for prefix in page.prefixes],
        },
    )
    return Response(200, {"content-type": "application/xml"}, body)


def list_buckets(buckets: Sequence[Bucket], query: Mapping[str, str]) -> bytes:
    """The XML of ListBuckets, of one page when `max-buckets` is set.

    Raises:
        S3Error: InvalidArgument.
    """
    prefix, region = query.get("prefix", ""), query.get("bucket-region", "")
    limit = _limit({"max-keys": query.get("max-buckets", "")}, BUCKETS_MAX)
    token = query.get("continuation-token", "")
    after = _from_token(token) if token else ""
    if region and not _REGION.fullmatch(region):
        raise invalid_argument(
            f"Argument value {region} is not a valid AWS Region", name="bucket-region"
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


def list_versions(bucket: Bucket, query: Mapping[str, str]) -> Response:
    """The answer to ListObjectVersions of a bucket without versions: each object is its only one.

    Raises:
        S3Error: InvalidArgument.
    """
    limit = _limit(query)
    delimiter = query.get("delimiter", "")
    marker = query.get("key-marker", "")
    page = _page(bucket, query.get("prefix", ""), delimiter, marker, limit)
    encoded = _encoder(query)
    body = document(
        "ListVersionsResult",
        {
            "Name": bucket.name,
            "Prefix": encoded(query.get("prefix", "")),
            "KeyMarker": encoded(marker),
            "VersionIdMarker": query.get("version-id-marker", ""),
            "NextKeyMarker": encoded(page.last) if page.is_truncated else None,
            "NextVersionIdMarker": "null" if page.is_truncated else None,
            "MaxKeys": limit,
            "Delimiter": encoded(delimiter) if delimiter else None,
            "EncodingType": query.get("encoding-type"),
            "IsTruncated": page.is_truncated,
            "Version": [
                {
                    **_entry(o, encoded(o.key), with_owner=True),
                    "VersionId": "null",
                    "IsLatest": True,
                }
                for o in page.objects
            ],
            "CommonPrefixes": [{"Prefix": encoded(prefix)} for prefix in page.prefixes],
        },
    )
    return Response(200, {"content-type": "application/xml"}, body)


def _page(bucket: Bucket, prefix: str, delimiter: str, after: str, limit: int) -> _Page:
    page = _Page()
    if limit == 0:
        return page
    if after.startswith(prefix) and (inside := _common(after, prefix, delimiter)):
        # A marker in a common prefix leaves all behind that the prefix stands for.
        after = inside + _LAST_CHARACTER
    start, inclusive = (after, False) if after >= prefix and after else (prefix, True)
    while True:
        jumped = False
        for key in bucket.keys_from(start, inclusive=inclusive):
            if not key.startswith(prefix):
                return page
            common = _common(key, prefix, delimiter)
            if len(page.objects) + len(page.prefixes) == limit:
                page.is_truncated = True
                return page
            if common:
                page.prefixes.append(common)
                page.last = common
                start, inclusive, jumped = common + _LAST_CHARACTER, False, True
                break
            page.objects.append(bucket.objects[key])
            page.last = key
        if not jumped:
            return page


def _common(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that stands for `key` in a listing by delimiter; empty when none does."""
    if not delimiter:
        return ""
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else ""


def _entry(stored: StoredObject, key: str, *, with_owner: bool) -> dict[str, Content]:
    return {
        "Key": key,
        "LastModified": iso_date(stored.modified_us),
        "ETag": f'"{stored.etag}"',
        "ChecksumAlgorithm": [name.upper() for name in stored.checksums],
        "ChecksumType": stored.checksum_type if stored.checksums else None,
        "Size": len(stored.body),
        "StorageClass": "STANDARD",
        "Owner": OWNER if with_owner else None,
    }


def _limit(query: Mapping[str, str], most: int = KEYS_MAX) -> int:
    text = query.get("max-keys") or str(most)
    if not text.isdecimal() or len(text) > 10:
        raise invalid_argument("Provided max-keys not an integer or within integer range")
    return min(int(text), most)


def _encoder(query: Mapping[str, str]) -> _Encoder:
    encoding = query.get("encoding-type")
    if encoding not in (None, "", "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request")
    return _Encoder(by_url=encoding == "url")


@dataclass(frozen=True, slots=True)
class _Encoder:
    by_url: bool

    def __call__(self, text: str) -> str:
        return quote(text, safe="/!*'()-_.") if self.by_url else text


def _to_token(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode()


def _from_token(token: str) -> str:
    try:
        key = urlsafe_b64decode(token.encode()).decode()
    except (Base64Error, ValueError):
        key = ""
    if not key:
        raise invalid_argument("The continuation token provided is incorrect")
    return key
