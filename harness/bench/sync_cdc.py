"""Change records applied by the pipe, and by the plain insert of the same records.

Both sides have the records in hand, make the same rows in tables of one statement, and end when
ClickHouse has acknowledged all of them; ours also has its checkpoints stored by then. The plain
side may insert 100,000 lines at a time. The pipe does as it is documented: 32 MB, that is about
28,000 of these records.

The same pipe reading from the stream is measured beside it: then GetRecords is in it, in the
emulator and in the client, for which the plain side has nothing. CPU seconds say who takes what;
other programs on the machine change them less than the time.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from harness.bench import sync_data
from harness.bench.dynamodb_cases import fresh_name
from harness.bench.endpoint import UnsupportedError
from harness.bench.kinesis_cases import stream
from harness.bench.measure import Samples
from harness.bench.result import Measured
from harness.bench.rows import Row
from harness.bench.sync_world import CLICKPIPES, HELD, Applied, apply, cpu_seconds
from harness.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.bench.sync_world import World

OURS, RAW = "embedded", "raw"
RAW_BATCH = 100_000
MICROSECONDS = 1_000_000

APPLY = Row("cdc_apply", "records/s", "process", bar=0.5)
FROM_STREAM = Row("cdc_from_stream", "records/s", "process", bar=None)
CPU = {
    name: Row(f"cdc_cpu_{shown}", "µs/record", "process", bar=None, lower_is_better=True)
    for name, shown in (("pipe", "pipe"), ("clickhouse", "clickhouse"), ("aws", "get_records"))
}
ROWS = (APPLY, FROM_STREAM, *CPU.values())


def cdc(here: World, count: int, rounds: int) -> list[Measured]:
    """So many records in four shards: a round is in hand, plain, from the stream, or backwards.

    Raises:
        UnsupportedError: tables differ, or a pipe failed.
    """
    held, read, used = Samples(), Samples(), Samples()
    lines = [data for _, data in islice(sync_data.records(), count)]
    with stream(here.aws) as name:
        sync_data.put(here.aws, name, 0, count)
        for number in range(-1, rounds):
            turns = [HELD, None, CLICKPIPES]
            found: dict[Sequence[str] | None, Applied] = {}
            for program in turns if number % 2 else turns[::-1]:
                if program is None:
                    found[None] = plainly(here, lines)
                else:
                    found[program] = one(here, name, count, program)
            raw = found[None]
            for program in (HELD, CLICKPIPES):
                require_equal(found[program].final, raw.final)
            # The first round warms up what servers that have just begun still have to load.
            if number < 0:
                continue
            for samples, program in ((held, HELD), (read, CLICKPIPES)):
                samples.add(OURS, count / found[program].seconds)
                samples.add(RAW, count / raw.seconds)
            for process, seconds in found[CLICKPIPES].cpu_seconds.items():
                used.add(process, seconds / count * MICROSECONDS)
            used.add(RAW, raw.cpu_seconds["clickhouse"] / count * MICROSECONDS)
    rows = [
        Measured(row, s.median(OURS), {RAW: s.median(RAW)}, paired=s.paired(OURS, RAW))
        for row, s in ((APPLY, held), (FROM_STREAM, read))
    ]
    for process, row in CPU.items():
        plain = {RAW: used.median(RAW)} if process == "clickhouse" else {}
        rows.append(Measured(row, used.median(process), plain))
    return rows


def one(here: World, name: str, count: int, program: Sequence[str] = CLICKPIPES) -> Applied:
    """A new pipe on a stream, into a table that is gone afterwards."""
    table = fresh_name().replace("-", "_")
    try:
        return apply(here, name, count, table, program)
    finally:
        here.target.drop_pipe(table)


def plainly(here: World, lines: list[bytes]) -> Applied:
    """The same records as lines, through the view."""
    table = fresh_name().replace("-", "_")
    raw = f"{table}_raw"
    here.target.run(sync_data.create_target(table))
    for statement in sync_data.raw_stream(raw, table):
        here.target.run(statement)
    bodies = [b"\n".join(lines[n : n + RAW_BATCH]) for n in range(0, len(lines), RAW_BATCH)]
    insert = f"INSERT INTO {raw} FORMAT JSONEachRow"
    elapsed, spent = stopwatch(), cpu_seconds(here.target.server.pid)
    for body in bodies:
        here.target.run(insert, body, input_format_skip_unknown_fields=1)
    seconds = elapsed()
    used = {"clickhouse": cpu_seconds(here.target.server.pid) - spent}
    answer = here.target.final(table)
    here.target.drop(f"{raw}_view", raw, table)
    return Applied(seconds, 0, answer, used)


def require_equal(ours: tuple[int, int], plain: tuple[int, int]) -> None:
    """Hold both tables against each other.

    Raises:
        UnsupportedError: they differ.
    """
    if ours != plain:
        raise UnsupportedError(f"rows and digest are {ours}, by the plain way {plain}")
