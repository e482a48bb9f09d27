"""Full exports: requests, descriptions and refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.expect import (
    expect,
    expect_equal,
    expect_error,
    expect_keys,
    expect_matches,
)
from harness.conformance.export_reading import (
    ended,
    export,
    export_id,
    lines,
    recoverable_table,
)
from harness.conformance.lab import item

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

EXPORT = DYNAMODB_API + "API_ExportTableToPointInTime.html"
DESCRIBE = DYNAMODB_API + "API_DescribeExport.html"
LIST = DYNAMODB_API + "API_ListExports.html"
HOW = DYNAMODB_GUIDE + "S3DataExport.HowItWorks.html"
BACKUPS = DYNAMODB_API + "API_UpdateContinuousBackups.html"


def _exporting(lab: Lab, table_arn: str, bucket: str, **more: Any) -> Callable[[], Any]:
    return lambda: lab.dynamodb.export_table_to_point_in_time(
        TableArn=table_arn, S3Bucket=bucket, **more
    )


@case("export-import.recovery.enabled", BACKUPS)
def recovery_enabled(lab: Lab) -> None:
    """Point-in-time recovery shows its status, its window and 35 days."""
    table, _ = recoverable_table(lab)
    described = lab.dynamodb.describe_continuous_backups(TableName=table)
    backups = described["ContinuousBackupsDescription"]
    expect_equal(backups["ContinuousBackupsStatus"], "ENABLED", "ContinuousBackupsStatus")
    recovery = backups["PointInTimeRecoveryDescription"]
    expect_keys(
        recovery,
        {
            *("EarliestRestorableDateTime", "LatestRestorableDateTime"),
            *("PointInTimeRecoveryStatus", "RecoveryPeriodInDays"),
        },
        "PointInTimeRecoveryDescription",
    )
    expect_equal(recovery["RecoveryPeriodInDays"], 35, "RecoveryPeriodInDays")


@case("export-import.export.without-recovery", EXPORT)
def without_recovery(lab: Lab) -> None:
    """Without point-in-time recovery an export is refused, before the bucket is looked at."""
    table = lab.table()
    expect_error(
        _exporting(lab, lab.describe_table(table)["TableArn"], "no-such-bucket-of-ours"),
        "PointInTimeRecoveryUnavailableException",
        f"Point in time recovery is not enabled for table '{table}'",
        status=400,
    )


@case("export-import.export.unknown-table", EXPORT)
def unknown_table(lab: Lab) -> None:
    """An unknown table is a TableNotFoundException with its ARN."""
    arn = lab.describe_table(lab.table())["TableArn"].rpartition("/")[0] + "/no-such-table"
    expect_error(
        _exporting(lab, arn, lab.bucket()), "TableNotFoundException", f"Table not found: {arn}"
    )


@case("export-import.export.plain-name", EXPORT)
def plain_name(lab: Lab) -> None:
    """A table's name in place of its ARN is a ValidationException."""
    table, _ = recoverable_table(lab)
    expect_error(_exporting(lab, table, lab.bucket()), "ValidationException", containing="arn")


@case("export-import.export.answer", EXPORT)
def answer(lab: Lab) -> None:
    """The answer is IN_PROGRESS with these members; no ExportType, no EndTime, no counts yet."""
    _, arn = recoverable_table(lab)
    described = _exporting(lab, arn, lab.bucket())()["ExportDescription"]
    expect_keys(
        described,
        {
            *("ClientToken", "ExportArn", "ExportFormat", "ExportStatus", "ExportTime", "S3Bucket"),
            *("S3SseAlgorithm", "StartTime", "TableArn", "TableId"),
        },
        "ExportDescription",
    )
    expect_equal(described["ExportStatus"], "IN_PROGRESS", "ExportStatus")
    expect_equal(described["ExportFormat"], "DYNAMODB_JSON", "ExportFormat")
    expect_equal(described["S3SseAlgorithm"], "AES256", "S3SseAlgorithm")
    ended(lab, described["ExportArn"])


@case("export-import.export.arn", DESCRIBE)
def export_arn(lab: Lab) -> None:
    """The export's ARN is the table's with 0, the start in milliseconds and eight hex digits."""
    _, arn = recoverable_table(lab)
    described = export(lab, arn, lab.bucket())
    expect_matches(described["ExportArn"], rf"{arn}/export/0\d{{13}}-[0-9a-f]{{8}}", "ExportArn")
    started = described["StartTime"].timestamp()
    milliseconds = int(export_id(described).partition("-")[0])
    expect(abs(milliseconds / 1000 - started) < 1.1, "the start in the id")


