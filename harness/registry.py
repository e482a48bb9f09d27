"""Plug-ins by name: a name that is not known is answered with the nearest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from harness.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Registry(Generic[T]):
    """A named set of things of one kind, in the order of their registration.

    Args:
        kind: what one of them is called in messages, e.g. `check`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._known: dict[str, T] = {}

    def add(self, name: str, thing: T) -> T:
        """Register `thing`; a name can be taken once."""
        if name in self._known:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._known[name] = thing
        return thing

    def get(self, name: str) -> T:
        """The thing called `name`.

        Raises:
            UsageError: no such name; the hint lists the nearest.
        """
        try:
            return self._known[name]
        except KeyError:
            raise UsageError(
                f"unknown {self.kind} {name!r}", hint=nearest(name, self._known)
            ) from None

    def names(self) -> list[str]:
        """All names, in the order of registration."""
        return list(self._known)

    def __iter__(self) -> Iterator[T]:
        return iter(self._known.values())

    def __contains__(self, name: object) -> bool:
        return name in self._known
