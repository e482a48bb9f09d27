"""Servers that live as long as a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Started(ABC):
    """Starts where a `with` block begins and is closed where it ends.

    Half started counts as started: whatever goes wrong on the way, an interrupt too, closes it.
    """

    @abstractmethod
    def start(self) -> Self:
        """Start; returns once it answers."""

    @abstractmethod
    def close(self) -> None:
        """Stop and leave nothing behind; harmless when called again or when it never started."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
