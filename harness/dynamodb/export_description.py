"""One export: what was asked, how far it is, and how AWS tells of it in API and manifest.

Source: DynamoDB API reference, ExportDescription; developer guide, "DynamoDB table export output
format"; descriptions recorded on AWS in October 2026.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.clock import SECOND_US
from harness.dynamodb.export_files import DataFile
from harness.dynamodb.moments import iso_time

if TYPE_CHECKING:
    from harness.awsjson import Json
    from harness.dynamodb.export_requests import Format, Span
    from harness.dynamodb.tables import Table

FULL_VERSION = "2020-06-30"
INCREMENTAL_VERSION = "2023-08-01"


@dataclass(slots=True)
class Export:
    """One export: what was asked, and how far it is."""

    arn: str
    export_id: str
    table: Table
    request: Json
    span: Span
    client_token: str
    start_us: int
    end_change: int
    status: str = "IN_PROGRESS"
    end_us: int | None = None
    manifest: str = ""
    item_count: int = 0
    billed_size_bytes: int = 0
    failure: tuple[str, str] | None = None
    files: list[DataFile] = field(default_factory=list)

    @property
    def is_incremental(self) -> bool:
        """INCREMENTAL_EXPORT, as opposed to FULL_EXPORT."""
        return self.span.from_us is not None

    @property
    def output(self) -> Format:
        """Its ExportFormat."""
        output: Format = self.request.get("ExportFormat", "DYNAMODB_JSON")
        return output

    def describe(self) -> Json:
        """ExportDescription: members that have no value are absent, as on AWS."""
        shown: Json = {
            "ExportArn": self.arn,
            "ExportStatus": self.status,
            "StartTime": self.start_us // 1000 / 1000,
            "TableArn": self.table.arn,
            "TableId": self.table.table_id,
            "ClientToken": self.client_token,
            "S3Bucket": self.request["S3Bucket"],
            "S3SseAlgorithm": self.request.get("S3SseAlgorithm", "AES256"),
            "ExportFormat": self.output,
        }
        for name in ("S3BucketOwner", "S3Prefix", "S3SseKmsKeyId"):
            if name in self.request:
                shown[name] = self.request[name]
        if self.is_incremental:
            shown["ExportType"] = "INCREMENTAL_EXPORT"
            shown["IncrementalExportSpecification"] = {
                "ExportFromTime": (self.span.from_us or 0) / SECOND_US,
                "ExportToTime": self.span.to_us / SECOND_US,
                "ExportViewType": self.span.view_type,
            }
        else:
            shown["ExportTime"] = self.span.to_us // 1000 / 1000
        if self.end_us is not None:
            shown["EndTime"] = self.end_us // 1000 / 1000
        if self.failure is not None:
            shown["FailureCode"], shown["FailureMessage"] = self.failure
        if self.status == "COMPLETED":
            shown["ExportManifest"] = self.manifest
            shown["ItemCount"] = self.item_count
            shown["BilledSizeBytes"] = self.billed_size_bytes
        return {"ExportDescription": shown}


def summary_of(export: Export, manifest_files_key: str, now_us: int) -> Json:
    """manifest-summary.json, its members in AWS's order."""
    span = export.span
    request = export.request
    summary: Json = {
        "version": INCREMENTAL_VERSION if export.is_incremental else FULL_VERSION,
        "exportArn": export.arn,
        "startTime": iso_time(export.start_us),
        "endTime": iso_time(now_us),
        "tableArn": export.table.arn,
        "tableId": export.table.table_id,
    }
    if span.from_us is not None:
        summary["exportFromTime"] = iso_time(span.from_us)
        summary["exportToTime"] = iso_time(span.to_us)
    summary |= {
        "exportTime": iso_time(span.to_us),
        "s3Bucket": request["S3Bucket"],
        "s3Prefix": request.get("S3Prefix"),
        "s3SseAlgorithm": request.get("S3SseAlgorithm", "AES256"),
        "s3SseKmsKeyId": request.get("S3SseKmsKeyId"),
        "manifestFilesS3Key": manifest_files_key,
        "billedSizeBytes": export.billed_size_bytes,
        "itemCount": export.item_count,
        "outputFormat": export.output,
    }
    if span.from_us is not None:
        summary["outputView"] = span.view_type
        summary["exportType"] = "INCREMENTAL_EXPORT"
    return summary
