"""Exports through boto3: layout and bytes in S3, the point in time, increments, errors."""

from __future__ import annotations

import gzip
import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.awsjson import AwsError
from tests.dynamodb.capture_world import CaptureWorld, refusal


@pytest.fixture
def world() -> Iterator[CaptureWorld]:
    # A whole second, because boto3 sends times in whole seconds.
    world = CaptureWorld(start_us=1_731_400_000_000_000)
    yield world
    world.close()


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return refusal(error.value)


def seconds_later(world: CaptureWorld, seconds: int) -> int:
    """Advance, and the time then in epoch seconds."""
    world.clock.advance(seconds)
    return world.clock.now_us() // 1_000_000


def test_layout_in_s3(world: CaptureWorld) -> None:
    world.enable_recovery()
    world.put("u1", age={"N": "26"}, raw={"B": b"\x90"}, tags={"SS": ["b", "a"]})
    description = world.export(S3Prefix="backup/daily")

    export_id = description["ExportArn"].rpartition("/")[2]
    assert re.fullmatch(r"0\d{13}-[0-9a-f]{8}", export_id)
    folder = f"backup/daily/AWSDynamoDB/{export_id}"
    keys = world.store.list("exports")
    assert [key for key in keys if "/data/" not in key] == [
        f"{folder}/_started",
        f"{folder}/manifest-files.json",
        f"{folder}/manifest-files.md5",
        f"{folder}/manifest-summary.json",
        f"{folder}/manifest-summary.md5",
    ]
    data = [key for key in keys if "/data/" in key]
    assert len(data) == 4
    assert all(re.fullmatch(rf"{folder}/data/[a-z2-7]{{26}}\.json\.gz", key) for key in data)
    assert world.store.get_object("exports", f"{folder}/_started") == b""
    assert description["ExportManifest"] == f"{folder}/manifest-summary.json"
    (line,) = world.exported_lines(description)
    item = orjson.loads(line)["Item"]
    assert line.startswith(b'{"Item":{"id":{"S":"u1"}')
    assert item["age"] == {"N": "26"}
    assert item["raw"] == {"B": "kA=="}  # once, not twice as on Kinesis


def test_manifests_name_counts_sizes_and_checksums(world: CaptureWorld) -> None:
    world.enable_recovery()
    for n in range(50):
        world.put(f"{n:03d}")
    description = world.export()
    folder = description["ExportManifest"].rpartition("/")[0]

    def read(name: str) -> bytes:
        return world.store.get_object("exports", f"{folder}/{name}")

    for name in ("manifest-files", "manifest-summary"):
        digest = hashlib.md5(read(f"{name}.json")).digest()
        assert read(f"{name}.md5") == b64encode(digest)
    summary = orjson.loads(read("manifest-summary.json"))
    assert list(summary) == [
        "version", "exportArn", "startTime", "endTime", "tableArn", "tableId", "exportTime",
        "s3Bucket", "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId", "manifestFilesS3Key",
        "billedSizeBytes", "itemCount", "outputFormat",
    ]  # fmt: skip
    assert summary["version"] == "2020-06-30"
    assert summary["startTime"] == "2024-11-12T08:26:41.000Z"
    assert summary["exportTime"] == "2024-11-12T08:26:41.000Z"
    assert summary["s3Prefix"] is None
    assert summary["s3SseKmsKeyId"] is None
    assert summary["itemCount"] == 50
    assert summary["billedSizeBytes"] == 250  # "id" and three digits, each
    assert summary["outputFormat"] == "DYNAMODB_JSON"
    files = [orjson.loads(line) for line in read("manifest-files.json").splitlines()]
    assert sum(file["itemCount"] for file in files) == 50
    for file in files:
        assert list(file) == ["itemCount", "md5Checksum", "etag", "dataFileS3Key"]
        stored = world.store.stored("exports", file["dataFileS3Key"])
        assert file["md5Checksum"] == b64encode(hashlib.md5(stored.body).digest()).decode()
        assert file["etag"] == stored.etag
        assert stored.etag.endswith("-1")
        assert gzip.decompress(stored.body).count(b"\n") == file["itemCount"]


