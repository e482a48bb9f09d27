"""Requests that are held at a live gate until an act of the operator has happened.

Whoever acts asks `wait` for the number of the next act whose request has come, does it, and says
`go`. So a kill between an INSERT and its answer is a kill there, however fast the machine is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.faults.asked import Asked
    from harness.faults.gate import Effect

WAIT_SECONDS = 5.0
HOLD_SECONDS_MAX = 60.0
TURNS = 10
"""More turns of the event loop than it takes to learn that a connection has gone, and to cancel."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One request to be held.

    Attributes:
        number: of the act.
        service, operation, subject, at: as a plan of faults names requests; None takes the next.
        effect: when it is held.
    """

    number: int
    service: str
    operation: str
    subject: str
    at: int | None
    effect: Effect

    def matches(self, asked: Asked, effect: Effect) -> bool:
        """True for any try of the request that is meant; each hold holds one."""
        return (
            effect == self.effect
            and self.at in (None, asked.ordinal)
            and self.service in ("", asked.service)
            and self.operation.lower() == asked.operation.lower()
            and fnmatchcase(asked.subject, self.subject)
        )


class Holds:
    """The holds of one gate; all calls come from its event loop.

    Args:
        wish: `[{"number": 0, "service": …, "operation": …, "subject": …, "at": 0, "effect": …}]`.
    """

    def __init__(self, wish: Sequence[Mapping[str, Any]]) -> None:
        self._left = [Hold(**one) for one in wish]
        self._met: asyncio.Queue[int | None] = asyncio.Queue()
        self._going: dict[int, asyncio.Event] = {}

    async def hold(self, asked: Asked, effect: Effect) -> None:
        """Wait, if somebody wants to act at this request; several acts come one after the other."""
        found = self._next(asked, effect)
        while found is not None:
            await self._hold(found)
            # Of those that take the next request that comes, each takes another one.
            found = None if found.at is None else self._next(asked, effect)

    def _next(self, asked: Asked, effect: Effect) -> Hold | None:
        return next((hold for hold in self._left if hold.matches(asked, effect)), None)

    async def _hold(self, found: Hold) -> None:
        self._left.remove(found)
        going = self._going[found.number] = asyncio.Event()
        self._met.put_nowait(found.number)
        try:
            await asyncio.wait_for(going.wait(), HOLD_SECONDS_MAX)
        except TimeoutError:
            return
        # When the act was a kill, the end of the connection may have come in together with `go`:
        # a request whose client is dead must not take effect because the machine was slow.
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def wait(self) -> int | None:
        """The number of the next act whose request has come; None when none has for a while."""
        try:
            return await asyncio.wait_for(self._met.get(), WAIT_SECONDS)
        except TimeoutError:
            return None

    def go(self, number: int) -> None:
        """The act has happened."""
        going = self._going.get(number)
        if going is not None:
            going.set()

    def calm(self) -> None:
        """Nobody is held any more; whoever waits for that is told that there is nothing."""
        self._left.clear()
        self._met.put_nowait(None)
        for going in self._going.values():
            going.set()
