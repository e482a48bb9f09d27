"""Faults of an INSERT into ClickHouse: refusals by its limits, and a part that was stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from harness.faults.asked import statement_of
from harness.faults.fault import Decision, faults
from harness.faults.replies import clickhouse_error

if TYPE_CHECKING:
    from harness.faults.asked import Asked
    from harness.faults.fault import Past
    from harness.web.message import Request, Response

_LINES = re.compile(
    r"\bFORMAT\s+(JSONEachRow|JSONLines|NDJSON|JSONCompactEachRow|JSONStringsEachRow|TabSeparated"
    r"|TSV|CSV)\s*$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(^|&)insert_deduplication_token=([^&]*)")
_ROWS_MIN = 2


@dataclass(frozen=True, slots=True)
class _Insert:
    services: ClassVar[tuple[str, ...]] = ("clickhouse",)
    operations: ClassVar[tuple[str, ...]] = ("INSERT",)
    breaks_promise: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class TooManyParts(_Insert):
    """Inserts come faster than parts are merged: error 252, nothing is stored."""

    name: ClassVar[str] = "too-many-parts"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Answer the error without asking."""
        message = (
            f"Too many parts (3000 with average size of 1.00 KiB) in table '{asked.subject}'. "
            "Merges are processing significantly slower than inserts"
        )
        return Decision(instead=clickhouse_error(252, "TOO_MANY_PARTS", message))


@dataclass(frozen=True, slots=True)
class MemoryLimit(_Insert):
    """The server is out of memory: error 241, nothing is stored."""

    name: ClassVar[str] = "memory-limit"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Answer the error without asking."""
        message = (
            "(total) memory limit exceeded: would use 7.20 GiB (attempt to allocate chunk of "
            "4.00 MiB bytes), maximum: 7.20 GiB"
        )
        return Decision(instead=clickhouse_error(241, "MEMORY_LIMIT_EXCEEDED", message))


@dataclass(frozen=True, slots=True)
class PartialInsert(_Insert):
    """The first rows of an INSERT are stored and can be seen, then it fails.

    An INSERT is atomic only for one block in one partition; where a server cuts blocks small, or
    rows fall into several partitions, a failure leaves those that were written. The block that was
    stored keeps a deduplication token of its own, as a cut INSERT numbers its blocks: trying the
    whole again stores all its rows.

    Attributes:
        share: of the rows that are stored, 0 to 1; at least one is, and one is not.

    Source: ClickHouse docs, "Transactional (ACID) support", INSERT into one partition.
    """

    share: float = 0.5

    name: ClassVar[str] = "partial-insert"

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision | None:
        """Insert the first part, then answer an error; None for data that is not lines of text."""
        if "content-encoding" in request.headers or "query=" not in request.query:
            return None
        head = statement_of(replace(request, body=b"")).strip()
        rows = [row for row in request.body.split(b"\n") if row.strip()]
        if _LINES.search(head) is None or len(rows) < _ROWS_MIN:
            return None
        count = min(len(rows) - 1, max(1, int(len(rows) * self.share)))
        query = _TOKEN.sub(r"\1insert_deduplication_token=\2-part", request.query)
        part = replace(request, body=b"\n".join(rows[:count]) + b"\n", query=query)

        def fail(response: Response) -> Response:
            return clickhouse_error(
                241, "MEMORY_LIMIT_EXCEEDED", "(for query) memory limit exceeded"
            )

        return Decision(request=part, after=fail)


for _fault in (TooManyParts, MemoryLimit, PartialInsert):
    faults.add(_fault.name, _fault)
