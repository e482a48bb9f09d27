"""ClickHouse's engine in this process: chDB. The only module that touches it.

One engine per process, data in one folder. Connections are cheap (0.1 ms) and independent: each
has its own current database, settings and temporary tables, and each runs its own query, so a long
SELECT holds up nobody (measured on chdb 4.4.0). chdb 3.1.2 (ClickHouse 24.8) has one connection, which
all share, and runs one query at a time.

The data of an insert are a file that the statement names, `FROM INFILE`, and that lives in memory
where the system has such files: 1.9M rows/s of JSON, against 0.6M/s for data inside the query. chDB's
streaming insert is as quick but loses errors: what fails after parsing (a constraint, an expression
that throws, a view, too many parts) is answered like a success while nothing is stored.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clickhouse.errors import EngineError
from harness.clickhouse.statements import quote_name, quote_text
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

STREAMED_FORMATS = frozenset(
    {"Native", "TabSeparated", "TSV", "TSVRaw", "TabSeparatedRaw", "CSV", "RowBinary"}
    | {
        "JSONEachRow",
        "JSONLines",
        "NDJSON",
        "JSONCompactEachRow",
        "JSONStringsEachRow",
        "LineAsString",
    }
)
"""Formats without header or footer: chDB encodes block by block, and blocks just follow each other."""

_INLINE_FORMATS = frozenset({"JSONEachRow", "JSONCompactEachRow"})
_SERVER_SETTINGS = {"implicit_select": "0", "allow_introspection_functions": "0"}
"""What chDB sets differently from a server."""

_GENERAL_SINCE = (25, 3)
_EXPERIMENTAL_TYPES = {
    f"allow_experimental_{kind}_type": "1" for kind in ("json", "variant", "dynamic")
}
"""Types that are general since 25.3. Who stores them in an older server has switched them on there."""

_FILE_SOURCE = re.compile(
    r"\(in file/uri [^()]*\): |: While executing File: data for INSERT was parsed from file"
)
"""What the engine adds to the reason for a bad row, because it reads rows from a file."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one statement gave: encoded rows and the engine's counts.

    Attributes:
        data: rows in the format asked for.
        seconds: the engine's own time.
    """

    data: bytes = b""
    rows: int = 0
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    seconds: float = 0.0


class Engine:
    """The engine with its data folder.

    Args:
        path: data folder, made when it does not exist; None for one that goes with the engine.
        settings: of every connection, beneath its own.
        inline_bytes_max: rows of an INSERT of JSON that are no longer go within the query. A file is
            quicker for long ones, the query for a few rows.
        config: a file of server settings, in ClickHouse's own XML.

    Raises:
        BackendError: the folder cannot be made or written, or the engine refuses it.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        inline_bytes_max: int = 0,
        config: Path | None = None,
    ) -> None:
        self._inline_bytes_max = inline_bytes_max
        self._owned = None if path else Path(tempfile.mkdtemp(prefix="clickhouse-"))
        self.path = path or self._owned or Path()
        self._where = str(self.path) + (f"?config-file={config}" if config else "")
        try:
            _require_writable(self.path)
            self._chdb = _load()
            try:
                self._first = self._chdb.connect(self._where)
            except Exception as error:  # chDB raises bare RuntimeError for whatever it meets
                raise BackendError(
                    f"ClickHouse's engine cannot start on {self.path}: {error}",
                    hint="another process may hold the folder; free disk space or choose another",
                ) from error
        except BaseException:
            self._remove()
            raise
        self.streams = hasattr(self._first, "send_query")
        self._settings: dict[str, str] = {}
        self._lock = threading.Lock()
        probe = self.connect()
        self._default(probe, {**_SERVER_SETTINGS, **(settings or {})})
        row = probe.query(
            b"SELECT version(), timezone(), hostName(), "
            b"(SELECT value FROM system.settings WHERE name = 'enable_http_compression')",
            "TabSeparated",
        )
        self.version, self.timezone, self.display_name, compresses = (
            row.data.decode().rstrip("\n").split("\t")
        )
        year, month = self.version.split(".")[:2]
        if (int(year), int(month)) < _GENERAL_SINCE:
            self._default(probe, {**_EXPERIMENTAL_TYPES, **(settings or {})})
        probe.close()
        self.compresses_by_default = compresses == "1"

    def _default(self, probe: Connection, settings: Mapping[str, str]) -> None:
        """Let every connection begin with those of the settings that this release knows."""
        for name, value in settings.items():
            try:
                probe.set({name: value})
            except EngineError as error:
                if error.name != "UNKNOWN_SETTING":  # older releases lack some of them
                    raise
            else:
                self._settings[name] = value

    def connect(self, settings: Mapping[str, str] | None = None) -> Connection:
        """A connection of its own, with `settings` applied; close it after use.

        Raises:
            EngineError: a setting is unknown or its value is wrong.
        """
        connection = self._connection()
        try:
            connection.set({**self._settings, **(settings or {})})
        except EngineError:
            connection.close()
            raise
        return connection

    def _connection(self) -> Connection:
        if not self.streams:
            from harness.clickhouse.shared_connection import SharedConnection

            return SharedConnection(self._first, self._lock)
        return Connection(
            self._chdb.connect(self._where),
            streams=self.streams,
            inline_bytes_max=self._inline_bytes_max,
        )

    def close(self) -> None:
        """Stop the engine and remove a temporary folder."""
        self._first.close()
        self._remove()

    def _remove(self) -> None:
        if self._owned is not None:
            shutil.rmtree(self._owned, ignore_errors=True)


