"""Execution environments: invocations that run side by side share no module.

Lambda gives each concurrent invocation an environment of its own, with the function's modules
imported in it, and uses an environment that is free again for the next. So a client that a module
keeps serves one invocation at a time, and what a module remembers is known to some invocations only.

Source: AWS Lambda developer guide, "Understanding the Lambda execution environment lifecycle".
"""

from __future__ import annotations

import sys
from threading import Lock
from typing import TYPE_CHECKING, Any

from harness.pipelines.own_python import is_brought, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.clock import Clock

LOOK_SECONDS = 0.01


class Environments:
    """The handler, in as many environments as there are invocations at a time.

    Args:
        reference: `module:function` of the handler.
        folder: where its module is.
        clock: to wait for an import that is under way.

    Raises:
        PipelineError: there is no such handler.
    """

    def __init__(self, reference: str, folder: Path, clock: Clock) -> None:
        self._reference = reference
        self._folder = folder.resolve()
        self._clock = clock
        self._turn = Lock()
        self._free = [self._made()]

    def __call__(self, event: Any, context: Any) -> Any:
        """Call the handler in an environment that is free, or in a new one."""
        try:
            handler = self._free.pop()
        except IndexError:
            handler = self._made()
        try:
            return handler(event, context)
        except SystemExit:
            # The environment has ended with it.
            handler = None
            raise
        finally:
            if handler is not None:
                self._free.append(handler)

    def _made(self) -> Any:
        # Never waited for in the lock itself: whoever has it may wait for an answer.
        while not self._turn.acquire(blocking=False):
            self._clock.sleep(LOOK_SECONDS)
        try:
            self._forget()
            handler: Callable[[Any, Any], Any] = load(self._reference, self._folder)
            return handler
        finally:
            self._turn.release()

    def _forget(self) -> None:
        """Let the function's modules be imported anew; who has them keeps them."""
        package = self._reference.partition(":")[0].partition(".")[0]
        for name, module in list(sys.modules.items()):
            if is_brought(name, module, package=package, root=self._folder):
                del sys.modules[name]
