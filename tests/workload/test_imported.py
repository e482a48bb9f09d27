from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harness.clock import VirtualClock
from harness.errors import ScenarioError
from harness.scenario.load import load_scenario
from harness.workload.imported import Captured, read_export, read_records
from harness.workload.mixes import generate

EXPORT = "AWSDynamoDB/01735689600000-3f2e5aa4"
ANN = {"id": {"S": "u1"}, "age": {"N": "26"}, "raw": {"B": "AAEC"}}
BOB = {"id": {"S": "u2"}, "age": {"N": "1000"}, "tags": {"SS": ["a", "b"]}}


def write_export(folder: Path, *, gz: bool = True, prefix: str = "") -> Path:
    """An export as AWS lays it out: manifests, checksums, one data file empty."""
    home = folder / EXPORT
    (home / "data").mkdir(parents=True)
    suffix = ".json.gz" if gz else ".json"
    files: dict[str, list[Any]] = {
        f"aaaaaaaaaaaaaaaaaaaaaaaaaa{suffix}": [{"Item": ANN}],
        f"bbbbbbbbbbbbbbbbbbbbbbbbbb{suffix}": [],
        f"cccccccccccccccccccccccccc{suffix}": [{"Item": {**BOB, "age": {"N": "1e3"}}}],
    }
    manifest = []
    for name, entries in files.items():
        text = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        (home / "data" / name).write_bytes(gzip.compress(text, mtime=0) if gz else text)
        key = f"{prefix}{EXPORT}/data/{name}"
        manifest.append({"itemCount": len(entries), "dataFileS3Key": key, "etag": "x-1"})
    lines = "".join(json.dumps(line) + "\n" for line in manifest)
    (home / "manifest-files.json").write_text(lines, encoding="utf-8")
    (home / "manifest-files.md5").write_text("x", encoding="utf-8")
    summary = {"version": "2020-06-30", "outputFormat": "DYNAMODB_JSON", "itemCount": 2}
    (home / "manifest-summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (home / "_started").write_bytes(b"")
    return home


@pytest.mark.parametrize("gz", [True, False])
@pytest.mark.parametrize("prefix", ["", "some/prefix/"])
def test_an_export_folder_gives_its_items(tmp_path: Path, gz: bool, prefix: str) -> None:
    home = write_export(tmp_path, gz=gz, prefix=prefix)
    assert list(read_export(home)) == [ANN, BOB]


def test_the_manifest_is_found_below_the_folder_given(tmp_path: Path) -> None:
    write_export(tmp_path)
    assert list(read_export(tmp_path)) == [ANN, BOB]


def test_files_that_the_manifest_does_not_name_are_left_out(tmp_path: Path) -> None:
    home = write_export(tmp_path)
    (home / "data" / "other.json").write_text('{"Item": {"id": {"S": "x"}}}\n', encoding="utf-8")
    assert list(read_export(home)) == [ANN, BOB]


def test_without_a_manifest_all_data_files_are_read(tmp_path: Path) -> None:
    home = write_export(tmp_path)
    (home / "manifest-files.json").unlink()
    (home / "manifest-summary.json").unlink()
    assert list(read_export(home)) == [ANN, BOB]
    assert list(read_export(home / "data")) == [ANN, BOB]


def test_an_export_that_lacks_a_data_file_is_refused(tmp_path: Path) -> None:
    home = write_export(tmp_path)
    (home / "data" / "cccccccccccccccccccccccccc.json.gz").unlink()
    with pytest.raises(ScenarioError) as caught:
        list(read_export(home))
    assert str(caught.value) == (
        "manifest-files.json: line 3: expected the data file "
        "data/cccccccccccccccccccccccccc.json.gz, found nothing there "
        "(download the export's whole folder: aws s3 cp --recursive)"
    )


def test_an_incremental_or_ion_export_is_refused(tmp_path: Path) -> None:
    home = write_export(tmp_path)
    summary = {"outputFormat": "ION", "exportType": "INCREMENTAL_EXPORT"}
    (home / "manifest-summary.json").write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(ScenarioError, match="found INCREMENTAL_EXPORT in ION"):
        list(read_export(home))


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"expected data/\*\.json\.gz of an export, found none"):
        list(read_export(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": {"S": "x"}}\n', 'x.json: line 1: expected {"Item": …}, found {"id": {"S": "x"}}'),
        (b'\n{"Item": \n', 'x.json: line 2: expected JSON, found {"Item":'),
        (
            b'{"Item": {"id": "x"}}\n',
            "x.json: line 1: expected an attribute value such as {\"S\": \"x\"} at 'id', found 'x'",
        ),
        (
            b'{"Item": {"id": {"N": "ten"}}}\n',
            "x.json: line 1: expected a value of type N at 'id', found 'ten': 'ten' is no number",
        ),
        (
            gzip.compress(b'{"Item": {}}\n', mtime=0)[:-9],
            "x.json: expected a readable file, found:",
        ),
    ],
)
def test_a_bad_line_of_an_export_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        list(read_export(tmp_path))
    assert message in str(caught.value)


