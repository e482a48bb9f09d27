"""ListMultipartUploads and ListParts: markers, delimiters, pages.

Uploads come in the order of their keys, those of one key in the order in which they began.

Source: S3 API reference, ListMultipartUploads, ListParts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.objects.errors import invalid_argument
from harness.objects.paging import OWNER, PAGE_MAX, common_prefix, encoder, number
from harness.objects.times import iso_date
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.objects.upload import Upload
    from harness.objects.xml import Content

INITIATOR: dict[str, Content] = {**OWNER, "DisplayName": "owner"}


def list_parts(upload: Upload, query: Mapping[str, str]) -> Response:
    """The answer to ListParts.

    Raises:
        S3Error: InvalidArgument.
    """
    limit = number(query, "max-parts", PAGE_MAX)
    marker = number(query, "part-number-marker", 0)
    after = [(number, part) for number, part in sorted(upload.parts.items()) if number > marker]
    page = after[: min(limit, PAGE_MAX)]
    parts: list[Content] = [
        {
            "PartNumber": number,
            "LastModified": iso_date(part.modified_us),
            "ETag": f'"{part.etag}"',
            "Size": len(part.body),
            # Parts of an upload without an algorithm of its own show none.
            **{
                f"Checksum{name.upper()}": value
                for name, value in part.checksums.items()
                if name == upload.algorithm
            },
        }
        for number, part in page
    ]
    result: dict[str, Content] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "Initiator": INITIATOR,
        "Owner": OWNER,
        "StorageClass": upload.draft.storage_class,
        "ChecksumAlgorithm": upload.algorithm.upper() or None,
        "ChecksumType": upload.checksum_type if upload.algorithm else None,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1][0] if page else 0,
        "MaxParts": min(limit, PAGE_MAX),
        "IsTruncated": len(after) > len(page),
        "Part": parts,
    }
    return in_xml(document("ListPartsResult", result))


def list_uploads(bucket: str, uploads: Sequence[Upload], query: Mapping[str, str]) -> Response:
    """The answer to ListMultipartUploads.

    Args:
        bucket: whose.
        uploads: those under way in it.
        query: of the request.

    Raises:
        S3Error: InvalidArgument.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = min(number(query, "max-uploads", PAGE_MAX), PAGE_MAX)
    ordered = sorted((u for u in uploads if u.key.startswith(prefix)), key=_place)
    key_marker = query.get("key-marker", "")
    id_marker = query.get("upload-id-marker", "") if key_marker else ""
    after = _after(ordered, key_marker, id_marker)
    shown: list[Upload] = []
    prefixes: list[str] = []
    is_truncated = False
    for upload in after:
        common = common_prefix(upload.key, prefix, delimiter)
        if common and (common in prefixes or key_marker.startswith(common)):
            continue
        if len(shown) + len(prefixes) >= limit:
            is_truncated = True
            break
        if common:
            prefixes.append(common)
        else:
            shown.append(upload)
    encoded = encoder(query)
    entries: list[Content] = [
        {
            "Key": encoded(upload.key),
            "UploadId": upload.id,
            "Initiator": INITIATOR,
            "Owner": OWNER,
            "StorageClass": upload.draft.storage_class,
            "Initiated": iso_date(upload.started_us),
            "ChecksumAlgorithm": upload.algorithm.upper() or None,
            "ChecksumType": upload.checksum_type if upload.algorithm else None,
        }
        for upload in shown
    ]
    result: dict[str, Content] = {
        "Bucket": bucket,
        "KeyMarker": encoded(key_marker),
        "UploadIdMarker": id_marker,
        "NextKeyMarker": encoded(shown[-1].key) if shown else "",
        "NextUploadIdMarker": shown[-1].id if shown else "",
        "Prefix": encoded.optional(prefix),
        "Delimiter": encoded.optional(delimiter),
        "EncodingType": query.get("encoding-type"),
        "MaxUploads": limit,
        "IsTruncated": is_truncated,
        "Upload": entries,
        "CommonPrefixes": [{"Prefix": encoded(common)} for common in prefixes],
    }
    return in_xml(document("ListMultipartUploadsResult", result))


def _place(upload: Upload) -> tuple[str, int, int]:
    return upload.key, upload.started_us, upload.number


def _after(ordered: list[Upload], key_marker: str, id_marker: str) -> list[Upload]:
    if not id_marker:
        return [upload for upload in ordered if not key_marker or upload.key > key_marker]
    for index, upload in enumerate(ordered):
        if upload.key == key_marker and upload.id == id_marker:
            return ordered[index + 1 :]
    raise invalid_argument("Invalid uploadId marker", name="upload-id-marker", value=id_marker)
