"""Checksums of objects: what clients send is verified, kept, and given back.

Source: S3 user guide, "Checking object integrity"; CRC-64/NVME and CRC-32C by their published
polynomials (reflected 0x9a6c9329ac4bc9b5 and 0x82f63b78).

Deviation: CRC32C and CRC64NVME of bodies above 1 MiB are kept as the client states them, and the
CRC64NVME that S3 makes of uploads without a checksum is made of small ones alone, when it is first
looked at, so PutObject does not tell it; in Python they take a second for each few megabytes.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from harness.objects.errors import S3Error, invalid_request

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
PREFIX = "x-amz-checksum-"
SLOW = ("crc32c", "crc64nvme")
SLOW_BYTES_MAX = 1024 * 1024
DEFAULT = "crc64nvme"
DEFAULT_BYTES_MAX = 64 * 1024
"""Larger bodies get no checksum that nobody sent; 64 KiB take some milliseconds."""
_PAIRED_BYTES_MIN = 32 * 1024
LENGTHS = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}


def stated_checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksum that `headers` name, base64 by its algorithm; empty when they name none.

    Raises:
        S3Error: InvalidRequest for what can be no checksum, and for several.
    """
    stated = {name: headers[PREFIX + name] for name in ALGORITHMS if PREFIX + name in headers}
    if len(stated) > 1:
        raise invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    for name, value in stated.items():
        try:
            length = len(b64decode(value, validate=True))
        except (Base64Error, ValueError):
            length = 0
        if length != LENGTHS[name]:
            raise invalid_request(f"Value for {PREFIX}{name} header is invalid.")
    return stated


def requested_algorithm(headers: Mapping[str, str]) -> str:
    """The checksum algorithm that the client asks for by name; empty when it asks for none.

    Raises:
        S3Error: InvalidRequest.
    """
    named = headers.get("x-amz-checksum-algorithm", "")
    named = (named or headers.get("x-amz-sdk-checksum-algorithm", "")).lower()
    if named and named not in ALGORITHMS:
        raise invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    return named


class OnDemand(Mapping[str, str]):
    """The checksum that S3 makes of a body that came without one, made when first looked at.

    Args:
        body: what it is of.
    """

    __slots__ = ("_body", "_value")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._value = ""

    def __getitem__(self, algorithm: str) -> str:
        if algorithm != DEFAULT:
            raise KeyError(algorithm)
        if not self._value:
            self._value = checksum(DEFAULT, self._body)
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter((DEFAULT,))

    def __len__(self) -> int:
        return 1


def by_default(body: bytes) -> Mapping[str, str]:
    """The checksum that S3 makes of a body that came without one; none of a large one."""
    return OnDemand(body) if len(body) <= DEFAULT_BYTES_MAX else {}


def is_slow(algorithm: str, body: bytes) -> bool:
    """True for what would take too long to compute."""
    return algorithm in SLOW and len(body) > SLOW_BYTES_MAX


def verify(body: bytes, headers: Mapping[str, str], stated: Mapping[str, str]) -> None:
    """Check Content-MD5 and the stated checksums against `body`.

    Raises:
        S3Error: InvalidDigest, BadDigest.
    """
    content_md5 = headers.get("content-md5")
    if content_md5 is not None:
        try:
            expected = b64decode(content_md5, validate=True)
        except (Base64Error, ValueError):
            expected = b""
        if len(expected) != hashlib.md5(usedforsecurity=False).digest_size:
            raise S3Error(
                400,
                "InvalidDigest",
                "The Content-MD5 you specified was invalid.",
                fields={"Content-MD5": content_md5},
            )
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        if digest != expected:
            raise S3Error(
                400,
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
                fields={
                    "ExpectedDigest": content_md5,
                    "CalculatedDigest": b64encode(digest).decode(),
                },
            )
    for algorithm, value in stated.items():
        if not is_slow(algorithm, body) and checksum(algorithm, body) != value:
            raise S3Error(
                400,
                "BadDigest",
                f"The {algorithm.upper()} you specified did not match the calculated checksum.",
            )


def checksum(algorithm: str, body: bytes) -> str:
    """The checksum of `body`, base64."""
    return b64encode(_digest(algorithm, body)).decode()


def _digest(algorithm: str, body: bytes) -> bytes:
    match algorithm:
        case "crc32":
            return zlib.crc32(body).to_bytes(4, "big")
        case "sha1":
            return hashlib.sha1(body, usedforsecurity=False).digest()
        case "sha256":
            return hashlib.sha256(body).digest()
        case "crc32c":
            return _crc(body, 0x82F63B78, 32).to_bytes(4, "big")
        case _:
            return _crc(body, 0x9A6C9329AC4BC9B5, 64).to_bytes(8, "big")


def _crc(body: bytes, polynomial: int, bits: int) -> int:
    ones = (1 << bits) - 1
    value, done = ones, 0
    if len(body) > _PAIRED_BYTES_MIN and sys.byteorder == "little":
        pairs = _pair_table(polynomial)
        done = len(body) // 2 * 2
        for pair in memoryview(body)[:done].cast("H"):
            value = (value >> 16) ^ pairs[(value ^ pair) & 0xFFFF]
    table = _crc_table(polynomial)
    for byte in body[done:]:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value ^ ones


@cache
def _pair_table(polynomial: int) -> tuple[int, ...]:
    """As `_crc_table`, of two bytes at once: half the steps for a table that takes a while."""
    table = _crc_table(polynomial)
    singles = [(value >> 8) ^ table[value & 0xFF] for value in range(0x10000)]
    return tuple((value >> 8) ^ table[value & 0xFF] for value in singles)


@cache
def _crc_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)
