"""Full exports: the layout in S3, manifests and data, byte by byte."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING

from harness.conformance.case import DYNAMODB_GUIDE, case
from harness.conformance.expect import (
    expect,
    expect_equal,
    expect_keys,
    expect_matches,
)
from harness.conformance.export_reading import (
    body,
    data_key,
    export,
    export_id,
    files,
    folder,
    keys,
    lines,
    manifest,
    recoverable_table,
)
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

OUTPUT = DYNAMODB_GUIDE + "S3DataExport.Output.html"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def _md5(data: bytes) -> str:
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()


@case("export-import.layout.objects", OUTPUT)
def layout(lab: Lab) -> None:
    """An export writes _started, two manifests with their MD5, and data files under its id."""
    _, arn = recoverable_table(lab, item(pk="a"))
    bucket = lab.bucket()
    described = export(lab, arn, bucket, S3Prefix="some/prefix")
    base = folder(described)
    found = keys(lab, bucket)
    data = [key for key in found if key.startswith(f"{base}/data/")]
    names = [f"manifest-{one}.{end}" for one in ("files", "summary") for end in ("json", "md5")]
    others = {key for key in found if key not in data and not key.endswith("/_started")}
    expect_equal(others, {f"{base}/{name}" for name in names}, "manifests")
    started = [key for key in found if key.endswith("/_started")]
    expect(started and started[0].startswith("some/prefix/AWSDynamoDB/"), f"_started in {found}")
    expect(data, "data files")
    for key in data:
        expect_matches(key, rf"{base}/data/[a-z2-7]{{26}}\.json\.gz", "data file")
    expected = f"some/prefix/AWSDynamoDB/{export_id(described)}/manifest-summary.json"
    expect_equal(described["ExportManifest"], expected, "ExportManifest")


@case("export-import.layout.manifest-checksums", OUTPUT)
def manifest_checksums(lab: Lab) -> None:
    """The .md5 objects hold the MD5 of their manifest in base64."""
    _, arn = recoverable_table(lab, item(pk="a"))
    bucket = lab.bucket()
    base = folder(export(lab, arn, bucket))
    for name in ("manifest-summary", "manifest-files"):
        expected = _md5(body(lab, bucket, f"{base}/{name}.json"))
        found = body(lab, bucket, f"{base}/{name}.md5").decode().strip()
        expect_equal(found, expected, f"{name}.md5")


@case("export-import.manifest.summary", OUTPUT)
def summary(lab: Lab) -> None:
    """manifest-summary.json has AWS's members; times with milliseconds, and the item count."""
    table, arn = recoverable_table(lab, item(pk="a"), item(pk="b"))
    bucket = lab.bucket()
    described = export(lab, arn, bucket)
    found = manifest(lab, bucket, described)
    expect_keys(
        found,
        {
            *("version", "exportArn", "startTime", "endTime", "tableArn", "tableId", "exportTime"),
            *("s3Bucket", "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId", "manifestFilesS3Key"),
            *("billedSizeBytes", "itemCount", "outputFormat"),
        },
        "manifest-summary.json",
    )
    expect_equal(found["version"], "2020-06-30", "version")
    expect_equal(found["itemCount"], 2, "itemCount")
    expect_equal(found["exportArn"], described["ExportArn"], "exportArn")
    expect_equal(found["tableId"], lab.describe_table(table)["TableId"], "tableId")
    expect_equal(found["outputFormat"], "DYNAMODB_JSON", "outputFormat")
    for name in ("startTime", "endTime", "exportTime"):
        expect_matches(found[name], MOMENT, name)
    expected = f"{folder(described)}/manifest-files.json"
    expect_equal(found["manifestFilesS3Key"], expected, "manifestFilesS3Key")


