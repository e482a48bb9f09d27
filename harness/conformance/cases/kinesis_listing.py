"""Kinesis: ListShards with every filter, in pages, as consumers start from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.conformance.case import KINESIS_API, KINESIS_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error
from harness.conformance.kinesis_reading import FIRST, ids, shards, split

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

RESHARDED = KINESIS_GUIDE + "kinesis-using-sdk-java-after-resharding.html"
LIST_SHARDS = KINESIS_API + "API_ListShards.html"
FILTER = KINESIS_API + "API_ShardFilter.html"
LEFT, RIGHT = "shardId-000000000001", "shardId-000000000002"


@case("kinesis.list-shards.at-trim-horizon-gives-roots", FILTER)
def at_trim_horizon_gives_roots(lab: Lab) -> None:
    """AT_TRIM_HORIZON lists the shards open at the trim horizon: the roots, not their children."""
    name = lab.stream()
    split(lab, name)
    found = ids(shards(lab, name, ShardFilter={"Type": "AT_TRIM_HORIZON"}))
    expect_equal(found, [FIRST], "shards AT_TRIM_HORIZON")


@case("kinesis.list-shards.at-latest-gives-open-ones", FILTER)
def at_latest_gives_open_ones(lab: Lab) -> None:
    """AT_LATEST lists the open shards alone."""
    name = lab.stream()
    split(lab, name)
    found = ids(shards(lab, name, ShardFilter={"Type": "AT_LATEST"}))
    expect_equal(found, [LEFT, RIGHT], "shards AT_LATEST")


@case("kinesis.list-shards.from-trim-horizon-gives-all", FILTER)
def from_trim_horizon_gives_all(lab: Lab) -> None:
    """FROM_TRIM_HORIZON lists every shard that may still have records, as no filter does."""
    name = lab.stream()
    split(lab, name)
    found = ids(shards(lab, name, ShardFilter={"Type": "FROM_TRIM_HORIZON"}))
    expect_equal(found, [FIRST, LEFT, RIGHT], "shards FROM_TRIM_HORIZON")
    expect_equal(ids(shards(lab, name)), found, "shards without a filter")


@case("kinesis.list-shards.after-shard-id", FILTER)
def after_shard_id(lab: Lab) -> None:
    """AFTER_SHARD_ID lists the shards whose ids come after the one given."""
    name = lab.stream(3)
    wanted = {"Type": "AFTER_SHARD_ID", "ShardId": FIRST}
    expect_equal(
        ids(shards(lab, name, ShardFilter=wanted)), [LEFT, RIGHT], "shards after the first"
    )
    expect_error(
        lambda: lab.kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AFTER_SHARD_ID"}),
        "InvalidArgumentException",
    )


@case("kinesis.list-shards.at-timestamp", FILTER, alone=True)
def at_timestamp(lab: Lab) -> None:
    """AT_TIMESTAMP lists the shards open at that moment, FROM_TIMESTAMP those and the later ones."""
    name = lab.stream()
    lab.advance(10)
    before = datetime.fromtimestamp(lab.now(), UTC)
    lab.advance(10)
    split(lab, name)
    lab.advance(10)
    later = datetime.fromtimestamp(lab.now(), UTC)
    lab.advance(10)

    def listed(kind: str, moment: datetime) -> list[str]:
        return ids(shards(lab, name, ShardFilter={"Type": kind, "Timestamp": moment}))

    expect_equal(listed("AT_TIMESTAMP", before), [FIRST], "AT_TIMESTAMP before the split")
    expect_equal(listed("AT_TIMESTAMP", later), [LEFT, RIGHT], "AT_TIMESTAMP after the split")
    all_three = [FIRST, LEFT, RIGHT]
    expect_equal(listed("FROM_TIMESTAMP", before), all_three, "FROM_TIMESTAMP before the split")
    expect_equal(listed("FROM_TIMESTAMP", later), [LEFT, RIGHT], "FROM_TIMESTAMP after the split")


@case("kinesis.list-shards.expired-parents-vanish", RESHARDED, alone=True)
def expired_parents_vanish(lab: Lab) -> None:
    """Past its retention a closed shard is listed no more, and its children become the roots."""
    name = lab.stream()
    split(lab, name)
    lab.advance(25 * 3600)
    expect_equal(ids(shards(lab, name)), [LEFT, RIGHT], "shards after 25 hours")
    found = ids(shards(lab, name, ShardFilter={"Type": "AT_TRIM_HORIZON"}))
    expect_equal(found, [LEFT, RIGHT], "shards AT_TRIM_HORIZON after 25 hours")


@case("kinesis.list-shards.pages", LIST_SHARDS)
def pages(lab: Lab) -> None:
    """MaxResults bounds a page, NextToken alone gives the rest, and the last page has none."""
    name = lab.stream(3)
    first = lab.kinesis.list_shards(StreamName=name, MaxResults=2)
    expect_equal(ids(first["Shards"]), [FIRST, LEFT], "first page")
    last = lab.kinesis.list_shards(NextToken=first["NextToken"])
    expect_equal(ids(last["Shards"]), [RIGHT], "last page")
    expect("NextToken" not in last, "no NextToken on the last page")


@case("kinesis.list-shards.exclusive-start", LIST_SHARDS)
def exclusive_start(lab: Lab) -> None:
    """ExclusiveStartShardId leaves out the shards up to and with that one."""
    name = lab.stream(3)
    found = ids(shards(lab, name, ExclusiveStartShardId=LEFT))
    expect_equal(found, [RIGHT], "shards after the second")


@case("kinesis.list-shards.token-with-name", LIST_SHARDS)
def token_with_name(lab: Lab) -> None:
    """NextToken and StreamName exclude each other, and one of them is needed."""
    name = lab.stream(2)
    token = lab.kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    expect_error(
        lambda: lab.kinesis.list_shards(StreamName=name, NextToken=token),
        "InvalidArgumentException",
        "NextToken and StreamName cannot be provided together.",
    )
    expect_error(
        lab.kinesis.list_shards,
        "InvalidArgumentException",
        "Either NextToken or StreamName should be provided.",
    )


@case("kinesis.list-shards.token-expires", LIST_SHARDS, alone=True)
def token_expires(lab: Lab) -> None:
    """A NextToken of ListShards is good for 300 seconds."""
    name = lab.stream(2)
    token = lab.kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    lab.advance(310)
    expect_error(
        lambda: lab.kinesis.list_shards(NextToken=token), "ExpiredNextTokenException", status=400
    )
