"""DynamoDB writes: batches, transactions, and reading back in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error
from harness.conformance.lab import item

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

BATCH_WRITE = DYNAMODB_API + "API_BatchWriteItem.html"
BATCH_GET = DYNAMODB_API + "API_BatchGetItem.html"
TRANSACT = DYNAMODB_API + "API_TransactWriteItems.html"
REASON = DYNAMODB_API + "API_CancellationReason.html"
CANCELLED = "TransactionCanceledException"


def _puts(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": one}} for one in items]


def _put(table: str, condition: str = "", **attributes: Any) -> dict[str, Any]:
    more = {"ConditionExpression": condition} if condition else {}
    return {"Put": {"TableName": table, "Item": item(**attributes), **more}}


def _scan(lab: Lab, table: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = lab.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return items


@case("dynamodb-writes.batch.writes-and-deletes", BATCH_WRITE)
def writes_and_deletes(lab: Lab) -> None:
    """A batch puts and deletes in several tables and leaves UnprocessedItems empty."""
    one, two = lab.table(), lab.table()
    lab.put(two, pk="old")
    answer = lab.dynamodb.batch_write_item(
        RequestItems={
            one: _puts(item(pk="a"), item(pk="b")),
            two: [{"DeleteRequest": {"Key": item(pk="old")}}],
        }
    )
    expect_equal(answer["UnprocessedItems"], {}, "UnprocessedItems")
    expect_equal(sorted(i["pk"]["S"] for i in _scan(lab, one)), ["a", "b"], "first table")
    expect_equal(_scan(lab, two), [], "second table")


@case("dynamodb-writes.batch.duplicates", BATCH_WRITE)
def batch_duplicates(lab: Lab) -> None:
    """Two requests for one key refuse the whole batch, also put and delete, also 1 and 1.0."""
    table, numbers = lab.table(), lab.table({"pk": "N"})
    batches: list[tuple[str, list[dict[str, Any]]]] = [
        (table, _puts(item(pk="a", v=1), item(pk="a", v=2))),
        (table, [*_puts(item(pk="a")), {"DeleteRequest": {"Key": item(pk="a")}}]),
        (numbers, _puts({"pk": {"N": "1"}}, {"pk": {"N": "1.0"}})),
    ]
    for name, requests in batches:
        expect_error(
            lambda n=name, r=requests: lab.dynamodb.batch_write_item(RequestItems={n: r}),  # type: ignore[misc]
            "ValidationException",
            "Provided list of item keys contains duplicates",
        )
    expect_equal(_scan(lab, table), [], "the table")


@case("dynamodb-writes.batch.26-requests", BATCH_WRITE)
def batch_too_many(lab: Lab) -> None:
    """A batch takes 25 requests, not 26."""
    table = lab.table()
    many = _puts(*(item(pk=f"i{n}") for n in range(26)))
    lab.dynamodb.batch_write_item(RequestItems={table: many[:25]})
    expect_error(
        lambda: lab.dynamodb.batch_write_item(RequestItems={table: many}),
        "ValidationException",
        containing="Member must have length less than or equal to 25",
    )


@case("dynamodb-writes.batch.unknown-table", BATCH_WRITE)
def batch_unknown_table(lab: Lab) -> None:
    """A batch for an unknown table is refused without the table's name."""
    expect_error(
        lambda: lab.dynamodb.batch_write_item(RequestItems={"no-such-table": _puts(item(pk="a"))}),
        "ResourceNotFoundException",
        "Requested resource not found",
        status=400,
    )


@case("dynamodb-writes.batch.get", BATCH_GET)
def batch_get(lab: Lab) -> None:
    """BatchGetItem gives the items that there are, and refuses a key twice."""
    table = lab.table()
    lab.put(table, pk="a")
    keys = [item(pk="a"), item(pk="b")]
    answer = lab.dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})
    expect_equal(answer["Responses"], {table: [item(pk="a")]}, "Responses")
    expect_equal(answer["UnprocessedKeys"], {}, "UnprocessedKeys")
    expect_error(
        lambda: lab.dynamodb.batch_get_item(RequestItems={table: {"Keys": [keys[0]] * 2}}),
        "ValidationException",
        "Provided list of item keys contains duplicates",
    )


