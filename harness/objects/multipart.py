"""Multipart uploads: create, parts (sent or copied), complete, abort, and both listings.

The parts are joined once, on completion; until then the object does not change.

Source: S3 API reference, CreateMultipartUpload … CompleteMultipartUpload, "multipart upload limits".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.objects import encryption, upload_listing
from harness.objects.checksums import PREFIX, checksum, requested_algorithm
from harness.objects.completion import COMPOSITE, FULL_OBJECT, completed
from harness.objects.conditions import check_undisturbed, check_write_conditions
from harness.objects.draft import drafted
from harness.objects.errors import S3Error, invalid_argument, invalid_request
from harness.objects.times import iso_date
from harness.objects.upload import Part, Upload
from harness.objects.upload_body import upload_of
from harness.objects.writing import (
    COPY_SOURCE,
    copy_source,
    md5_hex,
    written_version,
)
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import StoredObject
    from harness.objects.store import ObjectStore
    from harness.objects.xml import Content
    from harness.web.message import Request

PART_NUMBER_MAX = 10_000
COMPLETED_MAX = 100
"""Completions that are remembered for clients that did not get the answer."""
_COPY_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")


class MultipartUploads:
    """The uploads under way.

    Args:
        store: where completed objects go.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._begun = 0
        self._ids = store.clock.substream("s3 upload ids")

    def create(self, bucket: str, key: str, request: Request) -> Response:
        """CreateMultipartUpload."""
        where = self._store.bucket(bucket)
        draft = drafted(self._store, where, request)
        algorithm = requested_algorithm(request.headers)
        kind = _checksum_type(request, algorithm)
        with self._store.lock:
            self._begun += 1
            upload_id = f"{self._ids.getrandbits(256):064x}"
            where.uploads[upload_id] = Upload(
                upload_id,
                self._begun,
                bucket,
                key,
                self._store.clock.now_us(),
                draft,
                algorithm,
                kind,
                self._store.written,
            )
        body = document(
            "InitiateMultipartUploadResult", {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        )
        headers = dict(draft.encryption)
        if algorithm:
            headers["x-amz-checksum-algorithm"] = algorithm.upper()
            headers["x-amz-checksum-type"] = kind
        return in_xml(body, headers)

    def put_part(
        self, bucket: str, key: str, query: Mapping[str, str], request: Request
    ) -> Response:
        """UploadPart and UploadPartCopy."""
        upload = self._find(bucket, key, query)
        text = query.get("partNumber", "")
        number = int(text) if text.isdecimal() and len(text) < 6 else 0
        if not 1 <= number <= PART_NUMBER_MAX:
            raise invalid_argument(
                "Part number must be an integer between 1 and 10000, inclusive",
                name="partNumber",
                value=text,
            )
        secret = upload.draft.encryption
        encryption.check_part(secret, request.headers)
        is_copy = COPY_SOURCE in request.headers
        source_version: dict[str, str] = {}
        if is_copy:
            body, source_version = self._copied(request)
            checksums: dict[str, str] = {}
        else:
            body, checksums = upload_of(request)
        if upload.algorithm and checksums and upload.algorithm not in checksums:
            raise invalid_request(
                f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, "
                f"actual checksum Type: {next(iter(checksums))}"
            )
        if upload.algorithm and not checksums:
            checksums[upload.algorithm] = checksum(upload.algorithm, body)
        etag = encryption.etag_of(md5_hex(body), secret)
        part = Part(body, etag, self._store.clock.now_us(), checksums)
        upload.parts[number] = part
        if is_copy:
            result: dict[str, Content] = {
                "LastModified": iso_date(part.modified_us),
                "ETag": f'"{part.etag}"',
                **{f"Checksum{name.upper()}": value for name, value in checksums.items()},
            }
            return in_xml(document("CopyPartResult", result), {**secret, **source_version})
        headers = {PREFIX + name: value for name, value in checksums.items()}
        return Response(200, {"etag": f'"{part.etag}"', **secret, **headers})

    def complete(
        self, bucket: str, key: str, query: Mapping[str, str], request: Request
    ) -> Response:
        """CompleteMultipartUpload; who asks again is answered again."""
        where = self._store.bucket(bucket)
        place = key, query.get("uploadId", "")
        if place in where.completed:
            return _again(where.completed[place])
        upload = self._find(bucket, key, query)
        stored = completed(upload, request, self._store.clock.now_us())
        with self._store.lock:
            if place in where.completed:
                return _again(where.completed[place])
            present = self._store.find(bucket, key)
            check_write_conditions(present, request.headers, key)
            check_undisturbed(present, upload, request.headers)
            stored = self._store.add(bucket, stored)
            where.uploads.pop(upload.id, None)
            response = _completion(bucket, stored, request)
            where.completed[place] = response
            if len(where.completed) > COMPLETED_MAX:
                del where.completed[next(iter(where.completed))]
        return _again(response)

    def abort(self, bucket: str, key: str, query: Mapping[str, str]) -> Response:
        """AbortMultipartUpload."""
        upload = self._find(bucket, key, query)
        with self._store.lock:
            self._store.bucket(bucket).uploads.pop(upload.id, None)
        return Response(204)

    def list_parts(self, bucket: str, key: str, query: Mapping[str, str]) -> Response:
        """ListParts."""
        return upload_listing.list_parts(self._find(bucket, key, query), query)

    def list_uploads(self, bucket: str, query: Mapping[str, str]) -> Response:
        """ListMultipartUploads."""
        with self._store.lock:
            uploads = list(self._store.bucket(bucket).uploads.values())
        return upload_listing.list_uploads(bucket, uploads, query)

    def _find(self, bucket: str, key: str, query: Mapping[str, str]) -> Upload:
        upload = self._store.bucket(bucket).uploads.get(query.get("uploadId", ""))
        if upload is None or upload.key != key:
            raise S3Error(
                404,
                "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload "
                "may have been aborted or completed.",
                fields={"UploadId": query.get("uploadId", "")},
            )
        return upload

    def _copied(self, request: Request) -> tuple[bytes, dict[str, str]]:
        """The bytes that a part copies, and the header that tells their version."""
        source, told = copy_source(self._store, request)
        body = source.body
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
        return body, told


def _completion(bucket: str, stored: StoredObject, request: Request) -> Response:
    result: dict[str, Content] = {
        "Location": f"http://{request.headers.get('host', '')}{request.path}",
        "Bucket": bucket,
        "Key": stored.key,
        "ETag": f'"{stored.etag}"',
        **{f"Checksum{name.upper()}": value for name, value in stored.checksums.items()},
        "ChecksumType": stored.checksum_type if stored.checksums else None,
    }
    return in_xml(
        document("CompleteMultipartUploadResult", result),
        {**stored.encryption, **written_version(stored)},
    )


def _again(response: Response) -> Response:
    """The same answer; what is added to its headers stays out of the one kept."""
    return Response(response.status, dict(response.headers), response.body)


def _checksum_type(request: Request, algorithm: str) -> str:
    """FULL_OBJECT or COMPOSITE: asked for, or what goes with the algorithm.

    Raises:
        S3Error: InvalidRequest.
    """
    kind = request.headers.get("x-amz-checksum-type", "").upper()
    if not kind:
        return FULL_OBJECT if algorithm == "crc64nvme" else COMPOSITE
    if kind not in (FULL_OBJECT, COMPOSITE):
        raise invalid_request("Value for x-amz-checksum-type header is invalid.")
    if not algorithm:
        raise invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
            "header."
        )
    if (kind, algorithm) in (
        (FULL_OBJECT, "sha1"),
        (FULL_OBJECT, "sha256"),
        (COMPOSITE, "crc64nvme"),
    ):
        raise invalid_request(
            f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
        )
    return kind
