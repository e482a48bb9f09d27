"""A streaming destination of an endpoint that has none: DynamoDB Streams, read and put on Kinesis.

Each record of the table's stream becomes one Kinesis record as AWS's own destination writes it:
full-precision stamps, one partition key for each item, binary values encoded twice, numbers in
DynamoDB's one form. The order of an
item's changes is kept. The stamp is the moment at which the change was read, as the stream itself
tells whole seconds only; two changes of one item never share one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.backends.aws_clients import wire_item
from harness.dynamodb.change_log import Change
from harness.dynamodb.change_record import ChangeRecords, Precision
from harness.dynamodb.numbers import normalise
from harness.errors import BackendError
from harness.lookout import Lookout

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from harness.backends.aws_clients import AwsClients
    from harness.clock import Clock

POLL_SECONDS = 0.1
LIST_US = 2_000_000
"""A stream of a short run hardly gets new shards; asking is work for a small server."""

QUIET_POLLS = 3
PUT_RECORDS_MAX = 200
PUT_BYTES_MAX = 4_000_000
READ_RECORDS_MAX = 1000
TRIES = 20
RETRY_SECONDS = 0.1


class SuppliedStream:
    """Carries a table's changes to a Kinesis stream, on a thread of its own, from `start` on.

    Args:
        clients: of the endpoint.
        clock: stamps the changes.
        table: name of the table.
        table_stream_arn: of its DynamoDB stream, with NEW_AND_OLD_IMAGES.
        stream: name of the Kinesis stream.
        precision: unit of the stamps.
        tell: told `change` and `delivery` events.

    Attributes:
        delivered: how many records were put.
    """

    def __init__(
        self,
        clients: AwsClients,
        clock: Clock,
        *,
        table: str,
        table_stream_arn: str,
        stream: str,
        precision: Precision,
        tell: Callable[..., None],
    ) -> None:
        self.delivered = 0
        self._source = clients["dynamodbstreams"]
        self._kinesis = clients["kinesis"]
        self._clock = clock
        self._stream_arn = table_stream_arn
        self._stream = stream
        self._precision: Precision = precision
        self._tell = tell
        described = clients["dynamodb"].describe_table(TableName=table)["Table"]
        table_id = str(described.get("TableId") or described["TableArn"])
        self._records = ChangeRecords(clients.access.region, table, table_id)
        self._iterators: dict[str, str | None] = {}
        self._shards: list[dict[str, Any]] = []
        self._list_due_us = 0
        self._stamps: dict[str, int] = {}
        self._number = 0
        self._failure: Exception | None = None
        self._lookout = Lookout(self._run, "supplied stream")

    def start(self) -> None:
        """Pass over what was changed before, then begin to carry; returns once it does."""
        quiet = 0
        while quiet < QUIET_POLLS:
            quiet = 0 if self._read() else quiet + 1
            self._clock.sleep(POLL_SECONDS)
        self._lookout.start()

    def close(self) -> None:
        """Carry no more; harmless when called again."""
        self._lookout.stop()

    def raise_if_broken(self) -> None:
        """Say why it carries no more.

        Raises:
            BackendError: the endpoint refused something for good.
        """
        if self._failure is not None:
            raise BackendError(f"the supplied stream of {self._stream} broke: {self._failure}")

    def _run(self, ended: Event) -> None:
        try:
            while not ended.is_set():
                changes = self._read()
                self._deliver(changes)
                if not changes:
                    ended.wait(POLL_SECONDS)
        except Exception as error:  # noqa: BLE001 - carried to whoever asks
            self._failure = error

    def _read(self) -> list[dict[str, Any]]:
        """The next records of all shards, parents before their children."""
        found: list[dict[str, Any]] = []
        now_us = self._clock.now_us()
        if now_us >= self._list_due_us:
            self._shards = self._listed()
            self._list_due_us = now_us + LIST_US
        for shard in self._shards:
            shard_id = shard["ShardId"]
            if shard_id not in self._iterators:
                parent = shard.get("ParentShardId", "")
                if self._iterators.get(parent) is not None:
                    # Its parent has not been read to the end.
                    continue
                self._iterators[shard_id] = self._source.get_shard_iterator(
                    StreamArn=self._stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            iterator = self._iterators[shard_id]
            if iterator is None:
                continue
            answer = self._source.get_records(ShardIterator=iterator, Limit=READ_RECORDS_MAX)
            self._iterators[shard_id] = answer.get("NextShardIterator")
            if self._iterators[shard_id] is None:
                # It has ended: its children are listed at once.
                self._list_due_us = 0
            found += answer["Records"]
        return found

    def _listed(self) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            told = self._source.describe_stream(StreamArn=self._stream_arn, **more)
            description = told["StreamDescription"]
            shards += description["Shards"]
            last = description.get("LastEvaluatedShardId")
            if not last:
                return shards
            more = {"ExclusiveStartShardId": last}

    def _deliver(self, records: list[dict[str, Any]]) -> None:
        batch: list[tuple[Change, dict[str, Any]]] = []
        size = 0
        for record in records:
            change = self._change(record)
            entry = {
                "Data": self._records.encode(change, self._precision),
                "PartitionKey": self._records.partition_key(change.keys),
            }
            if len(batch) == PUT_RECORDS_MAX or size + len(entry["Data"]) > PUT_BYTES_MAX:
                self._put(batch)
                batch, size = [], 0
            batch.append((change, entry))
            size += len(entry["Data"])
        if batch:
            self._put(batch)

    def _change(self, record: dict[str, Any]) -> Change:
        """A record of DynamoDB Streams as a change of the table's log."""
        told = record["dynamodb"]
        keys = wire_item(told["Keys"], normalise)
        name = orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()
        unit = 1 if self._precision == "MICROSECOND" else 1000
        stamp = max(self._clock.now_us(), self._stamps.get(name, 0) + unit)
        self._stamps[name] = stamp
        images = {
            name: wire_item(told[name], normalise) if name in told else None
            for name in ("OldImage", "NewImage")
        }
        identity = record.get("userIdentity") or {}
        change = Change(
            self._number,
            stamp,
            record["eventName"],
            keys,
            images["OldImage"],
            images["NewImage"],
            by_service=identity.get("principalId") == "dynamodb.amazonaws.com",
        )
        self._number += 1
        return change

    def _put(self, batch: list[tuple[Change, dict[str, Any]]]) -> None:
        """Put a batch; what was throttled is put again, in the same order."""
        for attempt in range(TRIES):
            if attempt:
                self._clock.sleep(RETRY_SECONDS)
            answer = self._kinesis.put_records(
                StreamName=self._stream, Records=[entry for _, entry in batch]
            )
            again = []
            for sent, told in zip(batch, answer["Records"], strict=True):
                if told.get("ErrorCode"):
                    again.append(sent)
                else:
                    self._put_one(sent[0], told)
            if not again:
                return
            batch = again
        raise BackendError(f"Kinesis refused {len(batch)} records {TRIES} times")

    def _put_one(self, change: Change, told: dict[str, Any]) -> None:
        self.delivered += 1
        kind = "REMOVE" if change.event == "REMOVE" else "PUT"
        members = {"number": change.number, "key": change.keys, "kind": kind}
        self._tell("change", **members, time_us=change.time_us)
        self._tell(
            "delivery",
            **members,
            copy=0,
            outcome="delivered",
            shard=told["ShardId"],
            sequence_number=told["SequenceNumber"],
        )
