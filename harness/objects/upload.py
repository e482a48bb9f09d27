"""A multipart upload under way: its parts so far."""

from __future__ import annotations

from dataclasses import dataclass, field


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
        headers: what a GET of the object will repeat.
        tags: its tag set.
        algorithm: of the checksum that the client asked for; empty for none.
        checksum_type: FULL_OBJECT or COMPOSITE.
        parts: by their number.
    """

    id: str
    number: int
    bucket: str
    key: str
    started_us: int
    headers: dict[str, str]
    tags: dict[str, str]
    algorithm: str
    checksum_type: str
    parts: dict[int, Part] = field(default_factory=dict)
