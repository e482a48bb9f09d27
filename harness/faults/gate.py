"""The gate: every request of a pipeline passes it, to AWS and to ClickHouse, live and stepped.

Live it is a middleware of the embedded servers; stepped it is asked by a plain call. Either way a
request gets its identity, the plan decides, the fault is carried out and written to the history:

    {"event": "request", "service": …, "operation": …, "subject": …, "ordinal": …, "attempt": …,
     "status": HTTP status, 0 when the connection was cut,
     "records", "first", "last": of GetRecords how many, and the outermost sequence numbers,
     "rows": of an INSERT, as ClickHouse counts them,
     "from_export": true of an INSERT … SELECT from s3(), or of another statement that reads there}
    {"event": "records", …, "records", "first", "last"}: an event of SubscribeToShard
    {"event": "fault", "fault": <name>, "had_effect": …, "service": …, …}
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from harness.faults.asked import CONTROL, Asked, Identifier, has_records
from harness.faults.carried import Watched, carried
from harness.faults.fault import Decision
from harness.faults.replies import cut

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.faults.asked import Kind
    from harness.faults.fault import Fault
    from harness.faults.plan import Plan
    from harness.web.message import Request, Response

Effect = Literal["before", "after"]

PAGES_KEPT = 4
RESTART = "server-restart"
_OK = 200
PASS = Decision()


def _forget(_: str, __: dict[str, Any]) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Passage:
    """One request on its way through the gate.

    Attributes:
        asked: what it is.
        request: what came.
        fault: the name of the fault that it met; empty when it met none.
        decision: what becomes of it.
    """

    asked: Asked
    mark: bytes
    request: Request
    fault: str = ""
    decision: Decision = PASS


class Gate:
    """Lets requests pass, after the faults had their say.

    Not thread-safe: all calls come from one event loop, or from one scheduler.

    Args:
        plan: which requests meet which faults; None lets all pass unless `meet` is called.
        record: told `request` and `fault` with their members.

    Attributes:
        hold: awaited about each request on an event loop, before it takes effect and before it is
            answered; None lets nobody wait.
        on_restart: told the service that a fault restarts: what it had in memory alone is gone.
    """

    def __init__(
        self, plan: Plan | None = None, record: Callable[[str, dict[str, Any]], None] = _forget
    ) -> None:
        self.plan = plan
        self._record = record
        self._identifier = Identifier()
        self.on_restart: Callable[[str], None] | None = None
        self.hold: Callable[[Asked, Effect], Awaitable[None]] | None = None
        self._pages: dict[tuple[str, str], deque[Response]] = {}
        self._refusals: dict[str, int] = {}

    def open(self, request: Request, kind: Kind) -> Passage:
        """Take a request in; the plan has decided about it when this returns."""
        asked, mark = self._identifier.identify(request, kind)
        if asked.operation == "GetRecords":
            # A page is read here: its records, its iterator. Go's SDK takes it compressed.
            request.headers.pop("accept-encoding", None)
        passage = Passage(asked, mark, request)
        left = self._refusals.get(asked.service, 0)
        if left:
            self._refusals[asked.service] = left - 1
            passage.fault, passage.decision = RESTART, Decision(instead=cut())
            return passage
        if self.plan is not None:
            for number, fault in self.plan.pick(asked):
                if self.meet(passage, fault):
                    self.plan.note_applied(number)
                    break
        return passage

    def meet(self, passage: Passage, fault: Fault) -> bool:
        """Let `fault` decide; returns False when it has no form for this request."""
        decision = fault.decide(passage.asked, passage.request, self)
        if decision is None:
            return False
        passage.fault, passage.decision = fault.name, decision
        if fault.name == RESTART and self.on_restart is not None:
            self.on_restart(passage.asked.service)
        return True

    def close(self, passage: Passage, response: Response | None) -> Response:
        """The answer that the client gets for the service's own; None when it was not asked."""
        decision, asked = passage.decision, passage.asked
        if response is not None:
            self._identifier.learn(asked, response)
            self._keep(asked, response)
        if decision.instead is not None:
            answer = decision.instead
        else:
            assert response is not None
            answer = response if decision.after is None else decision.after(response)
        self._identifier.settle(asked, passage.mark, answer)
        if passage.fault and passage.fault != "none":
            had_effect = decision.instead is None
            members = {"fault": passage.fault, "had_effect": had_effect, **asked.as_json()}
            self._record("fault", members)
        shown = 0 if answer.cut_after is not None else answer.status
        # Of an INSERT whose answer was lost the history still keeps what it stored.
        told = response if response is not None and asked.operation == "INSERT" else answer
        more = carried(asked, passage.request, told)
        self._record("request", {**asked.as_json(), "status": shown, **more})
        if not isinstance(answer.body, bytes) and asked.operation == "SubscribeToShard":
            answer.body = Watched(answer.body, asked, self._record)
        return answer

    async def middleware(
        self, request: Request, call: Callable[[Request], Awaitable[Response]], kind: Kind
    ) -> Response:
        """Carry out a passage on an event loop; control requests are not looked at."""
        if request.path.startswith(CONTROL):
            return await call(request)
        passage = self.open(request, kind)
        decision = passage.decision
        if self.hold is not None:
            await self.hold(passage.asked, "before")
        if decision.wait_seconds and decision.after is None:
            await asyncio.sleep(decision.wait_seconds)
        response = None
        if decision.instead is None:
            response = await call(decision.request or request)
            if decision.wait_seconds and decision.after is not None:
                await asyncio.sleep(decision.wait_seconds)
        # What has happened is told before the answer may be held: its client may never get it.
        answer = self.close(passage, response)
        if self.hold is not None:
            await self.hold(passage.asked, "after")
        return answer

    def through(
        self,
        passage: Passage,
        ask: Callable[[Request], Response],
        wait: Callable[[float], None],
    ) -> Response:
        """Carry out a passage by plain calls; `wait` lets the clock's time pass."""
        decision = passage.decision
        if decision.wait_seconds and decision.after is None:
            wait(decision.wait_seconds)
        response = None
        if decision.instead is None:
            response = ask(decision.request or passage.request)
            if decision.wait_seconds and decision.after is not None:
                wait(decision.wait_seconds)
        return self.close(passage, response)

    def page(self, asked: Asked, back: int) -> Response | None:
        """A page of the same shard that was answered before; see `Past`."""
        pages = self._pages.get((asked.service, asked.subject))
        if pages is None or len(pages) < back:
            return None
        return replace(pages[-back])

    def refuse_next(self, service: str, count: int) -> None:
        """Cut the next requests to a service; see `Past`."""
        self._refusals[service] = self._refusals.get(service, 0) + count

    def _keep(self, asked: Asked, response: Response) -> None:
        if asked.operation != "GetRecords" or response.status != _OK or not has_records(response):
            return
        key = (asked.service, asked.subject)
        self._pages.setdefault(key, deque(maxlen=PAGES_KEPT)).append(response)
