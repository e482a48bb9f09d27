"""What a request carried, as far as the history keeps it: which records, how many rows.

A page is told by the sequence numbers of its first and last record: with the shard they say of
every record whether it was in that page, at the cost of two searches and not of decoding it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from harness.faults.asked import statement_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.faults.asked import Asked
    from harness.web.message import Request, Response, Stream

SUMMARY = "x-clickhouse-summary"
_OK = 200
_MAY_READ_S3 = ("INSERT", "SELECT", "WITH", "CREATE")
_FROM_S3 = re.compile(r"\bs3\(")
_NAME = b"SequenceNumber"
# In JSON a member; in CBOR a text of 14 bytes, whose own first byte is "n". A continuation's
# number, whose name only ends so, is neither.
_NUMBER = re.compile(
    rb'"SequenceNumber"\s*:\s*"(\d+)"|(?<!Continuatio)nSequenceNumber(?:[`-w]|x.)(\d+)', re.DOTALL
)


def carried(asked: Asked, request: Request, answer: Response) -> dict[str, Any]:
    """What the history keeps of a request beside its identity."""
    if asked.operation == "GetRecords":
        body = answer.body if answer.status == _OK and answer.cut_after is None else b""
        return records_in(body) if isinstance(body, bytes) else {"records": 0}
    if asked.service != "clickhouse" or asked.operation not in _MAY_READ_S3:
        return {}
    found: dict[str, Any] = {}
    rows = _rows_written(answer)
    if rows is not None and asked.operation == "INSERT":
        found["rows"] = rows
    if _FROM_S3.search(statement_of(request)):
        found["from_export"] = True
    return found


def records_in(body: bytes) -> dict[str, Any]:
    """How many records a page holds, and the sequence numbers of the first and the last."""
    count = body.count(_NAME)
    if not count:
        return {"records": 0}
    first, last = _number_at(body, body.find(_NAME)), _number_at(body, body.rfind(_NAME))
    if not first or not last:
        numbers = [m.group(1) or m.group(2) for m in _NUMBER.finditer(body)]
        count = len(numbers)
        first, last = (numbers[0].decode(), numbers[-1].decode()) if numbers else ("", "")
    return {"records": count, "first": first, "last": last} if count else {"records": 0}


def _number_at(body: bytes, place: int) -> str:
    match = _NUMBER.match(body, max(0, place - 1))
    return (match.group(1) or match.group(2)).decode() if match else ""


def _rows_written(answer: Response) -> int | None:
    for name, value in answer.headers.items():
        if name.lower() == SUMMARY:
            try:
                return int(orjson.loads(value).get("written_rows", 0))
            except (ValueError, TypeError, AttributeError):
                return None
    return None


class Watched:
    """An answer that goes on, told of each time that it carries records.

    Args:
        stream: the answer.
        asked: the request that began it.
        record: told `records` with their members.
    """

    def __init__(
        self, stream: Stream, asked: Asked, record: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._stream = stream
        self._asked = asked
        self._record = record

    def read(self) -> bytes | None:
        """What is ready."""
        piece = self._stream.read()
        if piece and _NAME in piece:
            found = records_in(piece)
            if found["records"]:
                self._record("records", {**self._asked.as_json(), **found})
        return piece

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever `read` may have something to give."""
        self._stream.on_ready(wake)

    def close(self) -> None:
        """The reader has gone."""
        self._stream.close()
