"""DynamoDB writes: numbers, equality by value, keys and limits of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error
from harness.conformance.lab import item

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

NAMING = DYNAMODB_GUIDE + "HowItWorks.NamingRulesDataTypes.html"
LIMITS = DYNAMODB_GUIDE + "ServiceQuotas.html"
KIB = 1024


def _kept(lab: Lab, table: str, number: str) -> str:
    lab.put(table, pk="n", v={"N": number})
    found = lab.get(table, pk="n") or {}
    return str(found.get("v", {}).get("N"))


def _put(lab: Lab, table: str, **attributes: Any) -> Callable[[], Any]:
    return lambda: lab.put(table, **attributes)


def _expect_kept(lab: Lab, expected: dict[str, str]) -> None:
    table = lab.table()
    found = {number: _kept(lab, table, number) for number in expected}
    expect_equal(found, expected, "numbers as they are kept")


@case("dynamodb-writes.number.trimmed", NAMING)
def trimmed(lab: Lab) -> None:
    """Numbers are kept without plus sign, leading zeros and trailing zeros of a fraction."""
    _expect_kept(
        lab,
        {
            "1.50": "1.5",
            "+7": "7",
            "007": "7",
            ".5": "0.5",
            "10": "10",
            "1.0": "1",
            "-1.10": "-1.1",
        },
    )


@case("dynamodb-writes.number.never-exponent-form", NAMING)
def never_exponent(lab: Lab) -> None:
    """Numbers come back in digits, however large or small: 1e20 is 1 and 20 zeros."""
    _expect_kept(
        lab,
        {
            "1e3": "1000",
            "1E+20": "1" + "0" * 20,
            "1e125": "1" + "0" * 125,
            "1e-20": "0." + "0" * 19 + "1",
            "12345e-3": "12.345",
        },
    )


@case("dynamodb-writes.number.zero", NAMING)
def zero(lab: Lab) -> None:
    """Every zero is 0: -0, 0.000 and 0e5."""
    _expect_kept(lab, {"-0": "0", "0.000": "0", "0e5": "0"})


@case("dynamodb-writes.number.38-digits", NAMING)
def digits(lab: Lab) -> None:
    """38 significant digits are kept exactly, one more is refused."""
    exact = "1234567890123456789012345678901234567.8"
    _expect_kept(lab, {exact: exact, "9" * 38: "9" * 38})
    expect_error(
        _put(lab, lab.table(), pk="a", v={"N": "1" * 39}),
        "ValidationException",
        containing="Attempting to store more than 38 significant digits in a Number",
    )


@case("dynamodb-writes.number.magnitude", NAMING)
def magnitude(lab: Lab) -> None:
    """1e126 is too large and 1e-131 too small."""
    table = lab.table()
    expect_error(
        _put(lab, table, pk="a", v={"N": "1e126"}),
        "ValidationException",
        containing="Number overflow. Attempting to store a number with magnitude larger than"
        " supported range",
    )
    expect_error(
        _put(lab, table, pk="a", v={"N": "1e-131"}),
        "ValidationException",
        containing="Number underflow. Attempting to store a number with magnitude smaller than"
        " supported range",
    )


@case("dynamodb-writes.number.not-numeric", NAMING)
def not_numeric(lab: Lab) -> None:
    """NaN, Infinity, a blank before and words are refused as not numeric."""
    table = lab.table()
    for text in ("NaN", "Infinity", " 1", "one", ""):
        expect_error(
            _put(lab, table, pk="a", v={"N": text}), "ValidationException", containing="numeric"
        )


@case("dynamodb-writes.number.one-key", NAMING)
def one_key(lab: Lab) -> None:
    """1000, 1e3, +1000 and 001000.0 are one key."""
    table = lab.table({"pk": "N"})
    for number, text in enumerate(("1000", "1e3", "+1000", "001000.0")):
        lab.put(table, pk={"N": text}, v=number)
    items = lab.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    expect_equal(items, [{"pk": {"N": "1000"}, "v": {"N": "3"}}], "items of the table")
    expect(lab.get(table, pk={"N": "0.1e4"}) is not None, "the item by 0.1e4")


@case("dynamodb-writes.number.sets-by-value", NAMING)
def sets_by_value(lab: Lab) -> None:
    """Number sets compare by value: adding 1.0 to {1} adds nothing, deleting 2e1 removes 20."""
    table = lab.table()
    lab.put(table, pk="a", s={"NS": ["1", "20"]})
    for verb, number in (("ADD", "1.0"), ("DELETE", "2e1")):
        lab.dynamodb.update_item(
            TableName=table,
            Key=item(pk="a"),
            UpdateExpression=f"{verb} s :s",
            ExpressionAttributeValues={":s": {"NS": [number]}},
        )
    expect_equal((lab.get(table, pk="a") or {}).get("s"), {"NS": ["1"]}, "the set")


@case("dynamodb-writes.number.addition-keeps-38-digits", NAMING)
def addition(lab: Lab) -> None:
    """Sums are exact to 38 digits; one that would lose digits is refused."""
    table = lab.table()

    def add(number: str) -> None:
        lab.dynamodb.update_item(
            TableName=table,
            Key=item(pk="a"),
            UpdateExpression="SET v = v + :n",
            ExpressionAttributeValues={":n": {"N": number}},
        )

    lab.put(table, pk="a", v={"N": "0.1"})
    add("0.2")
    expect_equal((lab.get(table, pk="a") or {})["v"], {"N": "0.3"}, "0.1 + 0.2")
    lab.put(table, pk="a", v={"N": "1e50"})
    expect_error(lambda: add("1"), "ValidationException", containing="Number overflow")


@case("dynamodb-writes.number.order-of-sort-keys", NAMING)
def order(lab: Lab) -> None:
    """Number sort keys are in numeric order, negative ones and fractions too."""
    table = lab.table({"pk": "S", "sk": "N"})
    for number in ("10", "9", "-1", "-10", "0", "0.5", "1e10"):
        lab.put(table, pk="a", sk={"N": number})
    found = lab.dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues=item(**{":p": "a"}),
        ConsistentRead=True,
    )["Items"]
    expect_equal(
        [one["sk"]["N"] for one in found],
        ["-10", "-1", "0", "0.5", "9", "10", "10000000000"],
        "sort keys",
    )


@case("dynamodb-writes.key.empty-text", NAMING)
def empty_key(lab: Lab) -> None:
    """A key may not be an empty string; another attribute may."""
    table = lab.table()
    expect_error(
        _put(lab, table, pk=""),
        "ValidationException",
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot"
        " contain an empty string value. Key: pk",
    )
    lab.put(table, pk="a", v="", b={"B": b""})
    expect_equal(lab.get(table, pk="a"), {**item(pk="a", v=""), "b": {"B": b""}}, "the item")


@case("dynamodb-writes.key.wrong-type", NAMING)
def wrong_type(lab: Lab) -> None:
    """A key of another type is refused with the name, the type wanted and the one found."""
    expect_error(
        _put(lab, lab.table(), pk=1),
        "ValidationException",
        "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
    )


@case("dynamodb-writes.key.missing", NAMING)
def missing_key(lab: Lab) -> None:
    """An item without its key is refused with the key's name."""
    expect_error(
        _put(lab, lab.table(), other="a"),
        "ValidationException",
        "One or more parameter values were invalid: Missing the key pk in the item",
    )


