"""The records of DynamoDB Streams as JSON bytes, their sequence numbers and ids.

    {"eventID":"c9fbe7d0…","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb",
     "awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1731400000,
      "Keys":{…},"NewImage":{…},"OldImage":{…},"SequenceNumber":"100000000000000000750",
      "SizeBytes":22,"StreamViewType":"NEW_AND_OLD_IMAGES"}}

A deletion by time to live has `"userIdentity":{"PrincipalId":…,"Type":"Service"}` at its end, with
the capitals of the API model (the Kinesis record has lower case). Time stamps are whole seconds.

Source: DynamoDB Streams API reference; records captured on AWS 2024-06 to 2025-10.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from harness.dynamodb.change_record import image_sizes

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Change

SEQUENCE_STEP = 100
SEQUENCE_BASE = 6 * 2**64 - 5 * SEQUENCE_STEP
# AWS promises order and 21 to 40 digits, nothing of the lower ones. After five changes a multiple of
# 2**64 is passed: who keeps 64 bits of a number takes what is later for earlier.
# Within a step: a shard's start comes before the record of its first change, and its end after the
# record of its last one, so the ranges of parent and child neither touch nor overlap.
START_OFFSET = 10
RECORD_OFFSET = 50
END_OFFSET = 0

NEW_IMAGE_VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
OLD_IMAGE_VIEWS = ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
SERVICE = b',"userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}}'


def sequence_of(number: int) -> int:
    """The sequence number of the record of change `number`; at least 21 digits."""
    return SEQUENCE_BASE + number * SEQUENCE_STEP + RECORD_OFFSET


def start_sequence(number: int) -> str:
    """StartingSequenceNumber of a shard whose first change is `number`."""
    return str(SEQUENCE_BASE + number * SEQUENCE_STEP + START_OFFSET)


def end_sequence(number: int) -> str:
    """EndingSequenceNumber of a shard whose first change too late is `number`."""
    return str(SEQUENCE_BASE + number * SEQUENCE_STEP + END_OFFSET)


class StreamRecords:
    """Encodes the records of one stream.

    Args:
        arn: of the stream; makes ids differ from those of another stream.
        region: `awsRegion`.
        view_type: which images a record has.
    """

    def __init__(self, arn: str, region: str, view_type: str) -> None:
        self._arn = arn.encode()
        self._with_new = view_type in NEW_IMAGE_VIEWS
        self._with_old = view_type in OLD_IMAGE_VIEWS
        self._heads = {
            event: b'","eventName":"%b","eventVersion":"1.1","eventSource":"aws:dynamodb",'
            b'"awsRegion":%b,"dynamodb":{"ApproximateCreationDateTime":'
            % (event.encode(), orjson.dumps(region))
            for event in ("INSERT", "MODIFY", "REMOVE")
        }
        self._tail = b',"StreamViewType":"%b"}' % view_type.encode()

    def encode(self, change: Change) -> bytes:
        """One record of GetRecords."""
        keys_size, old_size, new_size = image_sizes(change)
        parts = [
            b'{"eventID":"',
            self._digest(b"record/%d" % change.number, 16),
            self._heads[change.event],
            b'%d,"Keys":' % (change.time_us // 1_000_000),
            orjson.dumps(change.keys),
        ]
        size = keys_size
        if self._with_new and change.new_json is not None:
            parts += (b',"NewImage":', change.new_json)
            size += new_size
        if self._with_old and change.old_json is not None:
            parts += (b',"OldImage":', change.old_json)
            size += old_size
        sequence = sequence_of(change.number)
        parts.append(b',"SequenceNumber":"%d","SizeBytes":%d' % (sequence, size))
        parts.append(self._tail)
        parts.append(SERVICE if change.by_service else b"}")
        return b"".join(parts)

    def shard_id(self, number: int) -> str:
        """A shard's id; ids sort as their numbers do."""
        return f"shardId-{number:020d}-{self._digest(b'shard/%d' % number, 4).decode()}"

    def _digest(self, what: bytes, size: int) -> bytes:
        return blake2b(self._arn + b"/" + what, digest_size=size).hexdigest().encode()
