"""GetObjectAttributes: what is known of an object, without its bytes.

Source: S3 API reference, GetObjectAttributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.objects.encryption import check_readable
from harness.objects.errors import invalid_argument
from harness.objects.paging import PAGE_MAX, number
from harness.objects.times import http_date
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import StoredObject
    from harness.objects.xml import Content

WANTED = "x-amz-object-attributes"
_KNOWN = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


def attributes(stored: StoredObject, headers: Mapping[str, str]) -> Response:
    """The answer to GetObjectAttributes.

    Raises:
        S3Error: InvalidArgument; as for reading.
    """
    check_readable(stored, headers)
    named = [one.strip() for one in headers.get(WANTED, "").split(",") if one.strip()]
    if not named:
        raise invalid_argument(
            f"The {WANTED} header specifying the attributes to be retrieved is either missing or "
            "empty",
            name=WANTED,
            value=None,
        )
    for name in named:
        if name not in _KNOWN:
            raise invalid_argument("Invalid attribute name specified.", name=WANTED, value=name)
    # Here a checksum of checksums goes without the number of parts.
    checksum: dict[str, Content] = {
        f"Checksum{name.upper()}": value.partition("-")[0]
        for name, value in stored.checksums.items()
    }
    checksum["ChecksumType"] = stored.checksum_type
    shown: dict[str, Content] = {
        "ETag": stored.etag,
        "Checksum": checksum if stored.checksums else None,
        "ObjectParts": _parts(stored, headers) if stored.part_sizes else None,
        "StorageClass": stored.storage_class,
        "ObjectSize": len(stored.body),
    }
    content = {name: value for name, value in shown.items() if name in named}
    modified = {"last-modified": http_date(stored.modified_us)}
    return in_xml(document("GetObjectAttributesResponse", content), modified)


def _parts(stored: StoredObject, headers: Mapping[str, str]) -> dict[str, Content]:
    content: dict[str, Content] = {"PartsCount": len(stored.part_sizes)}
    if stored.checksum_type != "COMPOSITE":
        # Parts are told apart only when each has a checksum of its own.
        return content
    limit = min(number(headers, "x-amz-max-parts", PAGE_MAX), PAGE_MAX)
    marker = number(headers, "x-amz-part-number-marker", 0)
    numbers = range(marker + 1, min(marker + limit, len(stored.part_sizes)) + 1)
    parts: list[Content] = [
        {
            "PartNumber": one,
            "Size": stored.part_sizes[one - 1],
            **{f"Checksum{n.upper()}": v for n, v in stored.part_checksums[one - 1].items()},
        }
        for one in numbers
    ]
    last = numbers[-1] if numbers else 0
    return {
        **content,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": last,
        "MaxParts": limit,
        "IsTruncated": bool(numbers) and last < len(stored.part_sizes),
        "Part": parts,
    }