class Connection:
    """One chDB connection: one query at a time.

    Every method raises `EngineError` with what the engine said.
    """

    def __init__(self, handle: Any, *, streams: bool, inline_bytes_max: int = 0) -> None:
        self._handle = handle
        self._inline_bytes_max = inline_bytes_max
        self._streams = streams

    def set(self, settings: Mapping[str, str], params: Mapping[str, str] | None = None) -> None:
        """Apply settings, and parameters of statements that cannot take them with the call."""
        assignments = [f"{name} = {quote_text(value)}" for name, value in settings.items()]
        assignments += [f"param_{k} = {quote_text(v)}" for k, v in (params or {}).items()]
        if assignments:
            self._call("query", "SET " + ", ".join(assignments), "Null")

    def use(self, database: str) -> None:
        """Make `database` the current one."""
        self._call("query", f"USE {quote_name(database)}", "Null")

    def query(
        self, sql: bytes, output_format: str, params: Mapping[str, str] | None = None
    ) -> Result:
        """Run a statement and take its whole result."""
        raw = self._call("query", sql, output_format, **self._with_params(params))
        result = _result(raw)
        # An error in the result instead of an exception is how older releases report some.
        if raw.has_error():
            raise EngineError.parse(raw.error_message())
        return result

    def stream(
        self, sql: bytes, output_format: str, params: Mapping[str, str] | None = None
    ) -> Generator[Result, None, None]:
        """Run a SELECT and take its result block by block.

        Closing the iterator ends the query. Releases that cannot stream give one block.
        """
        if not self._streams:
            yield self.query(sql, output_format, params)
            return
        handle = self._call("send_query", sql, output_format, **self._with_params(params))
        ended = False
        try:
            while True:
                raw = self._call("streaming_fetch_result", handle)
                size = raw.size()
                if raw.rows_read() == 0 and size == 0:
                    break
                yield _result(raw)
            ended = True
        except EngineError:
            ended = True
            raise
        finally:
            if not ended:
                self._call("streaming_cancel_query", handle)

    def insert(
        self,
        sql: bytes,
        input_format: str,
        data: bytes,
        params: Mapping[str, str] | None = None,
        *,
        settings_at: int | None = None,
    ) -> Result:
        """Insert `data`.

        Args:
            sql: ends before FORMAT or VALUES.
            settings_at: where its SETTINGS clause begins, if it has one.
        """
        if 0 < len(data) <= self._inline_bytes_max and input_format in _INLINE_FORMATS:
            head = sql + f" FORMAT {input_format}\n".encode()
            return self.query(head + data, "Null", params)
        with _data_file(data) as path:
            if not self._streams:
                # Columns, types and defaults are those of the target: the engine takes the
                # structure of file() from the table that is inserted into.
                source = f" SELECT * FROM file({quote_text(path)}, {quote_text(input_format)})"
                return self.query(sql + source.encode(), "Null", params)
            at = len(sql) if settings_at is None else settings_at
            source = f" FROM INFILE {quote_text(path)} COMPRESSION 'none' "
            ending = f" FORMAT {input_format}"
            whole = sql[:at] + source.encode() + sql[at:] + ending.encode()
            try:
                return self.query(whole, "Null", params)
            except EngineError as error:
                told = _FILE_SOURCE.sub("", error.message)
                raise EngineError(error.code, error.name, told) from None

    def insert_through_input(
        self,
        sql: bytes,
        call: tuple[int, int],
        input_format: str,
        data: bytes,
        params: Mapping[str, str] | None = None,
    ) -> Result:
        """`INSERT … SELECT … FROM input('…') FORMAT …`: `input` reads a file instead."""
        with _data_file(data) as path:
            opening = sql.index(b"(", call[1]) + 1
            source = f"file({quote_text(path)}, {quote_text(input_format)}, ".encode()
            return self.query(sql[: call[0]] + source + sql[opening:], "Null", params)

    def close(self) -> None:
        """Close; temporary tables go with it."""
        self._handle.close()

    def _with_params(self, params: Mapping[str, str] | None) -> dict[str, Any]:
        if not params:
            return {}
        if not self._streams:
            self.set({}, params)
            return {}
        return {"params": dict(params)}

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        try:
            return getattr(self._handle, method)(*arguments, **named)
        except RuntimeError as error:
            raise EngineError.parse(str(error)) from None


