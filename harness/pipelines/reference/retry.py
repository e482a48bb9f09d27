"""Retries with full jitter: each pause is drawn between nothing and a bound that doubles.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (full jitter).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.pipeline import Environment

T = TypeVar("T")

FIRST_SECONDS_MAX = 0.1
PAUSE_SECONDS_MAX = 5.0


class Stopped(Exception):  # noqa: N818 - the pipe was told to end, nothing failed
    """The pipe must end; whatever was under way is done again at the next start."""


class Retry:
    """Repeats calls that failed for a passing reason.

    Args:
        env: for its clock, its chance and its stop signal.
        seconds_max: how long one call may fail before its error is final.
        notice: told each failure that will be retried.
    """

    def __init__(
        self, env: Environment, *, seconds_max: float, notice: Callable[[str], None] | None = None
    ) -> None:
        self._env = env
        self._seconds_max = seconds_max
        self._random = env.clock.substream("pipeline retries")
        self._notice = notice

    def call(self, work: Callable[[], T], passes: Callable[[Exception], bool]) -> T:
        """What `work` returns; an error is raised unless `passes` says that it may go away.

        Raises:
            Stopped: the pipe was told to end while waiting.
        """
        give_up_us = self._env.clock.now_us() + round(self._seconds_max * 1e6)
        bound = FIRST_SECONDS_MAX
        while True:
            try:
                return work()
            except Stopped:
                raise
            except Exception as error:
                if not passes(error) or self._env.clock.now_us() >= give_up_us:
                    raise
                if self._notice is not None:
                    self._notice(f"{type(error).__name__}: {error}")
            if not self._env.pause(self._random.uniform(0, bound)):
                raise Stopped
            bound = min(2 * bound, PAUSE_SECONDS_MAX)
