"""What Lambda itself remembers of a mapping: how far each shard is, and its open window."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import orjson

from harness.pipelines.event_source.windows import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.pipelines.event_source.records import Record


@dataclass(slots=True)
class Checkpoint:
    """One shard.

    Attributes:
        position: sequence number of the last record below which all are done; empty for none.
        ended: the shard is closed and all of it is done.
    """

    position: str = ""
    ended: bool = False
    window: Window = field(default_factory=Window)


class Checkpoints:
    """All shards of a mapping, in one file that is replaced as a whole.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._shards: dict[str, Checkpoint] = {}
        if path.exists():
            for shard_id, kept in orjson.loads(path.read_bytes()).items():
                window = Window(**kept.pop("window"))
                self._shards[shard_id] = Checkpoint(**kept, window=window)

    def __bool__(self) -> bool:
        return bool(self._shards)

    def get(self, shard_id: str) -> Checkpoint:
        """The shard's checkpoint; an unknown shard begins at its start."""
        return self._shards.setdefault(shard_id, Checkpoint())

    def save(self) -> None:
        """Write all of them."""
        with self._lock:
            body = orjson.dumps({shard: asdict(kept) for shard, kept in self._shards.items()})
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(body)
            fresh.replace(self._path)


class Progress:
    """Which records of a shard are done, though lanes finish them out of order."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: deque[str] = deque()
        self._finished: set[str] = set()

    def add(self, records: Sequence[Record]) -> None:
        """Records that were read, in order."""
        with self._lock:
            self._open.extend(record.sequence_number for record in records)

    def finish(self, records: Sequence[Record]) -> str:
        """Records that are done; returns the position up to which all are, if it moved."""
        with self._lock:
            self._finished.update(record.sequence_number for record in records)
            position = ""
            while self._open and self._open[0] in self._finished:
                position = self._open.popleft()
                self._finished.discard(position)
            return position

    def __len__(self) -> int:
        return len(self._open)
