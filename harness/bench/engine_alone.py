"""ClickHouse's engine alone, in a process of its own: what a fuzz example could cost at the least.

One round makes a table, inserts eight times, reads FINAL three times and drops the table. Rounds are
asked for between examples, so that both figures come from the same minute of the same machine.

    python -m harness.bench.engine_alone    # one line in, one line out: milliseconds of a round
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.clickhouse.engine import Engine
from harness.clock import stopwatch
from harness.run.step_world import SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.clickhouse.engine import Connection

INSERTS, READS, ROWS = 8, 3, 3
WARM_ROUNDS = 3
END_SECONDS_MAX = 30.0
TABLE = b"""CREATE TABLE alone (
    id String, value Int64, label Nullable(String), price Decimal(38, 9), tags Array(String),
    version UInt64, is_deleted UInt8
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id"""


@contextmanager
def engine_alone() -> Iterator[Callable[[], float]]:
    """Gives what runs a round and tells its milliseconds."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asking, answers = process.stdin, process.stdout

        def ask() -> float:
            print(file=asking, flush=True)
            return float(answers.readline())

        try:
            yield ask
        finally:
            asking.close()
            process.wait(END_SECONDS_MAX)


def run_round(connection: Connection) -> float:
    """Milliseconds of one round."""
    elapsed = stopwatch()
    connection.query(TABLE, "Null")
    for version in range(INSERTS):
        rows = [b'["k%d",%d,"x","1.5",["a"],%d,0]' % (key, version, version) for key in range(ROWS)]
        connection.query(
            b"INSERT INTO alone FORMAT JSONCompactEachRow\n" + b"\n".join(rows), "Null"
        )
    for _ in range(READS):
        connection.query(b"SELECT * FROM alone FINAL WHERE is_deleted = 0", "JSONCompactEachRow")
    connection.query(b"DROP TABLE alone SYNC", "Null")
    return elapsed() * 1000


def main() -> None:
    """Answer each line with a round, until there are no more."""
    # Where examples have theirs: a disk is another machine's from one minute to the next.
    folder = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="engine-alone-", dir=folder) as path:
        engine = Engine(Path(path))
        connection = engine.connect()
        for _ in range(WARM_ROUNDS):
            run_round(connection)
        for _ in sys.stdin:
            print(f"{run_round(connection):.3f}", flush=True)  # noqa: T201 - to who has started it
        connection.close()
        engine.close()


if __name__ == "__main__":
    main()