@case("dynamodb-writes.key.extra-attribute", NAMING)
def extra_attribute(lab: Lab) -> None:
    """A Key with an attribute too many does not match the schema."""
    table = lab.table()
    expect_error(
        lambda: lab.get(table, pk="a", more="b"),
        "ValidationException",
        "The provided key element does not match the schema",
    )


@case("dynamodb-writes.key.size", LIMITS)
def key_size(lab: Lab) -> None:
    """A hash key may have 2,048 bytes and a range key 1,024, not one more."""
    table = lab.table({"pk": "S", "sk": "S"})
    lab.put(table, pk="p" * 2048, sk="s" * 1024)
    expect_error(
        _put(lab, table, pk="p" * 2049, sk="s"),
        "ValidationException",
        containing="Size of hashkey has exceeded the maximum size limit of2048 bytes",
    )
    expect_error(
        _put(lab, table, pk="p", sk="s" * 1025),
        "ValidationException",
        containing="Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
    )


@case("dynamodb-writes.item.400-kilobytes", LIMITS)
def item_size(lab: Lab) -> None:
    """An item may have 400 KiB, names and values together, not one byte more."""
    table = lab.table()
    room = 400 * KIB - len("pk" + "a" + "v")
    lab.put(table, pk="a", v="x" * room)
    expect_error(
        _put(lab, table, pk="a", v="x" * (room + 1)),
        "ValidationException",
        "Item size has exceeded the maximum allowed size",
    )


