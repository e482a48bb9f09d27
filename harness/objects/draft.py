"""What an upload's headers say of the object to be, apart from its bytes.

Source: S3 API reference, PutObject, CreateMultipartUpload, CopyObject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.objects import encryption, grants, locks, tags
from harness.objects.bucket import STANDARD, StoredObject
from harness.objects.errors import S3Error, not_implemented
from harness.objects.upload_body import content_encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import Bucket
    from harness.objects.grants import Grant
    from harness.objects.locks import Retention
    from harness.objects.store import ObjectStore
    from harness.web.message import Request

METADATA_BYTES_MAX = 2048
STORAGE_CLASS = "x-amz-storage-class"
REDIRECT = "x-amz-website-redirect-location"
STORAGE_CLASSES = (
    STANDARD,
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
)
_KEPT = (
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
    REDIRECT,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of an object before its bytes.

    Attributes:
        headers: what a GET will repeat.
        tags: its tag set.
        storage_class: e.g. STANDARD.
        encryption: the headers that say how it is encrypted.
        grants: its access control list, when one is stated.
        retention: until when it must not be deleted.
        legal_hold: ON, OFF, or empty.
    """

    headers: Mapping[str, str]
    tags: Mapping[str, str]
    storage_class: str
    encryption: Mapping[str, str]
    grants: tuple[Grant, ...] | None
    retention: Retention | None
    legal_hold: str

    def object(
        self,
        key: str,
        body: bytes,
        etag: str,
        modified_us: int,
        checksums: Mapping[str, str],
        *,
        checksum_type: str = "FULL_OBJECT",
        part_sizes: tuple[int, ...] = (),
        part_checksums: tuple[Mapping[str, str], ...] = (),
    ) -> StoredObject:
        """The object, now that its bytes are there."""
        return StoredObject(
            key,
            body,
            etag,
            modified_us,
            self.headers,
            checksums,
            checksum_type,
            part_sizes,
            self.tags,
            part_checksums,
            self.storage_class,
            self.encryption,
            self.grants,
            self.retention,
            self.legal_hold,
        )


def drafted(
    store: ObjectStore,
    bucket: Bucket,
    request: Request,
    *,
    headers: Mapping[str, str] | None = None,
    tag_set: Mapping[str, str] | None = None,
) -> Draft:
    """What the request says.

    Args:
        store: all buckets.
        bucket: where the object will be.
        request: of the upload or copy.
        headers: of a copy's source, which stand instead of those sent.
        tag_set: of a copy's source, likewise.

    Raises:
        S3Error: InvalidStorageClass, MetadataTooLarge, InvalidArgument, InvalidTag, …
    """
    sent = request.headers
    storage_class = sent.get(STORAGE_CLASS, STANDARD)
    if storage_class not in STORAGE_CLASSES:
        raise S3Error(
            400,
            "InvalidStorageClass",
            "The storage class you specified is not valid",
            fields={"StorageClassRequested": storage_class},
        )
    if "x-amz-write-offset-bytes" in sent:
        raise not_implemented("x-amz-write-offset-bytes")
    retention, legal_hold = locks.in_headers(bucket, sent, store.clock.now_us())
    return Draft(
        kept_headers(request) if headers is None else headers,
        tags.in_header(request) if tag_set is None else tag_set,
        storage_class,
        encryption.wanted(bucket, sent, store.account),
        grants.in_headers(bucket, request),
        retention,
        legal_hold,
    )


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