@case("export-import.export.completed", DESCRIBE)
def completed(lab: Lab) -> None:
    """A COMPLETED export has EndTime, counts and the manifest's key, and no owner."""
    _, arn = recoverable_table(lab, item(pk="a"), item(pk="b"))
    described = export(lab, arn, lab.bucket())
    expect_equal(described["ItemCount"], 2, "ItemCount")
    expect(described["BilledSizeBytes"] > 0, "BilledSizeBytes above 0")
    expect(described["EndTime"] >= described["StartTime"], "an EndTime after the start")
    expected = f"AWSDynamoDB/{export_id(described)}/manifest-summary.json"
    expect_equal(described["ExportManifest"], expected, "ExportManifest")
    expect("S3BucketOwner" not in described, "no S3BucketOwner that was not given")


@case("export-import.export.unknown-bucket", DESCRIBE)
def unknown_bucket(lab: Lab) -> None:
    """A bucket that does not exist is found out later: FAILED with S3NoSuchBucket."""
    _, arn = recoverable_table(lab)
    begun = _exporting(lab, arn, lab.name("nobucket"))()["ExportDescription"]
    described = ended(lab, begun["ExportArn"])
    expect_equal(described["ExportStatus"], "FAILED", "ExportStatus")
    expect_equal(described.get("FailureCode"), "S3NoSuchBucket", "FailureCode")
    expect(
        "The specified bucket does not exist" in described.get("FailureMessage", ""),
        f"a FailureMessage that says so, not {described.get('FailureMessage')!r}",
    )


@case("export-import.export.time-out-of-window", EXPORT)
def out_of_window(lab: Lab) -> None:
    """An ExportTime in the future, or before the window, is an InvalidExportTimeException."""
    _, arn = recoverable_table(lab)
    bucket = lab.bucket()
    for moment in (lab.now() + 3600, 1_000_000_000):
        expect_error(
            _exporting(lab, arn, bucket, ExportTime=datetime.fromtimestamp(moment, UTC)),
            "InvalidExportTimeException",
            status=400,
        )


@case("export-import.export.point-in-time", HOW, alone=True)
def point_in_time(lab: Lab) -> None:
    """An export of a moment past has the items of that moment, not those of now."""
    table, arn = recoverable_table(lab, item(pk="kept", v=1), item(pk="gone", v=1))
    lab.advance(120)
    moment = datetime.fromtimestamp(lab.now(), UTC)
    lab.advance(120)
    lab.put(table, pk="kept", v=2)
    lab.put(table, pk="new", v=1)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="gone"))
    bucket = lab.bucket()
    found = [
        json.loads(line)["Item"]
        for line in lines(lab, bucket, export(lab, arn, bucket, ExportTime=moment))
    ]
    found.sort(key=lambda one: str(one["pk"]))
    expect_equal(found, [item(pk="gone", v=1), item(pk="kept", v=1)], "items of that moment")


@case("export-import.export.token-repeats", EXPORT)
def token_repeats(lab: Lab) -> None:
    """The same ClientToken and request give the same export, also once it is COMPLETED."""
    _, arn = recoverable_table(lab)
    bucket, token = lab.bucket(), lab.name("token")
    first = export(lab, arn, bucket, ClientToken=token)
    again = _exporting(lab, arn, bucket, ClientToken=token)()["ExportDescription"]
    expect_equal(again["ExportArn"], first["ExportArn"], "ExportArn of the second request")
    other = export(lab, arn, bucket)
    expect(other["ExportArn"] != first["ExportArn"], "another export without the token")


@case("export-import.export.token-conflicts", EXPORT)
def token_conflicts(lab: Lab) -> None:
    """The same ClientToken with another request is an ExportConflictException."""
    _, arn = recoverable_table(lab)
    bucket, token = lab.bucket(), lab.name("token")
    export(lab, arn, bucket, ClientToken=token)
    expect_error(
        _exporting(lab, arn, bucket, ClientToken=token, S3Prefix="other"),
        "ExportConflictException",
        "Export conflict: Duplicate request detected with conflicting parameters",
        status=400,
    )


@case("export-import.list.entries", LIST)
def list_entries(lab: Lab) -> None:
    """ListExports shows ARN, status and type of a table's exports, the newest first, in pages."""
    _, arn = recoverable_table(lab)
    bucket = lab.bucket()
    made = [export(lab, arn, bucket)["ExportArn"] for _ in range(2)]
    page = lab.dynamodb.list_exports(TableArn=arn, MaxResults=1)
    rest = lab.dynamodb.list_exports(TableArn=arn, NextToken=page["NextToken"])
    listed = [*page["ExportSummaries"], *rest["ExportSummaries"]]
    expect_equal(
        listed,
        [
            {"ExportArn": one, "ExportStatus": "COMPLETED", "ExportType": "FULL_EXPORT"}
            for one in sorted(made, reverse=True)
        ],
        "entries",
    )


@case("export-import.describe.unknown", DESCRIBE)
def describe_unknown(lab: Lab) -> None:
    """An export that does not exist is an ExportNotFoundException."""
    _, arn = recoverable_table(lab)
    unknown = f"{arn}/export/01700000000000-00000000"
    expect_error(lambda: lab.dynamodb.describe_export(ExportArn=unknown), "ExportNotFoundException")
