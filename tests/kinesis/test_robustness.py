"""Whatever a client sends, the answer is an answer and the state is whole."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.awsjson import AwsError
from harness.clock import VirtualClock
from harness.kinesis.api import Kinesis
from harness.kinesis.requests import REQUESTS
from harness.kinesis.settings import Settings
from tests.kinesis.app import ARN

MEMBERS = sorted({name for request in REQUESTS.values() for name in request.members})
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 10**30, 0.5, -(10**30), 1e300, math.inf, -math.inf, math.nan]),
    st.sampled_from(["", "0", "s", "shardId-000000000000", ARN, "YQ==", "x" * 2000, "\x00", "é"]),
    st.sampled_from(["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "KMS", "ALL"]),
    st.sampled_from(["1" * 39, "1" * 129, "9" * 56, f"{ARN}/consumer/c:1", "arn:aws:kinesis:::x"]),
)
VALUES = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*MEMBERS, "Type", "PartitionKey", "Data", "a"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


def whole(kinesis: Kinesis) -> None:
    """The stream still takes a record and gives it back."""
    shard_id, number = kinesis.append("s", b"x", "k")
    answer: Any = kinesis.handle(
        "GetShardIterator",
        {
            "StreamName": "s",
            "ShardId": shard_id,
            "ShardIteratorType": "AT_SEQUENCE_NUMBER",
            "StartingSequenceNumber": number,
        },
    )
    body: Any = kinesis.handle("GetRecords", {"ShardIterator": answer["ShardIterator"]})
    assert body.count(number.encode()) == 1


@settings(max_examples=300, deadline=None)
@given(
    operation=st.sampled_from(sorted(set(REQUESTS) - {"DeleteStream", "StartStreamEncryption"})),
    payload=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6),
    named=st.booleans(),
)
def test_a_malformed_request_is_refused_or_answered(
    operation: str, payload: dict[str, Any], named: bool
) -> None:
    kinesis = Kinesis(VirtualClock(), settings=Settings.instant())
    kinesis.handle("CreateStream", {"StreamName": "s", "ShardCount": 2})
    kinesis.handle("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})
    if named:
        payload = {**payload, "StreamName": "s", "StreamARN": ARN, "ShardId": "0"}

    try:
        kinesis.handle(operation, payload)
    except AwsError as error:
        assert error.status == 400 or error.code == "InternalFailure"  # noqa: PT017

    whole(kinesis)
