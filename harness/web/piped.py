"""A body that goes on, filled in one place and sent in another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Piped(ABC):
    """A `Stream` whose pieces one thread puts in and the server's thread takes out."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._has_ended = False
        self._wake: Callable[[], None] = _nothing

    def put(self, piece: bytes) -> None:
        """One more piece is ready."""
        self._pieces.append(piece)
        self._wake()

    def end(self) -> None:
        """There will be no more."""
        self._has_ended = True
        self._wake()

    def read(self) -> bytes | None:
        """Bytes that are ready now; empty when there are none yet; None once it has ended."""
        # Asked first: a piece put in between the two is given by the next read.
        has_ended = self._has_ended
        if self._pieces:
            return self._pieces.popleft()
        return None if has_ended else b""

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever `read` may have something to give, or has ended."""
        self._wake = wake
        wake()

    @abstractmethod
    def close(self) -> None:
        """The reader has gone."""


def _nothing() -> None:
    """Nobody waits yet."""
