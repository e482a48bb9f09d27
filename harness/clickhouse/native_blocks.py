"""ClickHouse's own framing of compressed data: `compress=1` on answers, `decompress=1` on requests.

A frame is a checksum (CityHash128 of all that follows), one byte for the method, the compressed
size with these nine bytes, the uncompressed size (both little-endian 32 bit), and the data.
Checksums are always verified on requests, as a server does.
"""

from __future__ import annotations

import importlib
import struct

from harness.clickhouse.cityhash import cityhash128
from harness.clickhouse.errors import EngineError

_CHECKSUM_BYTES = 16
_HEADER = struct.Struct("<BII")
_BLOCK_BYTES_MAX = 1024 * 1024
_FRAME_BYTES_MAX = 0x40000000
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02


def pack(data: bytes) -> bytes:
    """`data` as LZ4 frames of at most 1 MiB each."""
    return b"".join(
        _pack_one(data[start : start + _BLOCK_BYTES_MAX])
        for start in range(0, len(data), _BLOCK_BYTES_MAX)
    )


def unpack(data: bytes) -> bytes:
    """The content of a run of frames.

    Raises:
        EngineError: CHECKSUM_DOESNT_MATCH, UNKNOWN_COMPRESSION_METHOD, CANNOT_DECOMPRESS.
    """
    view = memoryview(data)
    parts: list[bytes] = []
    at = 0
    while at < len(view):
        header_at = at + _CHECKSUM_BYTES
        if header_at + _HEADER.size > len(view):
            raise _broken("a frame is cut in its header")
        method, size, raw_size = _HEADER.unpack_from(view, header_at)
        end = header_at + size
        if size < _HEADER.size or raw_size > _FRAME_BYTES_MAX or end > len(view):
            raise _broken("a frame is cut or has an impossible size")
        if cityhash128(bytes(view[header_at:end])) != view[at:header_at]:
            raise EngineError(
                40,
                "CHECKSUM_DOESNT_MATCH",
                "Checksum doesn't match: corrupted data. The block was received through the "
                f"HTTP interface. Size of compressed block: {size}",
            )
        parts.append(_unpack_one(method, bytes(view[header_at + _HEADER.size : end]), raw_size))
        at = end
    return b"".join(parts)


def _pack_one(data: bytes) -> bytes:
    packed = bytes(importlib.import_module("lz4.block").compress(data, store_size=False))
    framed = _HEADER.pack(_LZ4, len(packed) + _HEADER.size, len(data)) + packed
    return cityhash128(framed) + framed


def _unpack_one(method: int, packed: bytes, raw_size: int) -> bytes:
    if method == _NONE:
        return packed
    try:
        if method == _LZ4:
            block = importlib.import_module("lz4.block")
            return bytes(block.decompress(packed, uncompressed_size=raw_size))
        if method == _ZSTD:
            decompressor = importlib.import_module("zstandard").ZstdDecompressor()
            return bytes(decompressor.decompress(packed, max_output_size=raw_size))
    except Exception as error:  # each library has exceptions of its own
        raise _broken(str(error)) from error
    raise EngineError(
        89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method code: {method}"
    )


def _broken(why: str) -> EngineError:
    return EngineError(271, "CANNOT_DECOMPRESS", f"Cannot decompress the request's data: {why}")
