"""What a program prints, kept within bounds: its beginning on disk, its end at last.

A program may print for hours. All of it is read, so that the program never waits for a reader; the
first `HEAD_BYTES` and the last `TAIL_BYTES` are kept.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 2 * 1024**2
TAIL_BYTES = 1024**2
PIECE_BYTES = 65_536
END_SECONDS_MAX = 2.0


class ChildLog:
    """The log of one incarnation.

    Args:
        path: where it is kept.

    Attributes:
        write_end: file descriptor to give to the program; `started` closes it here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_end, self.write_end = os.pipe()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="pipeline log")
        self.total_bytes = 0

    def started(self) -> None:
        """The program has its own copy of the descriptor: begin to read."""
        os.close(self.write_end)
        self._thread.start()

    def _run(self) -> None:
        with self._path.open("wb", buffering=0) as file:
            while piece := os.read(self._read_end, PIECE_BYTES):
                with self._lock:
                    room = max(0, HEAD_BYTES - self.total_bytes)
                    self.total_bytes += len(piece)
                    if room:
                        file.write(piece[:room])
                    self._keep(piece[room:])
            with self._lock:
                left_out = self.total_bytes - HEAD_BYTES - self._tail_bytes
                if left_out > 0:
                    file.write(b"\n[%d bytes are left out here]\n" % left_out)
                file.write(b"".join(self._tail))
        os.close(self._read_end)

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._tail.append(piece)
        self._tail_bytes += len(piece)
        while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())

    def close(self) -> None:
        """Wait until all is written; a descendant that still holds the other end is not waited for."""
        if self._thread.is_alive():
            self._thread.join(END_SECONDS_MAX)

    def last_bytes(self, count: int) -> bytes:
        """The end of what has been printed so far."""
        with self._lock:
            tail = b"".join(self._tail)
        if len(tail) >= count or not self._path.exists():
            return tail[-count:]
        if self._thread.is_alive():
            return (self._path.read_bytes()[-count:] + tail)[-count:]
        return self._path.read_bytes()[-count:]
