"""Time to live: its settings, what expires, and the record of an expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.case import DYNAMODB_API, DYNAMODB_GUIDE, case
from harness.conformance.change_reading import changes, delivered, enable_destination
from harness.conformance.expect import expect, expect_equal, expect_error, expect_keys
from harness.conformance.lab import item

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

UPDATE = DYNAMODB_API + "API_UpdateTimeToLive.html"
DESCRIBE = DYNAMODB_API + "API_DescribeTimeToLive.html"
GUIDE = DYNAMODB_GUIDE + "TTL.html"
HOW = DYNAMODB_GUIDE + "howitworks-ttl.html"
STREAMED = DYNAMODB_GUIDE + "time-to-live-ttl-streams.html"
BOTH = "NEW_AND_OLD_IMAGES"
LATER = 3 * 86_400


def _setting(lab: Lab, table: str, attribute: str = "ttl", *, enabled: bool = True) -> Any:
    return lab.dynamodb.update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute},
    )


def _refused(
    lab: Lab, table: str, containing: str, attribute: str = "ttl", *, enabled: bool = True
) -> None:
    call: Callable[[], Any] = lambda: _setting(lab, table, attribute, enabled=enabled)  # noqa: E731
    expect_error(call, "ValidationException", containing=containing)


def _described(lab: Lab, table: str) -> dict[str, Any]:
    answer = lab.dynamodb.describe_time_to_live(TableName=table)
    described: dict[str, Any] = answer["TimeToLiveDescription"]
    return described


def _soon(lab: Lab, seconds: int = 60) -> str:
    return str(int(lab.now()) + seconds)


@case("ttl.describe.disabled", DESCRIBE)
def describe_disabled(lab: Lab) -> None:
    """A table without time to live is DISABLED and names no attribute."""
    expect_equal(_described(lab, lab.table()), {"TimeToLiveStatus": "DISABLED"}, "description")


@case("ttl.enable.echoes", UPDATE)
def enable_echoes(lab: Lab) -> None:
    """UpdateTimeToLive echoes the specification, and Describe shows attribute and status."""
    table = lab.table()
    answer = _setting(lab, table)
    expected = {"Enabled": True, "AttributeName": "ttl"}
    expect_equal(answer["TimeToLiveSpecification"], expected, "answer")
    lab.wait(
        lambda: _described(lab, table).get("TimeToLiveStatus") == "ENABLED", "time to live ENABLED"
    )
    expect_equal(_described(lab, table).get("AttributeName"), "ttl", "AttributeName")


@case("ttl.enable.twice", UPDATE)
def enable_twice(lab: Lab) -> None:
    """Enabling what is enabled is a ValidationException."""
    table = lab.table()
    _setting(lab, table)
    _refused(lab, table, "already enabled")


@case("ttl.enable.another-attribute", UPDATE)
def enable_another(lab: Lab) -> None:
    """Enabling another attribute while one is enabled is a ValidationException."""
    table = lab.table()
    _setting(lab, table)
    _refused(lab, table, "active on a different AttributeName", "other")


@case("ttl.disable.what-is-not-enabled", UPDATE)
def disable_disabled(lab: Lab) -> None:
    """Disabling what is disabled is a ValidationException."""
    _refused(lab, lab.table(), "already disabled", enabled=False)


@case("ttl.disable.another-attribute", UPDATE)
def disable_another(lab: Lab) -> None:
    """Disabling by the name of another attribute is a ValidationException."""
    table = lab.table()
    _setting(lab, table)
    _refused(lab, table, "different", "other", enabled=False)


@case("ttl.change.twice-within-an-hour", UPDATE)
def twice_within_an_hour(lab: Lab) -> None:
    """A second change soon after the first is a ValidationException."""
    table = lab.table()
    _setting(lab, table)
    _refused(
        lab,
        table,
        "Time to live has been modified multiple times within a fixed interval",
        enabled=False,
    )


@case("ttl.change.after-an-hour", UPDATE, alone=True)
def after_an_hour(lab: Lab) -> None:
    """After an hour it can be changed again."""
    table = lab.table()
    _setting(lab, table)
    lab.advance(3700)
    _setting(lab, table, enabled=False)
    expect_equal(_described(lab, table), {"TimeToLiveStatus": "DISABLED"}, "description")


@case("ttl.attribute.length", UPDATE)
def attribute_length(lab: Lab) -> None:
    """AttributeName has 1 to 255 characters."""
    table = lab.table()
    for name in ("", "a" * 256):
        _refused(lab, table, "length", name)


@case("ttl.unknown-table", UPDATE)
def unknown_table(lab: Lab) -> None:
    """An unknown table is a ResourceNotFoundException."""
    expect_error(lambda: _setting(lab, "no-such-table"), "ResourceNotFoundException")


@case("ttl.expiry.visible-until-deleted", HOW, alone=True)
def visible_until_deleted(lab: Lab) -> None:
    """An item is read as ever until its time, and deleted by the service after it."""
    table = lab.table()
    _setting(lab, table)
    lab.put(table, pk="a", ttl={"N": _soon(lab)})
    expect(lab.get(table, pk="a") is not None, "the item before its time")
    lab.advance(LATER)
    lab.wait(lambda: lab.get(table, pk="a") is None, "the item to go")


@case("ttl.expiry.streams-record", STREAMED, alone=True)
def streams_record(lab: Lab) -> None:
    """An expiry is a REMOVE with the old image, by the service."""
    table = lab.table(view=BOTH)
    _setting(lab, table)
    gone = item(pk="a", ttl={"N": _soon(lab)}, v=1)
    lab.put(table, **gone)
    lab.advance(3600)
    lab.wait(lambda: lab.get(table, pk="a") is None, "the item to go")
    record = changes(lab, table)[-1]
    expect_equal(record["eventName"], "REMOVE", "eventName")
    expect_equal(record["dynamodb"].get("OldImage"), gone, "OldImage")
    expect_equal(
        record.get("userIdentity"),
        {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
        "userIdentity",
    )


@case("ttl.expiry.user-deletes-have-no-identity", STREAMED)
def user_deletes(lab: Lab) -> None:
    """A delete by a user has no userIdentity, on a table with time to live as well."""
    table = lab.table(view=BOTH)
    _setting(lab, table)
    lab.put(table, pk="a", ttl={"N": _soon(lab, 3600)})
    lab.dynamodb.delete_item(TableName=table, Key=item(pk="a"))
    record = changes(lab, table)[-1]
    expect_equal(record["eventName"], "REMOVE", "eventName")
    expect_equal(record.get("userIdentity"), None, "userIdentity")


@case("ttl.expiry.kinesis-record", STREAMED, alone=True)
def kinesis_record(lab: Lab) -> None:
    """In the Kinesis record of an expiry the identity's members begin in lower case."""
    table, stream = lab.table(), lab.stream()
    enable_destination(lab, table, stream)
    _setting(lab, table)
    lab.put(table, pk="a", ttl={"N": _soon(lab)})
    delivered(lab, stream, 1)
    lab.advance(3600)
    change = delivered(lab, stream, 2)[1]["Change"]
    expect_equal(change["eventName"], "REMOVE", "eventName")
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    expect_equal(change["userIdentity"], identity, "userIdentity")


