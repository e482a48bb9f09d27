"""DynamoDB: tables and what the wire says of them: descriptions, errors, checksums, capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error, expect_keys
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

CREATE = DYNAMODB_API + "API_CreateTable.html"


def _put(table: str, condition: str = "", **attributes: Any) -> dict[str, Any]:
    more = {"ConditionExpression": condition} if condition else {}
    return {"Put": {"TableName": table, "Item": item(**attributes), **more}}


@case("dynamodb-writes.table.create-twice", CREATE)
def create_twice(lab: Lab) -> None:
    """A second CreateTable of a name is a ResourceInUseException."""
    table = lab.table()
    expect_error(
        lambda: lab.dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        ),
        "ResourceInUseException",
        f"Table already exists: {table}",
        status=400,
    )


@case("dynamodb-writes.table.unknown", DYNAMODB_API + "API_DescribeTable.html")
def unknown_table(lab: Lab) -> None:
    """An unknown table is named by DescribeTable, and not by PutItem."""
    expect_error(
        lambda: lab.describe_table("no-such-table"),
        "ResourceNotFoundException",
        "Requested resource not found: Table: no-such-table not found",
    )
    expect_error(
        lambda: lab.put("no-such-table", pk="a"),
        "ResourceNotFoundException",
        "Requested resource not found",
    )


@case("dynamodb-writes.table.billing-and-throughput", CREATE)
def billing(lab: Lab) -> None:
    """PAY_PER_REQUEST together with throughput is refused in AWS's sentence."""
    expect_error(
        lambda: lab.table(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}),
        "ValidationException",
        "One or more parameter values were invalid: Neither ReadCapacityUnits nor"
        " WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    )


@case("dynamodb-writes.table.description", DYNAMODB_API + "API_TableDescription.html")
def description(lab: Lab) -> None:
    """DescribeTable of an on-demand table: zero throughput, warm throughput, no protection."""
    described = lab.describe_table(lab.table())
    throughput = described["ProvisionedThroughput"]
    expect_equal(throughput["ReadCapacityUnits"], 0, "ReadCapacityUnits")
    expect_equal(throughput["WriteCapacityUnits"], 0, "WriteCapacityUnits")
    expect_equal(described.get("DeletionProtectionEnabled"), False, "DeletionProtectionEnabled")
    expect_equal(
        described.get("WarmThroughput"),
        {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"},
        "WarmThroughput",
    )


@case("dynamodb-writes.table.delete-answer", DYNAMODB_API + "API_DeleteTable.html")
def delete_answer(lab: Lab) -> None:
    """DeleteTable's description is DELETING, and has neither keys nor creation time."""
    table = lab.table()
    described = lab.dynamodb.delete_table(TableName=table)["TableDescription"]
    expect_equal(described["TableStatus"], "DELETING", "TableStatus")
    found = {"AttributeDefinitions", "KeySchema", "CreationDateTime"} & set(described)
    expect_equal(found, set(), "members that AWS leaves out")


@case("dynamodb-writes.table.deletion-protection", DYNAMODB_API + "API_DeleteTable.html")
def deletion_protection(lab: Lab) -> None:
    """A protected table is not deleted."""
    table = lab.table(DeletionProtectionEnabled=True)
    lab.clear(lambda: lab.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False))
    expect_error(
        lambda: lab.dynamodb.delete_table(TableName=table),
        "ValidationException",
        containing="Resource cannot be deleted as it is currently protected against deletion",
    )


@case("dynamodb-writes.errors.fully-qualified-types", DYNAMODB_GUIDE + "Programming.Errors.html")
def error_types(lab: Lab) -> None:
    """On the wire, errors have a qualified __type: the service's for its own, coral's for others."""
    wanted = {
        b'{"TableName":"no-such-table"}': "com.amazonaws.dynamodb.v20120810#"
        "ResourceNotFoundException",
        b'{"TableName":""}': "com.amazon.coral.validate#ValidationException",
        b'{"TableName":1}': "com.amazon.coral.service#SerializationException",
    }
    for body, expected in wanted.items():
        answer = lab.endpoint.send(
            "dynamodb", "DynamoDB_20120810.DescribeTable", body, "application/x-amz-json-1.0"
        )
        expect_equal(answer.status_code, 400, f"HTTP status for {body!r}")
        expect(expected.encode() in answer.content, f"{expected} in {answer.content!r}")


@case(
    "dynamodb-writes.errors.body-has-its-checksum", DYNAMODB_GUIDE + "Programming.LowLevelAPI.html"
)
def checksum(lab: Lab) -> None:
    """Every answer has x-amz-crc32, the CRC-32 of its body."""
    answer = lab.endpoint.send(
        "dynamodb", "DynamoDB_20120810.ListTables", b"{}", "application/x-amz-json-1.0"
    )
    expect_equal(answer.headers.get("x-amz-crc32"), str(crc32(answer.content)), "x-amz-crc32")


@case("dynamodb-writes.consumed-capacity.units", DYNAMODB_API + "API_ConsumedCapacity.html")
def consumed_capacity(lab: Lab) -> None:
    """A write costs one unit a KiB, a transactional one two, and is told only when asked."""
    table = lab.table()
    one = {"TableName": table, "Item": item(pk="a", v="x" * 1500)}
    expect("ConsumedCapacity" not in lab.dynamodb.put_item(**one), "no capacity unasked")
    answer = lab.dynamodb.put_item(**one, ReturnConsumedCapacity="TOTAL")
    expect_keys(answer["ConsumedCapacity"], {"TableName", "CapacityUnits"}, "ConsumedCapacity")
    expect_equal(answer["ConsumedCapacity"]["CapacityUnits"], 2.0, "units of 1.5 KiB")
    answer = lab.dynamodb.transact_write_items(
        TransactItems=[_put(table, pk="b")], ReturnConsumedCapacity="TOTAL"
    )
    units = answer["ConsumedCapacity"][0]["CapacityUnits"]
    expect_equal(units, 2.0, "units of a small transactional write")