def test_empty_table_has_empty_data_files(world: CaptureWorld) -> None:
    world.enable_recovery()
    description = world.export()

    assert description["ItemCount"] == 0
    assert description["BilledSizeBytes"] == 0
    data = [key for key in world.store.list("exports") if "/data/" in key]
    assert {gzip.decompress(world.store.get_object("exports", key)) for key in data} == {b""}


def test_description_while_running_and_at_the_end(world: CaptureWorld) -> None:
    world.enable_recovery()
    answer: Any = world.dynamodb.export_table_to_point_in_time(
        TableArn=world.table_arn, S3Bucket="exports"
    )
    running = answer["ExportDescription"]
    assert running.keys() == {
        "ClientToken", "ExportArn", "ExportFormat", "ExportStatus", "ExportTime", "S3Bucket",
        "S3SseAlgorithm", "StartTime", "TableArn", "TableId",
    }  # fmt: skip
    assert running["ExportStatus"] == "IN_PROGRESS"
    assert running["S3SseAlgorithm"] == "AES256"
    assert running["ExportArn"].startswith(f"{world.table_arn}/export/0")
    world.clock.advance(5)
    done: Any = world.dynamodb.describe_export(ExportArn=running["ExportArn"])
    assert done["ExportDescription"].keys() - running.keys() == {
        "BilledSizeBytes", "EndTime", "ExportManifest", "ItemCount",
    }  # fmt: skip
    assert done["ExportDescription"]["ExportStatus"] == "COMPLETED"
    listed = world.dynamodb.list_exports(TableArn=world.table_arn)["ExportSummaries"]
    assert listed == [
        {
            "ExportArn": running["ExportArn"],
            "ExportStatus": "COMPLETED",
            "ExportType": "FULL_EXPORT",
        }
    ]


def test_export_is_the_table_at_export_time(world: CaptureWorld) -> None:
    world.put("before recovery")
    world.enable_recovery()
    world.put("stays", v={"N": "1"})
    world.put("changes", v={"N": "1"})
    world.put("goes", v={"N": "1"})
    moment = seconds_later(world, 10)
    world.clock.advance(10)
    world.put("changes", v={"N": "2"})
    world.put("changes", v={"N": "3"})
    world.delete("goes")
    world.put("comes")
    world.delete("comes")
    world.put("comes too")

    description = world.export(ExportTime=moment)

    assert world.exported_lines(description) == [
        b'{"Item":{"id":{"S":"before recovery"}}}',
        b'{"Item":{"id":{"S":"changes"},"v":{"N":"1"}}}',
        b'{"Item":{"id":{"S":"goes"},"v":{"N":"1"}}}',
        b'{"Item":{"id":{"S":"stays"},"v":{"N":"1"}}}',
    ]
    assert description["ItemCount"] == 4


def test_writes_after_the_request_are_not_in_the_export(world: CaptureWorld) -> None:
    world.enable_recovery()
    world.put("in")
    answer: Any = world.dynamodb.export_table_to_point_in_time(
        TableArn=world.table_arn, S3Bucket="exports"
    )
    world.put("out")  # at the same moment of the virtual clock
    world.delete("in")
    world.clock.advance(5)
    description: Any = world.dynamodb.describe_export(
        ExportArn=answer["ExportDescription"]["ExportArn"]
    )

    lines = world.exported_lines(dict(description["ExportDescription"]))
    assert lines == [b'{"Item":{"id":{"S":"in"}}}']


def test_fuzzy_cut_mixes_moments_around_export_time(world: CaptureWorld) -> None:
    exports = world.region.exports
    exports.settings = replace(exports.settings, fuzzy_cut_seconds=60, data_files=16)
    world.enable_recovery()
    names = [f"{n:03d}" for n in range(100)]
    for name in names:
        world.put(name, v={"N": "0"})
    moment = seconds_later(world, 600)
    for tick in range(1, 41):
        world.clock.advance(5)
        if tick > 20:
            for name in names:
                world.put(name, v={"N": str(tick)})
    description = world.export(ExportTime=moment + 100)

    versions = {
        int(orjson.loads(line)["Item"]["v"]["N"]) for line in world.exported_lines(description)
    }
    # 100 s after `moment` is tick 20: before it all have 0, a minute later they would have 32.
    assert 0 in versions
    assert any(20 < version <= 32 for version in versions)
    assert max(versions) <= 32
    assert description["ItemCount"] == 100


