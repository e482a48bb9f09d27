"""The life of a pipe from outside: shown, paused, resumed, resynchronised, deleted.

All goes through the pipe's own tables beside the target, so that whoever may write there may steer
it, from any machine. A command is a row of the log; a running pipe looks for a new one every
second. A pipe that does not run follows the last command when it is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.pipelines.reference.bookkeeping import COMMAND, LEASE
from harness.pipelines.reference.clickhouse import ClickHouseError, literal
from harness.pipelines.reference.retry import Stopped

if TYPE_CHECKING:
    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.bookkeeping import Bookkeeping
    from harness.pipelines.reference.clickhouse import ClickHouse

PAUSE, RESUME, RESYNC, STOP = "pause", "resume", "resync", "stop"
CONTROL_SECONDS = 1.0
SETTLE_SECONDS_MAX = 10.0
UNKNOWN_TABLE = 60
RUNNING = ("Running", "Degraded", "Paused")
LOG_ROWS_SHOWN = 10


class Resync(Exception):  # noqa: N818 - a command, nothing failed
    """Begin again: forget every position."""


class Control:
    """What the running pipe has been told.

    Args:
        env: its clock.
        books: holds the commands.
    """

    def __init__(self, env: Environment, books: Bookkeeping) -> None:
        self._env = env
        self._books = books
        self._due_us = 0
        self._seen_us = 0
        self.is_paused = False

    def begin(self) -> None:
        """Take over a pause from before; every other command is past."""
        self._seen_us, command = self._books.last_command()
        self.is_paused = command == PAUSE

    def obey(self) -> bool:
        """Follow a new command; returns True while the pipe must not work.

        Raises:
            Resync: told to begin again.
            Stopped: told to end, or another instance has taken over.
        """
        now = self._env.clock.now_us()
        if now < self._due_us:
            return self.is_paused
        self._due_us = now + round(CONTROL_SECONDS * 1e6)
        if self._books.is_superseded():
            self._books.note("another instance has taken over: this one ends", level="error")
            raise Stopped
        given_us, command = self._books.last_command()
        if given_us <= self._seen_us:
            return self.is_paused
        self._seen_us = given_us
        if command == STOP:
            self._books.note("told to stop", state="Stopped")
            raise Stopped
        if command == RESYNC:
            raise Resync
        was_paused, self.is_paused = self.is_paused, command == PAUSE
        if self.is_paused != was_paused:
            self._books.note(f"told to {command}", state="Paused" if self.is_paused else "Running")
        return self.is_paused


@dataclass(frozen=True, slots=True)
class PipeStatus:
    """What `harness pipe show` tells.

    Attributes:
        state: one of ClickPipes' words: Running, Paused, Degraded, Stopped, Failed.
        units: shards and data files: unit, status, position, records.
        errors: reasons and how many records each has cost.
        log: newest first: time, level, message.
    """

    state: str
    units: list[list[Any]]
    errors: list[list[Any]]
    log: list[list[Any]]


class Pipe:
    """A pipe as seen from outside.

    Args:
        clickhouse: where its target is.
        books: its tables.
        env: clock and chance.

    Raises:
        UsageError: (by each method) there is no such pipe.
    """

    def __init__(self, clickhouse: ClickHouse, books: Bookkeeping, env: Environment) -> None:
        self._clickhouse = clickhouse
        self._books = books
        self._env = env

    def status(self) -> PipeStatus:
        """How it is."""
        books, pipe = self._books, f"WHERE pipe = {literal(self._books.pipe)}"
        return PipeStatus(
            self._state(),
            self._rows(
                f"SELECT unit, status, position, records FROM {books.checkpoints} FINAL {pipe} "
                f"AND source != {literal(LEASE)} ORDER BY unit"
            ),
            self._rows(
                f"SELECT error_msg, uniqExact(record_partition, record_offset) AS n "
                f"FROM {books.errors} GROUP BY error_msg ORDER BY n DESC, error_msg LIMIT 20"
            ),
            self._rows(
                f"SELECT toString(event_time), log_level, message FROM {books.log} {pipe} "
                f"ORDER BY event_time DESC LIMIT {LOG_ROWS_SHOWN}"
            ),
        )

    def pause(self) -> None:
        """Let it finish what it holds and wait; nothing is read until it is resumed."""
        self._command(PAUSE)

    def resume(self) -> None:
        """Let a paused pipe go on where it was."""
        self._command(RESUME)

    def stop(self) -> None:
        """End it; a start resumes at its checkpoints."""
        self._command(STOP)
        give_up = self._env.clock.now() + SETTLE_SECONDS_MAX
        while self._state() in RUNNING and self._env.clock.now() < give_up:
            self._env.pause(0.1)

    def resync(self) -> None:
        """Load the snapshot and read the stream again from the beginning.

        Rows that are there already come again with the same version, or a lower one: the target
        is right at every moment.
        """
        is_running = self._state() in RUNNING
        self._command(RESYNC)
        if not is_running:
            self._books.forget()

    def delete(self) -> None:
        """End it and remove its tables; the target stays."""
        if self._state() in RUNNING:
            self.stop()
        for name in (self._books.checkpoints, self._books.errors, self._books.log):
            self._clickhouse.run(f"DROP TABLE IF EXISTS {name} SYNC")

    def _state(self) -> str:
        found = self._rows(
            f"SELECT state FROM {self._books.log} WHERE pipe = {literal(self._books.pipe)} "
            f"AND state != '' AND log_level != {literal(COMMAND)} ORDER BY event_time DESC LIMIT 1"
        )
        if not found:
            raise UsageError(f"there is no pipe {self._books.pipe} beside its target")
        return str(found[0][0])

    def _command(self, command: str) -> None:
        self._state()
        self._books.note(command, level=COMMAND)

    def _rows(self, sql: str) -> list[list[Any]]:
        try:
            return self._clickhouse.rows(sql)
        except ClickHouseError as error:
            if error.code != UNKNOWN_TABLE:
                raise
            raise UsageError(
                f"there is no pipe {self._books.pipe} beside its target",
                hint="its tables are named <target>_clickpipes_…; is the database right?",
            ) from None
