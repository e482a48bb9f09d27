"""Applies operations to a DynamoDB endpoint, in order for each key, and tells what became of each.

Operations are dealt to threads by their key, so that one thread sends all operations of a key, one
after the other. Within a thread, neighbours of different keys share a request:

- puts and deletes go in BatchWriteItem, 25 at once; unprocessed ones are sent again;
- updates go in TransactWriteItems, because no batch takes an update. A transaction commits as a
  whole, which no condition can stop here; when one is cancelled, its updates are sent singly;
- an operation whose key waits in a group sends that group first: the order of a key is kept.

An answer that never came leaves an operation unknown: puts, deletes and transactions (by their
request token) are sent again, which changes nothing if they were applied; a single update is not.
"""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from harness.workload.operations import key_bytes
from harness.workload.values import binary
from harness.workload.wire import DynamoDbWire, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.clock import Clock
    from harness.workload.operations import Operation
    from harness.workload.values import Item

BATCH_MOST = 25
TRANSACTION_MOST = 50
WAITING_MOST = 200
"""Operations a thread takes before it sends what waits, full groups or not."""

TRIES = 8
BACKOFF_SECONDS = 0.05
JOIN_SECONDS = 0.2
THREADS = 2

Result = Literal["acked", "refused", "unknown"]


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

    def close(self) -> None:
        """Stop and close the connections."""
        self.stop()
        self.wire.close()

    def _run(self, share: list[Operation]) -> None:
        try:
            lane = _Lane(self)
            for operation in share:
                if self._stopping.is_set():
                    return
                lane.add(operation)
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


class _Lane:
    """One thread's operations on their way, grouped."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._table = writer.table_name
        self._writes: dict[bytes, Operation] = {}
        self._updates: dict[bytes, Operation] = {}
        self._taken = 0

    def add(self, operation: Operation) -> None:
        """Take in the next operation of this thread."""
        key = key_bytes(operation.key)
        if key in self._writes:
            self._send_writes()
        if key in self._updates:
            self._send_updates()
        if operation.kind == "update":
            self._updates[key] = operation
            if len(self._updates) == TRANSACTION_MOST:
                self._send_updates()
        else:
            self._writes[key] = operation
            if len(self._writes) == BATCH_MOST:
                self._send_writes()
        self._taken += 1
        if self._taken >= WAITING_MOST:
            self.send_all()

    def send_all(self) -> None:
        """Send what waits."""
        self._send_writes()
        self._send_updates()
        self._taken = 0

    def _send_writes(self) -> None:
        waiting, self._writes = self._writes, {}
        if len(waiting) == 1:
            self._send_one(*waiting.values())
        elif waiting:
            self._send_batch(waiting)

    def _send_updates(self) -> None:
        waiting, self._updates = list(self._updates.values()), {}
        if len(waiting) == 1:
            self._send_one(waiting[0])
        elif waiting:
            self._send_transaction(waiting)

    def _send_one(self, operation: Operation) -> None:
        writer = self._writer
        request, body = operation.request(self._table)
        started = writer.clock.now_us()
        reply = writer.send(request, body, again=operation.kind != "update")
        writer.settle([operation], _RESULTS[reply.kind], started, request, reply.error)

    def _send_batch(self, waiting: dict[bytes, Operation]) -> None:
        writer = self._writer
        started = writer.clock.now_us()
        for attempt in range(TRIES):
            if attempt:
                writer.clock.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
            entries = [_batch_entry(operation) for operation in waiting.values()]
            body = {"RequestItems": {self._table: entries}}
            reply = writer.send("BatchWriteItem", body, again=True)
            if reply.kind == "refused":
                break
            if reply.kind != "done":
                writer.settle(waiting.values(), "unknown", started, "BatchWriteItem", reply.error)
                return
            left = self._unprocessed(reply, waiting)
            done = [operation for key, operation in waiting.items() if key not in left]
            writer.settle(done, "acked", started, "BatchWriteItem")
            waiting = left
            if not waiting:
                return
        # Each by itself: one that cannot be written must not take 24 others with it.
        for operation in waiting.values():
            self._send_one(operation)

    def _unprocessed(self, reply: Reply, waiting: dict[bytes, Operation]) -> dict[bytes, Operation]:
        entries = reply.body.get("UnprocessedItems", {}).get(self._table, ())
        found = [
            (e.get("PutRequest") or {}).get("Item") or e["DeleteRequest"]["Key"] for e in entries
        ]
        return {
            key: operation
            for key, operation in waiting.items()
            if any(_has_key(item, operation.key) for item in found)
        }

    def _send_transaction(self, updates: list[Operation]) -> None:
        writer = self._writer
        started = writer.clock.now_us()
        body = {
            "TransactItems": [{"Update": update.update_body(self._table)} for update in updates],
            "ClientRequestToken": writer.token(),
        }
        reply = writer.send("TransactWriteItems", body, again=True)
        if reply.kind == "refused":
            for update in updates:
                self._send_one(update)
            return
        writer.settle(updates, _RESULTS[reply.kind], started, "TransactWriteItems", reply.error)


_RESULTS: dict[str, Result] = {
    "done": "acked",
    "refused": "refused",
    "throttled": "refused",
    "unknown": "unknown",
}


def _batch_entry(operation: Operation) -> dict[str, Any]:
    if operation.kind == "delete":
        return {"DeleteRequest": {"Key": operation.key}}
    return {"PutRequest": {"Item": operation.image}}


def _has_key(found: dict[str, Any], key: Item) -> bool:
    """A key as botocore decoded it (binary as bytes) against one in wire form."""
    return all(
        orjson.dumps(found.get(name), default=binary) == orjson.dumps(value)
        for name, value in key.items()
    )
