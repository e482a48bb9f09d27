"""Answers and ends of a pipeline in a stepped run: streams that take turns, and how a trace tells them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.run.step_threads import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.run.step_threads import Activities
    from harness.web.message import Response

OK = 200
_HOST = "127.0.0.1"
_PORT = re.compile(re.escape(_HOST) + r":[0-9]+")
TURN_US = 20_000
"""How long one sleeps at a time that waits for a body that goes on."""


class TurnStream:
    """A body that goes on, for a thread that must hand its turn back while it waits.

    Args:
        stream: the body.
        activities: told who waits.
        now_us: the world's time.
        tells: it says when there may be something to read; another is looked at turn by turn.
    """

    def __init__(
        self, stream: Any, activities: Activities, now_us: Callable[[], int], *, tells: bool
    ) -> None:
        self._stream = stream
        self._activities = activities
        self._now_us = now_us
        self._tells = tells
        self._may_have = True
        self._next: list[bytes | None] = []
        stream.on_ready(self._stir)

    def read(self) -> bytes | None:
        """What comes next; rests until there is something."""
        while not self._has_news():
            watch = Watch((TURN_US,), lambda: self._may_have, self._has_news)
            self._activities.watch(watch, self._now_us())
        return self._next.pop()

    def _has_news(self) -> bool:
        if not self._next:
            self._may_have = not self._tells
            piece: bytes | None = self._stream.read()
            if piece is None or piece:
                self._next.append(piece)
                self._may_have = True
        return bool(self._next)

    def _stir(self) -> None:
        self._may_have = True

    def on_ready(self, wake: Callable[[], None]) -> None:
        """`read` never comes back empty: nobody needs to be woken."""

    def close(self) -> None:
        """The reader has gone."""
        self._stream.close()


def shown(answer: Response) -> str:
    """What a trace says of an answer."""
    if answer.cut_after is not None:
        return "cut"
    if answer.status != OK:
        return str(answer.status)
    return "200"


def one_line(failure: BaseException) -> str:
    """What the history says of how a pipeline ended."""
    if isinstance(failure, HarnessError):
        return failure.message
    first = str(failure).splitlines()[0] if str(failure) else ""
    # The ports are the only thing that differs from one run to the next.
    return f"{type(failure).__name__}: {_PORT.sub(_HOST, first)}"
