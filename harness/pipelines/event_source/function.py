"""The function: a handler in this process, called as Lambda's Python runtime calls it."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock

TIMEOUT_MS = 900_000
"""What the context says is left: the harness sets no limit of its own, Lambda's longest is this."""


@dataclass(slots=True)
class Context:
    """Lambda's context object, as far as a stream's function gets one."""

    aws_request_id: str
    function_name: str
    invoked_function_arn: str
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    log_group_name: str = ""
    log_stream_name: str = ""
    identity: Any = None
    client_context: Any = None
    deadline_ms: int = 0
    now_ms: Callable[[], int] = field(default=int, repr=False)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function would be ended."""
        return max(0, self.deadline_ms - self.now_ms())


@dataclass(frozen=True, slots=True)
class Invocation:
    """How one call ended.

    Attributes:
        request_id: of the call.
        response: what the handler returned, after a trip through JSON.
        failed: the handler raised, or returned what JSON cannot hold.
    """

    request_id: str
    response: Any
    failed: bool


class Function:
    """Calls the handler; nothing that it raises gets out.

    Args:
        handler: takes event and context.
        name: of the function.
        region: for its ARN.
        clock: for request ids and the time left.
    """

    def __init__(
        self, handler: Callable[[Any, Any], Any], name: str, region: str, clock: Clock
    ) -> None:
        self._handler = handler
        self._clock = clock
        self._name = name
        self.arn = f"arn:aws:lambda:{region}:000000000000:function:{name}"

    def invoke(self, event: dict[str, Any]) -> Invocation:
        """Call the handler with a copy of `event` that it may change."""
        request_id = self._clock.uuid()
        context = Context(
            request_id,
            self._name,
            self.arn,
            log_group_name=f"/aws/lambda/{self._name}",
            deadline_ms=self._clock.now_ms() + TIMEOUT_MS,
            now_ms=self._clock.now_ms,
        )
        try:
            returned = self._handler(json.loads(json.dumps(event)), context)
            response = json.loads(json.dumps(returned))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a handler raises is a result
            self._report(error, request_id)
            return Invocation(request_id, None, failed=True)
        return Invocation(request_id, response, failed=False)

    def _report(self, error: BaseException, request_id: str) -> None:
        lines = "".join(traceback.format_tb(error.__traceback__)[1:])
        sys.stderr.write(
            f"[ERROR] {type(error).__name__}: {error}\n{lines}RequestId: {request_id}\n"
        )
        sys.stderr.flush()


def first_failure(response: Any, numbers: list[str]) -> int | None:
    """The index of the first record that a partial response gives back; None when all are done.

    0 stands for the whole batch too: an item identifier that is empty or not in the batch.

    Source: AWS Lambda developer guide, "Configuring partial batch response".
    """
    if not response:
        return None
    if not isinstance(response, dict):
        return 0
    failures = response.get("batchItemFailures")
    if not failures:
        return None
    places = {number: index for index, number in enumerate(numbers)}
    if not isinstance(failures, list):
        return 0
    found = [
        places.get(str(f["itemIdentifier"]))
        if isinstance(f, dict) and "itemIdentifier" in f
        else None
        for f in failures
    ]
    known = [index for index in found if index is not None]
    return 0 if len(known) < len(found) else min(known)
