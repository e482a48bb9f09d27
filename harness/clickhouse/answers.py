"""Answers of the HTTP interface: headers, content types, and results that are sent as they come."""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import TYPE_CHECKING

from harness.clickhouse import compression, native_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.clickhouse.engine import Result
    from harness.clickhouse.errors import EngineError

_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
    "TSVWithNames": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNamesAndTypes": "text/tab-separated-values; charset=UTF-8",
    "TSVWithNamesAndTypes": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONStrings": "application/json; charset=UTF-8",
    "JSONColumns": "application/json; charset=UTF-8",
    "JSONObjectEachRow": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONLines": "application/x-ndjson; charset=UTF-8",
    "NDJSON": "application/x-ndjson; charset=UTF-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONStringsEachRow": "application/x-ndjson; charset=UTF-8",
    "XML": "application/xml; charset=UTF-8",
    **dict.fromkeys(
        [
            "Native",
            "RowBinary",
            "RowBinaryWithNames",
            "RowBinaryWithNamesAndTypes",
            "Parquet",
            "Arrow",
            "ArrowStream",
            "ORC",
            "Avro",
            "MsgPack",
            "Protobuf",
        ],
        "application/octet-stream",
    ),
}
_QUEUE_BYTES_MAX = 8 * 1024 * 1024


def content_type(format_name: str) -> str:
    """The Content-Type of an answer in a format."""
    return _CONTENT_TYPES.get(format_name, "text/plain; charset=UTF-8")


def summary(results: Iterable[Result]) -> str:
    """The value of X-ClickHouse-Summary: counts as strings, as the server writes them."""
    counts = dict.fromkeys(
        [
            "read_rows",
            "read_bytes",
            "written_rows",
            "written_bytes",
            "total_rows_to_read",
            "result_rows",
            "result_bytes",
            "elapsed_ns",
            "memory_usage",
        ],
        0,
    )
    for result in results:
        # The server counts what an INSERT carries as read.
        counts["read_rows"] += result.read_rows or result.written_rows
        counts["read_bytes"] += result.read_bytes or result.written_bytes
        counts["written_rows"] += result.written_rows
        counts["written_bytes"] += result.written_bytes
        counts["result_rows"] += result.rows or result.written_rows
        counts["result_bytes"] += len(result.data) or result.written_bytes
        counts["elapsed_ns"] = max(counts["elapsed_ns"], round(result.seconds * 1e9))
    return json.dumps({name: str(count) for name, count in counts.items()}, separators=(",", ":"))


def exception_block(error: EngineError, version: str, tag: str) -> bytes:
    """What a server appends to an answer that fails after it has begun (25.11 and later)."""
    message = error.text(version).encode()
    return b"\r\n__exception__\r\n%b\r\n%b\n%d %b\r\n__exception__\r\n" % (
        tag.encode(),
        message,
        len(message) + 1,
        tag.encode(),
    )


def encoded(pieces: Iterator[bytes], *, blocks: bool, coding: str | None) -> Iterator[bytes]:
    """`pieces` in ClickHouse's block framing and in a content coding, where asked for."""
    if blocks:
        pieces = (native_blocks.pack(piece) for piece in pieces if piece)
    if coding is None:
        yield from pieces
        return
    packer = compression.compressor(coding)
    for piece in pieces:
        ready = packer.compress(piece)
        if ready:
            yield ready
    yield packer.flush()


class ResultStream:
    """A body that a thread of its own takes from the engine while the server sends it.

    Args:
        pieces: the body.
        release: called once, when the engine is no longer needed: at the end, after `close`, or
            when nobody ever asked for the body.
    """

    def __init__(self, pieces: Iterator[bytes], release: Callable[[], None]) -> None:
        self._pieces = pieces
        self._release = release
        self._ready: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self._wake: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None

    def read(self) -> bytes | None:
        """Bytes that are ready now; empty when there are none yet; None once it has ended."""
        with self._changed:
            if not self._ready:
                return None if self._ended else b""
            ready = b"".join(self._ready)
            self._ready.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
            return ready

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever `read` may have something to give, or has ended."""
        with self._changed:
            self._wake = wake
            is_ready = bool(self._ready) or self._ended
            if self._thread is None:
                self._thread = threading.Thread(target=self._produce, name="result", daemon=True)
                self._thread.start()
        if is_ready:
            wake()

    def close(self) -> None:
        """The reader has gone: the query is cancelled after its current block."""
        with self._changed:
            self._closed = True
            self._ready.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._release, name="result", daemon=True)
                self._thread.start()

    def __del__(self) -> None:
        # A client that left before the first byte: the server never saw this stream.
        if self._thread is None:
            self._release()

    def _produce(self) -> None:
        try:
            for piece in self._pieces:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._waiting_bytes < _QUEUE_BYTES_MAX or self._closed
                    )
                    if self._closed:
                        break
                    self._ready.append(piece)
                    self._waiting_bytes += len(piece)
                    wake = self._wake
                wake()
        finally:
            self._release()
            with self._changed:
                self._ended = True
                wake = self._wake
            wake()
