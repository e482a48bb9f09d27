"""Faults of a page of GetRecords, of Kinesis and of DynamoDB Streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from harness.awsjson import CBOR, JSON_1_0, JSON_1_1, Call, encode
from harness.faults.asked import has_records, payload_of
from harness.faults.fault import Decision, faults
from harness.faults.replies import REQUEST_ID, aws_error

if TYPE_CHECKING:
    from harness.faults.asked import Asked
    from harness.faults.fault import Past
    from harness.web.message import Request, Response

_OK = 200


@dataclass(frozen=True, slots=True)
class _Page:
    services: ClassVar[tuple[str, ...]] = ("kinesis", "streams")
    operations: ClassVar[tuple[str, ...]] = ("GetRecords",)
    breaks_promise: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class EmptyPage(_Page):
    """A page without records though there are some: read on, it is not the end of the shard.

    Attributes:
        behind_ms: the MillisBehindLatest that it tells.

    Source: Kinesis API reference, GetRecords, on empty pages within a shard.
    """

    behind_ms: int = 1000

    name: ClassVar[str] = "empty-page"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision | None:
        """Answer no records and the same iterator as the next one."""
        iterator = payload_of(request).get("ShardIterator")
        if not iterator:
            return None
        page: dict[str, Any] = {"Records": [], "NextShardIterator": iterator}
        if asked.service == "kinesis":
            page["MillisBehindLatest"] = self.behind_ms
        return Decision(instead=_answer(asked, request, page))


@dataclass(frozen=True, slots=True)
class ExpiredIterator(_Page):
    """The iterator has expired: a new one must be taken at the last position read."""

    name: ClassVar[str] = "expired-iterator"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Answer ExpiredIteratorException without asking."""
        message = "Iterator expired. Iterators are valid for 300000 milliseconds."
        return Decision(instead=aws_error(asked, request, "ExpiredIteratorException", message))


@dataclass(frozen=True, slots=True)
class StalePage(_Page):
    """An older page of the shard once more, and from there on: a reader behind a stale cache.

    The records of that page and of those after it come again; none is left out.

    Attributes:
        back: how many pages back, from 1.
    """

    back: int = 1

    name: ClassVar[str] = "stale-page"
    breaks_promise: ClassVar[bool] = True

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision | None:
        """Answer an earlier page without asking; nothing while there is none."""
        page = past.page(asked, max(1, self.back))
        return None if page is None else Decision(instead=page)


@dataclass(frozen=True, slots=True)
class DuplicatedPage(_Page):
    """Each record of the page is in it twice, in order: a reader that retries below the API."""

    name: ClassVar[str] = "duplicated-page"
    breaks_promise: ClassVar[bool] = True

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision | None:
        """Ask, then repeat the records; a page in CBOR is left alone."""
        if request.headers.get("content-type", "") == CBOR:
            return None

        def twice(response: Response) -> Response:
            if response.status != _OK or not has_records(response):
                return response
            assert isinstance(response.body, bytes)
            page = orjson.loads(response.body)
            page["Records"] = [*page["Records"], *page["Records"]]
            if asked.service == "streams":
                return _answer(asked, request, page)
            return replace(response, body=orjson.dumps(page))

        return Decision(after=twice)


def _answer(asked: Asked, request: Request, page: dict[str, Any]) -> Response:
    content_type = request.headers.get("content-type", "")
    codec = CBOR if content_type == CBOR else JSON_1_1 if asked.service == "kinesis" else JSON_1_0
    call = Call(asked.service, asked.operation, {}, codec, {"x-amzn-RequestId": REQUEST_ID})
    return encode(call, page)


for _fault in (EmptyPage, ExpiredIterator, StalePage, DuplicatedPage):
    faults.add(_fault.name, _fault)
