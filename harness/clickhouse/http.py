"""ClickHouse's HTTP interface over the engine: the contract that a real server speaks.

A request becomes one statement on one connection: of its session where it names one, else of its
own. Statements run side by side; the server calls this app from worker threads.

Deviations, all of which follow from the engine being embedded: progress headers are never sent;
`query_id` is known to KILL QUERY but `system.processes` shows it as `log_comment`; formats with a
header or footer (JSON, Parquet, …WithNames) are built in memory, the others are streamed; roles do
not exist; an asynchronous insert that is waited for is stored by itself, not with its neighbours.

Source: ClickHouse docs, interfaces/http.
"""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clickhouse import (
    answers,
    apply_log,
    compression,
    external,
    inserts,
    native_blocks,
    native_revision,
    parameters,
)
from harness.clickhouse.access import Access
from harness.clickhouse.engine import STREAMED_FORMATS, Result
from harness.clickhouse.errors import EngineError
from harness.clickhouse.idle import IdleConnections, Likeness
from harness.clickhouse.sessions import Session, Sessions, timeout_seconds
from harness.clickhouse.statements import Statement, by_comment, parse_request
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.clickhouse.engine import Connection, Engine
    from harness.clickhouse.parameters import Parameters
    from harness.clock import Clock
    from harness.web.message import Request

_BUFFER_BYTES = 1024 * 1024
"""An answer that stays below is sent in one piece, with its length and final summary."""

_TAG_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_READ_ONLY = (
    "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
    "You should use method POST for modifying queries"
)
_NO_HANDLE = """There is no handle {path}

Use / or /ping for health checks.
Or /replicas_status for more sophisticated health checks.

Send queries from your program with POST method or GET /?query=...
"""


@dataclass(slots=True)
class Call:
    """One request on its way: what it asks for and what it holds.

    Attributes:
        likeness: of its connection, where another request may use it after; None in a session.
        is_clean: its statement has run and left nothing behind on the connection.
    """

    request: Request
    parameters: Parameters
    query_id: str
    tag: str
    connection: Connection | None = None
    session: Session | None = None
    likeness: Likeness | None = None
    is_clean: bool = False


