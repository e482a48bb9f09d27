"""The gate of a live run, inside an embedded server: a plan given as JSON, events written to a file.

    {"faults": {"plan": […], "breaks_promises": false}, "seed": 7, "events": "aws.events.jsonl",
     "port": 0, "host": ""}

Requests that come to the gate's own port pass it; the harness's own requests use the other port.
`POST /_harness/gate/calm` ends the faults: safety was tested, now the target must converge.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.clock import VirtualClock
from harness.errors import BackendError, UsageError
from harness.faults.gate import Gate
from harness.faults.plan import plan_from_json
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.clock import Clock
    from harness.faults.asked import Kind
    from harness.web.message import Request

CALM_PATH = "/_harness/gate/calm"


class LiveGate:
    """A gate with its plan and its file of events.

    Args:
        option: the JSON shown above.
        kind: what stands behind the gate.
        clock: stamps the events.

    Attributes:
        port: where it wants to be; 0 for any free one.
        host: the address that it wants; empty for its server's.

    Raises:
        UsageError: the option cannot be read, or its plan is wrong.
        BackendError: the file cannot be written.
    """

    def __init__(self, option: str, kind: Kind, clock: Clock) -> None:
        try:
            wish = orjson.loads(option)
            self.port = int(wish.get("port", 0))
            self.host = str(wish.get("host", ""))
            faults, seed, path = wish["faults"], int(wish["seed"]), Path(wish["events"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"--gate is not the JSON of a gate: {error}") from None
        self._kind = kind
        self._clock = clock
        self._plan = plan_from_json(faults, VirtualClock(seed=seed))
        self._gate = Gate(self._plan, self.add)
        try:
            # Unbuffered: what was written before a kill -9 is there after it.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise BackendError(f"cannot write {path}: {error.strerror}") from None

    def add(self, event: str, members: dict[str, Any]) -> None:
        """Append one event to the file."""
        line = {"at": self._clock.now_us(), "event": event, **members}
        self._file.write(orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    async def middleware(
        self, request: Request, call: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Let a request pass, as the plan says."""
        if request.path == CALM_PATH:
            self._plan.is_calm = True
            return Response(200, {"content-type": "application/json"}, b'{"calm": true}\n')
        return await self._gate.middleware(request, call, self._kind)
