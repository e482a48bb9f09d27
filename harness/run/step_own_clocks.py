"""The clocks of own Python code: `time`, and what `datetime` calls now and today."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.run.step_own_time import own_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _clock_of(real: Callable[[], Any], of_us: Callable[[int], Any]) -> Callable[[], Any]:
    def now() -> Any:
        own = own_time()
        return real() if own is None else of_us(own.now_us())

    return now


def _told_of(real: Callable[..., Any]) -> Callable[..., Any]:
    """A function that tells a moment, now where none is given, as its last argument or only one."""

    def told(*given: Any) -> Any:
        own = own_time()
        if own is None or len(given) > places or (len(given) == places and given[-1] is not None):
            return real(*given)
        return real(*given[: places - 1], moment(own.now_us() / 1e6))

    is_struct = real in (time.strftime, time.asctime)
    places = 2 if real is time.strftime else 1
    moment: Callable[[float], Any] = time.localtime if is_struct else float
    return told


def _sleep_of(real: Callable[[float], None]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        own = own_time()
        if own is None or seconds < 0:
            real(seconds)
        else:
            own.sleep(seconds)

    return sleep


def _clock_gettime(clock: int) -> float:
    return _clock_gettime_ns(clock) / 1e9


def _clock_gettime_ns(clock: int) -> int:
    own = own_time()
    is_of_the_processor = clock in (time.CLOCK_PROCESS_CPUTIME_ID, time.CLOCK_THREAD_CPUTIME_ID)
    return _REAL_GETTIME(clock) if own is None or is_of_the_processor else own.now_us() * 1000


def _now(cls: Any, tz: tzinfo | None = None) -> Any:
    own = own_time()
    if own is None:
        return _REAL_NOW.__get__(None, cls)(tz)
    # A float of seconds would not hold the last digit of every moment.
    utc = _EPOCH + timedelta(microseconds=own.now_us())
    here = utc.astimezone(tz) if tz is not None else utc.astimezone().replace(tzinfo=None)
    return here if cls is datetime else _as(cls, here)


def _utcnow(cls: Any) -> Any:
    own = own_time()
    if own is None:
        return _REAL_UTCNOW.__get__(None, cls)()
    utc = (_EPOCH + timedelta(microseconds=own.now_us())).replace(tzinfo=None)
    return utc if cls is datetime else _as(cls, utc)


def _as(cls: Any, at: datetime) -> Any:
    return cls.combine(at.date(), at.time(), at.tzinfo)


_REAL_GETTIME = time.clock_gettime_ns
_REAL_NOW: Any = vars(datetime)["now"]
_REAL_UTCNOW: Any = vars(datetime)["utcnow"]
_REAL_SLEEP = time.sleep  # noqa: TID251 - what it stands in for
_CLOCKS: tuple[Any, ...] = (time.time, time.monotonic, time.perf_counter)  # noqa: TID251
_CLOCKS_NS: tuple[Any, ...] = (time.time_ns, time.monotonic_ns, time.perf_counter_ns)
_TELLING = (time.localtime, time.gmtime, time.ctime, time.asctime, time.strftime)
_INSTEAD: dict[int, Any] = {
    **{id(real): _clock_of(real, lambda us: us / 1e6) for real in _CLOCKS},
    **{id(real): _clock_of(real, lambda us: us * 1000) for real in _CLOCKS_NS},
    **{id(real): _told_of(real) for real in _TELLING},
    id(_REAL_SLEEP): _sleep_of(_REAL_SLEEP),
    id(time.clock_gettime): _clock_gettime,
    id(time.clock_gettime_ns): _clock_gettime_ns,
}
"""By the identity of the function that it stands in for."""

_seen: dict[str, list[tuple[Any, str, Any]]] = {}


def clocks() -> Iterator[tuple[Any, str, Any]]:
    """What stands in, in every module that imported a function of time by name as well.

    `date.today` and `datetime.today` ask `time.time`.
    """
    for module, name, value in _places():
        yield module, name, _INSTEAD[id(value)]
    yield datetime, "now", classmethod(_now)
    yield datetime, "utcnow", classmethod(_utcnow)


def _places() -> list[tuple[Any, str, Any]]:
    for name, module in list(sys.modules.items()):
        if name not in _seen and not name.startswith("harness."):
            names = list(vars(module).items()) if hasattr(module, "__dict__") else []
            _seen[name] = [(module, n, value) for n, value in names if id(value) in _INSTEAD]
    return [place for places in _seen.values() for place in places]
