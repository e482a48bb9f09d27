"""PutRecord and PutRecords, and the in-process append that the relay uses.

Source: API reference, PutRecord and PutRecords; kinesalite's put tests.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError
from harness.kinesis import requests, sequence
from harness.kinesis.limits import MIB
from harness.kinesis.requests import REQUESTS
from harness.kinesis.shards import HASH_KEYS, hash_key_of
from harness.kinesis.validation import Structure, check, dry_run, is_base64

if TYPE_CHECKING:
    from harness.kinesis.account import Account
    from harness.kinesis.shards import Shard
    from harness.kinesis.streams import Stream

Json = dict[str, Any]

REQUEST_BYTES_MAX = 10 * MIB
PUT_RECORDS_MAX = 500
PARTITION_KEY_MAX = 256


_RECORDS_BESIDE = Structure(
    {name: shape for name, shape in REQUESTS["PutRecords"].members.items() if name != "Records"},
    one_of=REQUESTS["PutRecords"].one_of,
)


def checked_record(account: Account, payload: Json) -> Json:
    """A PutRecord request, checked against the bounds of its stream.

    Raises:
        AwsError: SerializationException, ValidationException.
    """
    size_bytes_max, keyed = _bounds(account, payload)
    return check(requests.put_record(size_bytes_max, keyed=keyed), payload)


def checked_records(account: Account, payload: Json) -> Json:
    """A PutRecords request, checked: quickly where all records are plain, else as every request.

    Raises:
        AwsError: SerializationException, ValidationException.
    """
    records = payload.get("Records")
    if (
        isinstance(records, list)
        and 0 < len(records) <= PUT_RECORDS_MAX
        and all(_is_plain(record) for record in records)
    ):
        return {**check(_RECORDS_BESIDE, payload), "Records": records}
    size_bytes_max, keyed = _bounds(account, payload)
    return check(requests.put_records(size_bytes_max, keyed=keyed), payload)


def _is_plain(record: Any) -> bool:
    """True when nothing can be wrong with it: data and key alone, within the smallest bounds."""
    if type(record) is not dict or len(record) != 2:
        return False
    key = record.get("PartitionKey")
    data = record.get("Data")
    return (
        type(key) is str
        and type(data) is str
        and 0 < len(key) <= PARTITION_KEY_MAX
        and len(data) <= MIB
        and is_base64(data)
    )


def _bounds(account: Account, payload: Json) -> tuple[int, bool]:
    """Most bytes of data, and whether a partition key is needed: the stream's, or the default."""
    try:
        stream = account.find(payload)
    except (AwsError, TypeError, AttributeError):
        return MIB, True  # the request will be refused, in these bounds
    return stream.max_record_kib * 1024, stream.distribution != "AUTO"


def put_record(account: Account, payload: Json) -> Json:
    """PutRecord."""
    stream = _stream_to_write(account, payload)
    data: str = payload["Data"]
    key, hash_key = _route_of(payload, stream, account)
    _check_ordering(account, stream, payload.get("SequenceNumberForOrdering"))
    size_bytes = _check_size(stream, data, key)
    dry_run(payload)
    writer = _Writer(account, stream)
    shard = writer.shard_of(hash_key)
    if not writer.admits(shard, size_bytes):
        raise account.rate_exceeded(shard, stream)
    number = writer.append(shard, data, size_bytes, key)
    shard.notify()
    return {"ShardId": shard.shard_id, "SequenceNumber": number, **_encryption(stream)}


def put_records(account: Account, payload: Json) -> Json:
    """PutRecords: each record on its own; a throttled shard fails its own records only."""
    stream = _stream_to_write(account, payload)
    entries = []
    total_bytes = 0
    for record in payload["Records"]:
        key, hash_key = _route_of(record, stream, account)
        data: str = record["Data"]
        size_bytes = _check_size(stream, data, key)
        total_bytes += size_bytes
        entries.append((data, size_bytes, key, hash_key))
    if total_bytes > REQUEST_BYTES_MAX:
        raise AwsError("InvalidArgumentException", "Records size exceeds 10 MB limit")
    dry_run(payload)
    writer = _Writer(account, stream)
    by_shard: dict[Shard, list[int]] = {}
    for at, entry in enumerate(entries):
        by_shard.setdefault(writer.shard_of(entry[3]), []).append(at)
    results: list[Json] = [{}] * len(entries)
    failed = 0
    # Shard by shard, as AWS does: a shard's records of one request have consecutive counters.
    for shard, places in by_shard.items():
        shard_id = shard.shard_id
        for at in places:
            data, size_bytes, key, _ = entries[at]
            if writer.throttled and not writer.admits(shard, size_bytes):
                error = account.rate_exceeded(shard, stream)
                results[at] = {"ErrorCode": error.code, "ErrorMessage": error.message}
                failed += 1
                continue
            sequence_number = writer.append(shard, data, size_bytes, key)
            results[at] = {"SequenceNumber": sequence_number, "ShardId": shard_id}
    for shard in by_shard:
        shard.notify()
    return {"FailedRecordCount": failed, "Records": results, **_encryption(stream)}


