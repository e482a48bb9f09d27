"""Everything that happened in a run, in order: an append-only file of JSON lines.

Each line is one event: `{"at": <epoch µs>, "event": <kind>, ...}`. The kinds and their members:

| event | members |
|---|---|
| `run` | scenario, pipeline, seed, versions |
| `phase` | name, state `started` or `ended` |
| `write` | number, kind put/update/delete, phase, key, id, counter, started_us, outcome, error |
| `export` | state, export_arn, export_time, items |
| `pipeline` | incarnation, state `started`, `stopped`, `killed` or `exited`, exit_code |
| `request` | service, operation, subject, ordinal, attempt, status: one of the pipeline's; of a page records, first, last; of an INSERT rows |
| `records` | as `request`: an event of SubscribeToShard that carried records |
| `fault` | fault, had_effect, and the request that met it |
| `change` | number, key, kind `PUT` or `REMOVE`, time_us: as the relay first delivered it |
| `delivery` | number, key, kind, copy, outcome, shard, sequence_number: a change on its way into the stream |
| `operator` | act, and what it acted on: stepped runs |
| `sample` | rows, counters: what FINAL showed at a moment |
| `settled` | how, seconds |
| `verdict` | the run's verdict and each check's |

`outcome` is `acked`, `refused` (it certainly did not happen) or `unknown` (it may have happened).
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.clock import Clock

Event = dict[str, Any]


class History:
    """Writes the events of one run; may be used from several threads.

    Args:
        path: the file; it is created, never overwritten.
        clock: stamps each event.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._file = path.open("xb", buffering=1 << 16)

    def add(self, event: str, **members: Any) -> None:
        """Append one event; members must be JSON values."""
        line = orjson.dumps({"at": self._clock.now_us(), "event": event, **members})
        with self._lock:
            self._file.write(line + b"\n")

    def flush(self) -> None:
        """Hand what is buffered to whoever reads the file now."""
        with self._lock:
            self._file.flush()

    def close(self) -> None:
        """Write out what is buffered."""
        with self._lock:
            if not self._file.closed:
                self._file.close()


def read(path: Path) -> Iterator[Event]:
    """The events of a history file, oldest first; a last line cut short by a crash is left out."""
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield orjson.loads(line)
