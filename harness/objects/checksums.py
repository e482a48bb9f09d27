"""Checksums of objects: what clients send is verified, kept, and given back.

Source: S3 user guide, "Checking object integrity"; CRC-64/NVME and CRC-32C by their published
polynomials (reflected 0x9a6c9329ac4bc9b5 and 0x82f63b78).

Deviation: CRC32C and CRC64NVME of bodies above 1 MiB are kept as the client states them; in Python
their verification would take a second for each few megabytes.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import cache
from typing import TYPE_CHECKING

from harness.objects.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
PREFIX = "x-amz-checksum-"
SLOW_BYTES_MAX = 1024 * 1024


def stated_checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums that `headers` name, base64 by algorithm."""
    return {name: headers[PREFIX + name] for name in ALGORITHMS if PREFIX + name in headers}


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
            raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
        if hashlib.md5(body, usedforsecurity=False).digest() != expected:
            raise S3Error(
                400, "BadDigest", "The Content-MD5 you specified did not match what we received."
            )
    for algorithm, value in stated.items():
        is_slow = algorithm in ("crc32c", "crc64nvme") and len(body) > SLOW_BYTES_MAX
        if not is_slow and checksum(algorithm, body) != value:
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
    table = _crc_table(polynomial)
    ones = (1 << bits) - 1
    value = ones
    for byte in body:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value ^ ones


@cache
def _crc_table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)