@case("dynamodb-writes.transaction.all-or-nothing", TRANSACT)
def all_or_nothing(lab: Lab) -> None:
    """A transaction with one condition that fails writes nothing."""
    table = lab.table()
    lab.put(table, pk="a", v=1)
    expect_error(
        lambda: lab.dynamodb.transact_write_items(
            TransactItems=[
                _put(table, pk="b"),
                _put(table, "attribute_not_exists(pk)", pk="a", v=2),
            ]
        ),
        CANCELLED,
        "Transaction cancelled, please refer cancellation reasons for specific reasons"
        " [None, ConditionalCheckFailed]",
        status=400,
    )
    expect_equal(_scan(lab, table), [item(pk="a", v=1)], "the table")


@case("dynamodb-writes.transaction.reasons", REASON)
def reasons(lab: Lab) -> None:
    """Each action has a reason in order: all conditions are evaluated, a good one has code None."""
    table = lab.table()
    lab.put(table, pk="a", v=1)
    failing = _put(table, "attribute_not_exists(pk)", pk="a")
    failing["Put"]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    missing = {
        "ConditionCheck": {
            "TableName": table,
            "Key": item(pk="c"),
            "ConditionExpression": "attribute_exists(pk)",
        }
    }
    error = expect_error(
        lambda: lab.dynamodb.transact_write_items(
            TransactItems=[failing, _put(table, pk="b"), missing]
        ),
        CANCELLED,
    )
    sentence = "The conditional request failed"
    expect_equal(
        error.get("CancellationReasons"),
        [
            {"Code": "ConditionalCheckFailed", "Message": sentence, "Item": item(pk="a", v=1)},
            {"Code": "None"},
            {"Code": "ConditionalCheckFailed", "Message": sentence},
        ],
        "CancellationReasons",
    )


@case("dynamodb-writes.transaction.one-item-twice", TRANSACT)
def one_item_twice(lab: Lab) -> None:
    """Two actions on one item are refused."""
    table = lab.table()
    expect_error(
        lambda: lab.dynamodb.transact_write_items(
            TransactItems=[_put(table, pk="a"), _put(table, pk="a", v=1)]
        ),
        "ValidationException",
        "Transaction request cannot include multiple operations on one item",
    )


@case("dynamodb-writes.transaction.101-actions", TRANSACT)
def too_many_actions(lab: Lab) -> None:
    """A transaction takes 100 actions, not 101."""
    table = lab.table()
    many = [_put(table, pk=f"i{n}") for n in range(101)]
    lab.dynamodb.transact_write_items(TransactItems=many[:100])
    expect_error(
        lambda: lab.dynamodb.transact_write_items(TransactItems=many),
        "ValidationException",
        containing="Member must have length less than or equal to 100",
    )


@case("dynamodb-writes.transaction.token-repeats", TRANSACT)
def token_repeats(lab: Lab) -> None:
    """The same ClientRequestToken and request are done once, in another order of attributes too."""
    table = lab.table()
    token = lab.name("token")
    lab.put(table, pk="a", n=0)

    def add(values: dict[str, Any]) -> None:
        lab.dynamodb.transact_write_items(
            ClientRequestToken=token,
            TransactItems=[
                {
                    "Update": {
                        "TableName": table,
                        "Key": item(pk="a"),
                        "UpdateExpression": "ADD n :n SET m = :m",
                        "ExpressionAttributeValues": values,
                    }
                }
            ],
        )

    add(item(**{":n": 1, ":m": 5}))
    add(item(**{":m": 5, ":n": 1}))
    expect_equal(lab.get(table, pk="a"), item(pk="a", n=1, m=5), "the item")


@case("dynamodb-writes.transaction.token-conflicts", TRANSACT)
def token_conflicts(lab: Lab) -> None:
    """The same ClientRequestToken with another request is an IdempotentParameterMismatch."""
    table = lab.table()
    token = lab.name("token")
    lab.dynamodb.transact_write_items(ClientRequestToken=token, TransactItems=[_put(table, pk="a")])
    expect_error(
        lambda: lab.dynamodb.transact_write_items(
            ClientRequestToken=token, TransactItems=[_put(table, pk="b")]
        ),
        "IdempotentParameterMismatchException",
    )


@case("dynamodb-writes.transaction.key-of-wrong-type", REASON)
def key_of_wrong_type(lab: Lab) -> None:
    """A key of the wrong type is the reason of its action, a ValidationError."""
    table = lab.table()
    error = expect_error(
        lambda: lab.dynamodb.transact_write_items(
            TransactItems=[_put(table, pk="a"), _put(table, pk=1)]
        ),
        CANCELLED,
    )
    codes = [one["Code"] for one in error.get("CancellationReasons", [])]
    expect_equal(codes, ["None", "ValidationError"], "codes of the reasons")


