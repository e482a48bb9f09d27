"""Multipart uploads: create, parts (sent or copied), complete, abort, and both listings.

The parts are joined once, on completion; until then the object does not change.

Source: S3 API reference, CreateMultipartUpload … CompleteMultipartUpload, "multipart upload limits".
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from typing import TYPE_CHECKING

from harness.objects import upload_listing
from harness.objects.checksums import PREFIX, checksum
from harness.objects.errors import S3Error, invalid_argument, malformed_xml
from harness.objects.reading import ENCRYPTION, iso_date
from harness.objects.store import StoredObject
from harness.objects.upload import Part, Upload
from harness.objects.upload_body import upload_of
from harness.objects.writing import (
    COPY_SOURCE,
    XML,
    check_write_conditions,
    copy_source,
    kept_headers,
    md5_hex,
    requested_algorithm,
    tags_in_header,
)
from harness.objects.xml import document, parse
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from harness.objects.store import ObjectStore
    from harness.objects.xml import Content
    from harness.web.message import Request

PART_NUMBER_MAX = 10_000
PART_BYTES_MIN = 5 * 1024 * 1024
"""Of every part but the last."""
_COPY_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")


class MultipartUploads:
    """The uploads under way.

    Args:
        store: where completed objects go.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._uploads: dict[str, Upload] = {}
        self._begun = 0
        self._ids = store.clock.substream("s3 upload ids")

    def create(self, bucket: str, key: str, request: Request) -> Response:
        """CreateMultipartUpload."""
        self._store.bucket(bucket)
        algorithm = requested_algorithm(request)
        kind = request.headers.get("x-amz-checksum-type", "").upper()
        if not kind:
            kind = "FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE"
        with self._store.lock:
            self._begun += 1
            upload_id = f"{self._ids.getrandbits(256):064x}"
            self._uploads[upload_id] = Upload(
                upload_id,
                self._begun,
                bucket,
                key,
                self._store.clock.now_us(),
                kept_headers(request),
                tags_in_header(request),
                algorithm,
                kind,
            )
        body = document(
            "InitiateMultipartUploadResult", {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        )
        headers = {**XML, **ENCRYPTION}
        if algorithm:
            headers["x-amz-checksum-algorithm"] = algorithm.upper()
            headers["x-amz-checksum-type"] = kind
        return Response(200, headers, body)

    def put_part(
        self, bucket: str, key: str, query: Mapping[str, str], request: Request
    ) -> Response:
        """UploadPart and UploadPartCopy."""
        upload = self._find(bucket, key, query)
        text = query.get("partNumber", "")
        number = int(text) if text.isdecimal() and len(text) < 6 else 0
        if not 1 <= number <= PART_NUMBER_MAX:
            raise invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
        is_copy = COPY_SOURCE in request.headers
        body, checksums = self._copied(request) if is_copy else upload_of(request)
        if upload.algorithm and upload.algorithm not in checksums:
            checksums[upload.algorithm] = checksum(upload.algorithm, body)
        part = Part(body, md5_hex(body), self._store.clock.now_us(), checksums)
        upload.parts[number] = part
        if is_copy:
            result: dict[str, Content] = {
                "LastModified": iso_date(part.modified_us),
                "ETag": f'"{part.etag}"',
            }
            return Response(200, {**XML, **ENCRYPTION}, document("CopyPartResult", result))
        headers = {PREFIX + name: value for name, value in checksums.items()}
        return Response(200, {"etag": f'"{part.etag}"', **ENCRYPTION, **headers})

    def complete(
        self, bucket: str, key: str, query: Mapping[str, str], request: Request
    ) -> Response:
        """CompleteMultipartUpload."""
        upload = self._find(bucket, key, query)
        root = parse(request.body)
        if root is None or root.tag != "CompleteMultipartUpload":
            raise malformed_xml()
        parts = _chosen(upload, root)
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        stored = StoredObject(
            key,
            b"".join(part.body for part in parts),
            f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}",
            self._store.clock.now_us(),
            upload.headers,
            {},
            upload.checksum_type,
            tuple(len(part.body) for part in parts),
            upload.tags,
        )
        stored = _with_checksum(stored, upload, parts)
        with self._store.lock:
            check_write_conditions(self._store.find(bucket, key), request.headers, key)
            self._store.add(bucket, stored)
            self._uploads.pop(upload.id, None)
        result: dict[str, Content] = {
            "Location": f"http://{request.headers.get('host', '')}{request.path}",
            "Bucket": bucket,
            "Key": key,
            "ETag": f'"{stored.etag}"',
            **{f"Checksum{name.upper()}": value for name, value in stored.checksums.items()},
            "ChecksumType": stored.checksum_type if stored.checksums else None,
        }
        return Response(
            200, {**XML, **ENCRYPTION}, document("CompleteMultipartUploadResult", result)
        )

    def abort(self, bucket: str, key: str, query: Mapping[str, str]) -> Response:
        """AbortMultipartUpload."""
        self._uploads.pop(self._find(bucket, key, query).id, None)
        return Response(204)

    def list_parts(self, bucket: str, key: str, query: Mapping[str, str]) -> Response:
        """ListParts."""
        return upload_listing.list_parts(self._find(bucket, key, query), query)

    def list_uploads(self, bucket: str, query: Mapping[str, str]) -> Response:
        """ListMultipartUploads."""
        self._store.bucket(bucket)
        with self._store.lock:
            uploads = [u for u in self._uploads.values() if u.bucket == bucket]
        return upload_listing.list_uploads(bucket, uploads, query)

    def _find(self, bucket: str, key: str, query: Mapping[str, str]) -> Upload:
        self._store.bucket(bucket)
        upload = self._uploads.get(query.get("uploadId", ""))
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise S3Error(
                404,
                "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload "
                "may have been aborted or completed.",
            )
        return upload

    def _copied(self, request: Request) -> tuple[bytes, dict[str, str]]:
        body = copy_source(self._store, request).body
        wish = request.headers.get("x-amz-copy-source-range")
        if wish is not None:
            found = _COPY_RANGE.fullmatch(wish)
            if found is None or int(found[1]) > int(found[2]):
                raise invalid_argument(
                    "The x-amz-copy-source-range value must be of the form bytes=first-last where "
                    "first and last are the zero-based offsets of the first and last bytes to copy",
                    name="x-amz-copy-source-range",
                    value=wish,
                )
            if int(found[1]) >= len(body):
                raise S3Error(
                    400,
                    "InvalidRequest",
                    "The specified copy range is invalid for the source object size",
                )
            if int(found[2]) >= len(body):
                raise invalid_argument(
                    f"Range specified is not valid for source object of size: {len(body)}",
                    name="x-amz-copy-source-range",
                    value=wish,
                )
            body = body[int(found[1]) : int(found[2]) + 1]
        return body, {}


