"""Imports from S3 into a new table, read back by boto3."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from harness.awsjson import AwsError
from tests.dynamodb.capture_world import CaptureWorld

Json = dict[str, Any]


class ImportWorld(CaptureWorld):
    """The embedded AWS, asked for imports directly."""

    def __init__(self) -> None:
        super().__init__()
        self.imports = self.region.imports

    def request(self, **more: Any) -> Json:
        return {
            "S3BucketSource": {"S3Bucket": "exports", "S3KeyPrefix": "in/"},
            "InputFormat": "DYNAMODB_JSON",
            "TableCreationParameters": {
                "TableName": "imported",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
            **more,
        }

    def load(self, **more: Any) -> Json:
        """Import and wait for the end; returns the description."""
        started = self.imports.import_table(self.request(**more))
        self.clock.advance(60)
        return self.described(started)

    def described(self, started: Json) -> Json:
        arn = started["ImportTableDescription"]["ImportArn"]
        description: Json = self.imports.describe({"ImportArn": arn})["ImportTableDescription"]
        return description

    def imported(self) -> list[Any]:
        items: Any = self.dynamodb.scan(TableName="imported")["Items"]
        return sorted(items, key=lambda item: str(item["id"]))


@pytest.fixture
def world() -> Iterator[ImportWorld]:
    world = ImportWorld()
    yield world
    world.close()


LINES = b'{"Item":{"id":{"S":"a"},"n":{"N":"1e3"}}}\n{"Item":{"id":{"S":"b"},"raw":{"B":"kA=="}}}\n'
ITEMS = [{"id": {"S": "a"}, "n": {"N": "1000"}}, {"id": {"S": "b"}, "raw": {"B": b"\x90"}}]


@pytest.mark.parametrize(
    ("compression", "body"),
    [
        ("NONE", LINES),
        ("GZIP", gzip.compress(LINES, mtime=0)),
        # Two gzip members and two zstandard frames are one content each.
        (
            "GZIP",
            b"".join(gzip.compress(line, mtime=0) for line in LINES.splitlines(keepends=True)),
        ),
        ("ZSTD", b"".join(zstandard.compress(line) for line in LINES.splitlines(keepends=True))),
    ],
)
def test_dynamodb_json(world: ImportWorld, compression: str, body: bytes) -> None:
    world.store.put_object("exports", "in/data.json", body)
    description = world.load(InputCompressionType=compression)

    assert world.imported() == ITEMS
    assert description["ImportStatus"] == "COMPLETED"
    assert description["ProcessedItemCount"] == 2
    assert description["ImportedItemCount"] == 2
    assert description["ErrorCount"] == 0
    assert description["ProcessedSizeBytes"] == len(body)


def test_through_boto3(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/data.json", LINES)
    request = world.request()
    started: Any = world.dynamodb.import_table(**request)
    arn = started["ImportTableDescription"]["ImportArn"]
    world.clock.advance(60)

    done: Any = world.dynamodb.describe_import(ImportArn=arn)["ImportTableDescription"]
    assert done["ImportStatus"] == "COMPLETED"
    assert done["TableCreationParameters"] == request["TableCreationParameters"]
    assert done["S3BucketSource"] == request["S3BucketSource"]
    assert done["CloudWatchLogGroupArn"].endswith(":log-group:/aws-dynamodb/imports:*")
    assert done["StartTime"] < done["EndTime"]
    (summary,) = world.dynamodb.list_imports(TableArn=done["TableArn"])["ImportSummaryList"]
    assert summary["ImportArn"] == arn
    assert world.imported() == ITEMS


def test_csv_types_keys_as_defined_and_all_else_as_text(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/a.csv", b'id;n;note\nx;7;"say ""hi"";\nthen go"\ny;8;\n')
    parameters = world.request()["TableCreationParameters"] | {
        "KeySchema": [
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "n", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
    }
    world.load(
        InputFormat="CSV",
        InputFormatOptions={"Csv": {"Delimiter": ";"}},
        TableCreationParameters=parameters,
    )

    assert world.imported() == [
        {"id": {"S": "x"}, "n": {"N": "7"}, "note": {"S": 'say "hi";\nthen go'}},
        {"id": {"S": "y"}, "n": {"N": "8"}, "note": {"S": ""}},
    ]


def test_csv_with_a_header_list_has_no_header_row(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/a.csv", b"x,1\n")
    options = {"Csv": {"HeaderList": ["id", "v"]}}
    world.load(InputFormat="CSV", InputFormatOptions=options)

    assert world.imported() == [{"id": {"S": "x"}, "v": {"S": "1"}}]


def test_ion_of_our_own_export_comes_back_equal(world: ImportWorld) -> None:
    item: Json = {
        "n": {"L": [{"N": "103"}, {"N": "600"}, {"N": "26.5"}, {"N": "0.000000000000001"}]},
        "flag": {"BOOL": True},
        "none": {"NULL": True},
        "raw": {"B": b"\x90"},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2000"]},
        "blobs": {"BS": [b"\x01", b"\x02"]},
        "deep": {"M": {"odd 'name'": {"S": 'a "quote" \n서울'}, "list": {"L": []}}},
    }
    world.enable_recovery()
    world.put("u1", **item)
    export_id = world.export(ExportFormat="ION")["ExportArn"].rpartition("/")[2]
    world.load(
        InputFormat="ION",
        InputCompressionType="GZIP",
        S3BucketSource={"S3Bucket": "exports", "S3KeyPrefix": f"AWSDynamoDB/{export_id}/data/"},
    )

    (imported,) = world.imported()
    for name in ("texts", "numbers", "blobs"):
        for kind in imported[name]:
            imported[name][kind] = sorted(imported[name][kind])
    assert imported == {"id": {"S": "u1"}, **item}


def test_ion_values_that_no_item_can_hold_are_rejected(world: ImportWorld) -> None:
    world.store.put_object(
        "exports",
        "in/data.ion",
        b'$ion_1_0 {Item:{id:"a",n:1d500}}\n{Item:{id:"b",when:2024-01-01T}}\n'
        b'{Other:1}\n7\n{Item:{id:"c",n:-12}}\n[{Item:{id:"d"}},{Item:{id:"e",s:symbol}}]\n',
    )
    description = world.load(InputFormat="ION")

    assert world.imported() == [{"id": {"S": "c"}, "n": {"N": "-12"}}, {"id": {"S": "d"}}]
    assert description["ErrorCount"] == 5


def test_import_makes_no_change_records(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/data.json", LINES)
    world.load()

    assert world.region.dynamodb.tables.get("imported").log.end == 0


def test_table_is_creating_until_the_import_has_ended(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/data.json", LINES)
    started = world.imports.import_table(world.request())["ImportTableDescription"]

    def status() -> str:
        return world.dynamodb.describe_table(TableName="imported")["Table"]["TableStatus"]

    assert started["ImportStatus"] == "IN_PROGRESS"
    assert started["TableArn"].endswith(":table/imported")
    assert started["ImportArn"].startswith(started["TableArn"] + "/import/0")
    assert status() == "CREATING"
    world.clock.advance(60)
    assert status() == "ACTIVE"


def test_bad_items_are_counted_and_the_rest_goes_in(world: ImportWorld) -> None:
    world.store.put_object(
        "exports",
        "in/data.json",
        LINES + b'not json\n{"Item":{"n":{"N":"1"}}}\n{"Item":{"id":{"N":"1"}}}\n{"no":1}\n\n'
        b'{"Item":{"id":{"S":"c"},"n":{"N":"abc"}}}\n{"Item":5}\n',
    )
    description = world.load()

    assert world.imported() == ITEMS
    assert description["ImportStatus"] == "FAILED"
    assert description["ErrorCount"] == 6
    assert description["ProcessedItemCount"] == 8
    assert description["ImportedItemCount"] == 2


def test_an_object_that_cannot_be_read_does_not_stop_the_others(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/a", LINES)  # not compressed
    world.store.put_object("exports", "in/b", gzip.compress(LINES, mtime=0)[:20])  # cut off
    world.store.put_object("exports", "in/c", gzip.compress(LINES, mtime=0))
    description = world.load(InputCompressionType="GZIP")

    assert world.imported() == ITEMS
    assert description["ErrorCount"] == 2
    assert description["ImportStatus"] == "FAILED"


def test_objects_behind_one_another_on_a_line_are_items(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/data.json", LINES.replace(b"\n", b" "))
    description = world.load()

    assert world.imported() == ITEMS
    assert description["ImportStatus"] == "COMPLETED"


def test_nothing_imported_is_a_failure(world: ImportWorld) -> None:
    world.store.put_object("exports", "in/a", b"nonsense\n")
    description = world.load()

    assert description["ImportStatus"] == "FAILED"
    assert description["FailureCode"] == "ItemValidationError"


def test_missing_bucket_fails_and_leaves_no_table(world: ImportWorld) -> None:
    description = world.load(S3BucketSource={"S3Bucket": "missing"})

    assert description["ImportStatus"] == "FAILED"
    assert description["FailureCode"] == "S3NoSuchBucket"
    assert "imported" not in world.dynamodb.list_tables()["TableNames"]


def test_refusals(world: ImportWorld) -> None:
    def refused(**more: Any) -> tuple[str, str]:
        with pytest.raises(AwsError) as error:
            world.imports.import_table(world.request(**more))
        return error.value.code, error.value.message

    taken = world.request()["TableCreationParameters"] | {"TableName": "users"}
    assert refused(TableCreationParameters=taken) == (
        "ResourceInUseException",
        "Table already exists: users",
    )
    code, message = refused(InputFormat="PARQUET")
    assert code == "ValidationException"
    assert "[DYNAMODB_JSON, ION, CSV]" in message
    assert refused(InputFormatOptions={"Csv": {"Delimiter": ";"}})[0] == "ValidationException"
    with pytest.raises(AwsError) as unknown:
        world.imports.describe({"ImportArn": world.table_arn + "/import/0123"})
    assert unknown.value.code == "ImportNotFoundException"


def test_client_token_makes_a_request_happen_once(world: ImportWorld) -> None:
    first = world.load(ClientToken="t")
    again = world.imports.import_table(world.request(ClientToken="t"))
    assert again["ImportTableDescription"]["ImportArn"] == first["ImportArn"]

    with pytest.raises(AwsError) as conflict:
        world.imports.import_table(world.request(ClientToken="t", InputFormat="ION"))
    assert conflict.value.code == "ImportConflictException"


def test_imports_are_listed_newest_first_by_pages(world: ImportWorld) -> None:
    arns = []
    for name in ("one", "two", "three"):
        parameters = world.request()["TableCreationParameters"] | {"TableName": name}
        arns.append(world.load(TableCreationParameters=parameters)["ImportArn"])
    newest_first = sorted(arns, reverse=True)

    page = world.imports.list({"PageSize": 2})
    rest = world.imports.list({"PageSize": 2, "NextToken": page["NextToken"]})

    assert [entry["ImportArn"] for entry in page["ImportSummaryList"]] == newest_first[:2]
    assert [entry["ImportArn"] for entry in rest["ImportSummaryList"]] == newest_first[2:]
    assert "NextToken" not in rest
