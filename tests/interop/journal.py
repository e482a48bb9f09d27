"""What a consumer in another process says it got, line by line, and what follows from it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

STOP_SECONDS_MAX = 60
WAIT_SECONDS_MAX = 150


@dataclass(frozen=True, slots=True)
class Reading:
    """One record that a consumer was handed.

    Attributes:
        shard: where it stood.
        sequence: its sequence number.
        key: of its item or its partition.
        text: its content.
    """

    shard: str
    sequence: int
    key: str
    text: str


class Consumer:
    """A consumer program; a context manager that ends it in good order.

    Args:
        command: the program and its arguments.
        folder: gets what it says, in files that `name` begins.
        name: unique within the folder.
    """

    def __init__(self, command: list[str], folder: Path, name: str) -> None:
        self.said = folder / f"{name}.out"
        self.complaints = folder / f"{name}.err"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Consumer:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        with self.said.open("wb") as said, self.complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=complaints,
                env=environment,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            if error is None:
                code = self._process.wait(STOP_SECONDS_MAX)
                assert code in (0, -9), f"it ended with {code}: {self.end_of_complaints()}"
        finally:
            self.kill()

    def kill(self) -> None:
        """End it as kill -9 does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def is_running(self) -> bool:
        """True until it ended."""
        return self._process is not None and self._process.poll() is None

    def events(self, name: str) -> list[list[str]]:
        """The words after `name` of each complete line that begins with it."""
        text = self.said.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [words[1:] for words in map(str.split, lines) if words[:1] == [name]]

    def readings(self) -> list[Reading]:
        """All records, in the order they were handed over."""
        return [Reading(e[0], int(e[1]), e[2], e[3]) for e in self.events("record")]

    def ended(self) -> list[str]:
        """The shards that were read to their end and checkpointed there."""
        return [event[0] for event in self.events("end")]

    def end_of_complaints(self) -> str:
        """The last of what it wrote to standard error."""
        return self.complaints.read_text(errors="replace")[-3000:]


def wait_until(is_so: Callable[[], bool], what: str, *consumers: Consumer) -> None:
    """Wait until something holds; a consumer that ends or is late fails the test with its words."""

    def holds() -> bool:
        for consumer in consumers:
            assert consumer.is_running(), f"it ended: {consumer.end_of_complaints()}"
        return is_so()

    try:
        WallClock().wait_until(holds, timeout_seconds=WAIT_SECONDS_MAX, what=what)
    except TimeoutError as error:
        told = "\n".join(consumer.end_of_complaints() for consumer in consumers)
        raise AssertionError(f"{error}\n{told}") from None


def texts_by_key(readings: list[Reading]) -> dict[str, list[str]]:
    """What was read of each key, in that order."""
    found: dict[str, list[str]] = {}
    for reading in readings:
        found.setdefault(reading.key, []).append(reading.text)
    return found