def test_ion_export(world: CaptureWorld) -> None:
    world.enable_recovery()
    world.put(
        "u1",
        n={"L": [{"N": "103"}, {"N": "600"}, {"N": "26.5"}, {"N": "-0.5"}, {"N": "0"}]},
        flag={"BOOL": False},
        none={"NULL": True},
        raw={"B": b"\x90"},
        tags={"NS": ["2000"]},
        **{"odd name": {"S": 'a "quote"'}},
    )
    description = world.export(ExportFormat="ION")

    (line,) = world.exported_lines(description)
    assert line == (
        b'$ion_1_0 {Item:{id:"u1",n:[103.,6d2,26.5,-0.5,0.],flag:false,none:null,raw:{{kA==}},'
        b'tags:$dynamodb_NS::[2d3],\'odd name\':"a \\"quote\\""}}'
    )
    assert all(key.endswith(".ion.gz") for key in world.store.list("exports") if "/data/" in key)


def test_a_log_of_many_slices_is_undone_to_its_beginning(world: CaptureWorld) -> None:
    world.put("a", v={"N": "0"})
    world.enable_recovery()
    moment = world.clock.now_us() // 1_000_000
    table = world.region.dynamodb.tables.get("users")
    keys = {"id": {"S": "a"}}
    world.clock.advance(10)
    for n in range(45_000):
        table.log.append(
            world.clock.now_us(), "MODIFY", keys, {**keys, "v": {"N": str(n)}}, {**keys}
        )

    assert world.exported_lines(world.export(ExportTime=moment)) == [
        b'{"Item":{"id":{"S":"a"},"v":{"N":"0"}}}'
    ]


def test_a_big_export_is_done_in_many_short_turns(world: CaptureWorld) -> None:
    world.enable_recovery()
    table = world.region.dynamodb.tables.get("users")
    table.items.bulk_load({"id": {"S": f"{n:06d}"}} for n in range(30_000))
    world.dynamodb.export_table_to_point_in_time(TableArn=world.table_arn, S3Bucket="exports")
    world.clock.advance(0.049)
    turns = 0
    while world.clock.next_timer_us() is not None:
        world.clock.advance(0.001)
        turns += 1

    # 30,000 rows are compressed 2,000 at a time, in four files.
    assert turns >= 16
    manifest = world.dynamodb.list_exports(TableArn=world.table_arn)["ExportSummaries"][0]
    described: Any = world.dynamodb.describe_export(ExportArn=manifest["ExportArn"])
    assert described["ExportDescription"]["ItemCount"] == 30_000


def incremental(world: CaptureWorld, start: int, end: int, view: str = "") -> Any:
    specification: dict[str, Any] = {"ExportFromTime": start, "ExportToTime": end}
    if view:
        specification["ExportViewType"] = view
    return world.export(
        ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=specification
    )


def test_incremental_export_has_one_net_change_per_item(world: CaptureWorld) -> None:
    world.enable_recovery()
    world.put("changed", v={"N": "1"})
    world.put("deleted", v={"N": "1"})
    world.put("untouched")
    start = seconds_later(world, 100)
    world.put("changed", v={"N": "2"})
    world.put("changed", v={"N": "3"})
    world.put("made", v={"N": "1"})
    world.put("made and gone")
    world.clock.advance(10)
    world.delete("made and gone")
    world.delete("deleted")
    end = seconds_later(world, 990)
    world.put("made", v={"N": "9"})  # at the end, which no longer counts

    full = incremental(world, start, end)
    first = b'{"Metadata":{"WriteTimestampMicros":{"N":"1731400101000000"}},'
    later = b'{"Metadata":{"WriteTimestampMicros":{"N":"1731400111000000"}},'
    assert world.exported_lines(full) == [
        first + b'"Keys":{"id":{"S":"changed"}},"OldImage":{"id":{"S":"changed"},"v":{"N":"1"}},'
        b'"NewImage":{"id":{"S":"changed"},"v":{"N":"3"}}}',
        first + b'"Keys":{"id":{"S":"made"}},"NewImage":{"id":{"S":"made"},"v":{"N":"1"}}}',
        later + b'"Keys":{"id":{"S":"deleted"}},"OldImage":{"id":{"S":"deleted"},"v":{"N":"1"}}}',
    ]
    assert full["ItemCount"] == 3
    data = [key for key in world.store.list("exports") if key.endswith(".gz")]
    assert all(re.fullmatch(r"AWSDynamoDB/data/[a-z2-7]{26}\.json\.gz", key) for key in data)

    new = incremental(world, start, end, "NEW_IMAGE")
    assert world.exported_lines(new) == [
        first + b'"Keys":{"id":{"S":"changed"}},"NewImage":{"id":{"S":"changed"},"v":{"N":"3"}}}',
        first + b'"Keys":{"id":{"S":"made"}},"NewImage":{"id":{"S":"made"},"v":{"N":"1"}}}',
        later + b'"Keys":{"id":{"S":"deleted"}}}',
    ]
    summary = orjson.loads(world.store.get_object("exports", new["ExportManifest"]))
    assert summary["version"] == "2023-08-01"
    assert summary["exportFromTime"] == "2024-11-12T08:28:21.000Z"
    assert summary["exportToTime"] == "2024-11-12T08:45:01.000Z"
    assert summary["outputView"] == "NEW_IMAGE"
    assert summary["exportType"] == "INCREMENTAL_EXPORT"
    assert new["ExportType"] == "INCREMENTAL_EXPORT"