def _chosen(upload: Upload, root: ET.Element) -> list[Part]:
    """The parts that the client's list names, in its order.

    Raises:
        S3Error: MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall.
    """
    parts: list[Part] = []
    last = 0
    for entry in root.findall("Part"):
        text = entry.findtext("PartNumber", "").strip()
        if not text.isdecimal() or len(text) > 5:
            raise malformed_xml()
        part = upload.parts.get(int(text))
        etag = entry.findtext("ETag", "").strip().strip('"')
        if part is None or part.etag != etag:
            raise S3Error(
                400,
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been "
                "uploaded, or the specified entity tag may not match the part's entity tag.",
            )
        if int(text) <= last:
            raise S3Error(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part "
                "number.",
            )
        last = int(text)
        parts.append(part)
    if not parts:
        raise malformed_xml()
    if any(len(part.body) < PART_BYTES_MIN for part in parts[:-1]):
        raise S3Error(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
    return parts


def _with_checksum(stored: StoredObject, upload: Upload, parts: list[Part]) -> StoredObject:
    """`stored` with the checksum of the whole, or the one made of its parts' checksums."""
    name = upload.algorithm
    if not name:
        return stored
    if upload.checksum_type == "FULL_OBJECT":
        whole = checksum(name, stored.body)
    else:
        joined = b"".join(b64decode(part.checksums[name]) for part in parts)
        whole = f"{checksum(name, joined)}-{len(parts)}"
    return StoredObject(
        stored.key,
        stored.body,
        stored.etag,
        stored.modified_us,
        stored.headers,
        {name: whole},
        stored.checksum_type,
        stored.part_sizes,
        stored.tags,
    )
