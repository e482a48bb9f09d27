"""Which parts an upload is completed from, and the object that they become.

Source: S3 API reference, CompleteMultipartUpload; S3 user guide, "Checking object integrity" (full
object and composite checksums).
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.objects import encryption
from harness.objects.checksums import ALGORITHMS, by_default, checksum, stated_checksums
from harness.objects.errors import S3Error, invalid_request, malformed_xml
from harness.objects.xml import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from harness.objects.bucket import StoredObject
    from harness.objects.upload import Part, Upload
    from harness.web.message import Request

PART_BYTES_MIN = 5 * 1024 * 1024
"""Of every part but the last."""
COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"
_SIZE = "x-amz-mp-object-size"


def completed(upload: Upload, request: Request, now_us: int) -> StoredObject:
    """The object that the parts named by the request become.

    Raises:
        S3Error: MalformedXML, InvalidRequest, InvalidPart, InvalidPartOrder, EntityTooSmall,
            BadDigest.
    """
    if not request.body:
        raise _no_parts()
    root = parse(request.body)
    if root is None or root.tag != "CompleteMultipartUpload":
        raise malformed_xml()
    said = request.headers.get("x-amz-checksum-type", "").upper()
    created = upload.checksum_type if upload.algorithm else "null"
    if said and said != created:
        raise invalid_request(
            f"The upload was created using the {created} checksum mode. The complete request must "
            "use the same checksum mode."
        )
    parts = _chosen(upload, root)
    stored = _joined(upload, parts, now_us)
    size = request.headers.get(_SIZE)
    if size is not None and size != str(len(stored.body)):
        raise invalid_request(
            f"The provided '{_SIZE}' header value {size} does not match what was computed: "
            f"{len(stored.body)}"
        )
    _check_whole(upload, stored, request.headers, is_full=said == FULL_OBJECT)
    return stored


def _chosen(upload: Upload, root: ET.Element) -> list[Part]:
    """The parts that the client's list names, in its order."""
    parts: list[tuple[str, Part]] = []
    last = 0
    entries = root.findall("Part")
    if not entries:
        raise _no_parts()
    for entry in entries:
        text = entry.findtext("PartNumber", "").strip()
        if not text.isdecimal() or len(text) > 5:
            raise malformed_xml()
        part = upload.parts.get(int(text))
        etag = entry.findtext("ETag", "").strip().strip('"')
        if part is None or part.etag != etag:
            raise _invalid_part(upload, text, etag)
        _check_part(upload, part, entry, text)
        if int(text) <= last:
            raise S3Error(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part "
                "number.",
                fields={"UploadId": upload.id},
            )
        last = int(text)
        parts.append((text, part))
    for text, part in parts[:-1]:
        if len(part.body) < PART_BYTES_MIN:
            raise S3Error(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                fields={
                    "ProposedSize": str(len(part.body)),
                    "MinSizeAllowed": str(PART_BYTES_MIN),
                    "PartNumber": text,
                    "ETag": part.etag,
                },
            )
    return [part for _, part in parts]


def _check_part(upload: Upload, part: Part, entry: ET.Element, number: str) -> None:
    """Check the checksum that the list states of a part."""
    stated = {
        name: entry.findtext(f"Checksum{name.upper()}", "").strip()
        for name in ALGORITHMS
        if entry.find(f"Checksum{name.upper()}") is not None
    }
    for name, value in stated.items():
        if upload.algorithm and name != upload.algorithm:
            raise S3Error(
                400,
                "BadDigest",
                f"The {name} you specified for part {number} did not match what we received.",
            )
        if not upload.algorithm or part.checksums.get(name) != value:
            raise _invalid_part(upload, number, part.etag)
    if upload.algorithm and upload.checksum_type == COMPOSITE and not stated:
        raise invalid_request(
            f"The upload was created using a {upload.algorithm} checksum. The complete request "
            "must include the checksum for each part. It was missing for part "
            f"{number} in the request."
        )


def _check_whole(
    upload: Upload, stored: StoredObject, headers: Mapping[str, str], *, is_full: bool
) -> None:
    """Check the checksum that the request states of the whole."""
    if not upload.algorithm:
        return
    if upload.checksum_type == COMPOSITE:
        name = f"x-amz-checksum-{upload.algorithm}"
        is_right = (
            headers.get(name, stored.checksums[upload.algorithm])
            == (stored.checksums[upload.algorithm])
        )
    else:
        named = [one for one in ALGORITHMS if f"x-amz-checksum-{one}" in headers]
        is_right = not named or (is_full and stated_checksums(headers) == stored.checksums)
    if not is_right:
        raise S3Error(
            400,
            "BadDigest",
            f"The {upload.algorithm} you specified did not match the calculated checksum.",
        )


def _joined(upload: Upload, parts: list[Part], now_us: int) -> StoredObject:
    """The object, with the checksum of the whole or the one made of the parts' checksums."""
    body, name = b"".join(part.body for part in parts), upload.algorithm
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    digest = hashlib.md5(digests, usedforsecurity=False).hexdigest()
    stored = upload.draft.object(
        upload.key,
        body,
        f"{digest}-{len(parts)}",
        now_us,
        {},
        checksum_type=upload.checksum_type if name else FULL_OBJECT,
        part_sizes=tuple(len(part.body) for part in parts),
    )
    if not name:
        is_plain = encryption.METHOD in upload.draft.encryption
        return replace(stored, checksums=by_default(body)) if is_plain else stored
    if upload.checksum_type == FULL_OBJECT:
        whole = checksum(name, body)
    else:
        joined = b"".join(b64decode(part.checksums[name]) for part in parts)
        whole = f"{checksum(name, joined)}-{len(parts)}"
    return replace(
        stored,
        checksums={name: whole},
        part_checksums=tuple({name: part.checksums[name]} for part in parts),
    )


def _no_parts() -> S3Error:
    return invalid_request("You must specify at least one part")


def _invalid_part(upload: Upload, number: str, etag: str) -> S3Error:
    return S3Error(
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
        fields={"UploadId": upload.id, "PartNumber": number, "ETag": etag},
    )
