"""asyncio in own Python code: a loop that has nothing to do hands the turn back, as a sleep does.

A loop waits in its selector. There the thread rests until something has come on a socket or the
loop's next timer is due by the world's time. What it has sent may still be on its way to the gate
then: first the gate's server reads what has reached its sockets.

A coroutine may also ask by a client that blocks. Then the thread rests where it begins to read.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.run.step_own_time import own_time
from harness.run.step_threads import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.run.step_own_time import OwnTime

try:
    import uvloop
except ImportError:
    uvloop = None

EMPTY_LOOKS_MAX = 200
"""So often may a loop look for news without waiting, before a moment passes: it may spin."""

SPIN_SECONDS = 0.001
CLOSES_MAX = 20
"""A coroutine that awaits something while it is ended has to be ended again."""

OWN_SOCKETS = 1
"""Of a loop: the one by which other threads wake it."""

_REAL_SELECT: Any = selectors.DefaultSelector.select
_REAL_RUN: Any = getattr(uvloop, "run", None)
_REAL_NEW: Any = getattr(uvloop, "new_event_loop", None)
_REAL_READS: dict[str, Any] = {"recv": socket.socket.recv, "recv_into": socket.socket.recv_into}


def loops() -> Iterator[tuple[Any, str, Any]]:
    """What stands in."""
    yield selectors.DefaultSelector, "select", _select
    for name, real in _REAL_READS.items():
        yield socket.socket, name, _read_of(real)
    if uvloop is not None:
        # Its own loop is written in C: asyncio's does the same.
        yield uvloop, "new_event_loop", _new_event_loop
        yield uvloop, "run", _run


def _select(selector: Any, timeout: float | None = None) -> Any:
    own = own_time()
    if own is None:
        return _REAL_SELECT(selector, timeout)
    try:
        return _select_own(own, selector, timeout)
    except Killed:
        for task in asyncio.all_tasks(asyncio.get_event_loop()):
            _end(task)
        raise


def _end(task: Any) -> None:
    """What a dead task has left to do is done now, when it has no effect, not when it is collected."""
    task._log_destroy_pending = False  # noqa: SLF001 - it has no other switch
    for _ in range(CLOSES_MAX):
        with suppress(BaseException):
            task.get_coro().close()
            return


def _select_own(own: OwnTime, selector: Any, timeout: float | None) -> Any:
    def arrives(seconds: float) -> bool:
        return bool(_REAL_SELECT(selector, seconds))

    own.activities.enter_loop(arrives)
    found = _REAL_SELECT(selector, 0)
    if found or (timeout is not None and timeout <= 0):
        return found if not _spins(own, selector, found) else _REAL_SELECT(selector, 0)
    selector.looks = 0
    if len(selector.get_map()) > OWN_SOCKETS:
        own.catch_up()
    own.until(lambda: arrives(0), timeout)
    return _REAL_SELECT(selector, 0)


def _spins(own: OwnTime, selector: Any, found: Any) -> bool:
    """A loop that only looks waits for what others do; whether it has waited now."""
    looks = 0 if found else getattr(selector, "looks", 0) + 1
    selector.looks = looks
    if looks <= EMPTY_LOOKS_MAX or own.is_killed():
        return False
    selector.looks = 0
    own.sleep(SPIN_SECONDS)
    return True


def _read_of(real: Any) -> Any:
    def read(sock: Any, *args: Any, **named: Any) -> Any:
        own = own_time()
        if own is not None and own.activities.is_in_loop() and sock.gettimeout() != 0:
            if not _is_readable(sock):
                own.catch_up()
            if not _is_readable(sock):
                own.activities.wait_for_answer()
        return real(sock, *args, **named)

    return read


def _is_readable(sock: Any) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _new_event_loop() -> Any:
    return _REAL_NEW() if own_time() is None else asyncio.SelectorEventLoop()


def _run(main: Any, *, debug: bool | None = None, **named: Any) -> Any:
    if own_time() is None:
        return _REAL_RUN(main, debug=debug, **named)
    return asyncio.run(main, debug=debug)