def test_client_token_makes_a_request_happen_once(world: CaptureWorld) -> None:
    world.enable_recovery()
    request: dict[str, Any] = {
        "TableArn": world.table_arn,
        "S3Bucket": "exports",
        "ClientToken": "t-1",
    }
    first = world.export(ClientToken="t-1")
    again: Any = world.dynamodb.export_table_to_point_in_time(**request)
    assert again["ExportDescription"]["ExportArn"] == first["ExportArn"]
    assert again["ExportDescription"]["ExportStatus"] == "COMPLETED"

    assert refused(
        world.dynamodb.export_table_to_point_in_time, **{**request, "S3Prefix": "other"}
    ) == (
        "ExportConflictException",
        "Export conflict: Duplicate request detected with conflicting parameters",
    )
    assert world.export()["ExportArn"] != first["ExportArn"]
    world.clock.advance(8 * 3600)
    assert world.export(ClientToken="t-1")["ExportArn"] != first["ExportArn"]


def test_missing_bucket_fails_later(world: CaptureWorld) -> None:
    world.enable_recovery()
    description = world.export(S3Bucket="missing")

    assert description["ExportStatus"] == "FAILED"
    assert description["FailureCode"] == "S3NoSuchBucket"
    assert "The specified bucket does not exist" in description["FailureMessage"]
    assert "ExportManifest" not in description


def test_words_of_the_errors(world: CaptureWorld) -> None:
    export = world.dynamodb.export_table_to_point_in_time
    here = {"TableArn": world.table_arn, "S3Bucket": "missing"}
    assert refused(export, **here) == (
        "PointInTimeRecoveryUnavailableException",
        "Point in time recovery is not enabled for table 'users'",
    )
    missing_arn = world.table_arn.replace("users", "missing")
    assert refused(export, **{**here, "TableArn": missing_arn}) == (
        "TableNotFoundException",
        f"Table not found: {missing_arn}",
    )
    code, message = refused(export, **{**here, "TableArn": "users"})
    assert (code, "tableArn is not a valid ARN" in message) == ("ValidationException", True)
    world.enable_recovery()
    enabled = world.clock.now_us() // 1_000_000
    world.clock.advance(100)
    invalid = ("InvalidExportTimeException", "Export Time is invalid")
    assert refused(export, **here, ExportTime=enabled - 1) == invalid
    assert refused(export, **here, ExportTime=enabled + 101) == invalid
    for beyond in (b"1e308", b"-1e308"):
        payload = orjson.loads(b'{"ExportTime":%b}' % beyond)
        with pytest.raises(AwsError) as error:
            world.region.exports.export({**here, **payload})
        assert (error.value.code, error.value.message) == invalid
    assert (
        refused(world.dynamodb.describe_export, ExportArn=f"{world.table_arn}/export/0123")[0]
        == "ExportNotFoundException"
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"ExportType": "INCREMENTAL_EXPORT"}, "ValidationException"),
        ({"IncrementalExportSpecification": {"ExportFromTime": 1}}, "ValidationException"),
        ({"ExportFormat": "CSV"}, "ValidationException"),
        (
            {
                "ExportType": "INCREMENTAL_EXPORT",
                "IncrementalExportSpecification": {"ExportToTime": 1_731_400_100},
            },
            "ValidationException",
        ),
        (
            {
                "ExportType": "INCREMENTAL_EXPORT",
                "IncrementalExportSpecification": {
                    "ExportFromTime": 1_731_400_010,
                    "ExportToTime": 1_731_400_010 + 899,
                },
            },
            "InvalidExportTimeException",
        ),
        (
            {
                "ExportType": "INCREMENTAL_EXPORT",
                "IncrementalExportSpecification": {
                    "ExportFromTime": 1_731_400_010,
                    "ExportToTime": 1_731_400_010 + 86_401,
                },
            },
            "InvalidExportTimeException",
        ),
    ],
)
def test_faulty_requests_are_refused(world: CaptureWorld, more: dict[str, Any], code: str) -> None:
    world.enable_recovery()
    world.clock.advance(3 * 86_400)

    assert (
        refused(
            world.dynamodb.export_table_to_point_in_time,
            TableArn=world.table_arn,
            S3Bucket="exports",
            **more,
        )[0]
        == code
    )


