"""Applies operations to a DynamoDB endpoint, in order for each key, and tells what became of each.

Operations are dealt to threads by their key, so that one thread sends all operations of a key, one
after the other. Within a thread, neighbours of different keys share a request:

- puts and deletes go in BatchWriteItem, 25 at once; unprocessed ones are sent again;
- updates go in TransactWriteItems, because no batch takes an update. A transaction commits as a
  whole, which no condition can stop here; when one is cancelled, its updates are sent singly;
- an operation whose key waits in a group sends that group first: the order of a key is kept;
- operations of one burst go out on one connection without waiting for answers, each once.

An answer that never came leaves an operation unknown: puts, deletes and transactions (by their
request token) are sent again, which changes nothing if they were applied; a single update is not.
"""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from harness.workload.lanes import BACKOFF_SECONDS, TRIES, Lane, Result
from harness.workload.operations import key_bytes
from harness.workload.wire import DynamoDbWire, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.clock import Clock
    from harness.workload.operations import Operation

JOIN_SECONDS = 0.2
THREADS = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation.

    Attributes:
        operation: what was asked.
        result: acked, refused (not written), or unknown (perhaps written).
        started_us: when the request was first sent, in the clock's microseconds.
        ended_us: when its last answer came.
        request: the DynamoDB operation that carried it.
        error: code and sentence of a refusal.
    """

    operation: Operation
    result: Result
    started_us: int
    ended_us: int
    request: str
    error: str = ""


@dataclass(slots=True)
class Progress:
    """Operations by what became of them, so far."""

    acked: int = 0
    refused: int = 0
    unknown: int = 0

    @property
    def done(self) -> int:
        """All that were answered or given up."""
        return self.acked + self.refused + self.unknown


class Writer:
    """Writes operations to one table.

    Args:
        endpoint_url: where DynamoDB is.
        region: AWS region.
        access_key: AWS access key id.
        secret_key: AWS secret access key.
        table_name: the table.
        clock: gives the times of outcomes, waits between tries, and the transactions' tokens.
        on_outcome: called once for each operation, one call at a time, from any thread.
        threads: how many requests may be under way at once.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        region: str,
        access_key: str,
        secret_key: str,
        table_name: str,
        clock: Clock,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
        threads: int = THREADS,
    ) -> None:
        self.progress = Progress()
        self.table_name = table_name
        self.clock = clock
        self.wire = DynamoDbWire(endpoint_url, region, access_key, secret_key, connections=threads)
        self._on_outcome = on_outcome
        self._threads = threads
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._tokens = clock.substream("tokens")

    def write(self, operations: Iterable[Operation]) -> None:
        """Send operations and return when each has its outcome, or after `stop`.

        Raises:
            Exception: whatever `on_outcome` raised.
        """
        shares: list[list[Operation]] = [[] for _ in range(self._threads)]
        for operation in operations:
            shares[zlib.crc32(key_bytes(operation.key)) % self._threads].append(operation)
        threads = [
            threading.Thread(target=self._run, args=(share,), daemon=True, name="writer")
            for share in shares
            if share
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                # A join without a bound would not let Ctrl-C through.
                while thread.is_alive():
                    thread.join(JOIN_SECONDS)
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Send nothing more; requests under way are still answered."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """True when nothing more is to be sent."""
        return self._stopping.is_set()

    def close(self) -> None:
        """Stop and close the connections."""
        self.stop()
        self.wire.close()

    def _run(self, share: list[Operation]) -> None:
        try:
            lane = Lane(self)
            for burst, operations in groupby(share, key=attrgetter("burst")):
                for operation in operations if burst is None else ():
                    if self._stopping.is_set():
                        return
                    lane.add(operation)
                if burst is not None:
                    lane.send_burst(list(operations))
            lane.send_all()
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
            self._failure = self._failure or error
            self.stop()

    def token(self) -> str:
        """A request token for one transaction."""
        with self._lock:
            return f"{self._tokens.getrandbits(128):032x}"

    def settle(
        self,
        operations: Iterable[Operation],
        result: Result,
        started_us: int,
        request: str,
        error: str = "",
    ) -> None:
        """Tell the outcome of operations that one request carried."""
        ended_us = self.clock.now_us()
        with self._lock:
            for operation in operations:
                setattr(self.progress, result, getattr(self.progress, result) + 1)
                self._on_outcome(Outcome(operation, result, started_us, ended_us, request, error))

    def send(self, request: str, body: dict[str, Any], *, again: bool) -> Reply:
        """Send a request; throttled ones, and with `again` those without an answer, several times.

        Returns:
            The last reply; `unknown` when any try may have been applied and none was answered.
        """
        perhaps: Reply | None = None
        reply = Reply("throttled", {}, "stopped before it was sent")
        for attempt in range(TRIES):
            if attempt:
                self.clock.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
            if self._stopping.is_set():
                break
            reply = self.wire.send(request, body)
            if reply.kind == "unknown":
                perhaps = reply
                if not again:
                    return reply
            elif reply.kind != "throttled":
                return reply
        return perhaps or Reply("refused", reply.body, reply.error)
