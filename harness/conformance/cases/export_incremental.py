"""Incremental exports, and ImportTable."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error, expect_matches
from harness.conformance.export_reading import (
    data_key,
    export,
    files,
    folder,
    import_table,
    keys,
    lines,
    manifest,
    recoverable_table,
)
from harness.conformance.lab import item

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

EXPORT = DYNAMODB_API + "API_ExportTableToPointInTime.html"
SPECIFICATION = DYNAMODB_API + "API_IncrementalExportSpecification.html"
OUTPUT = DYNAMODB_GUIDE + "S3DataExport.Output.html"
IMPORT = DYNAMODB_API + "API_ImportTable.html"
FORMAT = DYNAMODB_GUIDE + "S3DataImport.Format.html"
QUARTER = 15 * 60


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _window(lab: Lab, start: float, end: float, view: str = "") -> dict[str, Any]:
    specification: dict[str, Any] = {"ExportFromTime": _moment(start), "ExportToTime": _moment(end)}
    if view:
        specification["ExportViewType"] = view
    return {
        "ExportType": "INCREMENTAL_EXPORT",
        "IncrementalExportSpecification": specification,
    }


def _changed_table(lab: Lab) -> tuple[str, float, float]:
    """A table with one item of each fate in a window of 20 minutes: its ARN and the window."""
    before = [item(pk=name, v=1) for name in ("updated", "deleted", "same")]
    table, arn = recoverable_table(lab, *before)
    lab.advance(60)
    start = lab.now()
    lab.advance(60)
    lab.put(table, pk="updated", v=2)
    lab.put(table, pk="updated", v=3)
    lab.put(table, pk="inserted", v=1)
    lab.put(table, pk="passing", v=1)
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="passing"))
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="deleted"))
    lab.advance(20 * 60)
    end = lab.now()
    lab.advance(60)
    lab.put(table, pk="inserted", v=9)
    lab.advance(60)
    return arn, start, end


def _by_key(found: list[bytes]) -> dict[str, dict[str, Any]]:
    parsed = [json.loads(line) for line in found]
    return {one["Keys"]["pk"]["S"]: one for one in parsed}


@case("export-import.incremental.images", OUTPUT, alone=True)
def incremental_images(lab: Lab) -> None:
    """One line an item that changed: keys, old and new image of the window; none for a passing one."""
    arn, start, end = _changed_table(lab)
    bucket = lab.bucket()
    found = _by_key(lines(lab, bucket, export(lab, arn, bucket, **_window(lab, start, end))))
    images = {key: (one.get("OldImage"), one.get("NewImage")) for key, one in sorted(found.items())}
    expect_equal(
        images,
        {
            "deleted": (item(pk="deleted", v=1), None),
            "inserted": (None, item(pk="inserted", v=1)),
            "updated": (item(pk="updated", v=1), item(pk="updated", v=3)),
        },
        "old and new images",
    )


@case("export-import.incremental.write-timestamp", OUTPUT, alone=True)
def write_timestamp(lab: Lab) -> None:
    """Each line's Metadata has WriteTimestampMicros, an attribute of type N, within the window."""
    arn, start, end = _changed_table(lab)
    bucket = lab.bucket()
    found = _by_key(lines(lab, bucket, export(lab, arn, bucket, **_window(lab, start, end))))
    for one in found.values():
        micros = one["Metadata"]["WriteTimestampMicros"]["N"]
        expect_matches(micros, r"\d{16}", "WriteTimestampMicros")
        expect(start <= int(micros) / 1e6 < end, f"a time within the window, not {micros}")


@case("export-import.incremental.new-image-alone", SPECIFICATION, alone=True)
def new_image_alone(lab: Lab) -> None:
    """With NEW_IMAGE there is no old image: a delete is keys alone."""
    arn, start, end = _changed_table(lab)
    bucket = lab.bucket()
    window = _window(lab, start, end, "NEW_IMAGE")
    found = _by_key(lines(lab, bucket, export(lab, arn, bucket, **window)))
    members = {key: sorted(one) for key, one in sorted(found.items())}
    expect_equal(
        members,
        {
            "deleted": ["Keys", "Metadata"],
            "inserted": ["Keys", "Metadata", "NewImage"],
            "updated": ["Keys", "Metadata", "NewImage"],
        },
        "members of the lines",
    )


@case("export-import.incremental.layout", OUTPUT, alone=True)
def incremental_layout(lab: Lab) -> None:
    """Data goes to the shared AWSDynamoDB/data/, manifests to the export's own folder."""
    arn, start, end = _changed_table(lab)
    bucket = lab.bucket()
    described = export(lab, arn, bucket, **_window(lab, start, end))
    expect_equal(described.get("ExportType"), "INCREMENTAL_EXPORT", "ExportType")
    listed = [data_key(described, one["dataFileS3Key"]) for one in files(lab, bucket, described)]
    for key in listed:
        expect_matches(key, r"AWSDynamoDB/data/[a-z2-7]{26}\.json\.gz", "data file")
    expect(set(listed) <= set(keys(lab, bucket)), "every data file to be there")
    expect(f"{folder(described)}/manifest-summary.json" in keys(lab, bucket), "the summary")


@case("export-import.incremental.summary", OUTPUT, alone=True)
def incremental_summary(lab: Lab) -> None:
    """Its summary adds type, window and view."""
    arn, start, end = _changed_table(lab)
    bucket = lab.bucket()
    found = manifest(lab, bucket, export(lab, arn, bucket, **_window(lab, start, end)))
    expect_equal(found.get("exportType"), "INCREMENTAL_EXPORT", "exportType")
    expect_equal(found.get("outputView"), "NEW_AND_OLD_IMAGES", "outputView")
    expect("exportFromTime" in found and "exportToTime" in found, "the window")
    expect_equal(found.get("itemCount"), 3, "itemCount")