TWICE = base64.b64encode(b"AAEC").decode()


def kinesis_change(event: str, new: dict[str, Any] | None) -> dict[str, Any]:
    """A change as DynamoDB puts it on Kinesis: no sequence number, binary encoded twice."""
    body: dict[str, Any] = {
        "ApproximateCreationDateTime": 1731400000123456,
        "Keys": {"id": {"S": "u1"}},
        "SizeBytes": 22,
        "ApproximateCreationDateTimePrecision": "MICROSECOND",
    }
    if new is not None:
        body["NewImage"] = {**new, "raw": {"B": TWICE}, "set": {"BS": [TWICE]}}
    return {
        "awsRegion": "eu-west-1",
        "eventID": "4c0e4e0a-5d0e-4f5e-9b1c-0d1d0d5d7a11",
        "eventName": event,
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "users",
        "dynamodb": body,
        "eventSource": "aws:dynamodb",
    }


def encoded(change: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(change).encode()).decode()


INSERT = kinesis_change("INSERT", {"id": {"S": "u1"}, "age": {"N": "026.50"}})
REMOVE = kinesis_change("REMOVE", None)
IMAGE: dict[str, dict[str, Any]] = {
    "id": {"S": "u1"},
    "age": {"N": "26.5"},
    "raw": {"B": "AAEC"},
    "set": {"BS": ["AAEC"]},
}
WANTED = [Captured({"id": {"S": "u1"}}, IMAGE), Captured({"id": {"S": "u1"}}, None)]

SHAPES = {
    "raw change records": [INSERT, REMOVE],
    "records of GetRecords": [
        {"SequenceNumber": "1", "Data": encoded(INSERT), "PartitionKey": "A"},
        {"SequenceNumber": "2", "Data": encoded(REMOVE), "PartitionKey": "A"},
    ],
    "an answer of GetRecords": [
        {
            "Records": [{"Data": encoded(INSERT)}, {"Data": encoded(REMOVE)}],
            "NextShardIterator": "x",
            "MillisBehindLatest": 0,
        }
    ],
    "a Lambda event of Kinesis": [
        {
            "Records": [
                {"kinesis": {"data": encoded(INSERT), "sequenceNumber": "1"}, "eventID": "s:1"},
                {"kinesis": {"data": encoded(REMOVE), "sequenceNumber": "2"}, "eventID": "s:2"},
            ]
        }
    ],
}


