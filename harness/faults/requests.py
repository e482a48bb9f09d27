"""Faults that any request may meet: errors, throttles, waiting, lost connections, restarts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from harness.faults.fault import Decision, faults
from harness.faults.replies import cut, failure, throttle

if TYPE_CHECKING:
    from harness.faults.asked import Asked
    from harness.faults.fault import Past
    from harness.web.message import Request, Response


@dataclass(frozen=True, slots=True)
class _AnyRequest:
    services: ClassVar[tuple[str, ...]] = ()
    operations: ClassVar[tuple[str, ...]] = ()
    breaks_promise: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ErrorBefore(_AnyRequest):
    """The service answers with an internal error and has done nothing."""

    name: ClassVar[str] = "error-before"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Answer the error without asking."""
        return Decision(instead=failure(asked, request))


@dataclass(frozen=True, slots=True)
class ErrorAfter(_AnyRequest):
    """The service has done what was asked and yet answers with an internal error: ambiguous."""

    name: ClassVar[str] = "error-after"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Ask, then answer the error."""
        return Decision(after=lambda _: failure(asked, request))


@dataclass(frozen=True, slots=True)
class LostAnswer(_AnyRequest):
    """The service has done what was asked; the connection ends before its answer comes."""

    name: ClassVar[str] = "lost-answer"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Ask, then end the connection."""
        return Decision(after=_without_answer)


@dataclass(frozen=True, slots=True)
class CutMidBody(_AnyRequest):
    """The service has done what was asked; the connection ends within the answer's body.

    Attributes:
        share: how much of the body arrives, 0 to 1.
    """

    share: float = 0.5

    name: ClassVar[str] = "cut-mid-body"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Ask, then let only a part of the answer through; an empty body is lost as a whole."""

        def cut_body(response: Response) -> Response:
            if not isinstance(response.body, bytes) or len(response.body) <= 1:
                return _without_answer(response)
            size = min(len(response.body) - 1, max(1, int(len(response.body) * self.share)))
            return replace(response, cut_after=size)

        return Decision(after=cut_body)


@dataclass(frozen=True, slots=True)
class Throttle(_AnyRequest):
    """Too many requests: ProvisionedThroughputExceeded, LimitExceeded, SlowDown, or ClickHouse's 202."""

    name: ClassVar[str] = "throttle"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Answer the throttle without asking."""
        return Decision(instead=throttle(asked, request))


@dataclass(frozen=True, slots=True)
class Latency(_AnyRequest):
    """The request takes longer than usual, and then succeeds.

    Attributes:
        seconds: how long it waits before it is served.
    """

    seconds: float = 0.5

    name: ClassVar[str] = "latency"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Wait, then ask."""
        return Decision(wait_seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Hang(_AnyRequest):
    """No answer comes until the client gives up, at the latest when the connection is cut.

    Attributes:
        seconds: how long the connection stays open.
        after_effect: the service had done what was asked before it fell silent.
    """

    seconds: float = 30.0
    after_effect: bool = False

    name: ClassVar[str] = "hang"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Wait, then end the connection."""
        if self.after_effect:
            return Decision(wait_seconds=self.seconds, after=_without_answer)
        return Decision(wait_seconds=self.seconds, instead=cut())


@dataclass(frozen=True, slots=True)
class ServerRestart(_AnyRequest):
    """The server goes away and comes back: this request and the next few find no connection.

    Attributes:
        refused: how many more requests to the service meet a closed door.
    """

    refused: int = 2

    name: ClassVar[str] = "server-restart"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Cut this request and announce the next."""
        past.refuse_next(asked.service, self.refused)
        return Decision(instead=cut())


def _without_answer(response: Response) -> Response:
    if not isinstance(response.body, bytes):
        response.body.close()
    return cut()


for _fault in (
    ErrorBefore, ErrorAfter, LostAnswer, CutMidBody, Throttle, Latency, Hang, ServerRestart,
):  # fmt: skip
    faults.add(_fault.name, _fault)
