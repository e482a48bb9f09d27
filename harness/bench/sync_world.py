"""Where `harness bench sync` happens: both embedded servers, and pipes as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
import urllib3

from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from harness.bench.contenders import embedded, peak_bytes
from harness.bench.endpoint import Endpoint, UnsupportedError
from harness.bench.measure import reason
from harness.bench.sync_data import pipe
from harness.clock import WallClock, stopwatch
from harness.pipelines.pipeline import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POLL_SECONDS = 0.05
PATIENCE_SHARE = 0.5
PATIENCE_SECONDS_MAX = 5.0
APPLY_SECONDS_MAX = 900.0
STOP_SECONDS_MAX = 15.0
OK = 200
CLICKPIPES = ("harness.pipelines.process", "clickpipes")
USER_TICKS, SYSTEM_TICKS = 11, 12
HELD = ("harness.bench.sync_held", "clickpipes-held")
_clock = WallClock()


@dataclass(slots=True)
class Target:
    """The embedded ClickHouse as the bench asks it: one keep-alive connection."""

    server: EmbeddedClickHouse
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    def run(self, sql: str, data: bytes = b"", **settings: object) -> bytes:
        """One statement, with the data of an insert.

        Raises:
            UnsupportedError: ClickHouse refused it.
        """
        base, _, _ = self.server.url.rpartition("/")
        address = urllib3.util.parse_url(base)
        query = urlencode({"query": sql, **settings})
        answer = self._http.request(
            "POST", f"http://{address.host}:{address.port}/?{query}", body=data
        )
        if answer.status != OK:
            raise UnsupportedError(reason(Exception(answer.data[:400].decode(errors="replace"))))
        return answer.data

    def rows(self, sql: str, **settings: object) -> list[list[Any]]:
        """The rows of a SELECT."""
        answer = self.run(f"{sql} FORMAT JSONCompactEachRow", b"", **settings)
        return [orjson.loads(line) for line in answer.splitlines()]

    def final(self, table: str) -> tuple[int, int]:
        """How many rows are there in the end, and a digest of them: equal for equal tables."""
        sql = f"SELECT count(), sum(cityHash64(* EXCEPT version)) FROM {table} FINAL"
        ((count, digest),) = self.rows(sql, output_format_json_quote_64bit_integers=0)
        return int(count), int(digest)

    def drop(self, *tables: str) -> None:
        """Make room, at once."""
        for name in tables:
            self.run(f"DROP TABLE IF EXISTS {name} SYNC")

    def drop_pipe(self, table: str) -> None:
        """A pipe's target and its own tables."""
        self.drop(table, *(f"{table}_clickpipes_{part}" for part in ("checkpoint", "error", "log")))


@dataclass(frozen=True, slots=True)
class World:
    """Both servers and a folder."""

    aws: Endpoint
    target: Target
    folder: Path

    def variables(self, **fields: str) -> dict[str, str]:
        """The environment of a pipeline."""
        values = {
            "aws_endpoint_url": self.aws.url,
            "aws_access_key_id": self.aws.access_key,
            "aws_secret_access_key": self.aws.secret_key,
            "aws_region": self.aws.region,
            "clickhouse_url": self.target.server.url,
            **fields,
        }
        return {VARIABLES[name]: value for name, value in values.items()}


@contextmanager
def world() -> Iterator[World]:
    """Start both servers; they are gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        embedded().start() as aws,
        EmbeddedClickHouse() as clickhouse,
    ):
        yield World(aws, Target(clickhouse), Path(folder))


@dataclass(frozen=True, slots=True)
class Applied:
    """What one pipe did.

    Attributes:
        seconds: from the moment when it knew its shards until its last checkpoint.
        peak_bytes: the most resident memory that its process had.
        final: as `Target.final`.
        cpu_seconds: in that time, of the processes `pipe`, `clickhouse` and `aws`.
    """

    seconds: float
    peak_bytes: int
    final: tuple[int, int]
    cpu_seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def running(
    here: World, table: str, program: Sequence[str] = CLICKPIPES, **changes: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A pipe as a process, stopped afterwards; its target and its tables stay.

    Args:
        here: the servers.
        table: its target.
        program: module and pipeline.
        changes: of the pipe.

    Raises:
        UnsupportedError: it ended by itself.
    """
    config = here.folder / f"{table}.json"
    config.write_bytes(orjson.dumps(pipe(table, **changes)))
    log = here.folder / f"{table}.log"
    command = [sys.executable, "-m", *program]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*command, "--config", str(config)],
            env=environment | here.variables(target=table),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
        if process.poll() is not None:
            raise UnsupportedError(reason(Exception(log.read_text(errors="replace")[-400:])))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def apply(
    here: World, stream: str, records: int, table: str, program: Sequence[str] = CLICKPIPES
) -> Applied:
    """Let a new pipe apply what waits in a stream.

    Raises:
        UnsupportedError: it ended before, or took too long.
    """
    elapsed = stopwatch()
    begun: float | None = None
    look_again = 0.0
    with running(here, table, program, stream_name=stream) as process:
        used = {"pipe": process.pid, "clickhouse": here.target.server.pid, "aws": here.aws.pid}
        before: dict[str, float] = {}

        def done() -> bool:
            nonlocal begun, look_again
            if elapsed() < look_again:
                return False
            shards, stored = _progress(here.target, table)
            now = elapsed()
            if shards and begun is None:
                begun = now
                before.update({name: cpu_seconds(pid) for name, pid in used.items()})
            look_again = now + _patience(stored, records, now - (begun or now))
            return stored >= records or process.poll() is not None

        _clock.wait_until(
            done, timeout_seconds=APPLY_SECONDS_MAX, what="the pipe", step_seconds=POLL_SECONDS
        )
        seconds = elapsed() - (begun or 0.0)
        peak, spent = 0, {}
        if process.poll() is None:
            peak = peak_bytes(process.pid)
            spent = {name: cpu_seconds(pid) - before[name] for name, pid in used.items()}
    return Applied(seconds, peak, here.target.final(table), spent)


def cpu_seconds(pid: int | None) -> float:
    """What a process has used of all cores."""
    if pid is None:
        return 0.0
    told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(told[USER_TICKS]) + int(told[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def _patience(stored: int, records: int, seconds: float) -> float:
    """How long not to ask: each question takes ClickHouse 5 ms, which the plain way is spared."""
    if not stored:
        return 0.0
    left = seconds * (records - stored) / stored
    return min(PATIENCE_SECONDS_MAX, left * PATIENCE_SHARE)


def _progress(target: Target, table: str) -> tuple[int, int]:
    """How many shards the pipe knows, and how many of their records are stored."""
    try:
        found = target.rows(
            "SELECT count(), sum(stored) FROM (SELECT max(records) AS stored "
            f"FROM {table}_clickpipes_checkpoint WHERE startsWith(unit, 'shardId-') GROUP BY unit)",
            output_format_json_quote_64bit_integers=0,
        )
    except UnsupportedError:
        return 0, 0  # there is no such table yet
    return int(found[0][0]), int(found[0][1] or 0)
