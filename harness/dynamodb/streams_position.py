"""Shard iterators of DynamoDB Streams: a place in a shard, written as AWS writes it.

Source: iterators recorded on AWS: `<stream arn>|<one digit>|<opaque>`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from harness.dynamodb.shapes import validation_error

ARN_PATTERN = re.compile(r"arn:aws[a-z-]*:dynamodb:[^:]+:[^:]*:table/[^/]+/stream/[^/|]+")


@dataclass(frozen=True, slots=True)
class Position:
    """What a shard iterator means: a place in a shard, and when it was handed out."""

    stream_arn: str
    shard_id: str
    record: int
    issued_us: int

    def encode(self) -> str:
        """`<stream arn>|1|<opaque>`."""
        opaque = b64encode(f"{self.shard_id}/{self.record}/{self.issued_us}".encode()).decode()
        return f"{self.stream_arn}|1|{opaque}"

    @classmethod
    def decode(cls, iterator: str) -> Position:
        """The position that `encode` wrote.

        Raises:
            AwsError: ValidationException.
        """
        try:
            arn, digit, opaque = iterator.split("|")
            shard_id, record, issued_us = b64decode(opaque, validate=True).decode().split("/")
            position = cls(arn, shard_id, int(record), int(issued_us))
        except ValueError:
            raise validation_error("Invalid ShardIterator") from None
        if digit != "1" or not ARN_PATTERN.fullmatch(arn) or position.record < 0:
            raise validation_error("Invalid ShardIterator")
        return position
