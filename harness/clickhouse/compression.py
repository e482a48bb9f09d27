"""Content codings of requests and answers: gzip, deflate, br, zstd, lz4.

Codings whose library is missing are answered as unsupported (415 on a request, left out on an
answer). ClickHouse's own block framing (`compress=1`) is in `native_blocks`.
"""

from __future__ import annotations

import importlib
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from harness.clickhouse.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = {"lz4": "lz4.frame", "zstd": "zstandard", "br": "brotli"}
_GZIP_WINDOW = 31
_ZLIB_LEVEL = 3  # ClickHouse's default http_zlib_compression_level
_ZSTD_LEVEL = 1


class Compressor(Protocol):
    """Compresses a body piece by piece."""

    def compress(self, data: bytes) -> bytes:
        """Bytes ready to send; may be empty."""
        ...

    def flush(self) -> bytes:
        """What remains; nothing can follow."""
        ...


def decompress(coding: str, body: bytes) -> bytes:
    """Undo a request's Content-Encoding.

    Raises:
        EngineError: UNSUPPORTED_MEDIA_TYPE for an unknown coding, CANNOT_DECOMPRESS for bad data.
    """
    if coding in ("", "identity"):
        return body
    decoder = _decoder(coding)
    try:
        return decoder(body)
    except Exception as error:  # each library has a tree of exceptions of its own
        raise EngineError(
            271, "CANNOT_DECOMPRESS", f"Cannot decompress the body as {coding}: {error}"
        ) from error


def choose(accept_encoding: str) -> str | None:
    """The first coding in an Accept-Encoding that can be made here."""
    for wish in accept_encoding.split(","):
        name, _, weight = wish.strip().lower().partition(";")
        if weight.replace(" ", "") in ("q=0", "q=0.0"):
            continue
        if name in ("gzip", "deflate") or (name in _MODULES and _module(name) is not None):
            return name
    return None


def compressor(coding: str) -> Compressor:
    """A compressor for a coding that `choose` gave."""
    if coding == "gzip":
        return zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    if coding == "deflate":
        return zlib.compressobj(_ZLIB_LEVEL)
    module = _module(coding)
    if coding == "zstd":
        made: Compressor = module.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
        return made
    if coding == "br":
        return _Brotli(module.Compressor(quality=1))
    return _Lz4(module.LZ4FrameCompressor())


class _Lz4:
    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._head: bytes = inner.begin()

    def compress(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._inner.compress(data))

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._inner.flush())


class _Brotli:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def compress(self, data: bytes) -> bytes:
        return bytes(self._inner.process(data))

    def flush(self) -> bytes:
        return bytes(self._inner.finish())


def _decoder(coding: str) -> Callable[[bytes], bytes]:
    if coding == "gzip":
        return lambda body: zlib.decompress(body, _GZIP_WINDOW)
    if coding == "deflate":
        return zlib.decompress
    module = _module(coding) if coding in _MODULES else None
    if module is None:
        raise EngineError(
            779,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Unknown compression method: {coding!r} not supported here",
        )
    if coding == "zstd":
        return lambda body: bytes(module.ZstdDecompressor().decompressobj().decompress(body))
    return lambda body: bytes(module.decompress(body))


def _module(coding: str) -> Any:
    try:
        return importlib.import_module(_MODULES[coding])
    except ImportError:
        return None
