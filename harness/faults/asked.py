"""What a request is, told by its content and never by its time, so that a plan of faults replays.

A request belongs to a *row* of requests: (service, operation, subject), where the subject is the
shard, table, stream or object that it is about. Its `ordinal` is its place in that row, its
`attempt` says how often it was asked before without success:

- an INSERT is the same one again when its statement and data are the same bytes;
- a GetRecords is the same one again until a page with records has been answered, so that the
  number of idle polls, which depends on time, numbers nothing;
- everything else is the same one again when its body is the same and it failed before.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, unquote

import orjson

from harness.awscbor import BadCbor, decode_cbor
from harness.awsjson import CBOR
from harness.faults.codings import beginning

if TYPE_CHECKING:
    from harness.web.message import Request, Response

Kind = Literal["aws", "clickhouse"]

SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "streams",
    "Kinesis_20131202": "kinesis",
}
CONTROL = "/_harness/"
ITERATORS_MAX = 10_000
OPEN_MAX = 1_000
_STATEMENT_BYTES = 20_000
_OK = 200
_MULTIPLE_CHOICES = 300
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_IDENTIFIER = r"(?:`(?:[^`\\]|\\.)*`|\"[^\"]*\"|[\w$]+)"
_TABLE = re.compile(
    rf"\b(?:INTO(?:\s+TABLE)?|FROM|TABLE(?:\s+IF\s+(?:NOT\s+)?EXISTS)?|TRUNCATE(?!\s+TABLE\b)|VIEW)\s+"
    rf"((?:{_IDENTIFIER}\s*\.\s*)?{_IDENTIFIER})",
    re.IGNORECASE,
)
_NEXT_ITERATOR = re.compile(rb'"NextShardIterator"\s*:\s*"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Asked:
    """One request by what it is.

    Attributes:
        service: dynamodb, streams, kinesis, s3, clickhouse, or another of AWS by its signing name.
        operation: AWS's name of the operation; of S3 the HTTP method; of ClickHouse the first word.
        subject: shard, stream, table or bucket/key; empty when it is about none.
        ordinal: its place in its row, from 0.
        attempt: how often it was asked before without success.
    """

    service: str
    operation: str
    subject: str = ""
    ordinal: int = 0
    attempt: int = 0

    def __str__(self) -> str:
        what = " ".join(part for part in (self.service, self.operation, self.subject) if part)
        again = f" try {self.attempt + 1}" if self.attempt else ""
        return f"{what} #{self.ordinal}{again}"

    def as_json(self) -> dict[str, Any]:
        """Its members by name."""
        return {
            "service": self.service,
            "operation": self.operation,
            "subject": self.subject,
            "ordinal": self.ordinal,
            "attempt": self.attempt,
        }


@dataclass(slots=True)
class _Row:
    """One row of requests: the next ordinal, and those not yet answered well."""

    next: int
    open: OrderedDict[bytes, tuple[int, int]]


class Identifier:
    """Tells requests apart; learns from the answers which iterator reads which shard."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], _Row] = {}
        self._shards: OrderedDict[str, str] = OrderedDict()

    def identify(self, request: Request, kind: Kind) -> tuple[Asked, bytes]:
        """What `request` is, and the mark by which `settle` finds it again."""
        if kind == "clickhouse":
            service, (operation, subject) = "clickhouse", _statement(request)
        else:
            service, operation, subject = self._aws(request)
        mark = b""
        if operation != "GetRecords":
            query = _without_ids(request.query).encode()
            mark = blake2b(query + b"\n" + request.body, digest_size=12).digest()
        row = self._rows.setdefault((service, operation, subject), _Row(0, OrderedDict()))
        if mark in row.open:
            ordinal, attempt = row.open[mark]
        else:
            ordinal, attempt = row.next, 0
            row.next += 1
        row.open[mark] = (ordinal, attempt + 1)
        if len(row.open) > OPEN_MAX:
            row.open.popitem(last=False)
        return Asked(service, operation, subject, ordinal, attempt), mark

    def settle(self, asked: Asked, mark: bytes, response: Response) -> None:
        """The client was given `response` as it came: an answered request is not asked again."""
        if response.status >= _MULTIPLE_CHOICES or response.cut_after is not None:
            return
        if asked.operation == "GetRecords" and not has_records(response):
            return
        row = self._rows[asked.service, asked.operation, asked.subject]
        row.open.pop(mark, None)

    def learn(self, asked: Asked, response: Response) -> None:
        """Remember the iterator that an answer of the service hands out."""
        if asked.operation not in ("GetShardIterator", "GetRecords") or response.status != _OK:
            return
        iterator = next_iterator(response)
        if iterator:
            self._shards[iterator] = asked.subject
            if len(self._shards) > ITERATORS_MAX:
                self._shards.popitem(last=False)

    def _aws(self, request: Request) -> tuple[str, str, str]:
        prefix, _, operation = request.headers.get("x-amz-target", "").partition(".")
        service = SERVICES.get(prefix)
        if service is None:
            scope = _SCOPE.search(request.headers.get("authorization", ""))
            name = scope.group(1) if scope else "s3"
            return name, operation or request.method, unquote(request.path).strip("/")
        payload = payload_of(request)
        subject = payload.get("ShardId") or ""
        if "ShardIterator" in payload:
            subject = self._shards.get(str(payload["ShardIterator"]), "")
        if not subject:
            for name in ("StreamName", "TableName", "StreamARN", "StreamArn", "ConsumerARN"):
                if payload.get(name):
                    subject = str(payload[name]).rpartition("/")[2]
                    break
        return service, operation, str(subject)