class ClickHouseApp:
    """The interface. Give it to `harness.web.server`.

    Args:
        engine: where statements run.
        access: users, passwords and rights.
        clock: session timeouts; query ids are drawn from its seed.

    Attributes:
        log: the apply log of the target, where one is kept.
        queued: inserts that were answered and are not stored yet.
    """

    def __init__(self, engine: Engine, access: Access, clock: Clock) -> None:
        self._engine = engine
        self._access = access
        self._clock = clock
        self._sessions = Sessions(engine, clock)
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._idle = IdleConnections()
        self.log: apply_log.ApplyLog | None = None
        self.queued = inserts.QueuedInserts(clock)

    def runs_in_thread(self, request: Request) -> bool:
        """Everything but health checks may take long."""
        return request.path not in ("/ping", "/replicas_status") and (
            request.method == "POST" or bool(request.query)
        )

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        plain = {"Content-Type": "text/plain; charset=UTF-8"}
        if request.method not in ("GET", "POST", "HEAD", "OPTIONS"):
            return Response(501, plain, b"Unsupported method\n")
        if request.method == "OPTIONS":
            return Response(204)
        if request.path in ("/ping", "/replicas_status"):
            return Response(200, plain, b"Ok.\n")
        if request.path == apply_log.PATH:
            return self._begin_log(request)
        if request.path not in ("/", "/query"):
            target = request.path + ("?" + request.query if request.query else "")
            return Response(404, plain, _NO_HANDLE.format(path=target).encode())
        if request.method != "POST" and not request.query:
            return Response(200, {"Content-Type": "text/html; charset=UTF-8"}, b"Ok.\n")
        return self._answer(request)

    def close(self) -> None:
        """End the sessions and the apply log; the engine stays. A queue is stored, as on a stop."""
        self.queued.flush()
        self.keep_log(None)
        self._sessions.close()
        self._idle.close()

    def keep_log(self, watched: apply_log.Watched | None, *, in_memory: bool = False) -> None:
        """Begin the apply log of a target, and forget the one before; None keeps none."""
        if self.log is not None:
            self.log.close()
            self.log = None
        if watched is not None:
            self.log = apply_log.ApplyLog(self._engine, watched, in_memory=in_memory)

    def _begin_log(self, request: Request) -> Response:
        try:
            self._access.require_administrator(parameters.read(request).credentials)
        except EngineError as error:
            return self._failure(error, "", "")
        self.keep_log(apply_log.Watched.from_json(json.loads(request.body)))
        return Response(200, {}, b"Ok.\n")

    def _answer(self, request: Request) -> Response:
        with self._lock:
            tag = "".join(self._clock.random.choices(_TAG_LETTERS, k=16))
            query_id = self._clock.uuid()
        call: Call | None = None
        try:
            fields, tables, body = external.read(request)
            asked = parameters.read(request, fields)
            call = Call(request, asked, asked.own.get("query_id") or query_id, tag)
            self._access.authenticate(asked.credentials)
            self._begin(call)
            statement = parse_request(asked.query, self._body(call, body))
            return self._run(call, statement, tables)
        except EngineError as error:
            if call is not None:
                self._release(call)
            return self._failure(error, query_id if call is None else call.query_id, tag)
        except BaseException:
            if call is not None:
                self._release(call)
            raise

    def _body(self, call: Call, body: bytes) -> bytes:
        """The body, decompressed."""
        coding = call.request.headers.get("content-encoding", "").strip().lower()
        body = compression.decompress(coding, body)
        return native_blocks.unpack(body) if call.parameters.is_on("decompress") else body

    def _begin(self, call: Call) -> None:
        """Take a connection with the request's settings and database on it."""
        asked = call.parameters
        for role in asked.roles:
            raise EngineError(
                511, "UNKNOWN_ROLE", f"There is no role `{role}` in `user directories`"
            )
        with self._lock:
            if call.query_id in self._running:
                raise EngineError(
                    216,
                    "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
                    f"Query with id = {call.query_id} is already running.",
                )
            self._running.add(call.query_id)
        settings = asked.settings
        if "query_id" in asked.own:
            # Only an id that the client knows can be named in a KILL QUERY.
            settings = {"log_comment": call.query_id, **settings}
        name = asked.own.get("session_id")
        if name:
            call.session = self._sessions.take(
                asked.credentials.user,
                name,
                timeout_seconds=timeout_seconds(asked.own.get("session_timeout")),
                must_exist=asked.is_on("session_check"),
            )
            call.connection = call.session.connection
            call.session.apply(settings)
            call.session.use(asked.own["database"] or None)
            return
        database = asked.own["database"]
        database = "" if database == "default" else database
        call.likeness = Likeness(database, settings)
        with self._lock:
            idle = self._idle.take(call.likeness)
        if idle is not None:
            call.connection, has_settings = idle
            if not has_settings:
                call.connection.set(settings)
            return
        call.connection = self._engine.connect(settings)
        if database:
            call.connection.use(database)

    def _release(self, call: Call) -> None:
        with self._lock:
            self._running.discard(call.query_id)
        if call.session is not None:
            self._sessions.give_back(call.session)
        elif call.connection is not None:
            likeness = call.likeness if call.is_clean else None
            if likeness is None or not self._idle.keep(likeness, call.connection):
                call.connection.close()
        call.session = call.connection = None

    def _run(self, call: Call, statement: Statement, tables: list[external.Table]) -> Response:
        connection, asked = call.connection, call.parameters
        assert connection is not None
        if not statement.is_reading and (
            call.request.method != "POST" or asked.own.get("readonly", "0") != "0"
        ):
            raise EngineError(164, "READONLY", _READ_ONLY)
        own = self._access.run(asked.credentials.user, statement, connection, asked.bound)
        if own is not None:
            return self._whole(call, "TabSeparated", own)
        for table in tables:
            table.load(connection)
        with nullcontext() if self.log is None else self.log.around(statement):
            return self._carry_out(call, statement, has_tables=bool(tables))

    def _carry_out(self, call: Call, statement: Statement, *, has_tables: bool) -> Response:
        connection, asked = call.connection, call.parameters
        assert connection is not None
        leaves_nothing = not (
            has_tables
            or asked.bound
            or statement.changes_session
            or any(token.is_word(b"TEMPORARY") for token in statement.tokens[:4])
        )
        if statement.verb == "INSERT":
            call.is_clean = leaves_nothing
            return self._whole(call, None, self._inserted(connection, statement, asked))
        output_format = statement.output_format or asked.default_format
        if inserts.is_flush(statement):
            self.queued.flush()
            return self._whole(call, "TabSeparated", Result())
        if statement.verb == "KILL":
            return self._whole(
                call, output_format, connection.query(by_comment(statement), output_format)
            )
        streams = statement.verb in ("SELECT", "WITH", "(") and output_format in STREAMED_FORMATS
        if streams and statement.is_reading:
            return self._streamed(call, statement, output_format, leaves_nothing=leaves_nothing)
        if statement.changes_session and call.session is not None:
            call.session.apply({})
        result = connection.query(statement.sql, output_format, asked.bound)
        call.is_clean = leaves_nothing
        if statement.changes_session and call.session is not None:
            call.session.note_changes(statement)
        return self._whole(call, output_format, result)

    def _inserted(self, connection: Connection, statement: Statement, asked: Parameters) -> Result:
        if inserts.is_queued(statement, asked, self._engine.version):
            return self.queued.add(lambda: self._store(statement, asked))
        inserted = inserts.insert(connection, statement, asked)
        return inserted if self.log is None else self.log.own_rows(statement, inserted)

    def _store(self, statement: Statement, asked: Parameters) -> None:
        """Store what was queued, on a connection of its own."""
        connection = self._engine.connect(asked.settings)
        try:
            if asked.own["database"]:
                connection.use(asked.own["database"])
            with nullcontext() if self.log is None else self.log.around(statement):
                inserts.insert(connection, statement, asked)
        finally:
            connection.close()

    def _whole(self, call: Call, output_format: str | None, result: Result) -> Response:
        """An answer that is all there."""
        self._release(call)
        headers, encode = self._prepare(call, output_format, [result])
        return Response(200, headers, b"".join(encode(iter([result.data]))))

    def _streamed(
        self, call: Call, statement: Statement, output_format: str, *, leaves_nothing: bool
    ) -> Response:
        """An answer in one piece when it is short, else as the engine gives it."""
        assert call.connection is not None
        blocks = call.connection.stream(statement.sql, output_format, call.parameters.bound)
        waits = call.parameters.is_on("wait_end_of_query")
        first: list[Result] = []
        size = 0
        for block in blocks:
            first.append(block)
            size += len(block.data)
            if size >= _BUFFER_BYTES and not waits:
                break
        else:
            call.is_clean = leaves_nothing
            self._release(call)
            headers, encode = self._prepare(
                call, output_format, first, is_one_block=self._engine.streams
            )
            return Response(200, headers, b"".join(encode(iter([r.data for r in first]))))
        headers, encode = self._prepare(
            call, output_format, first, is_one_block=self._engine.streams
        )

        def pieces() -> Iterator[bytes]:
            try:
                for begun in first:
                    yield begun.data
                for block in blocks:
                    yield block.data
            except EngineError as error:
                yield answers.exception_block(error, self._engine.version, call.tag)

        def release() -> None:
            blocks.close()
            self._release(call)

        return Response(200, headers, answers.ResultStream(encode(pieces()), release))

    def _prepare(
        self,
        call: Call,
        output_format: str | None,
        results: list[Result],
        *,
        is_one_block: bool = False,
    ) -> tuple[dict[str, str], Callable[[Iterator[bytes]], Iterator[bytes]]]:
        asked = call.parameters
        compresses = asked.http.get("enable_http_compression")
        wanted = (
            self._engine.compresses_by_default
            if compresses is None
            else compresses.lower() in ("1", "true")
        )
        accepted = call.request.headers.get("accept-encoding", "")
        coding = compression.choose(accepted) if wanted and accepted else None
        headers = self._headers(call.query_id, call.tag)
        headers["X-ClickHouse-Summary"] = answers.summary(results)
        headers["Content-Type"] = answers.content_type(output_format or "")
        if output_format is not None:
            headers["X-ClickHouse-Format"] = output_format
        if coding is not None:
            headers["Content-Encoding"] = coding
        blocks = asked.is_on("compress")
        revision = int(asked.own.get("client_protocol_version") or 0)

        def encode(pieces: Iterator[bytes]) -> Iterator[bytes]:
            if revision and output_format == "Native":
                pieces = (
                    native_revision.convert(piece, revision, is_one_block=is_one_block)
                    for piece in pieces
                )
            return answers.encoded(pieces, blocks=blocks, coding=coding)

        return headers, encode

    def _headers(self, query_id: str, tag: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Server-Display-Name": self._engine.display_name,
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Exception-Tag": tag,
        }

    def _failure(self, error: EngineError, query_id: str, tag: str) -> Response:
        headers = self._headers(query_id, tag)
        headers["X-ClickHouse-Exception-Code"] = str(error.code)
        headers["Content-Type"] = "text/plain; charset=UTF-8"
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        return Response(error.status, headers, error.text(self._engine.version).encode() + b"\n")