def append(
    account: Account, stream_name_or_arn: str, data: bytes, partition_key: str, hash_key: int | None
) -> tuple[str, str]:
    """Put one record without the wire; returns shard id and sequence number."""
    account.settle()
    by_arn = stream_name_or_arn.startswith("arn:")
    name = account.name_of_arn(stream_name_or_arn) if by_arn else stream_name_or_arn
    payload: Json = {
        "StreamName": name,
        "Data": b64encode(data).decode(),
        "PartitionKey": partition_key,
    }
    if hash_key is not None:
        payload["ExplicitHashKey"] = str(hash_key)
    plain = 0 < len(partition_key) <= PARTITION_KEY_MAX and len(data) <= MIB // 2
    answer = put_record(account, payload if plain else checked_record(account, payload))
    return answer["ShardId"], answer["SequenceNumber"]


class _Writer:
    """Appends to one stream at one moment."""

    __slots__ = ("_arrival", "_encrypted", "_now_ms", "_now_us", "_second", "_stream", "throttled")

    def __init__(self, account: Account, stream: Stream) -> None:
        self._stream = stream
        self._now_us = account.clock.now_us()
        self._now_ms = self._now_us // 1000
        self._second = self._now_ms // 1000
        self._arrival = f"{self._second}.{self._now_ms % 1000:03d}"
        self._encrypted = ',"EncryptionType":"KMS"' if stream.key_id else ""
        self.throttled = account.settings.throttled

    def shard_of(self, hash_key: int | str) -> Shard:
        """The open shard for an explicit hash key, or for a partition key."""
        shards = self._stream.shards
        if shards is None:
            raise AssertionError("a stream that takes records has shards")
        if isinstance(hash_key, str):
            # One shard takes everything, whatever the digest would be.
            hash_key = hash_key_of(hash_key) if len(shards.open) > 1 else 0
        return shards.route(hash_key)

    def admits(self, shard: Shard, size_bytes: int) -> bool:
        """False when throttling is on and the shard has had its share of this second."""
        return not self.throttled or shard.use.takes(size_bytes, self._now_us)

    def append(self, shard: Shard, data: str, size_bytes: int, key: str) -> str:
        """Keep a record as the text that GetRecords will answer; returns its sequence number."""
        stream = self._stream
        counter = stream.counter = stream.counter + 1
        number = shard.number(counter, self._second)
        fragment = (
            f'{{"SequenceNumber":"{number}","ApproximateArrivalTimestamp":{self._arrival},'
            f'"Data":"{data}","PartitionKey":{orjson.dumps(key).decode()}{self._encrypted}}}'
        ).encode()
        shard.log.append(counter, self._now_ms, size_bytes, fragment)
        return number


def _stream_to_write(account: Account, payload: Json) -> Stream:
    stream = account.find(payload)
    if stream.status not in ("ACTIVE", "UPDATING"):
        raise account.not_found(stream.name)
    return stream


def _route_of(record: Json, stream: Stream, account: Account) -> tuple[str, int | str]:
    """Partition key, and what routes the record: an explicit hash key or that same key."""
    key: str = record.get("PartitionKey", "")
    explicit: str | None = record.get("ExplicitHashKey")
    if stream.distribution == "AUTO":
        # The service spreads the records as it likes: per-key order is gone.
        return key, account.clock.random.getrandbits(128)
    if explicit is None:
        return key, key
    hash_key = int(explicit)
    if hash_key >= HASH_KEYS:
        raise AwsError(
            "InvalidArgumentException",
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]."
            f" Specified value was {explicit}",
        )
    return key, hash_key


def _check_size(stream: Stream, data: str, key: str) -> int:
    """Bytes of data and partition key, before base64.

    Raises:
        AwsError: InvalidArgumentException above the stream's record size.
    """
    data_bytes = len(data) // 4 * 3 - data.endswith("=") - data.endswith("==")
    key_bytes = len(key) if key.isascii() else len(key.encode())
    limit_bytes = stream.max_record_kib * 1024
    if data_bytes + key_bytes > limit_bytes:
        raise AwsError(
            "InvalidArgumentException",
            f"Record size of {data_bytes + key_bytes} bytes, data and partition key together,"
            f" exceeds the stream's limit of {limit_bytes} bytes",
        )
    return data_bytes + key_bytes


def _check_ordering(account: Account, stream: Stream, number: str | None) -> None:
    if number is None:
        return
    try:
        fits = sequence.parse(number).second <= account.clock.now_ms() // 1000 + 1
    except sequence.BadSequence:
        fits = False
    if not fits:
        raise AwsError(
            "InvalidArgumentException",
            f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream.name}"
            f" under account {account.account_id} is invalid.",
        )


def _encryption(stream: Stream) -> Json:
    return {"EncryptionType": "KMS"} if stream.key_id else {}