@contextmanager
def _data_file(data: bytes) -> Iterator[str]:
    """The path of a file that holds `data`, in memory where the system can."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile(prefix="insert-") as file:
            file.write(data)
            file.flush()
            yield file.name
        return
    with os.fdopen(os.memfd_create("insert"), "wb", buffering=0) as file_in_memory:
        left = memoryview(data)
        while left:
            left = left[file_in_memory.write(left) :]
        yield f"/proc/self/fd/{file_in_memory.fileno()}"


def _result(raw: Any) -> Result:
    written = getattr(raw, "rows_written", None)
    return Result(
        data=raw.bytes(),
        rows=raw.rows_read(),
        read_rows=raw.storage_rows_read() if hasattr(raw, "storage_rows_read") else raw.rows_read(),
        read_bytes=raw.storage_bytes_read()
        if hasattr(raw, "storage_bytes_read")
        else raw.bytes_read(),
        written_rows=written() if written else 0,
        written_bytes=raw.bytes_written() if written else 0,
        seconds=raw.elapsed(),
    )


def _load() -> Any:
    """ChDB's inner module: 1.8 s the first time on a cold disk, hence only when needed."""
    try:
        from chdb import _chdb
    except ImportError as error:
        raise BackendError(
            f"ClickHouse's engine cannot be loaded: {error}", hint="pip install chdb"
        ) from error
    return _chdb


def _require_writable(path: Path) -> None:
    probe = path / f".writable-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
    except OSError as error:
        probe.unlink(missing_ok=True) if path.is_dir() else None
        raise BackendError(
            f"ClickHouse's data folder {path} cannot be written: {error.strerror}",
            hint="choose another folder, or free some space",
        ) from error