@case("ttl.expiry.numbers-alone", HOW, alone=True)
def numbers_alone(lab: Lab) -> None:
    """A number expires, with a fraction or exponent too; a text of digits or no attribute never."""
    table = lab.table()
    _setting(lab, table)
    soon = _soon(lab)
    lab.put(table, pk="whole", ttl={"N": soon})
    lab.put(table, pk="fraction", ttl={"N": f"{soon}.5"})
    lab.put(table, pk="exponent", ttl={"N": f"{soon}e0"})
    lab.put(table, pk="text", ttl={"S": soon})
    lab.put(table, pk="none")
    lab.advance(LATER)
    lab.wait(lambda: lab.get(table, pk="exponent") is None, "the last number to go")
    left = lab.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    expect_equal(sorted(one["pk"]["S"] for one in left), ["none", "text"], "items left")


@case("ttl.expiry.not-after-five-years", HOW, alone=True)
def not_after_five_years(lab: Lab) -> None:
    """A time more than five years in the past does not expire; milliseconds lie too far ahead."""
    table = lab.table()
    _setting(lab, table)
    lab.put(table, pk="old", ttl={"N": str(int(lab.now()) - 6 * 366 * 86_400)})
    lab.put(table, pk="ms", ttl={"N": str(int(lab.now() * 1000))})
    lab.put(table, pk="past", ttl={"N": str(int(lab.now()) - 86_400)})
    lab.advance(LATER)
    lab.wait(lambda: lab.get(table, pk="past") is None, "yesterday's item to go")
    left = lab.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    expect_equal(sorted(one["pk"]["S"] for one in left), ["ms", "old"], "items left")


@case("ttl.expiry.an-update-rescues", HOW, alone=True)
def an_update_rescues(lab: Lab) -> None:
    """An item whose time is moved ahead, or whose attribute is removed, does not expire."""
    table = lab.table()
    _setting(lab, table)
    for name in ("moved", "removed"):
        lab.put(table, pk=name, ttl={"N": _soon(lab, 600)})
    lab.put(table, pk="moved", ttl={"N": _soon(lab, LATER * 2)})
    lab.dynamodb.update_item(
        TableName=table,
        Key=item(pk="removed"),
        UpdateExpression="REMOVE #t",
        ExpressionAttributeNames={"#t": "ttl"},
    )
    lab.put(table, pk="doomed", ttl={"N": _soon(lab, 600)})
    lab.advance(LATER)
    lab.wait(lambda: lab.get(table, pk="doomed") is None, "the third item to go")
    left = lab.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    expect_equal(sorted(one["pk"]["S"] for one in left), ["moved", "removed"], "items left")


@case("ttl.expiry.key-attribute", HOW)
def key_attribute(lab: Lab) -> None:
    """A key attribute may be the one, of a type that never expires too."""
    table = lab.table()
    answer = _setting(lab, table, "pk")
    expect_keys(answer, {"TimeToLiveSpecification"}, "the answer")
    lab.put(table, pk="1000000000")
    expect_equal(lab.get(table, pk="1000000000"), item(pk="1000000000"), "the item")
