"""The beginning of a compressed request body: enough to tell which statement it carries."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

_ANY_WINDOW = 47
"""zlib's word for gzip or zlib, whichever the header shows."""


def beginning(body: bytes, coding: str, count: int) -> bytes:
    """The first `count` bytes of what `body` holds; empty when it cannot be read.

    Args:
        body: as it came.
        coding: its Content-Encoding; empty for none.
        count: how many are wanted.
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body[:count]
    try:
        if name in ("gzip", "deflate"):
            return zlib.decompressobj(_ANY_WINDOW).decompress(body, count)
        if name == "lz4":
            frame: Any = importlib.import_module("lz4.frame")
            found = frame.LZ4FrameDecompressor().decompress(body, max_length=count)
            return bytes(found)
        if name == "zstd":
            zstandard: Any = importlib.import_module("zstandard")
            with zstandard.ZstdDecompressor().stream_reader(body) as reader:
                return bytes(reader.read(count))
    except Exception:  # noqa: BLE001 - each library has its own; the server says what is wrong
        return b""
    return b""
