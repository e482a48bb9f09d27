"""The gate of a live run, inside an embedded server: a plan given as JSON, events written to a file.

    {"faults": {"plan": […], "breaks_promises": false}, "seed": 7, "events": "aws.events.jsonl",
     "holds": […], "port": 0, "host": ""}

Requests that come to the gate's own port pass it; the harness's own requests use the other port.
`POST /_harness/gate/calm` ends the faults: safety was tested, now the target must converge.
`POST /_harness/gate/wait` answers the number of the next act of the operator whose request is held,
`POST /_harness/gate/go?<number>` lets that request go on, `POST /_harness/gate/drop` cuts every
connection with what is under way on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.clock import VirtualClock
from harness.errors import BackendError, UsageError
from harness.faults.gate import Gate
from harness.faults.holds import Holds
from harness.faults.plan import plan_from_json
from harness.faults.replies import cut
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.clock import Clock
    from harness.faults.asked import Kind
    from harness.web.message import Request

GATE_PATH = "/_harness/gate/"
CALM_PATH = f"{GATE_PATH}calm"
PEERS_MAX = 10_000


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
        self._holds = Holds(wish.get("holds", ()))
        self._gate.hold = self._holds.hold
        self._peers: set[str] = set()
        self._dropped: set[str] = set()
        self._drops = 0
        try:
            # Unbuffered: what was written before a kill -9 is there after it.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise BackendError(f"cannot write {path}: {error.strerror}") from None

    def add(self, event: str, members: dict[str, Any]) -> None:
        """Append one event to the file."""
        line = {"at": self._clock.now_us(), "event": event, **members}
        self._file.write(orjson.dumps(line) + b"\n")

    def on_restart(self, forget: Callable[[str], None]) -> None:
        """Have `forget` told which service a fault restarts."""
        self._gate.on_restart = forget

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    async def middleware(
        self, request: Request, call: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Let a request pass, as the plan says."""
        if request.path.startswith(GATE_PATH):
            return await self._control(request)
        if request.peer in self._dropped:
            self._dropped.discard(request.peer)
            return cut()
        if len(self._peers) < PEERS_MAX:
            self._peers.add(request.peer)
        drops = self._drops
        answer = await self._gate.middleware(request, call, self._kind)
        return answer if drops == self._drops else cut()

    async def _control(self, request: Request) -> Response:
        told: dict[str, Any] = {}
        command = request.path.removeprefix(GATE_PATH)
        if command == "calm":
            self._plan.is_calm = told["calm"] = True
            self._holds.calm()
        elif command == "wait":
            told["number"] = await self._holds.wait()
        elif command == "go":
            self._holds.go(int(request.query))
        elif command == "drop":
            told["connections"] = len(self._peers)
            self._dropped |= self._peers
            self._peers.clear()
            self._drops += 1
        else:
            return Response(404)
        return Response(200, {"content-type": "application/json"}, orjson.dumps(told) + b"\n")
