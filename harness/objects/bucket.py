"""What S3 keeps: objects, their versions, and the buckets that hold them.

An object is immutable: a put replaces it whole, so a reader holds what it began with. A bucket keeps
its current objects by key; once versioning was set it keeps all versions beside them, so reads and
listings of current objects cost the same with and without versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from sortedcontainers import SortedDict

from harness.objects.versions import NULL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.objects.grants import Grant
    from harness.objects.locks import Retention
    from harness.objects.upload import Upload
    from harness.objects.xml import Content
    from harness.web.message import Response

STANDARD = "STANDARD"
AES256: Mapping[str, str] = MappingProxyType({"x-amz-server-side-encryption": "AES256"})
"""What S3 does to every object since 2023, and says with it."""

NEW_BUCKET: Mapping[str, Mapping[str, Content]] = MappingProxyType(
    {
        "ownershipControls": {"Rule": {"ObjectOwnership": "BucketOwnerEnforced"}},
        "publicAccessBlock": {
            "BlockPublicAcls": "true",
            "IgnorePublicAcls": "true",
            "BlockPublicPolicy": "true",
            "RestrictPublicBuckets": "true",
        },
    }
)
"""How S3 configures every new bucket since 2023."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object, or one version of it.

    Attributes:
        key: its name.
        body: its bytes.
        etag: without quotes; the MD5 in hex, or `<hex>-<parts>` after a multipart upload.
        modified_us: when it was put.
        headers: what a GET repeats: content type and encoding, `x-amz-meta-…`, cache control.
        checksums: base64 by algorithm name, e.g. `crc32`.
        checksum_type: FULL_OBJECT or COMPOSITE.
        part_sizes: bytes of each part of a multipart upload, in order; empty otherwise.
        tags: its tag set.
        part_checksums: of each part, when the upload asked for them.
        storage_class: e.g. STANDARD_IA.
        encryption: the headers that say how it is encrypted.
        grants: who may do what; None for the owner alone.
        retention: until when it must not be deleted.
        legal_hold: ON, OFF, or empty when never set.
        version_id: `null` unless it was put while versioning was enabled.
        is_delete_marker: it stands for a deletion.
        place: later writes have higher ones.
    """

    key: str
    body: bytes
    etag: str
    modified_us: int
    headers: Mapping[str, str]
    checksums: Mapping[str, str]
    checksum_type: str = "FULL_OBJECT"
    part_sizes: tuple[int, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    part_checksums: tuple[Mapping[str, str], ...] = ()
    storage_class: str = STANDARD
    encryption: Mapping[str, str] = field(default_factory=lambda: AES256)
    grants: tuple[Grant, ...] | None = None
    retention: Retention | None = None
    legal_hold: str = ""
    version_id: str = NULL
    is_delete_marker: bool = False
    place: int = 0

    def placed(self, version_id: str, place: int) -> StoredObject:
        """The same, with its version id and place."""
        # By hand, as dataclasses.replace takes as long as all the rest of a put.
        return StoredObject(
            self.key,
            self.body,
            self.etag,
            self.modified_us,
            self.headers,
            self.checksums,
            self.checksum_type,
            self.part_sizes,
            self.tags,
            self.part_checksums,
            self.storage_class,
            self.encryption,
            self.grants,
            self.retention,
            self.legal_hold,
            version_id,
            self.is_delete_marker,
            place,
        )


@dataclass(slots=True)
class Bucket:
    """One bucket.

    Attributes:
        name: unique.
        region: where it is.
        created_us: when it was made.
        location: the constraint it was made under; empty for that of its region.
        objects: the current ones, in the order of their keys' UTF-8 bytes.
        versioning: Enabled, Suspended, or empty when it was never set.
        versions: of every key, once versioning was set.
        configuration: its documents, by their subresource, e.g. `lifecycle`.
        tags: its tag set; None for none.
        grants: who may do what; None for the owner alone.
        uploads: those under way, by their ids.
        completed: answers to the last uploads that were completed, by their keys and ids.
    """

    name: str
    region: str
    created_us: int
    location: str = ""
    objects: SortedDict = field(default_factory=SortedDict)
    versioning: str = ""
    versions: SortedDict | None = None
    configuration: dict[str, Mapping[str, Content]] = field(
        default_factory=lambda: dict(NEW_BUCKET)
    )
    tags: Mapping[str, str] | None = None
    grants: tuple[Grant, ...] | None = None
    uploads: dict[str, Upload] = field(default_factory=dict)
    completed: dict[tuple[str, str], Response] = field(default_factory=dict)

    def keys_from(self, start: str, *, inclusive: bool) -> Iterator[str]:
        """The keys of current objects from `start` on."""
        # Python compares strings by code point, which is the order of their UTF-8 bytes.
        keys: Iterator[str] = self.objects.irange(start, inclusive=(inclusive, True))
        return keys

    def versioned_keys_from(self, start: str, *, inclusive: bool) -> Iterator[str]:
        """The keys from `start` on that have any version."""
        keyed = self.objects if self.versions is None else self.versions
        keys: Iterator[str] = keyed.irange(start, inclusive=(inclusive, True))
        return keys

    def versions_of(self, key: str, before: int | None = None) -> Iterator[StoredObject]:
        """The versions of `key` from the latest on, or those written before a place."""
        if self.versions is None:
            if before is None and key in self.objects:
                yield self.objects[key]
        elif key in self.versions:
            yield from self.versions[key].newest_first(before)
