"""Short forms for cases that export tables to S3 and read what was written, and that import."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from harness.conformance.expect import Failed

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

EXPORT_SECONDS_MAX = 20.0


def recoverable_table(lab: Lab, *items: dict[str, Any]) -> tuple[str, str]:
    """A table with point-in-time recovery and these items: name and ARN."""
    table = lab.table()
    lab.dynamodb.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    for one in items:
        lab.dynamodb.put_item(TableName=table, Item=one)
    return table, str(lab.describe_table(table)["TableArn"])


def export(lab: Lab, table_arn: str, bucket: str, **more: Any) -> dict[str, Any]:
    """ExportTableToPointInTime, until it is COMPLETED; returns the last description.

    Raises:
        Failed: it became FAILED, or did not end.
    """
    begun = lab.dynamodb.export_table_to_point_in_time(TableArn=table_arn, S3Bucket=bucket, **more)[
        "ExportDescription"
    ]
    described = ended(lab, begun["ExportArn"])
    if described["ExportStatus"] != "COMPLETED":
        raise Failed(f"expected a COMPLETED export, found {described.get('FailureMessage')}")
    return described


def ended(lab: Lab, export_arn: str) -> dict[str, Any]:
    """DescribeExport, once it is no longer IN_PROGRESS."""
    described: dict[str, Any] = {}

    def over() -> bool:
        answer = lab.dynamodb.describe_export(ExportArn=export_arn)
        described.update(answer["ExportDescription"])
        return bool(described["ExportStatus"] != "IN_PROGRESS")

    lab.wait(over, "the export to end", EXPORT_SECONDS_MAX)
    return described


def export_id(described: dict[str, Any]) -> str:
    """The last part of the export's ARN."""
    return str(described["ExportArn"]).rpartition("/")[2]


def folder(described: dict[str, Any]) -> str:
    """The folder of the manifests, with the prefix."""
    prefix = str(described.get("S3Prefix", "")).rstrip("/")
    path = f"AWSDynamoDB/{export_id(described)}"
    return f"{prefix}/{path}" if prefix else path


def keys(lab: Lab, bucket: str) -> list[str]:
    """All keys of a bucket."""
    listed = lab.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [str(one["Key"]) for one in listed]


def body(lab: Lab, bucket: str, key: str) -> bytes:
    """An object's bytes."""
    read: bytes = lab.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return read


def manifest(lab: Lab, bucket: str, described: dict[str, Any]) -> dict[str, Any]:
    """manifest-summary.json."""
    text = body(lab, bucket, f"{folder(described)}/manifest-summary.json")
    summary: dict[str, Any] = json.loads(text)
    return summary


def files(lab: Lab, bucket: str, described: dict[str, Any]) -> list[dict[str, Any]]:
    """manifest-files.json: one object a line."""
    text = body(lab, bucket, f"{folder(described)}/manifest-files.json")
    return [json.loads(line) for line in text.splitlines() if line]


def data_key(described: dict[str, Any], shown: str) -> str:
    """The key of a data file as S3 has it; manifests may leave the prefix out."""
    prefix = str(described.get("S3Prefix", "")).rstrip("/")
    return shown if not prefix or shown.startswith(prefix + "/") else f"{prefix}/{shown}"


def lines(lab: Lab, bucket: str, described: dict[str, Any]) -> list[bytes]:
    """The lines of all data files that the manifest lists."""
    found: list[bytes] = []
    for one in files(lab, bucket, described):
        packed = body(lab, bucket, data_key(described, one["dataFileS3Key"]))
        found += [line for line in gzip.decompress(packed).splitlines() if line]
    return found


def import_table(lab: Lab, bucket: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """ImportTable into a new table with the text key `pk`; its name and the last description."""
    name = lab.name("table")
    request: dict[str, Any] = {
        "S3BucketSource": {"S3Bucket": bucket},
        "TableCreationParameters": {
            "TableName": name,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }
    begun = lab.dynamodb.import_table(**{**request, **more})["ImportTableDescription"]
    lab.forget_table(name)
    described: dict[str, Any] = {}

    def over() -> bool:
        answer = lab.dynamodb.describe_import(ImportArn=begun["ImportArn"])
        described.update(answer["ImportTableDescription"])
        return bool(described["ImportStatus"] != "IN_PROGRESS")

    lab.wait(over, "the import to end", EXPORT_SECONDS_MAX)
    return name, described
