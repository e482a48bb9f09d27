"""A multipart upload under way: its parts so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.objects.draft import Draft


@dataclass(frozen=True, slots=True)
class Part:
    """One part, sent or copied.

    Attributes:
        body: its bytes.
        etag: MD5 in hex, without quotes.
        modified_us: when it came.
        checksums: base64 by algorithm.
    """

    body: bytes
    etag: str
    modified_us: int
    checksums: dict[str, str]


@dataclass(slots=True)
class Upload:
    """One upload.

    Attributes:
        id: its UploadId.
        number: uploads that began earlier have smaller ones.
        bucket: where the object will be.
        key: its name.
        started_us: when it began.
        draft: what its first request says of the object.
        algorithm: of the checksum that the client asked for; empty for none.
        checksum_type: FULL_OBJECT or COMPOSITE.
        written_before: how many objects the store had written when it began.
        parts: by their number.
        is_key_deleted: the key was deleted since.
    """

    id: str
    number: int
    bucket: str
    key: str
    started_us: int
    draft: Draft
    algorithm: str
    checksum_type: str
    written_before: int
    parts: dict[int, Part] = field(default_factory=dict)
    is_key_deleted: bool = False
