"""Each class of the catalogue that explain names, on the smallest life that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.explain.fit import fits
from harness.explain.lives import life_of
from harness.explain.material import End
from harness.explain.sentence import explain
from tests.explain.story import SHARD, Story

KEY = ("a",)


def row(write: str, version: int, *, deleted: bool = False) -> dict[str, Any]:
    return {"version": version, "deleted": deleted, "id": write, "counter": 1}


def stale(*rows: dict[str, Any]) -> End:
    return End("stale", "is stale", ("_w",), {"_w": "w000001"}, {"_w": "w000000"}, rows)


def missing(*rows: dict[str, Any]) -> End:
    return End("missing", "is missing", (), {"_w": "w000000"}, None, rows)


def resurrected(*rows: dict[str, Any]) -> End:
    return End("resurrected", "is back", (), None, {"_w": "w000000"}, rows)


def altered(column: str, source: str, found: str) -> End:
    return End("altered", "differs", (column,), {column: source}, {column: found})


def two_writes(second: str = "put", *, copy: bool = False, read: bool = True) -> Story:
    story = Story()
    story.start()
    one, two = story.write("a"), story.write("a", second)
    first, last = story.deliver("a", one), story.deliver("a", two)
    if copy:
        last = story.deliver("a", one, copy=1)
    if read:
        story.read(first, last)
        story.insert(2)
    return story


def best(story: Story, end: End) -> str:
    material = story.material({KEY: end})
    life, backdrop = life_of(material, KEY)
    found = fits(life, backdrop, material)
    return found[0].defect.name if found else ""


def test_equal_versions_are_a_tie() -> None:
    end = stale(row("w000000", 5), row("w000001", 5))
    assert best(two_writes(), end) == "version-tie-arbitrary-winner"


def test_a_higher_version_after_a_second_reading_is_unstable() -> None:
    end = stale(row("w000001", 5), row("w000000", 6))
    assert best(two_writes(copy=True), end) == "redelivery-unstable-version"


def test_a_higher_version_without_any_disturbance_is_lost_order() -> None:
    end = stale(row("w000001", 5), row("w000000", 6))
    assert best(two_writes(), end) == "batch-local-order-loss"


def test_a_version_of_another_magnitude_is_another_unit() -> None:
    end = stale(row("w000001", 1_700_000_000), row("w000000", 1_700_000_000_000))
    assert best(two_writes(), end) == "version-unit-mismatch"


def test_a_delete_that_was_read_and_left_no_tombstone_was_ignored() -> None:
    assert best(two_writes("delete"), resurrected(row("w000000", 5))) == "delete-event-ignored"


def test_a_late_put_over_a_delete_without_tombstone_is_not_retained() -> None:
    story = two_writes("delete", copy=True)
    gone = End(rows=(row("w000009", 3),))
    material = story.material({KEY: resurrected(row("w000000", 5)), ("gone",): gone})
    life, backdrop = life_of(material, KEY)
    assert fits(life, backdrop, material)[0].defect.name == "tombstone-not-retained"


def test_a_tombstone_of_the_same_version_is_a_tie() -> None:
    end = resurrected(row("w000000", 5), row("", 5, deleted=True))
    assert best(two_writes("delete"), end) == "version-tie-arbitrary-winner"


def test_an_export_row_of_a_deleted_item_is_the_snapshots() -> None:
    story = Story()
    story.write("another")
    story.write("a", phase="before")
    story.deliver("a", story.write("a", "delete"))
    end = End("resurrected", "is back", (), None, {"_w": "w000001"}, (row("w000001", 5),))
    assert best(story, end) == "snapshot-resurrects-deleted"


def test_an_item_of_the_export_alone_that_is_missing_was_not_enumerated() -> None:
    story = Story()
    story.write("another")
    story.write("a", phase="before")
    assert best(story, missing()) == "snapshot-truncated-enumeration"


def test_a_change_that_aws_left_out_is_oversized() -> None:
    story = Story()
    story.deliver("a", story.write("a"), outcome="oversized")
    assert best(story, missing()) == "oversized-change-record-skipped"


def test_a_change_without_a_record_fell_between_export_and_stream() -> None:
    story = Story()
    story.write("another")
    story.add(
        "write", number=1, kind="put", phase="after", key={"id": {"S": "a"}}, id="w000001",
        counter=1, started_us=story.at_us, outcome="acked", error="",
    )  # fmt: skip
    assert best(story, missing()) == "snapshot-stream-gap"


def test_a_shard_that_nobody_read_was_not_discovered() -> None:
    story = Story()
    story.deliver("a", story.write("a"))
    story.add(
        "request", service="kinesis", operation="GetRecords", subject="shardId-000000000009",
        ordinal=0, attempt=0, status=200, records=1, first="1", last="1",
    )  # fmt: skip
    assert best(story, missing()) == "partial-shard-discovery"


def test_a_record_left_in_a_split_shard_was_drained_too_early() -> None:
    story = Story()
    one = story.deliver("another", story.write("another"))
    story.read(one, one)
    story.deliver("a", story.write("a"))
    story.add("operator", act="split", parents=[SHARD], children=["x", "y"])
    assert best(story, missing()) == "shard-drained-too-early"


def test_a_kill_after_the_reading_points_at_the_checkpoint() -> None:
    story = Story()
    story.start(1)
    number = story.deliver("a", story.write("a"))
    story.read(number, number)
    story.kill(1)
    story.start(2)
    assert best(story, missing()) == "checkpoint-before-durable-write"


def test_a_failed_insert_that_was_not_repeated_was_swallowed() -> None:
    story = Story()
    story.start(1)
    number = story.deliver("a", story.write("a"))
    story.read(number, number)
    story.insert(-1, fault="error-before", had_effect=False, status=500)
    assert best(story, missing()) == "swallowed-write-failure"


@pytest.mark.parametrize(
    ("source", "found", "expected"),
    [
        ("941354968752175852", "941354968752175900", "numeric-narrowing"),
        ("12.345678901234567891", "12.345678901234568", "numeric-narrowing"),
        ("NULL", "", "wrong-type-becomes-default"),
        ("hello", "NULL", "unmapped-attribute-dropped"),
        ("NULL", "hello", "stale-attribute-after-removal"),
    ],
)
def test_what_became_of_a_cell_names_the_class(source: str, found: str, expected: str) -> None:
    assert best(two_writes(), altered("total", source, found)) == expected


def test_a_row_that_nobody_wrote_is_a_collapse_and_one_without_a_key_a_delete() -> None:
    end = End("phantom", "was never written", (), None, {"_w": ""})
    assert best(Story(), end) == "row-identity-collapse"
    material = Story().material({("",): end})
    life, backdrop = life_of(material, ("",))
    assert fits(life, backdrop, material)[0].defect.name == "delete-key-from-new-image"


def test_right_versions_and_a_wrong_row_are_the_table_s_or_the_reader_s() -> None:
    log = ({"place": 0, **row("w000001", 9)}, {"place": 1, **row("w000000", 5)})
    left = {"_w": "w000001"}, {"_w": "w000000"}
    replaced = End("stale", "is stale", ("_w",), *left, (row("w000000", 5),), log)
    assert best(two_writes(copy=True), replaced) == "last-arrival-wins"
    both = (row("w000000", 5), row("w000001", 9))
    hidden = End("stale", "is stale", ("_w",), *left, both, log)
    assert best(two_writes(copy=True), hidden) == "final-filter-pushdown"


def test_a_record_with_two_versions_did_not_bring_its_own() -> None:
    log = ({"place": 0, **row("w000000", 5)}, {"place": 1, **row("w000000", 8)})
    end = End("stale", "is stale", ("_w",), {"_w": "w000001"}, {"_w": "w000000"}, log[1:], log)
    assert best(two_writes(copy=True), end) == "redelivery-unstable-version"


def test_a_row_that_entered_and_left_nothing_gave_way_to_another_key() -> None:
    end = End(
        "missing",
        "is missing",
        (),
        {"_w": "w000001"},
        None,
        (),
        ({"place": 0, **row("w000001", 5)},),
    )
    assert best(two_writes(), end) == "row-identity-collapse"


def test_an_expiry_that_nobody_wrote_and_that_is_still_shown_was_filtered() -> None:
    story = Story()
    one = story.write("a")
    story.deliver("a", one)
    story.deliver("a", 7)
    story.events[-1]["kind"] = "REMOVE"
    assert best(story, resurrected(row("w000000", 5))) == "ttl-expiry-delete-filtered"


def test_a_key_that_is_well_fits_nothing() -> None:
    end = End(source={"_w": "w000001"}, found={"_w": "w000001"}, rows=(row("w000001", 5),))
    assert best(two_writes(), end) == ""
    material = two_writes().material({KEY: end})
    life, backdrop = life_of(material, KEY)
    assert explain(life, backdrop, material).sentence == "a ended as DynamoDB has it."


def test_the_sentence_says_what_was_present_and_what_was_found_necessary() -> None:
    end = stale(row("w000001", 5), row("w000000", 6))
    material = two_writes(copy=True).material({KEY: end})
    life, backdrop = life_of(material, KEY)
    lead = (
        "a is stale: w000000 was read again and ranks above w000001 (redelivery-unstable-version); "
    )
    present = "present when it failed: a repeated delivery after a newer change."
    assert explain(life, backdrop, material).sentence == lead + present
    needed = explain(life, backdrop, material, ["deliver w000000 copy"])
    assert needed.sentence == lead + "it does not happen without deliver w000000 copy."
    assert (
        explain(life, backdrop, material, []).sentence
        == lead + "it takes no fault, the writes alone bring it."
    )
    assert needed.repair.startswith("Derive the version from the record alone")
