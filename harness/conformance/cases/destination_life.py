"""The Kinesis streaming destination: its life cycle and its errors, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.change_reading import (
    delivered,
    destination,
    enable_destination,
    wait_for_destination,
)
from harness.conformance.expect import expect_equal, expect_error, expect_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

ENABLE = DYNAMODB_API + "API_EnableKinesisStreamingDestination.html"
DISABLE = DYNAMODB_API + "API_DisableKinesisStreamingDestination.html"
UPDATE = DYNAMODB_API + "API_UpdateKinesisStreamingDestination.html"
DESCRIBE = DYNAMODB_API + "API_DescribeKinesisStreamingDestination.html"
GUIDE = DYNAMODB_GUIDE + "kds.html"
INVALID = "Table is not in a valid state to enable Kinesis Streaming Destination: "
PRECISION = "ApproximateCreationDateTimePrecision"


def _enabling(lab: Lab, table: str, arn: str, **more: Any) -> Callable[[], Any]:
    return lambda: lab.dynamodb.enable_kinesis_streaming_destination(
        TableName=table, StreamArn=arn, **more
    )


def _disabling(lab: Lab, table: str, arn: str) -> Callable[[], Any]:
    return lambda: lab.dynamodb.disable_kinesis_streaming_destination(
        TableName=table, StreamArn=arn
    )


def _updating(lab: Lab, table: str, arn: str, **configuration: Any) -> Callable[[], Any]:
    return lambda: lab.dynamodb.update_kinesis_streaming_destination(
        TableName=table, StreamArn=arn, UpdateKinesisStreamingConfiguration=configuration
    )


def _absent(arn: str) -> str:
    """The ARN of a stream that does not exist, of the account and Region of another."""
    return arn.rpartition("/")[0] + "/no-such-stream"


@case("destination.describe.none", DESCRIBE)
def describe_none(lab: Lab) -> None:
    """A table without a destination has an empty list."""
    table = lab.table()
    answer = lab.dynamodb.describe_kinesis_streaming_destination(TableName=table)
    expect_keys(answer, {"TableName", "KinesisDataStreamDestinations"}, "the answer")
    expect_equal(answer["KinesisDataStreamDestinations"], [], "destinations")


@case("destination.enable.answer", ENABLE)
def enable_answer(lab: Lab) -> None:
    """Enable without a configuration answers ENABLING and an empty configuration."""
    table, arn = lab.table(), lab.stream_arn(lab.stream())
    answer = _enabling(lab, table, arn)()
    answer.pop("ResponseMetadata")
    expect_equal(
        answer,
        {
            "TableName": table,
            "StreamArn": arn,
            "DestinationStatus": "ENABLING",
            "EnableKinesisStreamingConfiguration": {},
        },
        "the answer",
    )


@case("destination.enable.echoes-precision", ENABLE)
def enable_echoes(lab: Lab) -> None:
    """Enable with a precision echoes it, and Describe shows it."""
    table, arn = lab.table(), lab.stream_arn(lab.stream())
    wanted = {PRECISION: "MICROSECOND"}
    answer = _enabling(lab, table, arn, EnableKinesisStreamingConfiguration=wanted)()
    expect_equal(answer.get("EnableKinesisStreamingConfiguration"), wanted, "configuration")
    wait_for_destination(lab, table, "ACTIVE")
    expect_equal(destination(lab, table).get(PRECISION), "MICROSECOND", "precision described")


@case("destination.describe.active", DESCRIBE)
def describe_active(lab: Lab) -> None:
    """An ACTIVE destination shows its stream and status, and no precision that was never set."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    expected = {"StreamArn": arn, "DestinationStatus": "ACTIVE"}
    expect_equal(destination(lab, table), expected, "the destination")