@case("dynamodb-writes.item.update-beyond-400-kilobytes", LIMITS)
def update_size(lab: Lab) -> None:
    """An update that would make the item larger than 400 KiB is refused and changes nothing."""
    table = lab.table()
    lab.put(table, pk="a", v="x" * (300 * KIB))
    expect_error(
        lambda: lab.dynamodb.update_item(
            TableName=table,
            Key=item(pk="a"),
            UpdateExpression="SET w = :w",
            ExpressionAttributeValues=item(**{":w": "x" * (200 * KIB)}),
        ),
        "ValidationException",
        "Item size to update has exceeded the maximum allowed size",
    )
    expect("w" not in (lab.get(table, pk="a") or {}), "no change of the item")


@case("dynamodb-writes.item.nesting", LIMITS)
def nesting(lab: Lab) -> None:
    """Lists and maps nest 32 levels deep, no deeper."""
    table = lab.table()

    def nested(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {"S": "x"}
        for _ in range(levels):
            value = {"L": [value]}
        return value

    lab.put(table, pk="a", v=nested(31))
    expect_error(
        _put(lab, table, pk="a", v=nested(33)),
        "ValidationException",
        containing="Nesting Levels have exceeded supported limits",
    )


@case("dynamodb-writes.set.empty", NAMING)
def empty_set(lab: Lab) -> None:
    """An empty set is refused; an empty list and an empty map are kept."""
    table = lab.table()
    expect_error(
        _put(lab, table, pk="a", v={"SS": []}),
        "ValidationException",
        "One or more parameter values were invalid: An string set  may not be empty",
    )
    lab.put(table, pk="a", el={"L": []}, m={"M": {}})
    expect_equal(
        lab.get(table, pk="a"), {"pk": {"S": "a"}, "el": {"L": []}, "m": {"M": {}}}, "item"
    )


@case("dynamodb-writes.set.duplicates", NAMING)
def duplicates(lab: Lab) -> None:
    """A set with a member twice is refused, of numbers by value."""
    table = lab.table()
    for value in ({"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}):
        expect_error(
            _put(lab, table, pk="a", v=value), "ValidationException", containing="duplicates"
        )


@case("dynamodb-writes.attribute.two-types", NAMING)
def two_types(lab: Lab) -> None:
    """An attribute value with two types is refused."""
    expect_error(
        _put(lab, lab.table(), pk="a", v={"S": "1", "N": "1"}),
        "ValidationException",
        containing="Supplied AttributeValue has more than one datatypes set, must contain exactly"
        " one of the supported datatypes",
    )


@case("dynamodb-writes.attribute.names", NAMING)
def names(lab: Lab) -> None:
    """Names may hold dots, blanks, quotes and any letters, and differ by case."""
    table = lab.table()
    attributes = item(pk="a", **{"a.b": "1", "A.B": "2", "x y": "3", 'q"': "4", "ü#:": "5"})
    lab.put(table, **attributes)
    expect_equal(lab.get(table, pk="a"), attributes, "the item")


@case("dynamodb-writes.attribute.bytes", NAMING)
def any_bytes(lab: Lab) -> None:
    """Binary values and sets come back byte by byte."""
    table = lab.table()
    lab.put(table, pk="a", v={"B": bytes(range(256))}, s={"BS": [b"\x00", b"\xff"]})
    found = lab.get(table, pk="a") or {}
    expect_equal(found.get("v"), {"B": bytes(range(256))}, "the value")
    expect_equal(sorted(found["s"]["BS"]), [b"\x00", b"\xff"], "the set")
