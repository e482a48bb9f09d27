"""The versions of one key, and the ids that name them.

A version id says when its version was written (encrypted, so that ids look unlike each other), so a
listing goes on behind a version that has been deleted meanwhile, and an id that S3 never gave is
told from one whose version is gone.

Source: S3 user guide, "Retaining multiple versions of objects with S3 Versioning".
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from bisect import bisect_left
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.objects.bucket import StoredObject

NULL = "null"
"""The id of what was written while versioning was not enabled."""
ENABLED, SUSPENDED = "Enabled", "Suspended"
SALT_BYTES, _PLACE_BYTES, _MARK_BYTES = 10, 6, 8


class KeyVersions:
    """The versions of one key, delete markers among them; never empty once filled."""

    __slots__ = ("_by_id", "_ordered")

    def __init__(self) -> None:
        self._ordered: list[StoredObject] = []
        self._by_id: dict[str, StoredObject] = {}

    def __len__(self) -> int:
        return len(self._ordered)

    @property
    def latest(self) -> StoredObject:
        """The version written last."""
        return self._ordered[-1]

    def find(self, version_id: str) -> StoredObject | None:
        """The version called `version_id`."""
        return self._by_id.get(version_id)

    def add(self, stored: StoredObject) -> None:
        """Put `stored` on top; it takes the place of one of the same id."""
        self.remove(stored.version_id)
        self._ordered.append(stored)
        self._by_id[stored.version_id] = stored

    def remove(self, version_id: str) -> StoredObject | None:
        """Take one version out."""
        stored = self._by_id.pop(version_id, None)
        if stored is not None:
            del self._ordered[self._index(stored.place)]
        return stored

    def swap(self, stored: StoredObject) -> None:
        """Let `stored` stand where the version of its id and place stands."""
        self._ordered[self._index(stored.place)] = stored
        self._by_id[stored.version_id] = stored

    def newest_first(self, before: int | None = None) -> Iterator[StoredObject]:
        """The versions from the latest on, or those written before the place `before`."""
        end = len(self._ordered) if before is None else self._index(before)
        for index in range(end - 1, -1, -1):
            yield self._ordered[index]

    def _index(self, place: int) -> int:
        return bisect_left(self._ordered, place, key=lambda stored: stored.place)


def new_id(place: int, salt: bytes) -> str:
    """The id of the version written at `place`: 32 letters, digits, dots and underscores.

    Args:
        place: counts writes.
        salt: `SALT_BYTES` by chance.
    """
    written = bytes(
        a ^ b for a, b in zip(place.to_bytes(_PLACE_BYTES, "big"), _stream(salt), strict=True)
    )
    return b64encode(salt + written + _mark(salt + written), b"._").decode()


def place_of(version_id: str) -> int | None:
    """Where the version of this id was written; None for an id that was never given."""
    try:
        raw = b64decode(version_id.encode(), b"._", validate=True)
    except (Base64Error, ValueError):
        return None
    salt, written = raw[:SALT_BYTES], raw[SALT_BYTES:-_MARK_BYTES]
    if len(written) != _PLACE_BYTES or raw[-_MARK_BYTES:] != _mark(salt + written):
        return None
    return int.from_bytes(bytes(a ^ b for a, b in zip(written, _stream(salt), strict=True)), "big")


def _stream(salt: bytes) -> bytes:
    return blake2b(salt, digest_size=_PLACE_BYTES, person=b"s3 place").digest()


def _mark(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_MARK_BYTES, person=b"s3 version").digest()
