"""Requests for exports: their shapes, and what AWS refuses before it accepts one.

Source: botocore's DynamoDB model; order and words of the refusals as probed on AWS in October 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.awsjson import AwsError, Json
from harness.clock import SECOND_US
from harness.dynamodb.moments import epoch_us
from harness.dynamodb.shapes import Moment, Number, String, Structure, validation_error

if TYPE_CHECKING:
    from harness.dynamodb.backups import Recovery

NAMESPACE = "com.amazonaws.dynamodb.v20120810"
TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[a-zA-Z0-9_.-]+")
WINDOW_MIN_SECONDS = 15 * 60
WINDOW_MAX_SECONDS = 24 * 3600
BUCKET = String(length=(None, 255), pattern=r"^[a-z0-9A-Z]+[\.\-\w]*[a-z0-9A-Z]+$")
PREFIX = String(length=(None, 1024))
TOKEN = String(pattern=r"^[^\$]+$")

ExportType = Literal["FULL_EXPORT", "INCREMENTAL_EXPORT"]
ViewType = Literal["NEW_IMAGE", "NEW_AND_OLD_IMAGES"]
Format = Literal["DYNAMODB_JSON", "ION"]

EXPORT = Structure(
    "ExportTableToPointInTimeInput",
    {
        "TableArn": String(length=(1, 1024)),
        "ExportTime": Moment(),
        "ClientToken": TOKEN,
        "S3Bucket": BUCKET,
        "S3BucketOwner": String(pattern="[0-9]{12}"),
        "S3Prefix": PREFIX,
        "S3SseAlgorithm": String(enum=("AES256", "KMS")),
        "S3SseKmsKeyId": String(length=(1, 2048)),
        "ExportFormat": String(enum=("DYNAMODB_JSON", "ION")),
        "ExportType": String(enum=("FULL_EXPORT", "INCREMENTAL_EXPORT")),
        "IncrementalExportSpecification": Structure(
            "IncrementalExportSpecification",
            {
                "ExportFromTime": Moment(),
                "ExportToTime": Moment(),
                "ExportViewType": String(enum=("NEW_IMAGE", "NEW_AND_OLD_IMAGES")),
            },
        ),
        "FilterSpecification": Structure("FilterSpecification", {}),
    },
    required=("TableArn", "S3Bucket"),
)
DESCRIBE = Structure(
    "DescribeExportInput", {"ExportArn": String(length=(37, 1024))}, required=("ExportArn",)
)
LIST = Structure(
    "ListExportsInput",
    {
        "TableArn": String(length=(1, 1024)),
        "MaxResults": Number(low=1, high=25),
        "NextToken": String(),
    },
)


@dataclass(frozen=True, slots=True)
class Span:
    """Which time an export is about; a full one has `to_us` alone, the last moment it includes.

    Attributes:
        from_us: first moment of an incremental export.
        to_us: its end, which no longer counts.
        view_type: which images an incremental export has.
    """

    to_us: int
    from_us: int | None = None
    view_type: ViewType = "NEW_AND_OLD_IMAGES"


def parse_export(payload: Json) -> Json:
    """The request's members.

    Raises:
        AwsError: ValidationException for what a single look at the request shows to be wrong.
    """
    request = EXPORT.parse(payload)
    if "FilterSpecification" in request:
        raise validation_error("not emulated: FilterSpecification of ExportTableToPointInTime")
    if not TABLE_ARN.fullmatch(request["TableArn"]):
        raise validation_error(
            f"Invalid Request: tableArn is not a valid ARN: {request['TableArn']}"
        )
    incremental = request.get("ExportType") == "INCREMENTAL_EXPORT"
    specification = request.get("IncrementalExportSpecification")
    if specification is not None and not incremental:
        raise validation_error(
            "Invalid Request: IncrementalExportSpecification is only valid for ExportType "
            "INCREMENTAL_EXPORT"
        )
    if incremental and not specification:
        raise validation_error(
            "Invalid Request: IncrementalExportSpecification is required for ExportType "
            "INCREMENTAL_EXPORT"
        )
    if incremental and "ExportTime" in request:
        raise validation_error(
            "Invalid Request: ExportTime is not valid for ExportType INCREMENTAL_EXPORT"
        )
    if incremental and "ExportFromTime" not in request["IncrementalExportSpecification"]:
        raise validation_error("Invalid Request: ExportFromTime is required")
    return request


def span_of(request: Json, recovery: Recovery, now_us: int) -> Span:
    """The time that a request is about.

    Raises:
        AwsError: InvalidExportTimeException, it is not within the window or too short or too long.
    """
    # Restorable times are whole seconds, and what a client read there must be accepted.
    earliest_us = recovery.earliest_us(now_us) // SECOND_US * SECOND_US
    if request.get("ExportType") != "INCREMENTAL_EXPORT":
        if "ExportTime" not in request:
            return Span(now_us)
        time_us = epoch_us(request["ExportTime"])
        if not earliest_us <= time_us <= now_us:
            raise _invalid_time("Export Time is invalid")
        return Span(time_us)
    specification = request["IncrementalExportSpecification"]
    from_us = epoch_us(specification["ExportFromTime"])
    to_us = now_us
    if "ExportToTime" in specification:
        to_us = epoch_us(specification["ExportToTime"])
    length_seconds = (to_us - from_us) / SECOND_US
    if from_us < earliest_us or to_us > now_us:
        raise _invalid_time("Export Time is invalid")
    if not WINDOW_MIN_SECONDS <= length_seconds <= WINDOW_MAX_SECONDS:
        raise _invalid_time("Export window must be at least 15 minutes and at most 24 hours")
    return Span(to_us, from_us, specification.get("ExportViewType", "NEW_AND_OLD_IMAGES"))


def _invalid_time(message: str) -> AwsError:
    return AwsError("InvalidExportTimeException", message, namespace=NAMESPACE)
