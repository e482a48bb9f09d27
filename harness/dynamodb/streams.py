"""DynamoDB Streams: ListStreams, DescribeStream, GetShardIterator and GetRecords.

A stream is a view of its table's change log from the moment it was enabled. Per item it is exactly
once and in order, always: disorder belongs to the Kinesis destination (`relay`) alone.

Source: DynamoDB Streams API reference and model; the behaviour of errors, paging and closed shards
as suites validated against AWS assert it (docs/fidelity.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.awsjson import AwsError, Json
from harness.clock import SECOND_US
from harness.dynamodb.moments import epoch_us
from harness.dynamodb.shapes import Moment, Number, String, Structure, TableName, validation_error
from harness.dynamodb.streams_position import ARN_PATTERN, Position
from harness.dynamodb.streams_shards import ChangeStream, Shard, StreamSettings
from harness.dynamodb.tables import not_found

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.dynamodb.tables import StreamSpecification, Table, Tables

NAMESPACE = "com.amazonaws.dynamodb.v20120810"
RECORDS_MAX = 1000
PAGE_BYTES_MAX = 1024 * 1024
PAGE_OF_STREAMS = 100
PAGE_OF_SHARDS = 100
SHARD_ID = String(length=(28, 65), pattern="[a-zA-Z0-9-]+")
STREAM_ARN = String(length=(37, 1024))
WITH_SEQUENCE = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
ITERATOR_TYPES = ("TRIM_HORIZON", "LATEST", *WITH_SEQUENCE, "AT_TIMESTAMP")

_LIST_STREAMS = Structure(
    "ListStreamsInput",
    {
        "TableName": TableName(low=3),
        "Limit": Number(low=1, high=PAGE_OF_STREAMS),
        "ExclusiveStartStreamArn": STREAM_ARN,
    },
)
_DESCRIBE_STREAM = Structure(
    "DescribeStreamInput",
    {
        "StreamArn": STREAM_ARN,
        "Limit": Number(low=1, high=PAGE_OF_SHARDS),
        "ExclusiveStartShardId": SHARD_ID,
        "ShardFilter": Structure(
            "ShardFilter", {"Type": String(enum=("CHILD_SHARDS",)), "ShardId": SHARD_ID}
        ),
    },
    required=("StreamArn",),
)
_GET_SHARD_ITERATOR = Structure(
    "GetShardIteratorInput",
    {
        "StreamArn": STREAM_ARN,
        "ShardId": SHARD_ID,
        "ShardIteratorType": String(enum=ITERATOR_TYPES),
        "SequenceNumber": String(length=(21, 40), pattern="[0-9]+"),
        "Timestamp": Moment(),
    },
    required=("StreamArn", "ShardId", "ShardIteratorType"),
)
_GET_RECORDS = Structure(
    "GetRecordsInput",
    {
        "ShardIterator": String(length=(1, 2048)),
        "Limit": Number(low=1, high=RECORDS_MAX),
    },
    required=("ShardIterator",),
)


class Streams:
    """All DynamoDB streams of one account and Region.

    Args:
        clock: for retention and iterators.
        region: `awsRegion` of the records.
        tables: streams follow their tables from the moment of construction.
        settings: of streams enabled from now on.
    """

    def __init__(
        self, clock: Clock, region: str, tables: Tables, *, settings: StreamSettings | None = None
    ) -> None:
        self.settings = settings or StreamSettings()
        self._clock = clock
        self._region = region
        self._streams: dict[str, ChangeStream] = {}
        tables.on_stream_changed.append(self.follow)

    def follow(self, table: Table, former: StreamSpecification | None) -> None:
        """A table's stream was enabled, disabled, or (former and new) enabled anew."""
        now_us = self._clock.now_us()
        if former is not None and former.arn in self._streams:
            self._streams[former.arn].disable(now_us)
        if table.stream is not None and table.stream.arn not in self._streams:
            self._streams[table.stream.arn] = ChangeStream(
                table.stream.arn,
                table.stream.label,
                table_name=table.name,
                schema=table.schema,
                view_type=table.stream.view_type,
                region=self._region,
                log=table.log,
                now_us=now_us,
                settings=self.settings,
            )

    def roll(self, stream_arn: str, shard_id: str | None = None, *, children: int = 1) -> list[str]:
        """Close an open shard (by default the first) for 1 or 2 children: an operator's act.

        Returns:
            The ids of the children.

        Raises:
            AwsError: ResourceNotFoundException, no such stream or open shard.
        """
        stream = self._stream(stream_arn)
        for shard in stream.shards.values():
            if stream.is_open(shard) and shard_id in (None, shard.shard_id):
                rolled = stream.roll(shard, self._clock.now_us(), children=children)
                return [child.shard_id for child in rolled]
        raise not_found(f"Requested resource not found: Shard does not exist: {shard_id}")

    def list_streams(self, payload: Json) -> Json:
        """ListStreams, in the order of their ARNs."""
        request = _LIST_STREAMS.parse(payload)
        name = request.get("TableName")
        name = name.rpartition("/")[2] if name is not None else None
        limit = request.get("Limit", PAGE_OF_STREAMS)
        start = request.get("ExclusiveStartStreamArn", "")
        if start and not ARN_PATTERN.fullmatch(start):
            raise validation_error(f"Invalid StreamArn: {start}")
        now_us = self._clock.now_us()
        listed = [
            stream
            for arn, stream in sorted(self._streams.items())
            if arn > start and name in (None, stream.table_name) and not stream.is_gone(now_us)
        ][:limit]
        answer: Json = {
            "Streams": [
                {
                    "StreamArn": stream.arn,
                    "TableName": stream.table_name,
                    "StreamLabel": stream.label,
                }
                for stream in listed
            ]
        }
        if len(listed) == limit:
            answer["LastEvaluatedStreamArn"] = listed[-1].arn
        return answer

    def describe_stream(self, payload: Json) -> Json:
        """DescribeStream, with its filter for the children of a shard."""
        request = _DESCRIBE_STREAM.parse(payload)
        shard_filter = request.get("ShardFilter")
        if shard_filter is not None and len(shard_filter) < 2:
            missing = "shardFilter.shardId" if "Type" in shard_filter else "shardFilter.type"
            raise validation_error(
                f"1 validation error detected: Value null at '{missing}' failed to satisfy "
                "constraint: Member must not be null"
            )
        stream = self._stream(request["StreamArn"])
        stream.settle(self._clock.now_us())
        shards = list(stream.shards.values())
        if shard_filter is not None:
            shards = [s for s in shards if s.parent_id == shard_filter["ShardId"]]
        start = request.get("ExclusiveStartShardId")
        if start is not None:
            # A shard that does not exist excludes all, as AWS answers.
            known = start in stream.shards
            shards = [s for s in shards if known and s.shard_id > start]
        limit = request.get("Limit", PAGE_OF_SHARDS)
        description: Json = {
            "StreamArn": stream.arn,
            "StreamLabel": stream.label,
            "StreamStatus": stream.status(self._clock.now_us()),
            "StreamViewType": stream.view_type,
            "CreationRequestDateTime": stream.created_us / SECOND_US,
            "TableName": stream.table_name,
            "KeySchema": _key_schema(stream),
            "Shards": [_describe_shard(shard) for shard in shards[:limit]],
        }
        if len(shards) > limit:
            description["LastEvaluatedShardId"] = shards[limit - 1].shard_id
        return {"StreamDescription": description}

    def get_shard_iterator(self, payload: Json) -> Json:
        """GetShardIterator: all five types."""
        request = _GET_SHARD_ITERATOR.parse(payload)
        kind = request["ShardIteratorType"]
        _check_iterator_members(request, kind)
        stream = self._stream(request["StreamArn"])
        now_us = self._clock.now_us()
        stream.settle(now_us)
        shard = stream.shards.get(request["ShardId"])
        if shard is None:
            raise not_found(
                f"Requested resource not found: Shard does not exist: {request['ShardId']}"
            )
        first = shard.first_kept(stream.horizon_us(now_us))
        if kind == "LATEST":
            record = shard.records_end
        elif kind == "TRIM_HORIZON":
            record = first
        elif kind == "AT_TIMESTAMP":
            record = max(first, shard.position_of_time(epoch_us(request["Timestamp"])))
        else:
            record = _at_sequence(shard, request, first)
        position = Position(stream.arn, shard.shard_id, record, now_us)
        return {"ShardIterator": position.encode()}

    def get_records(self, payload: Json) -> bytes:
        """GetRecords; the answer's JSON, spliced from the records' own.

        A shard that is closed and read to its end has no NextShardIterator, already in the answer
        that brings its last records.
        """
        request = _GET_RECORDS.parse(payload)
        position = Position.decode(request["ShardIterator"])
        now_us = self._clock.now_us()
        stream = self._stream(position.stream_arn)
        if now_us - position.issued_us >= self.settings.iterator_minutes * 60 * SECOND_US:
            raise AwsError(
                "ExpiredIteratorException",
                "The shard iterator is expired. Shard iterators expire "
                f"{self.settings.iterator_minutes:g} minutes after they are retrieved.",
                namespace=NAMESPACE,
            )
        stream.settle(now_us)
        shard = stream.shards.get(position.shard_id)
        if shard is None or position.record < shard.first_kept(stream.horizon_us(now_us)):
            raise _trimmed()
        if position.record > shard.records_end:
            raise validation_error("Invalid ShardIterator")
        page = _page(shard, position.record, request.get("Limit", RECORDS_MAX))
        next_record = position.record + len(page)
        answer = b'{"Records":[' + b",".join(page) + b"]"
        if stream.is_open(shard) or next_record < shard.records_end:
            following = Position(stream.arn, shard.shard_id, next_record, now_us)
            answer += b',"NextShardIterator":"' + following.encode().encode() + b'"'
        return answer + b"}"

    def _stream(self, arn: str) -> ChangeStream:
        if not ARN_PATTERN.fullmatch(arn):
            raise validation_error(f"Invalid StreamArn: {arn}")
        stream = self._streams.get(arn)
        if stream is None or stream.is_gone(self._clock.now_us()):
            raise not_found(f"Requested resource not found: Stream: {arn} not found")
        return stream


