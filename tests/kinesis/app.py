"""The emulator behind the wire, and what tests ask of it again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness.awsjson import AwsError, Rejected, decode, encode, encode_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef

    from harness.kinesis.api import Kinesis
    from harness.web.message import Request, Response

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
WHOLE = 2**128
MIDDLE = str(2**127)


class KinesisApp:
    """Serves one `Kinesis` alone."""

    def __init__(self, kinesis: Kinesis) -> None:
        self._kinesis = kinesis

    def __call__(self, request: Request) -> Response:
        try:
            call = decode(request, knows=lambda _, operation: operation in self._kinesis.operations)
        except Rejected as rejected:
            return rejected.response
        try:
            return encode(call, self._kinesis.handle(call.operation, call.payload))
        except AwsError as error:
            return encode_error(call, error)

    def runs_in_thread(self, request: Request) -> bool:
        del request
        return False


def put(client: KinesisClient, *texts: str, hash_key: int | None = None) -> list[str]:
    """Puts each text on stream `s`, under itself as the partition key."""
    explicit: dict[str, Any] = {} if hash_key is None else {"ExplicitHashKey": str(hash_key)}
    return [
        client.put_record(StreamName="s", Data=text.encode(), PartitionKey=text, **explicit)[
            "SequenceNumber"
        ]
        for text in texts
    ]


def iterator(client: KinesisClient, shard: int = 0, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    start: Any = kind
    return client.get_shard_iterator(
        StreamName="s", ShardId=f"shardId-{shard:012d}", ShardIteratorType=start, **more
    )["ShardIterator"]


def texts(page: GetRecordsOutputTypeDef) -> list[str]:
    return [record["Data"].decode() for record in page["Records"]]


def next_of(page: GetRecordsOutputTypeDef) -> str | None:
    """NextShardIterator; None at the end of a closed shard, where the stubs expect one always."""
    members: dict[str, Any] = {**page}
    return members.get("NextShardIterator")


def read(
    client: KinesisClient, shard: int = 0, kind: str = "TRIM_HORIZON", **more: Any
) -> list[str]:
    """What one page from there on holds."""
    return texts(client.get_records(ShardIterator=iterator(client, shard, kind, **more)))


def refused(ask: Callable[[], object]) -> tuple[str, str]:
    """Code and sentence of the error that `ask` ends in."""
    with pytest.raises(ClientError) as caught:
        ask()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def shard_ids(client: KinesisClient, **listed: Any) -> list[int]:
    """The numbers of the shards that ListShards gives for stream `s`."""
    shards = client.list_shards(StreamName="s", **listed)["Shards"]
    return [int(shard["ShardId"].removeprefix("shardId-")) for shard in shards]
