"""Stream records as Lambda's events show them, exact to the member.

Source: AWS Lambda developer guide, "Example event" of Kinesis and of DynamoDB Streams; the DynamoDB
developer guide shows `userIdentity` of a time-to-live delete.
"""

from __future__ import annotations

from binascii import a2b_base64
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Record:
    """One record on its way to the function.

    Attributes:
        sequence_number: its place in the shard, as text.
        key: records of one key keep their order under a parallelisation factor.
        arrival: epoch seconds: ApproximateArrivalTimestamp or ApproximateCreationDateTime.
        event: what the function gets to see.
        size_bytes: of the event as JSON.
    """

    sequence_number: str
    key: str
    arrival: float
    event: dict[str, Any]
    size_bytes: int


def kinesis_record(
    wire: dict[str, Any], *, shard_id: str, stream_arn: str, role_arn: str
) -> Record:
    """A record of GetRecords of Kinesis (wire form: Data in base64, times in epoch seconds)."""
    arrival = float(wire["ApproximateArrivalTimestamp"])
    number = wire["SequenceNumber"]
    event = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": wire["PartitionKey"],
            "sequenceNumber": number,
            "data": wire["Data"],
            "approximateArrivalTimestamp": round(arrival, 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": stream_arn.split(":")[3],
        "eventSourceARN": stream_arn,
    }
    return Record(number, wire["PartitionKey"], arrival, event, len(orjson.dumps(event)))


def dynamodb_record(wire: dict[str, Any], *, stream_arn: str) -> Record:
    """A record of GetRecords of DynamoDB Streams (wire form: binary values in base64)."""
    change = dict(wire["dynamodb"])
    arrival = float(change["ApproximateCreationDateTime"])
    # Lambda shows whole seconds, which is all that DynamoDB Streams keeps.
    change["ApproximateCreationDateTime"] = int(arrival)
    event = {
        "eventID": wire["eventID"],
        "eventName": wire["eventName"],
        "eventVersion": wire.get("eventVersion", "1.1"),
        "eventSource": wire.get("eventSource", "aws:dynamodb"),
        "awsRegion": wire.get("awsRegion", stream_arn.split(":")[3]),
        "dynamodb": change,
        "eventSourceARN": stream_arn,
    }
    identity = wire.get("userIdentity")
    if identity:
        event["userIdentity"] = {name[:1].lower() + name[1:]: v for name, v in identity.items()}
    key = orjson.dumps(change["Keys"], option=orjson.OPT_SORT_KEYS).decode()
    return Record(change["SequenceNumber"], key, arrival, event, len(orjson.dumps(event)))


def filter_view(record: Record) -> dict[str, Any] | None:
    """The record as filter patterns see it; None when its data is no JSON.

    Of Kinesis patterns see the members of `kinesis`, with `data` decoded; of DynamoDB the event.
    """
    kinesis = record.event.get("kinesis")
    if kinesis is None:
        return record.event
    try:
        data = orjson.loads(a2b_base64(kinesis["data"]))
    except ValueError:
        return None
    return {**kinesis, "data": data}