def write_lines(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("shape", SHAPES)
def test_captured_kinesis_records_give_images_with_binary_decoded_twice(
    tmp_path: Path, shape: str
) -> None:
    assert list(read_records(write_lines(tmp_path / "r.jsonl", SHAPES[shape]))) == WANTED


@pytest.mark.parametrize("wrapped", [False, True])
def test_captured_streams_records_give_images_with_binary_decoded_once(
    tmp_path: Path, wrapped: bool
) -> None:
    records = [json.loads(json.dumps(change)) for change in (INSERT, REMOVE)]
    for number, record in enumerate(records):
        record["eventVersion"] = "1.1"
        record["dynamodb"]["SequenceNumber"] = f"{number:021d}"
        record["dynamodb"]["StreamViewType"] = "NEW_AND_OLD_IMAGES"
    records[0]["dynamodb"]["NewImage"]["raw"] = {"B": "AAEC"}
    records[0]["dynamodb"]["NewImage"]["set"] = {"BS": ["AAEC"]}
    lines: list[Any] = [{"Records": records}] if wrapped else records
    assert list(read_records(write_lines(tmp_path / "r.jsonl", lines))) == WANTED


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1]", "r.jsonl: line 1: expected a change record, found [1]"),
        (
            '{"foo": 1}',
            "r.jsonl: line 1: expected eventName and dynamodb.Keys of a change record, found foo "
            "(give Kinesis records, Streams records, or Lambda events of either, one a line)",
        ),
        (
            '{"Data": "%%"}',
            "r.jsonl: line 1: expected a Kinesis record's data in base64, found '%%'",
        ),
        (
            json.dumps(kinesis_change("MODIFY", None)),
            "r.jsonl: line 1: expected dynamodb.NewImage in a record of MODIFY, found none "
            "(capture with the view type NEW_IMAGE or NEW_AND_OLD_IMAGES)",
        ),
    ],
)
def test_a_bad_record_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "r.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        list(read_records(tmp_path / "r.jsonl"))
    assert str(caught.value) == message


OWN_DATA = """
name = "own-data"
description = "own data"

[table]
table_name = "users"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { sequence = "t-{n}" }
age = { faker = "random_int" }

[workload]
from_export = "data"
from_records = "changes.jsonl"
during_snapshot = 0.5

[target]
table = "users"

[target.columns]
id = "String"
age = "Decimal(38, 5)"
"""


def test_a_scenario_writes_the_items_and_repeats_the_changes(tmp_path: Path) -> None:
    write_export(tmp_path / "data")
    write_lines(tmp_path / "changes.jsonl", [INSERT, REMOVE, REMOVE, INSERT])
    (tmp_path / "own.toml").write_text(OWN_DATA, encoding="utf-8")
    operations = generate(load_scenario(tmp_path / "own.toml"), VirtualClock())
    assert [(o.phase, o.change, o.key["id"]["S"], o.counter) for o in operations] == [
        ("before", "insert", "u1", 1),
        ("before", "insert", "u2", 1),
        ("during", "replace", "u1", 2),
        ("during", "delete", "u1", 3),
        ("after", "delete", "u1", 4),
        ("after", "reinsert", "u1", 5),
    ]
    assert operations[0].image == {**ANN, "_w": {"S": "w000000"}, "_n": {"N": "1"}}
    assert operations[5].image == {**IMAGE, "_w": {"S": "w000005"}, "_n": {"N": "5"}}


def test_changes_of_the_mix_go_on_from_imported_items(tmp_path: Path) -> None:
    write_export(tmp_path / "data")
    text = OWN_DATA.replace('from_records = "changes.jsonl"', "changes = 30")
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    operations = generate(load_scenario(tmp_path / "own.toml"), VirtualClock())
    assert len(operations) == 32
    assert {"u1", "u2"} < {o.key["id"]["S"] for o in operations[2:]}


def test_an_imported_item_without_the_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_lines(tmp_path / "data" / "x.json", [{"Item": {"ID": {"S": "u1"}}}])
    write_lines(tmp_path / "changes.jsonl", [])
    (tmp_path / "own.toml").write_text(OWN_DATA, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        generate(load_scenario(tmp_path / "own.toml"), VirtualClock())
    assert str(caught.value) == (
        "own-data: workload: expected the key attribute 'id' in every imported item, found ID "
        "(give table.key_schema the keys of the imported table)"
    )
