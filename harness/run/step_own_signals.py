"""Signals for own Python code in a stepped run: it is told to end as a process is, by SIGTERM.

A process's handlers belong to its main thread, which this process has for itself. So the handlers of
own code are kept here, and the main thread of its life runs them where it waits.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import sys
import sysconfig
from typing import TYPE_CHECKING, Any

from harness.run.step_own_time import own_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Signals:
    """The handlers of one life.

    Args:
        is_told: whether it has been told to end.
    """

    def __init__(self, is_told: Callable[[], bool]) -> None:
        self._is_told = is_told
        self._handlers: dict[int, Any] = {}
        self._is_answered = False
        self._exits: list[Callable[[], Any]] = []

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def put(self, number: int, handler: Any) -> Any:
        """Keep a handler; returns the one before."""
        before = self._handlers.get(number, signal.SIG_DFL)
        self._handlers[number] = handler
        return before

    def get(self, number: int) -> Any:
        """The handler, or what the system does."""
        return self._handlers.get(number, signal.SIG_DFL)

    def is_due(self) -> bool:
        """Whether the life has been told to end and has not heard it."""
        return not self._is_answered and signal.SIGTERM in self._handlers and self._is_told()

    def answer(self) -> None:
        """Run the handler, if it is due."""
        if self.is_due():
            self._is_answered = True
            handler = self._handlers[signal.SIGTERM]
            if callable(handler):
                handler(signal.SIGTERM, None)

    def at_exit(self, call: Callable[[], Any]) -> None:
        """Call it at the life's end."""
        self._exits.append(call)

    def leave(self) -> None:
        """The life ends; one that is killed does nothing any more."""
        own = own_time()
        while self._exits and own is not None and not own.is_killed():
            self._exits.pop()()


def signals() -> Iterator[tuple[Any, str, Any]]:
    """What stands in."""
    yield signal, "signal", _signal
    yield signal, "getsignal", _getsignal
    yield signal, "alarm", _refused(signal.alarm)
    yield signal, "setitimer", _refused(signal.setitimer)
    yield atexit, "register", _register
    yield asyncio.SelectorEventLoop, "add_signal_handler", _add_signal_handler
    yield asyncio.SelectorEventLoop, "remove_signal_handler", _remove_signal_handler


_PATHS = sysconfig.get_paths()
_REAL_REGISTER: Any = atexit.register
_REAL_SIGNAL: Any = signal.signal
_REAL_GETSIGNAL: Any = signal.getsignal
_REAL_ADD: Any = asyncio.SelectorEventLoop.add_signal_handler
_REAL_REMOVE: Any = asyncio.SelectorEventLoop.remove_signal_handler


def _signal(number: int, handler: Any) -> Any:
    own = own_time()
    if own is None or own.signals is None:
        # As anywhere: only a main thread may.
        return _REAL_SIGNAL(number, handler)
    return own.signals.put(number, handler)


def _getsignal(number: int) -> Any:
    own = own_time()
    return _REAL_GETSIGNAL(number) if own is None or not own.signals else own.signals.get(number)


def _add_signal_handler(loop: Any, number: int, callback: Any, *args: Any) -> None:
    own = own_time()
    if own is None or own.signals is None:
        _REAL_ADD(loop, number, callback, *args)
    else:
        own.signals.put(number, lambda *_: loop.call_soon_threadsafe(callback, *args))


def _remove_signal_handler(loop: Any, number: int) -> bool:
    own = own_time()
    if own is None or own.signals is None:
        return bool(_REAL_REMOVE(loop, number))
    return own.signals.put(number, signal.SIG_DFL) is not signal.SIG_DFL


def _register(call: Any, *args: Any, **named: Any) -> Any:
    own = own_time()
    if own is None or own.signals is None or _is_installed(call):
        _REAL_REGISTER(call, *args, **named)
    else:
        own.signals.at_exit(lambda: call(*args, **named))
    return call


def _is_installed(call: Any) -> bool:
    """Whether a function is a library's, which lives on when own code has ended."""
    module = sys.modules.get(getattr(call, "__module__", None) or "")
    file = getattr(module, "__file__", None) or ""
    return not file or file.startswith((_PATHS["stdlib"], _PATHS["purelib"], _PATHS["platlib"]))


def _refused(real: Any) -> Any:
    def refused(*given: Any) -> Any:
        if own_time() is None:
            return real(*given)
        raise OSError(
            f"signal.{real.__name__} would end the harness itself: give this as a command"
        )

    return refused