def _page(shard: Shard, record: int, limit: int) -> list[bytes]:
    """Records up to `limit` and 1 MB; a first record that is larger comes alone."""
    page = shard.read(record, limit)
    if sum(map(len, page)) <= PAGE_BYTES_MAX:
        return page
    size_bytes = 0
    for count, fragment in enumerate(page):
        size_bytes += len(fragment)
        if size_bytes > PAGE_BYTES_MAX and count:
            return page[:count]
    return page


def _at_sequence(shard: Shard, request: Json, first: int) -> int:
    sequence = int(request["SequenceNumber"])
    ends_before = shard.end_sequence is not None and sequence > int(shard.end_sequence)
    if sequence < int(shard.start_sequence) or ends_before:
        raise validation_error(
            f"Invalid SequenceNumber: {sequence} is not within shard {shard.shard_id}"
        )
    after = request["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"
    record = shard.position_of_sequence(sequence, after=after)
    if record is None or record < first:
        raise _trimmed()
    return record


def _check_iterator_members(request: Json, kind: str) -> None:
    given = "SequenceNumber" in request
    if given != (kind in WITH_SEQUENCE):
        verb = "must not" if given else "must"
        raise validation_error(
            "One or more parameter values were invalid: SequenceNumber "
            f"{verb} be specified for ShardIteratorType {kind}"
        )
    given = "Timestamp" in request
    if given != (kind == "AT_TIMESTAMP"):
        verb = "must not" if given else "must"
        raise validation_error(
            "One or more parameter values were invalid: Timestamp "
            f"{verb} be specified for ShardIteratorType {kind}"
        )


def _describe_shard(shard: Shard) -> Json:
    sequences = {"StartingSequenceNumber": shard.start_sequence}
    if shard.end_sequence is not None:
        sequences["EndingSequenceNumber"] = shard.end_sequence
    described: Json = {"ShardId": shard.shard_id, "SequenceNumberRange": sequences}
    if shard.parent_id is not None:
        described["ParentShardId"] = shard.parent_id
    return described


def _key_schema(stream: ChangeStream) -> list[Json]:
    kinds = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": kind}
        for name, kind in zip(stream.schema.names, kinds, strict=False)
    ]


def _trimmed() -> AwsError:
    return AwsError(
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard.",
        namespace=NAMESPACE,
    )