@case("destination.enable.while-active", ENABLE)
def enable_while_active(lab: Lab) -> None:
    """Enable while one is ACTIVE is a ValidationException, for the same stream and another."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    for other in (arn, lab.stream_arn(lab.stream())):
        expect_error(
            _enabling(lab, table, other),
            "ValidationException",
            INVALID + "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to"
            " perform ENABLE operation.",
            status=400,
        )


@case("destination.enable.while-enabling", ENABLE, alone=True)
def enable_while_enabling(lab: Lab) -> None:
    """Enable while it is ENABLING is the same ValidationException."""
    lab.settings(destination={"enabling": 60.0})
    table, arn = lab.table(), lab.stream_arn(lab.stream())
    _enabling(lab, table, arn)()
    expect_equal(destination(lab, table)["DestinationStatus"], "ENABLING", "status at once")
    expect_error(
        _enabling(lab, table, arn),
        "ValidationException",
        INVALID + "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform"
        " ENABLE operation.",
    )


@case("destination.disable.while-enabling", DISABLE, alone=True)
def disable_while_enabling(lab: Lab) -> None:
    """Disable while it is ENABLING is a ValidationException."""
    lab.settings(destination={"enabling": 60.0})
    table, arn = lab.table(), lab.stream_arn(lab.stream())
    _enabling(lab, table, arn)()
    expect_error(
        _disabling(lab, table, arn),
        "ValidationException",
        INVALID + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.",
    )


@case("destination.enable.unknown-table", ENABLE)
def enable_unknown_table(lab: Lab) -> None:
    """Enable and Disable on an unknown table name the table."""
    arn = lab.stream_arn(lab.stream())
    for call in (_enabling(lab, "no-such-table", arn), _disabling(lab, "no-such-table", arn)):
        expect_error(
            call,
            "ResourceNotFoundException",
            "Requested resource not found: Table: no-such-table not found",
            status=400,
        )


@case("destination.enable.unknown-stream-fails-later", ENABLE)
def enable_unknown_stream(lab: Lab) -> None:
    """Enable with an unknown stream is taken, and becomes ENABLE_FAILED with a description."""
    table, arn = lab.table(), _absent(lab.stream_arn(lab.stream()))
    answer = _enabling(lab, table, arn)()
    expect_equal(answer["DestinationStatus"], "ENABLING", "status at once")
    wait_for_destination(lab, table, "ENABLE_FAILED")
    expect_equal(
        destination(lab, table).get("DestinationStatusDescription"),
        "User does not have a permission to use kinesis stream",
        "DestinationStatusDescription",
    )


@case("destination.enable.after-a-failed-one", ENABLE)
def enable_after_failed(lab: Lab) -> None:
    """After ENABLE_FAILED another stream can be enabled; the failed entry stays listed."""
    table, stream = lab.table(), lab.stream()
    arn = lab.stream_arn(stream)
    _enabling(lab, table, _absent(arn))()
    wait_for_destination(lab, table, "ENABLE_FAILED")
    _enabling(lab, table, arn)()

    def statuses() -> set[tuple[str, str]]:
        answer = lab.dynamodb.describe_kinesis_streaming_destination(TableName=table)
        entries = answer["KinesisDataStreamDestinations"]
        return {(one["StreamArn"], one["DestinationStatus"]) for one in entries}

    expected = {(arn, "ACTIVE"), (_absent(arn), "ENABLE_FAILED")}
    lab.wait(lambda: statuses() == expected, "one ACTIVE and one ENABLE_FAILED entry")


@case("destination.disable.answer-and-entry", DISABLE)
def disable_answer(lab: Lab) -> None:
    """Disable answers DISABLING without a configuration; a DISABLED entry stays listed."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    answer = _disabling(lab, table, arn)()
    expect_keys(answer, {"TableName", "StreamArn", "DestinationStatus"}, "the answer")
    expect_equal(answer["DestinationStatus"], "DISABLING", "status at once")
    wait_for_destination(lab, table, "DISABLED")


@case("destination.disable.not-attached", DISABLE)
def disable_not_attached(lab: Lab) -> None:
    """Disable of a stream that was never attached is a ValidationException."""
    table, arn = lab.table(), lab.stream_arn(lab.stream())
    expect_error(
        _disabling(lab, table, arn),
        "ValidationException",
        INVALID + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.",
        status=400,
    )


@case("destination.enable.again-is-one-entry", ENABLE)
def enable_again(lab: Lab) -> None:
    """A disabled stream can be enabled again: one entry, and its precision is reset."""
    table, stream = lab.table(), lab.stream()
    arn = enable_destination(lab, table, stream, **{PRECISION: "MICROSECOND"})
    _disabling(lab, table, arn)()
    wait_for_destination(lab, table, "DISABLED")
    enable_destination(lab, table, stream)
    answer = lab.dynamodb.describe_kinesis_streaming_destination(TableName=table)
    expect_equal(
        answer["KinesisDataStreamDestinations"],
        [{"StreamArn": arn, "DestinationStatus": "ACTIVE"}],
        "destinations",
    )