def payload_of(request: Request) -> dict[str, Any]:
    """The members of an AWS JSON or CBOR request; empty when it cannot be read."""
    return _members(request.body, request.headers.get("content-type", ""))


def has_records(response: Response) -> bool:
    """True for a page of GetRecords that has some."""
    body = response.body
    return isinstance(body, bytes) and b"SequenceNumber" in body


def next_iterator(response: Response) -> str:
    """The iterator that GetShardIterator or GetRecords answered; empty when there is none."""
    body = response.body
    if not isinstance(body, bytes):
        return ""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if headers.get("content-type") == CBOR or b'"ShardIterator"' in body[:100]:
        found = _members(body, headers.get("content-type", ""))
        return str(found.get("NextShardIterator") or found.get("ShardIterator") or "")
    match = _NEXT_ITERATOR.search(body)
    return match.group(1).decode() if match else ""


def _members(body: bytes, content_type: str) -> dict[str, Any]:
    try:
        found = decode_cbor(body) if content_type == CBOR else orjson.loads(body)
    except (orjson.JSONDecodeError, BadCbor):
        return {}
    return found if isinstance(found, dict) else {}


def statement_of(request: Request) -> str:
    """The beginning of the statement that a ClickHouse request carries."""
    query = parse_qs(request.query).get("query", [""])[0]
    coding = request.headers.get("content-encoding", "")
    body = beginning(request.body, coding, _STATEMENT_BYTES)
    # ClickHouse itself joins the two with a line end.
    return (query + "\n" + body.decode("utf-8", "replace") if query else body.decode(
        "utf-8", "replace"
    ))[:_STATEMENT_BYTES]  # fmt: skip


def _statement(request: Request) -> tuple[str, str]:
    if request.path not in ("/", "/query"):
        return "GET", request.path.strip("/")
    sql = _COMMENT.sub(" ", statement_of(request)).strip().lstrip("(")
    verb = sql.split(None, 1)[0].upper() if sql else ""
    match = _TABLE.search(sql)
    if match is None:
        return verb, ""
    table = re.split(rf"\.(?={_IDENTIFIER}$)", match.group(1).strip())[-1].strip()
    return verb, table.strip('`"')


def _without_ids(query: str) -> str:
    """The query string without what clients draw anew for each try."""
    parts = query.split("&")
    return "&".join(p for p in parts if not p.startswith(("query_id=", "session_id=")))
