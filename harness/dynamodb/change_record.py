"""The JSON that DynamoDB puts on a Kinesis stream for one change.

One change makes one Kinesis record whose data is (shown with line breaks that are not there):

    {"awsRegion":"eu-west-1","eventID":"4c0e4e0a-…","eventName":"MODIFY","userIdentity":null,
     "recordFormat":"application/json","tableName":"users","dynamodb":{
      "ApproximateCreationDateTime":1731400000123456,"Keys":{"id":{"S":"u1"}},
      "NewImage":{…},"OldImage":{…},"SizeBytes":22,
      "ApproximateCreationDateTimePrecision":"MICROSECOND"},"eventSource":"aws:dynamodb"}

There is no sequence number, no view type and no version in it: those belong to DynamoDB Streams.
An absent image is absent, not null. Text is raw UTF-8. A binary value is base64 of base64.

Source: developer guide, "Using Kinesis Data Streams to capture changes to DynamoDB"; records that
were captured on AWS in 2022 (milliseconds) and after 2024 (microseconds).
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Literal

import orjson

from harness.dynamodb.sizes import item_size

if TYPE_CHECKING:
    from harness.dynamodb.change_log import Change, Item

Precision = Literal["MILLISECOND", "MICROSECOND"]
PrecisionMember = Literal["microsecond", "always", "never"]
"""When `ApproximateCreationDateTimePrecision` is written.

Established for microseconds only; captures in milliseconds are older than the option, so whether
today's have the member is not known and a pipeline should live with both.
"""

SERVICE_IDENTITY = b'{"type":"Service","principalId":"dynamodb.amazonaws.com"}'


class ChangeRecords:
    """Encodes the changes of one table.

    Args:
        region: `awsRegion`.
        table_name: `tableName`, never an ARN.
        table_id: makes event ids and partition keys differ from those of another table.
        precision_member: when the member that names the precision is written.
    """

    def __init__(
        self,
        region: str,
        table_name: str,
        table_id: str,
        *,
        precision_member: PrecisionMember = "microsecond",
    ) -> None:
        self._table_id = table_id.encode()
        self._head = b'{"awsRegion":%b,"eventID":"' % orjson.dumps(region)
        self._middle = {
            (event, by_service): _middle(event, by_service=by_service, table_name=table_name)
            for event in ("INSERT", "MODIFY", "REMOVE")
            for by_service in (False, True)
        }
        self._tail = {
            "MILLISECOND": _tail("MILLISECOND", named=precision_member == "always"),
            "MICROSECOND": _tail("MICROSECOND", named=precision_member != "never"),
        }

    def encode(self, change: Change, precision: Precision) -> bytes:
        """The record's data: the same bytes each time for one change and precision."""
        time = change.time_us if precision == "MICROSECOND" else change.time_us // 1000
        keys_size, old_size, new_size = image_sizes(change)
        parts = [
            self._head,
            self._event_id(change.number),
            self._middle[change.event, change.by_service],
            b'%d,"Keys":' % time,
            encode_binary_again(orjson.dumps(change.keys)),
        ]
        if change.new_json is not None:
            parts += (b',"NewImage":', encode_binary_again(change.new_json))
        if change.old_json is not None:
            parts += (b',"OldImage":', encode_binary_again(change.old_json))
        parts.append(b',"SizeBytes":%d' % (keys_size + old_size + new_size))
        parts.append(self._tail[precision])
        return b"".join(parts)

    def partition_key(self, keys: Item) -> str:
        """32 upper-case hex digits that depend on the table and the primary key alone.

        Deviation: what AWS's value is the hash of is not established.
        """
        key = self._table_id + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS)
        return hashlib.md5(key, usedforsecurity=False).hexdigest().upper()

    def _event_id(self, number: int) -> bytes:
        """A UUID that every copy of one change shares."""
        h = hashlib.blake2b(b"%b/%d" % (self._table_id, number), digest_size=16).hexdigest()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}".encode()


def image_sizes(change: Change) -> tuple[int, int, int]:
    """Sizes of a change's keys, old and new image; 0 for an image that is not there."""
    old_size, new_size = change.old_size, change.new_size
    if old_size is None:
        old_size = 0 if change.old_json is None else item_size(orjson.loads(change.old_json))
    if new_size is None:
        new_size = 0 if change.new_json is None else item_size(orjson.loads(change.new_json))
    return item_size(change.keys), old_size, new_size


def encode_binary_again(image: bytes) -> bytes:
    """An image in JSON with every binary value encoded in base64 once more."""
    if b'"B":' not in image and b'"BS":' not in image:
        return image
    # An attribute may be *named* B or BS, so only a walk over the types can tell.
    item = orjson.loads(image)
    return orjson.dumps({name: _binary_again(value) for name, value in item.items()})


def _binary_again(attribute: dict[str, Any]) -> dict[str, Any]:
    match attribute:
        case {"B": text}:
            return {"B": b64encode(text.encode()).decode()}
        case {"BS": texts}:
            return {"BS": [b64encode(text.encode()).decode() for text in texts]}
        case {"L": elements}:
            return {"L": [_binary_again(element) for element in elements]}
        case {"M": members}:
            return {"M": {name: _binary_again(value) for name, value in members.items()}}
        case _:
            return attribute


def _middle(event: str, *, by_service: bool, table_name: str) -> bytes:
    return (
        b'","eventName":"%b","userIdentity":%b,"recordFormat":"application/json",'
        b'"tableName":%b,"dynamodb":{"ApproximateCreationDateTime":'
        % (event.encode(), SERVICE_IDENTITY if by_service else b"null", orjson.dumps(table_name))
    )


def _tail(precision: Precision, *, named: bool) -> bytes:
    member = b',"ApproximateCreationDateTimePrecision":"%b"' % precision.encode() if named else b""
    return member + b'},"eventSource":"aws:dynamodb"}'