@case("export-import.incremental.window-bounds", SPECIFICATION, alone=True)
def window_bounds(lab: Lab) -> None:
    """The window is 15 minutes to 24 hours; another is an InvalidExportTimeException."""
    _, arn = recoverable_table(lab)
    start = lab.now()
    lab.advance(30 * 3600)
    bucket = lab.bucket()
    for seconds in (QUARTER - 60, 25 * 3600):
        window = _window(lab, start + 60, start + 60 + seconds)
        expect_error(
            lambda w=window: lab.dynamodb.export_table_to_point_in_time(  # type: ignore[misc]
                TableArn=arn, S3Bucket=bucket, **w
            ),
            "InvalidExportTimeException",
        )


@case("export-import.incremental.specification-needs-type", SPECIFICATION)
def specification_needs_type(lab: Lab) -> None:
    """A specification with a full export is a ValidationException."""
    _, arn = recoverable_table(lab)
    window = _window(lab, lab.now() - 3600, lab.now() - 60) | {"ExportType": "FULL_EXPORT"}
    bucket = lab.bucket()
    call: Callable[[], Any] = lambda: lab.dynamodb.export_table_to_point_in_time(  # noqa: E731
        TableArn=arn, S3Bucket=bucket, **window
    )
    expect_error(call, "ValidationException")


@case("export-import.import.json", FORMAT)
def import_json(lab: Lab) -> None:
    """ImportTable makes a table of `{"Item": {…}}` lines, all files of the prefix together."""
    bucket = lab.bucket()
    for number in range(2):
        text = json.dumps({"Item": {"pk": {"S": f"i{number}"}, "n": {"N": "1.50"}}})
        lab.s3.put_object(Bucket=bucket, Key=f"data/{number}.json", Body=text.encode())
    table, described = import_table(lab, bucket, InputFormat="DYNAMODB_JSON")
    expect_equal(described["ImportStatus"], "COMPLETED", "ImportStatus")
    expect_equal(described["ImportedItemCount"], 2, "ImportedItemCount")
    expect_equal(described["ErrorCount"], 0, "ErrorCount")
    expect_equal(lab.get(table, pk="i1"), {"pk": {"S": "i1"}, "n": {"N": "1.5"}}, "an item")


@case("export-import.import.gzip", IMPORT)
def import_gzip(lab: Lab) -> None:
    """InputCompressionType GZIP reads compressed files."""
    bucket = lab.bucket()
    text = b"".join(b'{"Item":{"pk":{"S":"i%d"}}}\n' % n for n in range(3))
    lab.s3.put_object(Bucket=bucket, Key="data.json.gz", Body=gzip.compress(text))
    _, described = import_table(
        lab, bucket, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP"
    )
    expect_equal(described["ImportedItemCount"], 3, "ImportedItemCount")


@case("export-import.import.csv", FORMAT)
def import_csv(lab: Lab) -> None:
    """CSV takes names from the first line; all but key attributes of other types are texts."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="data.csv", Body=b'pk,v,w\na,1,"x,y"\nb,2,z\n')
    table, described = import_table(lab, bucket, InputFormat="CSV")
    expect_equal(described["ImportedItemCount"], 2, "ImportedItemCount")
    expect_equal(lab.get(table, pk="a"), item(pk="a", v="1", w="x,y"), "an item")


@case("export-import.import.ion", FORMAT)
def import_ion(lab: Lab) -> None:
    """ION lines are read with their types."""
    bucket = lab.bucket()
    text = b'$ion_1_0 {Item:{pk:"a",n:1.5,s:$dynamodb_SS::["x"]}}\n'
    lab.s3.put_object(Bucket=bucket, Key="data.ion", Body=text)
    table, _ = import_table(lab, bucket, InputFormat="ION")
    expected = {"pk": {"S": "a"}, "n": {"N": "1.5"}, "s": {"SS": ["x"]}}
    expect_equal(lab.get(table, pk="a"), expected, "the item")


@case("export-import.import.bad-lines", IMPORT)
def import_bad_lines(lab: Lab) -> None:
    """Lines that are no items are counted as errors, and the others imported."""
    bucket = lab.bucket()
    text = b'{"Item":{"pk":{"S":"a"}}}\n{"Item":{"other":{"S":"b"}}}\n'
    lab.s3.put_object(Bucket=bucket, Key="data.json", Body=text)
    table, described = import_table(lab, bucket, InputFormat="DYNAMODB_JSON")
    expect_equal(described["ErrorCount"], 1, "ErrorCount")
    expect_equal(described["ImportedItemCount"], 1, "ImportedItemCount")
    expect_equal(lab.get(table, pk="a"), item(pk="a"), "the item that is one")


@case("export-import.import.of-an-export", IMPORT)
def import_of_an_export(lab: Lab) -> None:
    """What was exported can be imported, and the tables are equal."""
    items = [{"pk": {"S": f"i{n}"}, "b": {"B": bytes([n])}, "n": {"N": str(n)}} for n in range(5)]
    table, arn = recoverable_table(lab, *items)
    bucket = lab.bucket()
    described = export(lab, arn, bucket)
    source = {"S3Bucket": bucket, "S3KeyPrefix": f"{folder(described)}/data/"}
    copy, described = import_table(
        lab, bucket, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP", S3BucketSource=source
    )
    expect_equal(described["ImportedItemCount"], 5, "ImportedItemCount")

    def content(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = lab.dynamodb.scan(TableName=name)["Items"]
        return sorted(found, key=lambda one: str(one["pk"]))

    expect_equal(content(copy), content(table), "items of the copy")