@case("dynamodb-writes.transaction.get", DYNAMODB_API + "API_TransactGetItems.html")
def transact_get(lab: Lab) -> None:
    """TransactGetItems answers in order, with an empty object for an item that is not there."""
    table = lab.table()
    lab.put(table, pk="a")
    gets = [{"Get": {"TableName": table, "Key": item(pk=name)}} for name in ("b", "a")]
    answer = lab.dynamodb.transact_get_items(TransactItems=gets)
    expect_equal(answer["Responses"], [{}, {"Item": item(pk="a")}], "Responses")


@case("dynamodb-writes.transaction.by-table-arn", TRANSACT)
def by_table_arn(lab: Lab) -> None:
    """A table's ARN may stand for its name."""
    table = lab.table()
    arn = lab.describe_table(table)["TableArn"]
    lab.dynamodb.transact_write_items(TransactItems=[_put(arn, pk="a")])
    answer = lab.dynamodb.get_item(TableName=arn, Key=item(pk="a"), ConsistentRead=True)
    expect_equal(answer.get("Item"), item(pk="a"), "the item")


@case("dynamodb-writes.scan.pages", DYNAMODB_API + "API_Scan.html")
def scan_pages(lab: Lab) -> None:
    """Pages of a scan by Limit and LastEvaluatedKey give each item once."""
    table = lab.table()
    names = sorted(f"i{n}" for n in range(7))
    lab.dynamodb.batch_write_item(RequestItems={table: _puts(*(item(pk=n) for n in names))})
    found: list[str] = []
    start: dict[str, Any] = {}
    for _ in range(8):
        page = lab.dynamodb.scan(TableName=table, Limit=2, ConsistentRead=True, **start)
        expect(page["ScannedCount"] <= 2, "two items a page at most")
        found += [one["pk"]["S"] for one in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    expect_equal(sorted(found), names, "items of all pages")


@case("dynamodb-writes.scan.one-megabyte", DYNAMODB_GUIDE + "Scan.html")
def one_megabyte(lab: Lab) -> None:
    """A page of a scan holds 1 MB at most."""
    table = lab.table()
    for number in range(5):
        lab.put(table, pk=f"i{number}", v="x" * 300_000)
    page = lab.dynamodb.scan(TableName=table, ConsistentRead=True)
    expect("LastEvaluatedKey" in page, "a LastEvaluatedKey after 1 MB of 1.5")
    expect(3 <= page["Count"] <= 4, f"3 or 4 items of 300 kB on the page, not {page['Count']}")


@case("dynamodb-writes.scan.segments", DYNAMODB_GUIDE + "Scan.html")
def segments(lab: Lab) -> None:
    """The segments of a parallel scan give each item once."""
    table = lab.table()
    names = sorted(f"i{n}" for n in range(20))
    lab.dynamodb.batch_write_item(RequestItems={table: _puts(*(item(pk=n) for n in names))})
    parts = [
        [
            one["pk"]["S"]
            for one in lab.dynamodb.scan(TableName=table, Segment=n, TotalSegments=3)["Items"]
        ]
        for n in range(3)
    ]
    expect_equal(sorted(name for part in parts for name in part), names, "items of all segments")
    expect(max(map(len, parts)) < 20, "more than one segment with items")


@case("dynamodb-writes.query.order-and-pages", DYNAMODB_GUIDE + "Query.html")
def query_pages(lab: Lab) -> None:
    """A query gives sort keys in order, backwards when asked, page by page."""
    table = lab.table({"pk": "S", "sk": "S"})
    for sort in ("b", "a", "c", "B"):
        lab.put(table, pk="p", sk=sort)

    def query(**more: Any) -> Any:
        return lab.dynamodb.query(
            TableName=table,
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues=item(**{":p": "p"}),
            **more,
        )

    found = [one["sk"]["S"] for one in query()["Items"]]
    expect_equal(found, ["B", "a", "b", "c"], "sort keys, in the order of bytes")
    page = query(ScanIndexForward=False, Limit=3)
    expect_equal([one["sk"]["S"] for one in page["Items"]], ["c", "b", "a"], "backwards")
    rest = query(ScanIndexForward=False, ExclusiveStartKey=page["LastEvaluatedKey"])
    expect_equal([one["sk"]["S"] for one in rest["Items"]], ["B"], "the last page")
