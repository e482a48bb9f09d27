"""What the pipe keeps in ClickHouse itself, beside the target: checkpoints, errors, its log.

- `<target>_clickpipes_checkpoint`: one row per shard or data file; the newest revision counts. It
  names the stream's identity (ARN and creation time), so that a stream recreated under the same
  name does not resume at positions of the old one. A row is one insert: there is no moment in
  which the old position is gone and the new one not there.
- `<target>_clickpipes_error`: what could not be stored, raw, with its reason; kept 7 days.
- `<target>_clickpipes_log`: states and notable events; the last row with a state says how it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from harness.pipelines.reference.cells import bytes_cell
from harness.pipelines.reference.clickhouse import ClickHouseError, literal, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.clock import Clock
    from harness.pipelines.reference.clickhouse import ClickHouse

ENDED = "ended"
OPEN = "open"
ORPHANS = "orphans"
"""Unit of an export, once all of it is loaded; its start is then the floor, in epoch µs."""
COMMAND = "command"
LEASE, FORGOTTEN = "lease", "forgotten"
ACCESS_DENIED = 497
EPOCH_BITS = 40
"""A revision is the instance's epoch and, below it, a count of what it has saved."""
SYNC_INSERT = {"async_insert": 0}
ERROR_COLUMNS = (
    "error_timestamp", "error_type", "error_msg", "record_key", "record_value",
    "record_timestamp", "record_partition", "record_offset",
)  # fmt: skip

