"""`/_harness/…`: what other processes steer the emulators by. JSON both ways, no signature.

    GET  /_harness/health                  {"status": "ok"}
    GET  /_harness/stats                   counts, by name
    GET  /_harness/clock                   {"now_us": 1735689600000000}
    POST /_harness/clock                   {"advance_seconds": 86400} → the new time; a negative
                                           number sets the clock back
    GET  /_harness/settings                {"kinesis": {"throttled": false, …}, …}
    PUT  /_harness/settings                the same form, in part → all; taken whole or not at all
    POST /_harness/streams/roll            {"stream_arn": …} → {"children": [shard ids]}; takes also
                                           "shard_id" (default: the first open) and "children" (1, 2)

Where signatures are verified, a control request needs the header `x-harness-key` with the secret.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from harness.awsjson import AwsError
from harness.clock import CorrectedClock, VirtualClock, WallClock
from harness.errors import HarnessError, UsageError, nearest
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.gateway.settings import AwsSettings
    from harness.web.message import Request

ADVANCE_SECONDS_MAX = 20 * 366 * 86_400
"""Twenty years: more than any retention, less than what overflows a date."""


SET_BACK_SECONDS_MAX = 86_400
"""A day: no clock that runs at all is corrected by more."""


class Adjustable(Protocol):
    """Whose settings `/settings` shows and changes."""

    @property
    def settings(self) -> AwsSettings:
        """In force now."""
        ...

    def apply(self, settings: AwsSettings) -> None:
        """Put others in force."""
        ...


class RollStream(Protocol):
    """Closes a shard of a DynamoDB stream: `harness.dynamodb.streams.Streams.roll`."""

    def __call__(
        self, stream_arn: str, shard_id: str | None = None, *, children: int = 1
    ) -> list[str]:
        """The children's ids."""
        ...


class Control:
    """The control path as an app.

    Args:
        clock: what `/clock` reads and advances.
        stats: called for `/stats`.
        settings: whose settings `/settings` shows and changes.
        roll_stream: what `/streams/roll` does.
        secret: asked for in `x-harness-key` when given.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        stats: Callable[[], dict[str, Any]],
        settings: Adjustable,
        roll_stream: RollStream,
        secret: str = "",
    ) -> None:
        self._clock = clock
        self._roll_stream = roll_stream
        self._stats = stats
        self._adjustable = settings
        self._secret = secret

    def __call__(self, request: Request) -> Response:
        """Answer one control request."""
        key = request.headers.get("x-harness-key", "")
        if self._secret and not hmac.compare_digest(key.encode(), self._secret.encode()):
            return _json({"error": "x-harness-key with the secret access key is needed"}, 403)
        routes: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "health"): lambda: {"status": "ok"},
            ("GET", "stats"): self._stats,
            ("GET", "clock"): self._now,
            ("POST", "clock"): lambda: self._advance(request),
            ("GET", "settings"): self._shown,
            ("PUT", "settings"): lambda: self._change(request),
            ("POST", "streams/roll"): lambda: self._roll(request),
        }
        name = request.path.removeprefix("/_harness/")
        route = routes.get((request.method, name))
        if route is None:
            known = sorted({path for _, path in routes})
            if name in known:
                return _json({"error": f"{request.method} is not offered on {request.path}"}, 405)
            return _json({"error": f"no {request.path}", "hint": nearest(name, known)}, 404)
        try:
            return _json(route(), 200)
        except HarnessError as error:
            return _json({"error": error.message, "hint": error.hint}, 400)
        except AwsError as error:
            return _json({"error": str(error), "hint": ""}, 400)

    def runs_in_thread(self, request: Request) -> bool:
        """Never: the emulators' state belongs to the event loop."""
        return False

    def _now(self) -> dict[str, Any]:
        return {"now_us": self._clock.now_us()}

    def _advance(self, request: Request) -> dict[str, Any]:
        wish = _object_in(request)
        seconds = wish.pop("advance_seconds", None)
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if wish or not is_number or not -SET_BACK_SECONDS_MAX <= seconds <= ADVANCE_SECONDS_MAX:
            raise UsageError(
                f'expected {{"advance_seconds": -{SET_BACK_SECONDS_MAX} to {ADVANCE_SECONDS_MAX}}}',
                hint="a negative number sets the clock back",
            )
        if seconds < 0:
            if not isinstance(self._clock, WallClock | CorrectedClock):
                raise UsageError("this clock cannot be set back")
            self._clock.set_back(-seconds)
        elif isinstance(self._clock, WallClock | VirtualClock):
            self._clock.advance(seconds)
        else:
            raise UsageError("this clock cannot be advanced")
        # The loop planned its next wake-up by the time before; a timer makes it plan anew.
        self._clock.call_later(0, lambda: None)
        return self._now()

    def _roll(self, request: Request) -> dict[str, Any]:
        wish = _object_in(request)
        arn, shard_id = wish.pop("stream_arn", None), wish.pop("shard_id", None)
        children = wish.pop("children", 1)
        is_named = isinstance(arn, str) and (shard_id is None or isinstance(shard_id, str))
        if wish or not is_named or isinstance(children, bool) or children not in (1, 2):
            raise UsageError(
                'expected {"stream_arn": text, "shard_id": text, "children": 1 or 2}',
                hint="stream_arn alone is needed",
            )
        return {"children": self._roll_stream(arn, shard_id, children=children)}

    def _shown(self) -> dict[str, Any]:
        return self._adjustable.settings.as_json()

    def _change(self, request: Request) -> dict[str, Any]:
        self._adjustable.apply(self._adjustable.settings.changed(_object_in(request)))
        return self._shown()


def _object_in(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise UsageError("the body is not a JSON object")
    return body


def _json(body: Any, status: int) -> Response:
    return Response(status, {"content-type": "application/json"}, orjson.dumps(body) + b"\n")