def test_exports_are_listed_newest_first_by_pages(world: CaptureWorld) -> None:
    world.enable_recovery()
    arns = [world.export()["ExportArn"] for _ in range(3)]

    first = world.dynamodb.list_exports(TableArn=world.table_arn, MaxResults=2)
    rest = world.dynamodb.list_exports(
        TableArn=world.table_arn, MaxResults=2, NextToken=first["NextToken"]
    )
    assert [e["ExportArn"] for e in first["ExportSummaries"]] == [arns[2], arns[1]]
    assert [e["ExportArn"] for e in rest["ExportSummaries"]] == [arns[0]]
    assert "NextToken" not in rest

    world.dynamodb.delete_table(TableName="users")
    world.clock.advance(1)
    assert world.dynamodb.list_exports(TableArn=world.table_arn)["ExportSummaries"] == []
    assert world.dynamodb.describe_export(ExportArn=arns[0])["ExportDescription"]


def test_same_seed_same_objects() -> None:
    def exported() -> dict[str, bytes]:
        world = CaptureWorld(seed=7)
        world.enable_recovery()
        for n in range(20):
            world.put(str(n))
        world.export()
        world.close()
        return {key: world.store.get_object("exports", key) for key in world.store.list("exports")}

    assert exported() == exported()


Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from([0, 0, 1, 400])),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 14), st.integers(0, 14))
def test_exports_agree_with_a_table_of_one_line(history: list[Step], one: int, other: int) -> None:
    """Steps are (key, new value or 0 for a deletion, seconds until the next step)."""
    world = CaptureWorld(start_us=1_731_400_000_000_000)
    world.enable_recovery()
    state: dict[str, int] = {}
    # The table at each moment, by the second; a second's last write counts.
    states = {world.clock.now_us() // 1_000_000: dict(state)}
    for key, value, pause in history:
        if value:
            world.put(key, v={"N": str(value)})
            state[key] = value
        else:
            world.delete(key)
            state.pop(key, None)
        states[world.clock.now_us() // 1_000_000] = dict(state)
        world.clock.advance(pause)
    world.clock.advance(2000)
    moments = sorted(states)
    moment = moments[one % len(moments)]

    full = world.export(ExportTime=moment)

    assert world.exported_lines(full) == [
        b'{"Item":{"id":{"S":"%b"},"v":{"N":"%d"}}}' % (key.encode(), value)
        for key, value in sorted(states[moment].items())
    ]
    # An increment takes the state just before its start to the state just before its end.
    start = moments[other % len(moments)]
    earlier = [second for second in moments if second < start]
    before = states[earlier[-1]] if earlier else {}
    lines = world.exported_lines(dict(incremental(world, start, start + 1000)))
    end = max(second for second in moments if second < start + 1000)
    after = states[end]
    for line in map(orjson.loads, lines):
        key = line["Keys"]["id"]["S"]
        assert line.get("OldImage", {}).get("v", {}).get("N") == _text(before.get(key))
        assert line.get("NewImage", {}).get("v", {}).get("N") == _text(after.get(key))
    seen = {orjson.loads(line)["Keys"]["id"]["S"] for line in lines}
    changed = {key for key in "abc" if before.get(key) != after.get(key)}
    assert changed <= seen
    world.close()


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
