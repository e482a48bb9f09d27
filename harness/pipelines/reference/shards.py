"""Which shards there are, which may be read now, and where each begins.

A child is read only after all its parents were read to their end; a parent that is no longer
listed has expired and counts as read. `iterator_type` applies to the shards that exist when the
pipe is created; shards born later are read from their beginning, whatever it says.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, overload

from harness.pipelines.reference.bookkeeping import ENDED, Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HORIZON = "TRIM_HORIZON"
AT_TIMESTAMP = "AT_TIMESTAMP"

Record = tuple[str, int, bytes]
"""Sequence number, arrival in epoch ms, the change record as JSON bytes.

Where a source keeps partition keys, that is a fourth element, which only virtual columns look for.
"""

EncodedRecord = tuple[str, int, str]
"""The same with the change record in base64, as Kinesis answers it."""


def decoded(data: bytes | str) -> bytes:
    """A change record that may still be in base64."""
    return a2b_base64(data) if isinstance(data, str) else data


class EncodedRecords(Sequence[Record]):
    """Records that are decoded when they are looked at: most of them ClickHouse decodes.

    Args:
        encoded: the records.
    """

    __slots__ = ("_size_bytes", "encoded")

    def __init__(self, encoded: list[EncodedRecord]) -> None:
        self.encoded = encoded
        self._size_bytes = -1

    def __len__(self) -> int:
        return len(self.encoded)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> EncodedRecords: ...

    def __getitem__(self, index: int | slice) -> Record | EncodedRecords:
        if isinstance(index, slice):
            return EncodedRecords(self.encoded[index])
        sequence_number, arrival_ms, text = self.encoded[index]
        return sequence_number, arrival_ms, a2b_base64(text)

    @property
    def size_bytes(self) -> int:
        """Of all of them, once decoded."""
        if self._size_bytes < 0:
            self._size_bytes = sum([len(record[2]) for record in self.encoded]) * 3 // 4
        return self._size_bytes


def size_bytes(records: Sequence[Record]) -> int:
    """Of all change records."""
    if isinstance(records, EncodedRecords):
        return records.size_bytes
    return sum(len(record[2]) for record in records)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as the stream lists it."""

    shard_id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading a shard begins.

    Attributes:
        kind: `AT` includes the record with that sequence number, `AFTER` does not.
        value: epoch seconds of AT_TIMESTAMP, else a sequence number.
        stored_ms: arrival of the last record stored, when resuming; 0 otherwise.
    """

    kind: Literal["TRIM_HORIZON", "AT_TIMESTAMP", "AT", "AFTER"]
    value: str = ""
    stored_ms: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What one read of a shard brought.

    Attributes:
        ended: the shard is closed and this was its last page.
        behind_ms: how far the page's end is behind the shard's.
    """

    shard_id: str
    records: Sequence[Record]
    ended: bool = False
    behind_ms: int = 0

    @property
    def size_bytes(self) -> int:
        """Of all its records."""
        return size_bytes(self.records)


class Reader(Protocol):
    """Reads one shard forward."""

    def read(self) -> Page:
        """The next page; an empty one is not the end."""
        ...

    def close(self) -> None:
        """Let go of what is held open; called when the pipe ends, maybe while a read waits."""
        ...


class Source(Protocol):
    """A stream of change records."""

    binary_layers: int
    name_shown: str

    def identity(self) -> str:
        """Names this very stream: another one of the same name has another identity."""
        ...

    def shards(self) -> list[Shard]:
        """All shards that still hold or may get records, every page of the listing."""
        ...

    def reader(self, shard_id: str, start: Start) -> Reader:
        """A reader of one shard."""
        ...


class Enumerator:
    """Keeps the lineage: what is read, what waits for its parents, what has ended.

    Args:
        first_start: start of the shards of a new pipe, as stored in a checkpoint.
        checkpoints: of this stream; none means that the pipe is new.
        report_loss: told about data that can no longer be read.
    """

    def __init__(
        self,
        *,
        first_start: str,
        checkpoints: dict[str, Checkpoint],
        report_loss: Callable[[str], None],
    ) -> None:
        self._first_start = first_start
        self._is_new = not checkpoints
        self._checkpoints = dict(checkpoints)
        self._report_loss = report_loss
        self._listed: dict[str, Shard] = {}
        self._started: set[str] = set()
        self._ended = {u for u, c in checkpoints.items() if c.status == ENDED}

    def update(self, shards: Iterable[Shard]) -> list[Checkpoint]:
        """Take a complete listing; returns the checkpoints of shards that are new to the pipe."""
        self._listed = {shard.shard_id: shard for shard in shards}
        for unit in sorted(self._checkpoints.keys() - self._listed.keys() - self._ended):
            self._ended.add(unit)
            if unit not in self._started:
                self._report_loss(
                    f"shard {unit} has expired with records that were never read "
                    f"(last one stored: {self._checkpoints[unit].position or 'none'})"
                )
        start = self._first_start if self._is_new else HORIZON
        self._is_new = False
        found = [
            Checkpoint(shard_id, start=start)
            for shard_id in sorted(self._listed.keys() - self._checkpoints.keys())
        ]
        self._checkpoints.update((c.unit, c) for c in found)
        return found

    def take_ready(self) -> list[tuple[Shard, Start]]:
        """Shards to begin now; each is given once."""
        ready = [shard for shard in self._listed.values() if self.is_ready(shard)]
        self._started.update(shard.shard_id for shard in ready)
        return [(shard, self.start(shard.shard_id)) for shard in ready]

    def is_ready(self, shard: Shard) -> bool:
        """Not begun, not ended, and no listed parent still has records."""
        return (
            shard.shard_id not in self._started
            and shard.shard_id not in self._ended
            and all(p in self._ended or p not in self._listed for p in shard.parents)
        )

    def start(self, shard_id: str) -> Start:
        """Where a shard begins: its checkpoint, or its first start."""
        checkpoint = self._checkpoints[shard_id]
        if checkpoint.resume:
            return Start("AT", checkpoint.resume, checkpoint.arrival_ms)
        if checkpoint.position:
            return Start("AFTER", checkpoint.position, checkpoint.arrival_ms)
        if checkpoint.start.startswith(AT_TIMESTAMP):
            return Start("AT_TIMESTAMP", checkpoint.start.removeprefix(AT_TIMESTAMP).strip())
        return Start("TRIM_HORIZON")

    def checkpoint(self, shard_id: str) -> Checkpoint:
        """The stored checkpoint of a shard."""
        return self._checkpoints[shard_id]

    def end(self, shard_id: str) -> None:
        """The shard was read to its end: its children may begin."""
        self._ended.add(shard_id)