@case("destination.update.answer", UPDATE)
def update_answer(lab: Lab) -> None:
    """Update answers UPDATING and the precision, which Describe shows, and is ACTIVE again."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    answer = _updating(lab, table, arn, **{PRECISION: "MICROSECOND"})()
    answer.pop("ResponseMetadata")
    expect_equal(
        answer,
        {
            "TableName": table,
            "StreamArn": arn,
            "DestinationStatus": "UPDATING",
            "UpdateKinesisStreamingConfiguration": {PRECISION: "MICROSECOND"},
        },
        "the answer",
    )
    expect_equal(destination(lab, table).get(PRECISION), "MICROSECOND", "precision at once")
    wait_for_destination(lab, table, "ACTIVE")


@case("destination.update.empty-configuration", UPDATE)
def update_empty(lab: Lab) -> None:
    """Update without a precision is refused in AWS's sentence."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    sentence = (
        "Streaming destination cannot be updated with given parameters:"
        " UpdateKinesisStreamingConfiguration cannot be null or contain only null values"
    )
    expect_error(_updating(lab, table, arn), "ValidationException", sentence)
    expect_error(
        lambda: lab.dynamodb.update_kinesis_streaming_destination(TableName=table, StreamArn=arn),
        "ValidationException",
        sentence,
    )


@case("destination.update.unknown-precision", UPDATE)
def update_unknown_precision(lab: Lab) -> None:
    """Update to SECOND is refused with the values that there are."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    expect_error(
        _updating(lab, table, arn, **{PRECISION: "SECOND"}),
        "ValidationException",
        "1 validation error detected: Value 'SECOND' at"
        " 'updateKinesisStreamingConfiguration.approximateCreationDateTimePrecision' failed to"
        " satisfy constraint: Member must satisfy enum value set: [MILLISECOND, MICROSECOND]",
    )


@case("destination.update.not-attached", UPDATE)
def update_not_attached(lab: Lab) -> None:
    """Update of a stream that is no destination names stream and table."""
    table, arn = lab.table(), lab.stream_arn(lab.stream())
    expect_error(
        _updating(lab, table, arn, **{PRECISION: "MICROSECOND"}),
        "ValidationException",
        f"{INVALID}No streaming destination with streamArn: {arn} found for table with tableName:"
        f" {table}",
    )


@case("destination.update.to-the-value-it-has", UPDATE)
def update_to_the_same(lab: Lab) -> None:
    """Update to the precision it has is refused, also to MILLISECOND when none was set."""
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    table_id = lab.describe_table(table)["TableId"]
    expect_error(
        _updating(lab, table, arn, **{PRECISION: "MILLISECOND"}),
        "ValidationException",
        "Invalid Request: Precision is already set to the desired value of MILLISECOND for tableId:"
        f" {table_id}, kdsArn: {arn}",
    )


@case("destination.update.while-updating", UPDATE, alone=True)
def update_while_updating(lab: Lab) -> None:
    """Update and Disable while it is UPDATING are ValidationExceptions."""
    lab.settings(destination={"updating": 60.0})
    table = lab.table()
    arn = enable_destination(lab, table, lab.stream())
    _updating(lab, table, arn, **{PRECISION: "MICROSECOND"})()
    expect_equal(destination(lab, table)["DestinationStatus"], "UPDATING", "status at once")
    expect_error(
        _updating(lab, table, arn, **{PRECISION: "MILLISECOND"}),
        "ValidationException",
        containing=INVALID + "Kinesis streaming is not in ACTIVE state. Updates are only allowed in"
        " ACTIVE st",
    )
    expect_error(
        _disabling(lab, table, arn),
        "ValidationException",
        INVALID + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.",
    )


@case("destination.stream-deleted.stays-active", GUIDE)
def stream_deleted(lab: Lab) -> None:
    """The Kinesis stream may be deleted: the destination stays ACTIVE, and writes are taken."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    lab.kinesis.delete_stream(StreamName=stream)
    lab.put(table, pk="a")
    expect_equal(destination(lab, table)["DestinationStatus"], "ACTIVE", "status")


@case("destination.independent-of-streams", GUIDE)
def independent_of_streams(lab: Lab) -> None:
    """A destination needs no DynamoDB stream and makes none."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    described = lab.describe_table(table)
    found = [name for name in ("StreamSpecification", "LatestStreamArn") if name in described]
    expect_equal(found, [], "members of DescribeTable about a stream")
    lab.put(table, pk="a")
    expect_equal(len(delivered(lab, stream, 1)), 1, "records delivered")


@case("destination.disabled.carries-nothing", DISABLE)
def disabled_carries_nothing(lab: Lab) -> None:
    """What is written while it is disabled never arrives, also after it was enabled again."""
    table, stream = lab.table(), lab.stream()
    arn = enable_destination(lab, table, stream)
    lab.put(table, pk="before")
    delivered(lab, stream, 1)
    _disabling(lab, table, arn)()
    wait_for_destination(lab, table, "DISABLED")
    lab.put(table, pk="gap")
    enable_destination(lab, table, stream)
    lab.put(table, pk="after")
    found = [one["Change"]["dynamodb"]["Keys"]["pk"]["S"] for one in delivered(lab, stream, 2)]
    expect_equal(found, ["before", "after"], "items in the Kinesis stream")