CHECKPOINT_TABLE = """CREATE TABLE IF NOT EXISTS {name} (
    pipe String, source String, unit String, start String, position String, resume String,
    status LowCardinality(String), arrival_ms Int64, records UInt64, revision UInt64
) ENGINE = ReplacingMergeTree(revision) ORDER BY (pipe, source, unit)"""
# Kept by the server's clock, which decides on the TTL: the pipe's own may be another.
ERROR_TABLE = """CREATE TABLE IF NOT EXISTS {name} (
    error_timestamp DateTime64(3, 'UTC'), error_type LowCardinality(String), error_msg String,
    record_key String, record_value String, record_timestamp DateTime64(3, 'UTC'),
    record_partition String, record_offset String, kept_since DateTime MATERIALIZED now()
) ENGINE = MergeTree ORDER BY (record_partition, record_offset)
TTL kept_since + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 1000"""
LOG_TABLE = """CREATE TABLE IF NOT EXISTS {name} (
    event_time DateTime64(6, 'UTC'), pipe String, log_level LowCardinality(String),
    state LowCardinality(String), message String
) ENGINE = MergeTree ORDER BY (pipe, event_time)"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one shard or data file is safely in ClickHouse.

    Attributes:
        unit: shard id, or key of a data file.
        start: where it began: `TRIM_HORIZON`, `AT_TIMESTAMP <epoch seconds>`; of the unit `ORPHANS`
            the stamp in epoch µs below which the export has everything.
        position: sequence number of the last record stored; empty before the first.
        resume: sequence number to read again from at a restart (at or before `position`).
        status: `open`, or `ended` when nothing more will come.
        arrival_ms: when the record at `position` reached the stream.
        records: how many were stored or put into the error table.
    """

    unit: str
    start: str = "TRIM_HORIZON"
    position: str = ""
    resume: str = ""
    status: str = OPEN
    arrival_ms: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A record that could not be stored."""

    reason: str
    record: bytes
    partition: str
    offset: str
    timestamp_ms: int = 0
    key: str = ""
    kind: str = "record"


class PipeNames(Protocol):
    """What names a pipe: a PipeConfig, or less."""

    @property
    def name(self) -> str:
        """Of the pipe."""
        ...

    @property
    def database(self) -> str:
        """Of its target."""
        ...

    @property
    def table(self) -> str:
        """Its target."""
        ...


@dataclass(frozen=True, slots=True)
class _Names:
    name: str
    database: str
    table: str


@dataclass(frozen=True, slots=True)
class _Row:
    source: str
    revision: int
    checkpoint: Checkpoint


def _forgotten(rows: Iterable[_Row]) -> int:
    """Revisions up to this one count for nothing."""
    return max(
        (r.revision for r in rows if (r.source, r.checkpoint.unit) == (LEASE, FORGOTTEN)), default=0
    )


class Bookkeeping:
    """The pipe's own tables.

    Args:
        clickhouse: where the target is.
        config: names the pipe and its target.
        clock: stamps rows and makes revisions grow.

    Attributes:
        floor_us: the highest floor of the exports that this pipe has loaded, known once it was
            claimed (see floor.py); 0 for none.
    """

    def __init__(self, clickhouse: ClickHouse, config: PipeNames, clock: Clock) -> None:
        self._clickhouse = clickhouse
        self._config = config
        self._clock = clock
        self._revision = 0
        self._owner = ""
        self._claimed: list[_Row] | None = None
        self._used: set[str] = set()
        self.floor_us = 0
        self.pipe = config.name
        self.checkpoints = self._name("checkpoint")
        self.errors = self._name("error")
        self.log = self._name("log")

    @classmethod
    def beside(cls, clickhouse: ClickHouse, table: str, clock: Clock) -> Bookkeeping:
        """The tables of the pipe that is named as its target."""
        return cls(clickhouse, _Names(table, clickhouse.database, table), clock)

    def create(self) -> None:
        """Make the tables that are missing."""
        for name, statement in (
            (self.checkpoints, CHECKPOINT_TABLE),
            (self.errors, ERROR_TABLE),
            (self.log, LOG_TABLE),
        ):
            self._clickhouse.run(statement.format(name=name))

    def claim(self) -> None:
        """Take the pipe over: from now on no earlier instance can change a checkpoint.

        An earlier one may still be at work, paused or cut off. Whatever it saves has a lower epoch
        and so never replaces what this one saves; it ends once it sees that it `is_superseded`.
        """
        found = self._rows()
        newest = max((row.revision for row in found), default=0)
        forgotten = _forgotten(found)
        moments = [
            int(row.checkpoint.start)
            for row in found
            if row.checkpoint.unit == ORPHANS
            and row.revision > forgotten
            and row.checkpoint.start.isdigit()
        ]
        self.floor_us = max(moments, default=0)
        self._revision = ((newest >> EPOCH_BITS) + 1) << EPOCH_BITS
        self._owner = str(self._clock.now_us())
        self._insert(self.checkpoints, [self._line(LEASE, Checkpoint(LEASE, start=self._owner))])
        self._claimed, self._used = found, set()

    def is_superseded(self) -> bool:
        """True once another instance has taken the pipe over."""
        found = self._clickhouse.rows(
            f"SELECT start FROM {self.checkpoints} FINAL "
            f"WHERE pipe = {literal(self._config.name)} AND source = {literal(LEASE)} "
            f"AND unit = {literal(LEASE)}"
        )
        return bool(found) and found[0][0] != self._owner

    def load(self, source: str) -> dict[str, Checkpoint]:
        """Every checkpoint of one stream or export, by unit, that was not forgotten since.

        The first time as the claim has found it: who saves there since is somebody who was superseded.
        """
        is_known = source not in self._used
        self._used.add(source)
        found = self._claimed if is_known and self._claimed is not None else self._rows()
        forgotten = _forgotten(found)
        return {
            row.checkpoint.unit: row.checkpoint
            for row in found
            if row.source == source and row.revision > forgotten
        }

    def _rows(self) -> list[_Row]:
        # Sorted out here: with a longer condition, or sums, ClickHouse takes half as long again.
        found = self._clickhouse.rows(
            "SELECT unit, start, position, resume, status, arrival_ms, records, source, revision "
            f"FROM {self.checkpoints} FINAL WHERE pipe = {literal(self._config.name)}"
        )
        return [
            _Row(
                row[7],
                int(row[8]),
                Checkpoint(
                    unit=row[0],
                    start=row[1],
                    position=row[2],
                    resume=row[3],
                    status=row[4],
                    arrival_ms=int(row[5]),
                    records=int(row[6]),
                ),
            )
            for row in found
        ]

    def sources(self) -> list[str]:
        """Identities of all streams and exports that this pipe has read from."""
        return [
            row[0]
            for row in self._clickhouse.rows(
                f"SELECT DISTINCT source FROM {self.checkpoints} "
                f"WHERE pipe = {literal(self._config.name)} AND source != {literal(LEASE)}"
            )
        ]

    def save(self, source: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Write checkpoints, all in one insert; call only for what ClickHouse has acknowledged."""
        self._revision += 1
        self._used.add(source)
        lines = [self._line(source, checkpoint) for checkpoint in checkpoints]
        if lines:
            self._insert(self.checkpoints, lines)

    def _line(self, source: str, checkpoint: Checkpoint) -> bytes:
        c = checkpoint
        return orjson.dumps(
            [
                self._config.name, source, c.unit, c.start, c.position, c.resume, c.status,
                c.arrival_ms, c.records, self._revision,
            ]
        )  # fmt: skip

    def add_errors(self, rows: list[ErrorRow], token: str) -> None:
        """Keep records that could not be stored."""
        now = self._clock.now_us() / 1e6
        lines = [
            orjson.dumps(
                [
                    f"{now:.3f}", row.kind, row.reason, row.key,
                    bytes_cell(row.record), f"{row.timestamp_ms / 1000:014.3f}",
                    row.partition, row.offset,
                ]
            )
            for row in rows
        ]  # fmt: skip
        if lines:
            self._insert(self.errors, lines, {"insert_deduplication_token": token})

    def note(self, message: str, *, state: str = "", level: str = "info") -> None:
        """Write to the log; a state tells how the pipe is from now on."""
        now = self._clock.now_us()
        row = [
            f"{now // 1_000_000}.{now % 1_000_000:06d}",
            self._config.name,
            level,
            state,
            message,
        ]
        self._insert(self.log, [orjson.dumps(row)])

    def last_command(self) -> tuple[int, str]:
        """When the last command was given, in epoch µs, and what it says; 0 when none was."""
        found = self._clickhouse.rows(
            "SELECT toString(toUnixTimestamp64Micro(event_time)), message "
            f"FROM {self.log} WHERE pipe = {literal(self._config.name)} "
            f"AND log_level = {literal(COMMAND)} ORDER BY event_time DESC LIMIT 1"
        )
        return (int(found[0][0]), str(found[0][1])) if found else (0, "")

    def forget(self) -> None:
        """Drop every position of this pipe, those too that an earlier instance has yet to save."""
        self.claim()
        self._claimed = None
        self.floor_us = 0
        self._insert(self.checkpoints, [self._line(LEASE, Checkpoint(FORGOTTEN))])
        try:
            self._clickhouse.run(
                f"ALTER TABLE {self.checkpoints} DELETE WHERE pipe = {literal(self._config.name)} "
                f"AND source != {literal(LEASE)} SETTINGS mutations_sync = 2"
            )
        except ClickHouseError as error:
            # They count for nothing any more: a user without the right leaves them.
            if error.code != ACCESS_DENIED:
                raise

    def _name(self, suffix: str) -> str:
        table = f"{self._config.table}_clickpipes_{suffix}"
        return f"{quote(self._config.database)}.{quote(table)}"

    def _insert(
        self, table: str, lines: list[bytes], settings: dict[str, Any] | None = None
    ) -> None:
        self._clickhouse.insert(
            f"INSERT INTO {table} FORMAT JSONCompactEachRow",
            b"\n".join(lines),
            {**SYNC_INSERT, **(settings or {})},
        )