@case("export-import.manifest.files", OUTPUT)
def manifest_files(lab: Lab) -> None:
    """manifest-files.json has a line a data file with count, MD5, ETag and key, all of them right."""
    _, arn = recoverable_table(lab, *(item(pk=f"i{n}") for n in range(9)))
    bucket = lab.bucket()
    described = export(lab, arn, bucket)
    listed = files(lab, bucket, described)
    for one in listed:
        expect_keys(one, {"itemCount", "md5Checksum", "etag", "dataFileS3Key"}, "a line")
        key = data_key(described, one["dataFileS3Key"])
        packed = body(lab, bucket, key)
        expect_equal(one["md5Checksum"], _md5(packed), "md5Checksum")
        etag = lab.s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        expect_equal(one["etag"], etag, "etag")
        count = len([line for line in gzip.decompress(packed).splitlines() if line])
        expect_equal(one["itemCount"], count, "itemCount")
    expect_equal(sum(one["itemCount"] for one in listed), 9, "items of all files")


@case("export-import.data.lines", OUTPUT)
def data_lines(lab: Lab) -> None:
    """A data line is `{"Item": {…}}` in DynamoDB's JSON, binary encoded once."""
    one = {
        "pk": {"S": "a"}, "n": {"N": "1.50"}, "b": {"B": b"\x00\xff"}, "t": {"BOOL": True},
        "z": {"NULL": True}, "l": {"L": [{"S": ""}]}, "m": {"M": {"k": {"N": "1"}}},
        "ss": {"SS": ["x"]}, "ns": {"NS": ["1e1"]}, "bs": {"BS": [b"\x01"]},
    }  # fmt: skip
    _, arn = recoverable_table(lab, one)
    bucket = lab.bucket()
    found = [json.loads(line) for line in lines(lab, bucket, export(lab, arn, bucket))]
    expected = {
        **one, "n": {"N": "1.5"}, "b": {"B": "AP8="}, "ns": {"NS": ["10"]}, "bs": {"BS": ["AQ=="]},
    }  # fmt: skip
    expect_equal(found, [{"Item": expected}], "lines")


@case("export-import.data.empty-table", OUTPUT)
def empty_table(lab: Lab) -> None:
    """An empty table has data files too, gzip of no bytes, and counts of 0."""
    _, arn = recoverable_table(lab)
    bucket = lab.bucket()
    described = export(lab, arn, bucket)
    expect_equal(described["ItemCount"], 0, "ItemCount")
    expect_equal(described["BilledSizeBytes"], 0, "BilledSizeBytes")
    listed = files(lab, bucket, described)
    expect(listed, "at least one data file")
    for one in listed:
        packed = body(lab, bucket, one["dataFileS3Key"])
        expect_equal(gzip.decompress(packed), b"", "bytes of a data file")


@case("export-import.data.ion", OUTPUT)
def ion(lab: Lab) -> None:
    """Lines of an ION export begin with `$ion_1_0 {Item:{`, and sets are annotated lists."""
    _, arn = recoverable_table(lab, {"pk": {"S": "a"}, "s": {"SS": ["x"]}, "b": {"B": b"\x00"}})
    bucket = lab.bucket()
    described = export(lab, arn, bucket, ExportFormat="ION")
    found = lines(lab, bucket, described)
    expect_equal(len(found), 1, "lines")
    expect(found[0].startswith(b"$ion_1_0 {Item:{"), f"an Ion struct, not {found[0]!r}")
    expect(b"$dynamodb_SS::" in found[0], "the annotation of a set")
    expect(b"{{" in found[0] and b"AA==" in found[0], "a blob")
    expect_equal(manifest(lab, bucket, described)["outputFormat"], "ION", "outputFormat")


@case("export-import.data.every-item-once", OUTPUT)
def every_item_once(lab: Lab) -> None:
    """An export has each item of the table once, over all of its files."""
    table, arn = recoverable_table(lab)
    names = sorted(f"i{n:03d}" for n in range(200))
    for start in range(0, 200, 25):
        puts = [{"PutRequest": {"Item": item(pk=n)}} for n in names[start : start + 25]]
        lab.dynamodb.batch_write_item(RequestItems={table: puts})
    bucket = lab.bucket()
    found = [
        json.loads(line)["Item"]["pk"]["S"] for line in lines(lab, bucket, export(lab, arn, bucket))
    ]
    expect_equal(sorted(found), names, "items of the export")
