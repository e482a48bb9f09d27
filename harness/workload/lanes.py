"""One writer thread's operations on their way: what shares a request, and what must wait.

The rules are those of `harness.workload.writer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import orjson

from harness.workload.operations import key_bytes
from harness.workload.values import binary

if TYPE_CHECKING:
    from harness.workload.operations import Operation
    from harness.workload.values import Item
    from harness.workload.wire import Reply
    from harness.workload.writer import Writer

BATCH_MOST = 25
TRANSACTION_MOST = 50
BURST_MOST = 50
WAITING_MOST = 200
"""Operations a thread takes before it sends what waits, full groups or not."""

TRIES = 8
BACKOFF_SECONDS = 0.05

Result = Literal["acked", "refused", "unknown"]


class Lane:
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

    def send_burst(self, operations: list[Operation]) -> None:
        """Send operations of one key without waiting for the answers between them."""
        self.send_all()
        writer = self._writer
        for start in range(0, len(operations), BURST_MOST):
            together = operations[start : start + BURST_MOST]
            if writer.stopped:
                return
            started = writer.clock.now_us()
            requests = [operation.request(self._table) for operation in together]
            replies = writer.wire.send_together(requests)
            for operation, request, reply in zip(together, requests, replies, strict=True):
                writer.settle([operation], _RESULTS[reply.kind], started, request[0], reply.error)

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
