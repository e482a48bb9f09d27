"""The target table as the runner sees it: created, watched while it fills, read at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from harness.checks.evidence import RawRow
from harness.clickhouse.apply_log import ORDER, ROWS
from harness.errors import ScenarioError
from harness.run.applied import begin_log, watched_by
from harness.scenario.ddl import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scenario.model import Scenario

_MOMENT = re.compile(r"(Nullable\()?DateTime")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the target showed at a moment.

    Attributes:
        live: rows of FINAL that are not deleted; -1 while there is no table.
        stored: rows in the table, superseded ones included.
        counters: sum of the write counters of the live rows; 0 without markers.
        mark: changes whenever any stored row does.
        statements: that ClickHouse works on, this look's own left out.
    """

    live: int = -1
    stored: int = -1
    counters: int = 0
    mark: int = 0
    statements: int = 0


def quote(name: str) -> str:
    """An identifier for SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def require_columns(scenario: Scenario, present: Sequence[str]) -> None:
    """Make sure that the columns that a scenario maps are there; write markers may be absent.

    Raises:
        ScenarioError: some are not.
    """
    markers = {scenario.workload.markers.id, scenario.workload.markers.counter}
    mapped = [column.name for column in columns(scenario) if column.name not in markers]
    missing = [name for name in mapped if name not in present]
    if missing:
        raise ScenarioError(
            f"[target] maps {', '.join(missing)}, but {scenario.target.table} has only the columns "
            f"{', '.join(present)}",
            hint="name the columns as the table has them, or map other attributes",
        )


class Target:
    """Reads one scenario's target over ClickHouse's HTTP interface.

    Args:
        scenario: names the table, its version and how a deleted row looks.
        url: `http://user:password@host:port/database`.
    """

    def __init__(self, scenario: Scenario, url: str) -> None:
        self._scenario = scenario
        self._target = scenario.target
        self._markers = scenario.workload.markers
        self._client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
        self._url = url
        self._keeps_log = False
        self.table = f"{quote(self._target.database)}.{quote(self._target.table)}"

    in_real_time = True
    """False where a scheduler decides how long anything waits."""

    _applied_query = f"SELECT * FROM {ROWS} ORDER BY {ORDER}"

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def version(self) -> str:
        """The server's version."""
        return str(self._client.server_version)

    def create(self, statements: list[str]) -> None:
        """Run the scenario's DDL.

        Raises:
            ScenarioError: ClickHouse refuses a statement (the message quotes both), or what they
                make cannot be read as `[target]` says.
        """
        for statement in statements:
            try:
                self._client.command(statement)
            except ClickHouseError as error:
                raise ScenarioError(
                    f"ClickHouse refuses the target's DDL: {_first_line(error)}",
                    hint=f"statement: {' '.join(statement.split())[:300]}",
                ) from error

        if statements:
            self._require_readable()

    def _require_readable(self) -> None:
        """A predicate or view that does not fit shows before anything is written, not after."""
        if not self._target.view and not self.engine():
            raise ScenarioError(
                f"[target] ddl makes no table {self.table}",
                hint="[target] table and database must name the one that is to be compared",
            )
        try:
            self._client.query(f"SELECT * FROM {self.source()} LIMIT 0")
        except ClickHouseError as error:
            raise self._unreadable(error) from error
        require_columns(self._scenario, [name for name, _ in self.described()])

    def _unreadable(self, error: ClickHouseError) -> ScenarioError:
        part, text = "table", self.table
        if self._target.view:
            part, text = "view", self._target.view
        elif self._target.deleted.predicate:
            part, text = "deleted.predicate", self._target.deleted.predicate
        return ScenarioError(
            f"ClickHouse cannot read the target by [target] {part}: {_first_line(error)}",
            hint=f"it says: {' '.join(text.split())[:300]}",
        )

    def run(self, statement: str) -> None:
        """Run a statement of the operator's.

        Raises:
            ScenarioError: ClickHouse refuses it.
        """
        try:
            self._client.command(statement)
        except ClickHouseError as error:
            raise ScenarioError(
                f"ClickHouse refuses {statement[:200]!r}: {_first_line(error)}"
            ) from error

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return [tuple(row) for row in self._client.query(query).result_rows]

    def live_condition(self) -> str:
        """The SQL condition of a row that is not deleted."""
        deleted = self._target.deleted
        if deleted.column:
            return f"{quote(deleted.column)} = 0"
        if deleted.predicate:
            return f"NOT ({deleted.predicate})"
        return "1"

    def source(self) -> str:
        """What to select the live rows from."""
        if self._target.view:
            return f"({self._target.view})"
        return f"(SELECT * FROM {self.live()})"

    def live(self) -> str:
        """The same without parentheses, and so cheaper: what comes after FROM, WHERE included."""
        if self._target.view:
            return f"({self._target.view}) WHERE 1"
        final = " FINAL" if _merges_versions(self.engine()) else ""
        return f"{self.table}{final} WHERE {self.live_condition()}"

    def engine(self) -> str:
        """The table's engine as ClickHouse names it; empty while there is no table."""
        found = self._client.query(
            "SELECT engine FROM system.tables WHERE database = {d:String} AND name = {t:String}",
            parameters={"d": self._target.database, "t": self._target.table},
        ).result_rows
        return str(found[0][0]) if found else ""

    def sample(self) -> Sample:
        """How many rows there are, and a mark that changes with any of them."""
        statements = self._statements_running()
        stored_in = self.table if self.engine() else ""
        if not stored_in and self._target.view:
            stored_in = f"({self._target.view})"
        if not stored_in:
            return Sample(statements=statements)
        counter = self._markers.counter
        counters = f"sum({quote(counter)})" if counter and self._has_counter() else "0"
        try:
            live, total = self._client.query(
                f"SELECT count(), {counters} FROM {self.source()}"
            ).result_rows[0]
            stored, mark = self._client.query(
                f"SELECT count(), sum(cityHash64(*)) FROM {stored_in}"
            ).result_rows[0]
        except ClickHouseError:
            # A pipeline may drop and re-create its table at any moment; the next sample tells.
            return Sample(statements=statements)
        return Sample(int(live), int(stored), int(total or 0), int(mark or 0), statements)

    def _statements_running(self) -> int:
        """A pipeline in the middle of a long INSERT is not idle, though no row shows yet."""
        try:
            return int(
                self._client.query(
                    "SELECT count() FROM system.processes"
                    " WHERE query NOT LIKE '%system.processes%' AND elapsed > 0.1"
                ).result_rows[0][0]
            )
        except ClickHouseError:
            # A user without a right to see them: the rows alone must tell.
            return 0

    def _has_counter(self) -> bool:
        if not hasattr(self, "_counter_found"):
            names = {name for name, _ in self.described()}
            self._counter_found = self._markers.counter in names
        return self._counter_found

    def described(self) -> list[tuple[str, str]]:
        """Column names and types of what is compared.

        Raises:
            ScenarioError: the table or view cannot be described.
        """
        source = f"({self._target.view})" if self._target.view else self.table
        try:
            rows = self._client.query(f"DESCRIBE TABLE {source}").result_rows
        except ClickHouseError as error:
            raise ScenarioError(
                f"target {self._target.database}.{self._target.table} cannot be read: "
                f"{_first_line(error)}",
                hint="the pipeline must create it, or [target] created_by must be 'scenario'",
            ) from error
        return [(str(row[0]), str(row[1])) for row in rows]

    def live_rows(self, columns: list[str]) -> list[dict[str, Any]]:
        """The rows of FINAL that are not deleted, column to value; String values are bytes.

        Raises:
            ScenarioError: `[target]` does not fit the table that the pipeline made.
        """
        kinds = dict(self.described())
        try:
            return self._live_rows(columns, kinds)
        except (ValueError, OverflowError):
            # A moment beyond Python's years, which a pipeline that mistakes the unit stores.
            return self._live_rows(columns, kinds, moments_as_text=True)

    def _live_rows(
        self, columns: list[str], kinds: dict[str, str], *, moments_as_text: bool = False
    ) -> list[dict[str, Any]]:
        moments = [c for c in columns if moments_as_text and _MOMENT.match(kinds.get(c, ""))]
        selected = [_selected(c, kinds.get(c, ""), as_text=c in moments) for c in columns]
        query = f"SELECT {', '.join(selected)} FROM {self.source()}"
        rows: list[dict[str, Any]] = []
        formats = {"String": "bytes", "JSON": "string"}
        try:
            with self._client.query_row_block_stream(query, query_formats=formats) as blocks:
                for block in blocks:
                    rows.extend(dict(zip(columns, row, strict=True)) for row in block)
        except ClickHouseError as error:
            raise self._unreadable(error) from error
        for row in rows:
            row.update({c: _moment(row[c]) for c in moments})
        return rows

    def texts(self, query: str) -> list[tuple[str, ...]]:
        """The rows of a SELECT of texts."""
        return [tuple(row) for row in self._client.query(query).result_rows]

    def raw_rows(self, key_columns: list[str]) -> list[RawRow] | None:
        """Every stored row's key, version and write; None where there is nothing to order by."""
        names = {name for name, _ in self.described()} if not self._target.view else set()
        marker, counter = self._markers.id, self._markers.counter
        if self._target.version not in names or not {marker, counter} <= names or not marker:
            return None
        deleted = f"NOT ({self.live_condition()})"
        columns = [quote(c) for c in [*key_columns, self._target.version]]
        query = (
            f"SELECT {', '.join(columns)}, {deleted}, {quote(marker)}, {quote(counter)} "
            f"FROM {self.table}"
        )
        return self._raw_rows(query, len(key_columns))

    def keep_log(self, scenario: Scenario) -> None:
        """Begin the target's apply log, if its server keeps one."""
        self._keeps_log = begin_log(self._url, watched_by(scenario, self.live_condition()))

    def applied_rows(self, key_columns: list[str]) -> list[RawRow] | None:
        """Every row that entered the table, in that order; None where that was not kept."""
        if not self._keeps_log:
            return None
        try:
            return self._raw_rows(self._applied_query, len(key_columns))
        except ClickHouseError:
            # No such table was ever there, or it lacks the columns.
            return None

    def count_errors(self) -> int | None:
        """Rows of the table in which the pipeline keeps what it could not store, if it has one."""
        found = self._client.query(
            "SELECT name FROM system.tables WHERE database = {d:String} AND name LIKE {t:String}",
            parameters={"d": self._target.database, "t": f"{self._target.table}%error%"},
        ).result_rows
        if not found:
            return None
        table = f"{quote(self._target.database)}.{quote(str(found[0][0]))}"
        return int(self._client.query(f"SELECT count() FROM {table}").result_rows[0][0])

    def _raw_rows(self, query: str, width: int) -> list[RawRow]:
        rows: list[RawRow] = []
        with self._client.query_row_block_stream(query) as blocks:
            for block in blocks:
                rows.extend(_raw_row(row, width) for row in block)
        return rows


def _selected(column: str, kind: str, *, as_text: bool) -> str:
    if as_text:
        return f"toString({quote(column)}, 'UTC') AS {quote(column)}"
    if kind.startswith("JSON"):
        return f"toJSONString({quote(column)}) AS {quote(column)}"
    return quote(column)


def _moment(text: bytes | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text.decode())


def _raw_row(row: Any, width: int) -> RawRow:
    version = row[width]
    number = version if isinstance(version, int) else int(version.timestamp() * 1_000_000)
    return RawRow(
        tuple(row[:width]), number, bool(row[width + 1]), str(row[width + 2]), int(row[width + 3])
    )


def _merges_versions(engine: str) -> bool:
    """Whether FINAL means anything: a plain MergeTree refuses it."""
    plain = engine.removeprefix("Replicated").removeprefix("Shared")
    return plain.endswith("MergeTree") and plain != "MergeTree"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
